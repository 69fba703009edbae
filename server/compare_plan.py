"""Whether the panes of a comparison run at the same time, by the memory that their models take. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paddock.sdk.compare import ComparePlan
from paddock.sdk.units import bytes_text


@dataclass(frozen=True)
class Need:
    """What a pane's model takes of each device, in bytes. ``refusal`` says why it cannot be loaded at all."""

    pane: str
    model: str
    name: str
    devices: Mapping[str, int]
    refusal: str = ""


def plan(needs: Sequence[Need], free: Mapping[str, int]) -> ComparePlan:
    """Groups in the order of the panes, as many in each as fit together. ``free`` is what each device can give, that of
    idle models and of those that are compared included. Panes of one model share it."""
    groups: list[list[Need]] = []
    for need in needs:
        if not need.refusal:
            last = groups[-1] if groups else []
            if last and _fit([*last, need], free):
                last.append(need)
            else:
                groups.append([need])
    refused = {need.pane: need.refusal for need in needs if need.refusal}
    needed = max((sum(_taken(group).values()) for group in groups), default=0)
    available = sum(free.values())
    return ComparePlan(
        groups=tuple(tuple(need.pane for need in group) for group in groups),
        sentence=_sentence(groups, needed, available, [need for need in needs if need.refusal]),
        needed_bytes=needed,
        free_bytes=available,
        refused=refused,
    )


def _taken(group: Sequence[Need]) -> dict[str, int]:
    taken: dict[str, int] = {}
    for need in {need.model: need for need in group}.values():
        for device, size in need.devices.items():
            taken[device] = taken.get(device, 0) + size
    return taken


def _fit(group: Sequence[Need], free: Mapping[str, int]) -> bool:
    return all(size <= free.get(device, 0) for device, size in _taken(group).items() if size)


def _sentence(groups: Sequence[Sequence[Need]], needed: int, free: int, refused: Sequence[Need]) -> str:
    if not groups:
        return "None of the models fits."
    if len(groups) == 1:
        said = f"Runs side by side, {bytes_text(needed)} of {bytes_text(free)}."
    else:
        names = [" and ".join(dict.fromkeys(need.name for need in group)) for group in groups]
        said = f"One after another: {', then '.join(names)}."
    return " ".join([said, *(f"{need.name} does not run." for need in refused)])
