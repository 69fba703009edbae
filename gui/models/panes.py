"""What a comparison shows of its panes, without Qt: where they stand, what they wear, their numbers side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from paddock.sdk.compare import ComparePlan
from paddock.sdk.types import ChatMessage, Pane
from paddock.sdk.units import bytes_text

Four = Literal["grid", "row"]
"""How four panes stand: two by two, or in a row."""
NUMBERS = ("two", "three", "four", "five", "six")
SILKS = 6
NOISE = 0.02
"""Figures that differ by less than this share are as good as each other."""
QUESTION = 140
"""A longer question is one line of so many characters in the panes; the row above them shows it whole."""


# ---------------------------------------------------------------- places


@dataclass(frozen=True)
class Grid:
    """So many panes beside and below each other on one page."""

    columns: int
    rows: int

    @property
    def room(self) -> int:
        return self.columns * self.rows

    def pages(self, count: int) -> int:
        return max(1, math.ceil(count / self.room))


def grid(count: int, width: int, height: int, least: tuple[int, int], four: Four) -> Grid:
    """How ``count`` panes stand in ``width`` x ``height`` pixels: two and three in a row, four as the user wants them,
    five and six as three by two; fewer where one would get less than the ``least`` width and height."""
    columns, rows = {4: (4, 1) if four == "row" else (2, 2), 5: (3, 2), 6: (3, 2)}.get(count, (max(1, count), 1))
    if rows > 1 and height < rows * least[1]:
        columns, rows = count, 1
    return Grid(max(1, min(columns, width // least[0])), rows)


# ---------------------------------------------------------------- silks


def dress(panes: Sequence[Pane], models: Mapping[str, int], worn: Mapping[str, int]) -> dict[str, int]:
    """The silk of each pane by its id: what it wore, else that of its model where no pane before it wears it, else the
    first that is free, if possible one that no model wears. ``models`` are the silks of loaded models, ``worn`` those
    of the panes so far. The seventh silk has the colour of the first."""
    found = {pane.id: worn[pane.id] for pane in panes if pane.id in worn}
    for pane in panes:
        silk = models.get(pane.model)
        if pane.id not in found and silk is not None and silk % SILKS not in _colors(found):
            found[pane.id] = silk
    for pane in panes:
        if pane.id not in found:
            found[pane.id] = _free(_colors(found), _colors(models))
    return found


def _free(taken: Collection[int], busy: Collection[int]) -> int:
    """The first silk that is not ``taken``, nor ``busy`` while there is such a one."""
    free = [silk for silk in range(SILKS) if silk not in taken] or [SILKS]
    return next((silk for silk in free if silk not in busy), free[0])


def _colors(silks: Mapping[str, int]) -> set[int]:
    return {silk % SILKS for silk in silks.values()}


# ---------------------------------------------------------------- turns


def turn_of(path: Sequence[ChatMessage]) -> list[str]:
    """The turn that each message of a path belongs to: that of the question above it. Messages before the first
    question have none."""
    found, turn = [], ""
    for message in path:
        if message.role == "user":
            turn = message.turn or message.id
        found.append(turn)
    return found


def turns(paths: Iterable[Sequence[ChatMessage]]) -> list[str]:
    """All questions of the panes in the order in which they were asked."""
    asked: dict[str, float] = {}
    for path in paths:
        last = 0.0
        for message, turn in zip(path, turn_of(path), strict=True):
            if message.role == "user":
                last = max(last, message.created or math.inf)  # what is not stored yet is the latest
                asked[turn] = min(asked.get(turn, math.inf), last)
    return sorted(asked, key=lambda turn: asked[turn])


def question(paths: Iterable[Sequence[ChatMessage]], turn: str) -> ChatMessage | None:
    """The question of a turn, as the first pane that has it asks it."""
    return next((m for path in paths for m in path if m.role == "user" and turn in (m.turn, m.id)), None)


def answer(path: Sequence[ChatMessage], turn: str) -> ChatMessage | None:
    """What a pane answered to the question of a turn; sought from the end, where it usually is. What was put in by hand
    counts only where no model has answered."""
    found: ChatMessage | None = None
    for message in reversed(path):
        if message.role == "assistant":
            found = message if found is None or (message.model and not found.model) else found
        elif message.role == "user":
            if turn in (message.turn, message.id):
                return found
            found = None
    return None


def in_a_line(text: str, pictures: int = 0) -> str:
    """A question as it stands between the answers of a pane, its pictures in words."""
    if pictures:
        shown = "a picture" if pictures == 1 else f"{pictures} pictures"
        return f"{in_a_line(text)} (with {shown})" if text.strip() else shown.capitalize()
    first = " ".join(text.split())
    return text if len(text) <= QUESTION and "\n" not in text.strip() else first[: QUESTION - 1].rstrip() + "…"


# ---------------------------------------------------------------- numbers


@dataclass(frozen=True)
class Figures:
    """What is known of a pane's answer and model; None: not yet. Seconds, tokens, bytes. ``settled``: they will not
    change."""

    speed: float | None = None
    ttft: float | None = None
    tokens: int | None = None
    memory: int | None = None
    settled: bool = False


@dataclass(frozen=True)
class Measure:
    """One number of a strip: “34.8”, “tok/s”, “speed”; ``share`` is its bar on the panes' common scale, 0 to 1."""

    name: str
    figure: str
    unit: str
    share: float = 0.0
    best: bool = False

    def words(self) -> str:
        """For a screen reader."""
        if not self.figure:
            return f"{self.name} not known yet"
        return f"{self.name} {self.figure} {self.unit}".rstrip() + (", best" if self.best else "")


