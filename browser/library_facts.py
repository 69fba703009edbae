"""What the library keeps of a model file: read once, out of a GGUF's header."""

from __future__ import annotations

from typing import Literal

import msgspec

from paddock.browser.describe import Capability, capabilities_of, is_companion, is_projector, obstacle_of
from paddock.browser.files import ModelFile
from paddock.browser.gguf import Header, read_header
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.types import Options

Role = Literal["model", "projector", "companion"]
Remedy = Literal["download", "wait", "none"]

ARRIVING_S = 60.0
"""A file that changed within this time may still be growing."""


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """A ``companion`` only goes with a model. ``error`` says what is wrong with the file and ``hint`` what to do;
    ``remedy`` is the same for programs: with “wait”, it is not to be kept."""

    role: Role = "model"
    name: str = ""
    architecture: str = ""
    parameters: int = 0
    quant: str = ""
    context_length: int | None = None
    capabilities: tuple[Capability, ...] = ()
    sampling: Options = {}
    licence: str = ""
    has_template: bool = False
    error: str = ""
    hint: str = ""
    remedy: Remedy = "none"


def read_facts(file: ModelFile, *, now: float) -> Facts:
    """Of a GGUF file; blocks, raises nothing. ``now`` in Unix seconds."""
    if file.error:
        return Facts(error=file.error)
    name = file.name or file.path.name
    if not file.size:
        return Facts(error=f"{name} is empty.", hint="Download it again.", remedy="download")
    try:
        return _facts(read_header(file.path, tensors=False), name)
    except ModelUnusable as error:
        if "needed_bytes" in error.details and now - file.changed_ns / 1e9 < ARRIVING_S:
            hint = "Wait if it is still being copied or downloaded. Download it again if not."
            return Facts(error=error.message, hint=hint, remedy="wait")
        remedy: Remedy = "none" if error.details.get("newer") else "download"
        return Facts(error=error.message, hint=error.hint, remedy=remedy)
    except OSError as error:
        return Facts(error=f"{name} cannot be read: {error.strerror}.", remedy="wait")


def _facts(header: Header, name: str) -> Facts:
    obstacle = obstacle_of(header)
    licence = header.metadata.get("general.license")
    return Facts(
        role="projector" if is_projector(header) else "companion" if is_companion(header) else "model",
        name=header.name,
        architecture=header.architecture,
        parameters=header.parameters,
        quant=header.quant,
        context_length=header.context_length,
        capabilities=capabilities_of(header),
        sampling=header.sampling,
        licence=licence if isinstance(licence, str) else "",
        has_template=bool(header.template),
        error=f"{name} cannot be loaded." if obstacle else "",
        hint=obstacle or "",
    )
