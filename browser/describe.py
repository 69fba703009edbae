"""What a person sees of a model file: its id, its name, and what it can do."""

from __future__ import annotations

import re
import sys
from typing import Literal

from paddock.browser.gguf import Header
from paddock.browser.shards import shard_of

Capability = Literal["chat", "tools", "reasoning", "vision", "embedding"]

_QUANT = re.compile(
    r"[-_.](?:UD-)?((?:IQ|TQ|Q)\d(?:_[A-Z0-9]+)*|BF16|F16|F32|FP16|MXFP4(?:_MOE)?|NVFP4)$", re.IGNORECASE
)


def quant_in(stem: str) -> str:
    """The quant that a file name ends with, as publishers write it; empty where there is none."""
    found = _QUANT.search(shard_of(stem)[0])
    return found[1].upper() if found else ""


def readable_name(stem: str, given: str) -> str:
    """“Qwen3 0.6B Instruct” rather than “qwen3-0.6b-instruct-q4_k_m-00001-of-00002”; ``given`` is the file's own."""
    plain = shard_of(stem)[0]
    name = _QUANT.sub("", given.strip() or plain)
    name = re.sub(r"[-_]GGUF$", "", name, flags=re.IGNORECASE)
    if " " not in name:
        name = re.sub(r"[-_]+", " ", name)
    return name.strip() or plain


def capabilities_of(header: Header) -> tuple[Capability, ...]:
    """From the chat template: only what Paddock can also read back out of an answer."""
    if header.pooling:
        return ("embedding",)
    if not header.template:
        return ()
    found: list[Capability] = ["chat"]
    if "tools" in header.template and "<tool_call>" in header.template:
        found.append("tools")
    if "<think>" in header.template or "enable_thinking" in header.template:
        found.append("reasoning")
    return tuple(found)


def is_projector(header: Header) -> bool:
    """Whether the file turns pictures or sound into what a model reads."""
    return header.architecture == "clip" or header.kind == "mmproj"


def is_companion(header: Header) -> bool:
    """Whether the file only goes with a model: a projector, an adapter, an importance matrix."""
    return is_projector(header) or header.kind in ("adapter", "imatrix")


def obstacle_of(header: Header) -> str | None:
    """Why llama.cpp would refuse the file on this computer, as a sentence; None where nothing speaks against it."""
    if header.version < 2:
        return "It has the GGUF version 1, which is no longer supported. Download a newer conversion of this model."
    if header.big_endian != (sys.byteorder == "big"):
        kind = "big" if header.big_endian else "little"
        return f"It was made for {kind}-endian computers, and this is none. Download another conversion of this model."
    return None
