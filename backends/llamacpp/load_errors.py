"""Why llama.cpp refused a model or could not compute, from the lines of its log."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from paddock.backends.faults import Shortage, lost_device, shortage
from paddock.backends.headroom import limit_bytes
from paddock.sdk.errors import EngineError, LoadFailed, ModelUnusable, OutOfMemory

_NOT_GGUF = re.compile(r"invalid magic|failed to read magic|bad GGUF magic|gguf_init_from_file.*failed to read")
_TRUNCATED = re.compile(r"not within the file bounds|unexpectedly reached end of file|corrupted or incomplete")
_UNKNOWN = re.compile(r"unknown (?:model )?(architecture|tokenizer|pre-tokenizer)(?: type)?: '([^']*)'")


def load_error(path: str, errors: Sequence[str]) -> ModelUnusable | LoadFailed | OutOfMemory:
    """The reason of a failed load, from llama.cpp's log."""
    text = "\n".join(errors)
    name = os.path.basename(path) or "The model"
    if _TRUNCATED.search(text):
        return ModelUnusable(f"{name} is damaged: it ends before its tensors.", hint="Download it again.", log=text)
    if _NOT_GGUF.search(text):
        return ModelUnusable(f"{name} is not a GGUF file.", hint="Choose a model in GGUF format.", log=text)
    if unknown := _UNKNOWN.search(text):
        return ModelUnusable(
            f"{name} has the {unknown[1]} “{unknown[2]}”, which this version of llama.cpp does not know.",
            hint="Update llama.cpp, or choose another model.",
            log=text,
        )
    short = shortage(errors)
    if short is not None:
        return _out_of_memory(short, f"loading {os.path.basename(path) or 'the model'}", text)
    lost = {"lost_device": True} if lost_device(errors) else {}
    reasons = [line for line in errors if line.strip() != "failed to load model"] or ["no reason given"]
    refused = os.path.basename(path) or "the model"
    return LoadFailed(f"llama.cpp refused {refused}: {reasons[-1]}", hint="Check the load settings.", log=text, **lost)


def compute_error(status: int, errors: Sequence[str]) -> EngineError:
    """The reason of a failed computation; ``status`` is llama.cpp's answer, ``errors`` its lines since the last step
    that succeeded (a device reports late)."""
    text = "\n".join(errors)
    short = shortage(errors)
    if short is not None:
        return _out_of_memory(short, "computing an answer", text)
    if lost_device(errors):
        return EngineError(
            "The device that computes the answers is lost, as after a sleep of the computer.",
            hint="Load the model again.",
            lost_device=True,
            log=text,
        )
    reason = (errors or ["no reason given"])[-1]
    return EngineError(f"llama.cpp could not compute (status {status}): {reason}", hint="Load the model again.")


def _out_of_memory(short: Shortage, doing: str, log: str) -> OutOfMemory:
    details = short.details()
    if not short.device:
        details["limit_bytes"] = limit_bytes()
    return OutOfMemory(
        short.sentence(f"Memory ran out while {doing}"),
        hint="Close other models, use a shorter context or choose a smaller quant.",
        log=log,
        **details,
    )
