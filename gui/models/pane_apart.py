"""What stands beside the name of a pane, in short words: its quant and what it has of its own. What sets it apart from
panes with the same name comes first. Without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paddock.sdk.types import ModelInfo, OptionValue, Pane

SHORT = {
    "temperature": "temp",
    "dynatemp_range": "temp range",
    "dynatemp_exponent": "temp exponent",
    "repeat_penalty": "repeat",
    "frequency_penalty": "frequency",
    "presence_penalty": "presence",
}
"""Sampling options whose own names are too long for the head of a pane."""
PROMPT = "prompt "
"""Before the beginning of a system prompt, where there is room for it."""
WORDS = 18
"""So many letters of a prompt or a stop string are shown."""
NAME_SHARE = 0.45
"""A name keeps so much of the room while more than one setting is shown beside it."""


@dataclass(frozen=True)
class Beside:
    """``whole`` is everything, ``parts`` the settings with those first that set the pane apart, of which there are so
    many (``apart``)."""

    whole: str = ""
    parts: tuple[str, ...] = ()
    apart: int = 0


class Fitted(NamedTuple):
    """The room for the name in pixels, and the words beside it."""

    name: float
    words: str


class _Own(NamedTuple):
    """A setting: what it is compared by, and its words."""

    key: tuple[str, object]
    words: str


def beside(panes: Sequence[Pane], names: Sequence[str], infos: Sequence[ModelInfo | None], known: bool) -> list[Beside]:
    """For each of ``panes``, which are shown under ``names``; ``infos`` are their models where they are here, ``known``
    says whether the list of models is."""
    models = [_model(pane, info, known) for pane, info in zip(panes, infos, strict=True)]
    settings = [_settings(pane) for pane in panes]
    found = []
    for at, name in enumerate(names):
        same = [other for other, title in enumerate(names) if title == name]
        model, own = models[at], settings[at]
        apart = _apart([*model, *own], [[*models[other], *settings[other]] for other in same])
        if not apart and len({panes[other].model for other in same}) > 1:
            apart = [_origin(panes[at], [panes[other] for other in same])]
            model = [*apart, *model]
        parts = [*apart, *(item for item in own if item not in apart)]
        whole = [*(item.words for item in model), ", ".join(item.words for item in own)]
        short = tuple(item.words.removeprefix(PROMPT) for item in parts)
        found.append(Beside(" · ".join(filter(None, whole)), short, len(apart)))
    return found


def fit(side: Beside, name: float, room: float, least: float, gap: float, width: Callable[[str], float]) -> Fitted:
    """How a name of ``name`` pixels and what is beside it share ``room``. What sets the pane apart goes before the
    name, of which ``least`` pixels stay, or half of them where one setting needs it; the rest is shown where there is
    room. ``width`` measures words."""

    def left(words: str) -> float:
        return room - gap - width(words)

    if not side.whole or left(side.whole) >= name:
        return Fitted(min(name, room), side.whole)
    for count in range(len(side.parts), 0, -1):
        words = _first(side.parts, count)
        needed = name if count > side.apart else min(name, room * NAME_SHARE if count > 1 else least)
        if left(words) >= needed:
            return Fitted(min(name, left(words)), words)
    if not side.apart:
        return Fitted(min(name, room), "")
    own = left(side.parts[0])
    return Fitted(min(name, own if own >= least / 2 else least), side.parts[0])  # the latter cuts the setting


def _first(parts: Sequence[str], count: int) -> str:
    """The first of the settings, and how many more there are."""
    more = len(parts) - count
    return ", ".join(parts[:count]) + (f" +{more}" if more else "")


def _model(pane: Pane, info: ModelInfo | None, known: bool) -> list[_Own]:
    """Which model it is, beyond the pane's name."""
    if info is None:
        return [_Own(("quant", None), "not found")] if known else []
    named = [_Own(("name", info.name), info.name)] if pane.name else []
    return [*named, _Own(("quant", info.quant), info.quant)] if info.quant else named


def _origin(pane: Pane, same: Sequence[Pane]) -> _Own:
    """Where its model comes from: its publisher where those differ, else all of its id."""
    publishers = {other.model.rpartition("/")[0] for other in same}
    words = pane.model.rpartition("/")[0] if len(publishers) > 1 else pane.model
    return _Own(("model", pane.model), words or pane.model)


def _apart(own: Sequence[_Own], same: Sequence[Sequence[_Own]]) -> list[_Own]:
    """What of a pane not all with its name have, the rarest first."""
    held = [{item.key for item in other} for other in same]
    count = {item.key: sum(item.key in other for other in held) for item in own}
    return sorted((item for item in own if count[item.key] < len(same)), key=lambda item: count[item.key])


def _settings(pane: Pane) -> list[_Own]:
    found = [_option(name, value) for name, value in pane.sampling.items()]
    if pane.system is not None:
        words = f"{PROMPT}{_quoted(pane.system)}" if pane.system.strip() else "no prompt"
        found.append(_Own(("system", pane.system), words))
    if pane.max_tokens is not None:
        words = f"at most {pane.max_tokens:,}" if pane.max_tokens else "no length limit"
        found.append(_Own(("max_tokens", pane.max_tokens), words))
    if pane.stop is not None:
        found.append(_Own(("stop", pane.stop), f"stops at {_quoted(pane.stop[0])}" if pane.stop else "no stops"))
    if pane.reasoning is not None:
        found.append(_Own(("reasoning", pane.reasoning), "reasoning" if pane.reasoning else "no reasoning"))
    return found


def _option(name: str, value: OptionValue) -> _Own:
    short = SHORT.get(name, name.replace("_", " "))
    if isinstance(value, bool):
        return _Own((name, value), short if value else f"no {short}")
    if isinstance(value, int | float):
        return _Own((name, float(value)), f"{short} {value:g}" if isinstance(value, float) else f"{short} {value}")
    return _Own((name, repr(value)), f"{short} {_quoted(value)}" if isinstance(value, str) else f"own {short}")


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line}”" if len(line) <= WORDS else f"“{line[: WORDS - 1].rstrip()}…”"