def figures(message: ChatMessage | None, memory: int | None) -> Figures:
    """The numbers of an answer that has ended, and what its model takes."""
    if message is None or message.state == "generating":
        return Figures(memory=memory)
    if message.state == "failed":
        return Figures(settled=True)
    stats, usage = message.stats, message.usage
    return Figures(
        speed=stats.tokens_per_second if stats is not None and stats.tokens_per_second > 0 else None,
        ttft=stats.ttft_s if stats is not None and stats.ttft_s > 0 else None,
        tokens=usage.completion_tokens if usage is not None and usage.completion_tokens else None,
        memory=memory,
        settled=True,
    )


def strips(panes: Sequence[Figures]) -> list[tuple[Measure, Measure, Measure, Measure]]:
    """Speed, first token, tokens and memory of every pane. The best is named once all have settled, and where they
    differ by more than noise."""
    settled = len(panes) > 1 and all(pane.settled for pane in panes)
    speeds = _column("speed", [pane.speed for pane in panes], _speed, max, settled)
    firsts = _column("first token", [pane.ttft for pane in panes], _seconds, min, settled)
    tokens = _column("tokens", [pane.tokens for pane in panes], _count, None, settled)
    memory = _column("memory", [pane.memory for pane in panes], _bytes, min, settled)
    return list(zip(speeds, firsts, tokens, memory, strict=True))


Say = Callable[[float], tuple[str, str]]
"""A number as figure and unit."""


def _leading(values: Sequence[float], best: Callable[[Iterable[float]], float], say: Say) -> list[float]:
    """The best, and what is as good within the noise of a measurement or reads the same; nothing where all are."""
    top = best(values) if values else 0.0
    leading = [value for value in values if abs(value - top) <= NOISE * abs(top) or say(value) == say(top)]
    return leading if len(leading) < len(values) else []


def _column(
    name: str,
    values: Sequence[float | None],
    in_unit: Callable[[float], Say],
    best: Callable[[Iterable[float]], float] | None,
    settled: bool,
) -> list[Measure]:
    known = [value for value in values if value is not None]
    largest = max(known, default=0.0)
    say = in_unit(largest)  # of all panes alike
    leading = _leading(known, best, say) if best is not None and settled else []
    found = []
    for value in values:
        if value is None:
            found.append(Measure(name, "", ""))
            continue
        figure, unit = say(value)
        one = name == "tokens" and value == 1
        share = value / largest if largest > 0 else 0.0
        found.append(Measure("token" if one else name, figure, unit, share, best=value in leading))
    return found


def _speed(largest: float) -> Say:
    return lambda value: (f"{value:.1f}" if value < 100 else f"{value:,.0f}", "tok/s")


def _seconds(largest: float) -> Say:
    if largest >= 1:
        return lambda value: (f"{value:.2f}" if value >= 0.01 else f"{value:.3f}", "s")
    return lambda value: (f"{value * 1000:.1f}" if value < 0.00995 else f"{value * 1000:.0f}", "ms")


def _count(largest: float) -> Say:
    return lambda value: (f"{value:,.0f}", "")


def _bytes(largest: float) -> Say:
    unit = bytes_text(largest).rpartition(" ")[2]
    scale = 1000 ** ("B", "kB", "MB", "GB", "TB").index(unit)

    def say(value: float) -> tuple[str, str]:
        size = value / scale
        return (f"{size:.0f}" if unit == "B" or size >= 100 else f"{size:.1f}" if size >= 0.05 else f"{size:.2f}", unit)

    return say


# ---------------------------------------------------------------- words


def everybody(count: int) -> str:
    """“Message all three”."""
    if count == 2:
        return "Message both"
    return f"Message all {NUMBERS[count - 2]}" if 2 < count <= 6 else "Message"


def waits_for(pane: str, plan: ComparePlan | None, running: Iterable[str], names: Mapping[str, str]) -> str:
    """Which panes go before ``pane``, by name: “Qwen3 8B”; empty where none does."""
    if plan is None:
        return ""
    at = next((number for number, group in enumerate(plan.groups) if pane in group), 0)
    going = set(running)
    before = [names[other] for group in plan.groups[:at] for other in group if other in going and other in names]
    return " and ".join(dict.fromkeys(before))
