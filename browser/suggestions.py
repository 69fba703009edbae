"""The short list of good first models that comes with Paddock (``resources/suggestions.toml``)."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec

from paddock.sdk.hub import Suggestion


def suggestions() -> tuple[Suggestion, ...]:
    """Smallest first. Reads a small file."""
    listed = tomllib.loads((files("paddock.resources") / "suggestions.toml").read_text(encoding="utf-8"))["model"]
    return tuple(
        msgspec.convert({**model, "size_bytes": model["size"] * 1_000_000}, Suggestion, strict=True) for model in listed
    )
