"""Computers that models are planned for, from a few words: “24GB”, “2x16GB”, “64GB mac”, “24GB + 64GB ram”."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from paddock.sdk.errors import BadRequest
from paddock.sdk.memory import MACHINE_MEMORY, Machine, MemoryDevice

_GB = 2**30
_SYSTEM = 4 * _GB
"""What the system and a browser usually hold of the machine's memory; a quarter of it where it is small."""
_DISPLAY = _GB // 2
"""What driver and desktop usually hold of a card."""
_SMALL_MAC = 32 * _GB
"""Macs give the GPU two thirds of their memory, larger ones three quarters (Metal's recommended working set)."""
_USUAL_RAM = (16, 32, 64, 128, 256, 512, 1024, 2048)
_MOST_GB, _MOST_CARDS = 8192, 64
_MOST_BARE = 1024
"""A larger number without a unit is the name of a card."""

_SIZE = re.compile(
    r"(?<![\w.])(?<!(?<!\w)-)(?:(\d{1,4})\s*[x×*]\s*)?(\d{1,7}(?:\.\d{1,6})?)\s*(tib|tb|t|gib|gb|g|mib|mb|m)?(?![\w.])",
    re.IGNORECASE,
)
_UNITS = {"t": 1024.0, "g": 1.0, "m": 1 / 1024}
_KINDS: dict[Literal["mac", "ram", "card"], re.Pattern[str]] = {
    "mac": re.compile(r"\b(?:i?macs?|macbooks?|macos|mini|studio|apple|silicon|m[1-9])\b"),
    "ram": re.compile(r"\b(?:d?ram|memory|system|cpus?|processor|laptop|notebook|pc|desktop|server|ddr\d)\b"),
}
"""Words of a kind; anything else is a graphics card."""


@dataclass(frozen=True)
class _Part:
    kind: Literal["mac", "ram", "card"]
    count: int
    size: int


def parse(text: str) -> Machine:
    """The computer that ``text`` describes, with nothing running on it but its system. A size alone is a graphics
    card; a computer given only by its cards gets the memory that such a one usually has, and its name says so.

    Raises BadRequest with examples.
    """
    if len(text) > 200:
        raise _unclear(text[:50] + "…")
    parts = [
        part for segment in re.split(r"[+,;&]|\band\b|\bwith\b|\bplus\b", text.lower()) for part in _parts(segment)
    ]
    macs, rams, cards = ([part for part in parts if part.kind == kind] for kind in ("mac", "ram", "card"))
    possible = all(0 < part.size * part.count <= _MOST_GB * _GB and part.count <= _MOST_CARDS for part in parts)
    if not parts or not possible or len(macs) > 1 or (macs and (rams or cards)):
        raise _unclear(text)
    sizes = [part.size for part in cards for _ in range(part.count)]
    return _mac(macs[0].size * macs[0].count) if macs else _computer(sizes, sum(p.size * p.count for p in rams))


def _parts(segment: str) -> list[_Part]:
    """The sizes in a segment, each with the words beside it: before them where the segment begins with words."""
    sizes = list(_SIZE.finditer(segment))
    with_unit = [size for size in sizes if size[3]]
    sizes = with_unit or sizes
    if not sizes:
        if segment.strip():
            raise _unclear(segment.strip())
        return []
    leading = len(sizes) > 1 and bool(re.search("[a-z]", segment[: sizes[0].start()]))
    parts = []
    for index, size in enumerate(sizes):
        before = segment[sizes[index - 1].end() if index else 0 : size.start()]
        after = segment[size.end() : sizes[index + 1].start() if index + 1 < len(sizes) else len(segment)]
        words = before if leading else after if len(sizes) > 1 else f"{before} {after}"
        number = float(size[2])
        if not size[3] and number > _MOST_BARE:
            raise _unclear(segment.strip())
        parts.append(_Part(_kind(words), int(size[1] or 1), int(number * _UNITS[(size[3] or "g")[0]] * _GB)))
    return parts


def _kind(words: str) -> Literal["mac", "ram", "card"]:
    return next((kind for kind, known in _KINDS.items() if known.search(words)), "card")


def _mac(size: int) -> Machine:
    bound = size * 2 // 3 if size <= _SMALL_MAC else size * 3 // 4
    metal = MemoryDevice(name="Metal", kind="gpu", description="Apple GPU", total=bound, free=bound, shares_ram=True)
    return Machine(name=f"Mac with {_text(size)}", devices=(_memory(size), metal), planned=True)


def _computer(cards: list[int], ram: int) -> Machine:
    usual = next((size for size in _USUAL_RAM if size * _GB >= sum(cards)), _USUAL_RAM[-1]) * _GB
    memory = _text(ram or usual) + " of RAM"
    devices = [_memory(ram or usual)]
    for number, size in enumerate(cards):
        name = f"GPU{number}"
        devices.append(MemoryDevice(name=name, kind="gpu", total=size, free=max(size - min(_DISPLAY, size // 4), 0)))
    if not cards:
        return Machine(name=memory, devices=tuple(devices), planned=True)
    sizes = {size: cards.count(size) for size in cards}
    words = [f"{_text(size)} card" if count == 1 else f"{count} x {_text(size)}" for size, count in sizes.items()]
    name = f"{' + '.join(words)}, {memory}" + ("" if ram else " assumed")
    return Machine(name=name, devices=tuple(devices), planned=True)


def _memory(size: int) -> MemoryDevice:
    return MemoryDevice(name=MACHINE_MEMORY, total=size, free=size - min(_SYSTEM, size // 4))


def _text(size: int) -> str:
    return f"{size / _GB:g} GB" if size >= _GB else f"{size // 2**20} MB"


def _unclear(text: str) -> BadRequest:
    return BadRequest(
        f"“{text}” does not describe a computer.",
        hint="Write its memory, for instance 24GB (a graphics card), 2x16GB, 64GB mac, 32GB ram, 24GB + 64GB ram.",
    )
