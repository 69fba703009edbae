"""Large models come in several files, “name-00001-of-00003.gguf”: which files belong together."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

_PARTS = re.compile(r"-(\d{5})-of-(\d{5})$")


def shard_of(stem: str) -> tuple[str, int, int]:
    """File name without its part number, the number, and how many parts there are (1 of 1 for a whole model)."""
    part = _PARTS.search(stem)
    if part is None or not 1 <= int(part[1]) <= int(part[2]):
        return stem, 1, 1
    return stem[: part.start()], int(part[1]), int(part[2])


def shard_names(name: str) -> tuple[str, ...]:
    """The names of all parts of the model that the file ``name`` belongs to, in their order; ``name`` alone for a whole
    model. A name keeps its folders and its ending."""
    stem, dot, suffix = name.rpartition(".")
    base, _, parts = shard_of(stem)
    if parts == 1:
        return (name,)
    return tuple(f"{base}-{number:05}-of-{parts:05}{dot}{suffix}" for number in range(1, parts + 1))


def missing_part(paths: Collection[Path], stem: str, parts: int) -> str | None:
    """A sentence about the first part that is not among ``paths``."""
    if len(paths) == parts:
        return None
    there = {shard_of(path.stem)[1] for path in paths}
    lost = min(set(range(1, parts + 1)) - there)
    return f"Part {lost} of {parts} of {shard_of(stem)[0]} is missing."
