"""What the first screen says: this computer in one line, and which of the suggestions to show on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paddock.sdk.downloads import Download
from paddock.sdk.hub import Suggestion
from paddock.sdk.library import Place
from paddock.sdk.memory import MACHINE_MEMORY, Machine, Verdict
from paddock.sdk.units import bytes_text, span_text

SHOWN = 3
APART = 0.6
"""A suggestion is at most so large as a share of the one above it, so that the three are a real choice."""
_RANKS: tuple[tuple[Verdict, ...], ...] = (("fits",), ("fits_if_unloaded", "fits_with"), ("cannot_tell",))


def machine_words(machine: Machine) -> str:
    """“This computer: 8 cores, 33.5 GB of memory, RTX 4060 Laptop with 8.6 GB”."""
    memory = sum(device.total for device in machine.devices if device.name == MACHINE_MEMORY)
    parts = [f"{machine.cores} cores" if machine.cores != 1 else "1 core"] if machine.cores else []
    parts += [f"{bytes_text(memory)} of memory"] if memory else []
    cards = [device for device in machine.devices if device.kind == "gpu"]
    for card in cards:
        name = card.description or card.name
        parts.append(f"{name} that shares it" if card.shares_ram else f"{name} with {bytes_text(card.total)}")
    return f"This computer: {', '.join(parts)}" + ("" if cards else ", no graphics card")


def choose(suggestions: Iterable[Suggestion], machine: Machine | None) -> list[Suggestion]:
    """Up to three to chat with, the largest first: those that fit before those that need a change.

    Without a graphics card a model of more than half of the memory answers too slowly to begin with.
    """
    known = [item for item in suggestions if _chats(item)]
    known.sort(key=lambda item: item.size_bytes, reverse=True)
    largest = _sensible_size(machine)
    chosen: list[Suggestion] = []
    for verdicts in _RANKS:
        if len(chosen) == SHOWN:
            break
        fitting = [item for item in known if item.fit in verdicts and item.size_bytes <= largest]
        chosen += _spread(fitting, SHOWN - len(chosen))
    return chosen


def best_first(suggestions: Sequence[Suggestion], machine: Machine | None) -> list[Suggestion]:
    """Those of :func:`choose`, the others to chat with, and at the end those that only serve other programs."""
    chosen = choose(suggestions, machine)
    return [*chosen, *sorted((item for item in suggestions if item not in chosen), key=lambda item: not _chats(item))]


def facts(suggestion: Suggestion, speed: float | None) -> str:
    """“5.0 GB to download, about 7 min · tools, reasoning”. ``speed`` in bytes per second, None: not known yet."""
    download = f"{bytes_text(suggestion.size_bytes)} to download"
    if speed:
        download += f", about {span_text(suggestion.size_bytes / speed)}"
    return " · ".join(part for part in (download, ", ".join(suggestion.badges)) if part)


def place_facts(place: Place) -> str:
    """“12 models, 48.1 GB · /home/me/.lmstudio/models”, or why the place cannot be read."""
    if place.problem:
        return place.problem
    count = "1 model" if place.models == 1 else f"{place.models:,} models"
    return f"{count}, {bytes_text(place.size_bytes)} · {place.path}"


def speed_of(downloads: Iterable[Download]) -> float | None:
    """Bytes per second of what comes now; None while nothing does."""
    return sum(item.speed or 0.0 for item in downloads if item.state == "running") or None


def _chats(suggestion: Suggestion) -> bool:
    return not {"embedding", "rerank"} & set(suggestion.badges)


def _sensible_size(machine: Machine | None) -> float:
    if machine is None or any(device.kind == "gpu" for device in machine.devices):
        return float("inf")
    return sum(device.total for device in machine.devices) / 2 or float("inf")


def _spread(fitting: Sequence[Suggestion], number: int) -> list[Suggestion]:
    """The largest, then ever smaller ones that are :data:`APART`; near ones too where there are not enough."""
    chosen: list[Suggestion] = []
    for item in fitting:
        if len(chosen) < number and (not chosen or item.size_bytes <= chosen[-1].size_bytes * APART):
            chosen.append(item)
    rest = [item for item in fitting if item not in chosen]
    return sorted([*chosen, *rest[: number - len(chosen)]], key=lambda item: item.size_bytes, reverse=True)
