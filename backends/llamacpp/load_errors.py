"""Why llama.cpp refused a model, from the lines of its log."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from paddock.sdk.errors import LoadFailed, ModelUnusable, OutOfMemory

_NOT_GGUF = re.compile(r"invalid magic|failed to read magic|bad GGUF magic|gguf_init_from_file.*failed to read")
_TRUNCATED = re.compile(r"not within the file bounds|unexpectedly reached end of file|corrupted or incomplete")
_ARCHITECTURE = re.compile(r"unknown model architecture: '([^']*)'")
OUT_OF_MEMORY = re.compile(
    r"failed to allocate|out of memory|unable to allocate|cudaMalloc failed|bad_alloc", re.IGNORECASE
)


def load_error(path: str, errors: Sequence[str]) -> ModelUnusable | LoadFailed | OutOfMemory:
    """The reason of a failed load, from llama.cpp's log."""
    text = "\n".join(errors)
    name = os.path.basename(path) or "The model"
    if _TRUNCATED.search(text):
        return ModelUnusable(f"{name} is damaged: it ends before its tensors.", hint="Download it again.", log=text)
    if _NOT_GGUF.search(text):
        return ModelUnusable(f"{name} is not a GGUF file.", hint="Choose a model in GGUF format.", log=text)
    if unknown := _ARCHITECTURE.search(text):
        return ModelUnusable(
            f"{name} has the architecture “{unknown[1]}”, which this version of llama.cpp does not know.",
            hint="Update llama.cpp, or choose another model.",
            log=text,
        )
    if OUT_OF_MEMORY.search(text):
        return OutOfMemory(
            f"{name} does not fit into memory.",
            hint="Close other models, use a shorter context or choose a smaller quant.",
            log=text,
        )
    reasons = [line for line in errors if line.strip() != "failed to load model"] or ["no reason given"]
    refused = os.path.basename(path) or "the model"
    return LoadFailed(f"llama.cpp refused {refused}: {reasons[-1]}", hint="Check the load settings.", log=text)
