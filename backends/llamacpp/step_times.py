"""How long a decode call of n rows takes with this model on this machine: pure arithmetic over measured steps.

The time is a staircase in the number of rows: 8 rows can be quicker than 7, and 16 as quick as 9. So sizes are measured
and remembered, and every decision (how much of a prompt rides along, what to pad to, how long a draft is) looks there.
A row takes longer the further it looks back: what was measured at one depth tells of another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from paddock.backends.llamacpp.attention_cost import AttentionCost

WINDOW = 15
"""Steps of a size that its time is the median of: a longer context shows soon, a hiccup does not."""
CONFIDENT = 3
"""Steps of a size after which its time is believed."""
FIRST_CHUNK = 16
GAIN = 1.05
PLAN = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 64)
FEW = 64
"""Rows up to which each size is remembered by itself. llama.cpp attends with more rows by other means."""
HICCUP = 2.0
"""A step that takes more than so many times the usual was disturbed."""
LEAST_LEFT = 0.05
"""Part of a measured time that is left, however much of it looking back may have taken."""

Attended = Callable[[int], float]
"""Of a step of so many rows: how many cells they attend to, together."""


class Depth(NamedTuple):
    """How far a step looks back: cells that its rows of answers attend to, together, and each row of its prompts."""

    answers: int = 0
    prompt: int = 0


SHALLOW = Depth()


class StepTimes:
    """Times of decode calls by their number of rows, for each thread count. One thread.

    ``threads`` is the count that answers are for; set it when the engine changes its own.
    """

    def __init__(self, *, threads: int) -> None:
        self.threads = threads
        self._tables: dict[int, _Table] = {}

    def note(self, rows: int, seconds: float, *, threads: int, attended: int = 0) -> None:
        """A step of ``rows`` rows, which attended to so many cells, was computed in ``seconds`` by ``threads``
        threads."""
        if rows > 0 and seconds > 0:
            self._of(threads).note(rows, seconds, attended)

    def predict(self, rows: int) -> float | None:
        """Seconds that ``rows`` rows take: as measured, between two measured sizes on the line between them, beyond
        the largest in proportion; None when nothing is measured."""
        return self._table.predict(rows)

    def known(self, rows: int, *, threads: int | None = None, attended: int | None = None) -> float | None:
        """Seconds that ``rows`` rows take, if that size itself was measured often enough to be believed; where they
        attend to so many cells, or as last measured."""
        table = self._of(threads or self.threads)
        if rows not in table.believed:
            return None
        return table.at(rows, None if attended is None else lambda _: attended)

    def largest_within(self, seconds: float, at_least: int, at_most: int) -> int:
        """The most rows that are predicted to take no longer than ``seconds``; ``at_least`` where none are."""
        return self._table.largest_within(seconds, at_least, at_most)

    def chunk(
        self, writing: int, budget_ratio: float, most: int, *, apart: bool = False, depth: Depth = SHALLOW
    ) -> int:
        """How many prompt tokens, 1 to ``most``, may come with a step of ``writing`` answers that looks so far back.

        The step, or with ``apart`` the two calls that replace it, should take at most ``budget_ratio`` times what the
        answers take alone. Among the sizes that keep to this the one that reads most prompt tokens a second is
        taken, which is the end of a stair; unmeasured sizes are tried when their prediction keeps to it.
        """
        if writing <= 0:
            return most
        table, base = self._table, 0 if apart else writing
        alone = table.predict(writing, lambda _: depth.answers)
        if alone is None or table.largest <= writing or table.smallest > 2 * writing:
            return min(FIRST_CHUNK, most)
        seconds = alone * (budget_ratio - 1 if apart else budget_ratio)
        at_most = min(base + most, 2 * table.largest)

        def attended(size: int) -> float:
            return (0 if apart else depth.answers) + max(size - base, 0) * depth.prompt

        size = table.largest_within(seconds, base + 1, at_most, attended)
        if size < base + most:
            size = table.best(seconds, base, size, attended)
        return size - base

    def padded(self, rows: int, most_extra: int, *, attended: int | None = None) -> int:
        """The size from ``rows`` to ``rows + most_extra`` to compute instead of ``rows``, which attend to so many
        cells: itself, unless a larger one is known to be more than 5 % quicker."""
        best, seconds = rows, self.known(rows, attended=attended)
        if seconds is None:
            return rows
        seconds /= GAIN
        for size in range(rows + 1, rows + most_extra + 1):
            larger = self.known(size, attended=attended)
            if larger is not None and larger < seconds:
                best, seconds = size, larger
        return best

    def worth_drafting(
        self, writing: int, acceptance: float, *, most: int = 16, others: int = 0, draft_seconds: float = 0.0
    ) -> int:
        """The draft length, 0 to ``most``, that yields the most tokens a second; 0 unless it gains over 5 %.

        Args:
            writing: Answers that draft, each as long.
            acceptance: Probability that a drafted token is accepted after those before it (a): a draft of d tokens
                yields 1 + a + ... + a^d (Leviathan et al. 2023, equation 1).
            most: Longest draft.
            others: Rows of the same step that bring a token each and draft nothing.
            draft_seconds: What drafting one token for one answer costs outside of the step.
        """
        alone = self.predict(writing + others)
        if alone is None or writing <= 0:
            return 0
        best, rate = 0, GAIN * (writing + others) / alone
        expected = power = 1.0
        for length in range(1, most + 1):
            power *= acceptance
            expected += power
            seconds = self._table.predict(writing * (1 + length) + others) or 0.0
            seconds += writing * length * draft_seconds
            if (others + writing * expected) / seconds > rate:
                best, rate = length, (others + writing * expected) / seconds
        return best

    def plan(self, most: int, *, seconds: float = 2.0) -> Iterator[int]:
        """Sizes to measure while nothing else is to do, up to ``most`` rows, the cheapest first and those that are
        known left out. The caller notes each before it takes the next; it ends after ``seconds`` of steps."""
        for _ in range(CONFIDENT):
            for rows in PLAN:
                if rows > most or self.known(rows) is not None:
                    continue
                seconds -= self.predict(rows) or 0.0
                if seconds < 0:
                    return
                yield rows

    @property
    def _table(self) -> _Table:
        return self._of(self.threads)

    def _of(self, threads: int) -> _Table:
        if threads not in self._tables:
            self._tables[threads] = _Table()
        return self._tables[threads]


class _Table:
    """The staircase of one thread count: its sizes in order, with the median step of each; ``believed`` are sizes
    measured often enough."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._samples: dict[int, deque[tuple[float, float]]] = {}
        self._medians: dict[int, tuple[float, float]] = {}
        self.believed: list[int] = []
        self._few, self._many = AttentionCost(), AttentionCost()

    @property
    def largest(self) -> int:
        return self._sizes[-1] if self._sizes else 0

    @property
    def smallest(self) -> int:
        return self._sizes[0] if self._sizes else 0

    def note(self, rows: int, seconds: float, attended: int) -> None:
        size = _binned(rows)
        samples = self._samples.get(size)
        if samples is None:
            samples = self._samples[size] = deque(maxlen=WINDOW)
            insort(self._sizes, size)
        sample = seconds * size / rows, attended * size / rows
        samples.append(sample)
        cost = self._few if size <= FEW else self._many
        usual = self.at(size, lambda _: sample[1]) if size in self._medians else sample[0]
        cost.note(size, sample[1], min(sample[0], HICCUP * usual))
        each = cost.seconds
        self._medians[size] = sorted(samples, key=lambda one: one[0] - each * one[1])[(len(samples) - 1) // 2]
        if len(samples) == CONFIDENT:
            insort(self.believed, size)

    def at(self, size: int, attended: Attended | None) -> float:
        """Seconds of a measured size; one not yet believed takes at most its share of a smaller one that is."""
        seconds, measured = self._medians[size]
        if attended is not None:
            costs = (self._few, self._many) if size <= FEW else (self._many, self._few)
            each = costs[0].seconds or costs[1].seconds
            seconds = max(seconds + each * (attended(size) - measured), LEAST_LEFT * seconds)
        below = bisect_left(self.believed, size)
        if below and len(self._samples[size]) < CONFIDENT:
            smaller = self.believed[below - 1]
            seconds = min(seconds, self.at(smaller, attended) * size / smaller)
        return seconds

    def predict(self, rows: int, attended: Attended | None = None) -> float | None:
        sizes = self._sizes
        if rows in self._medians:
            return self.at(rows, attended)
        if not sizes:
            return None
        index = bisect_left(sizes, rows)
        if index == 0:
            return self.at(sizes[0], attended)
        below = sizes[index - 1]
        start = self.at(below, attended)
        if index == len(sizes):
            return start * rows / below
        above = sizes[index]
        rise = max(self.at(above, attended) - start, 0.0)
        return start + rise * (rows - below) / (above - below)

    def largest_within(self, seconds: float, at_least: int, at_most: int, attended: Attended | None = None) -> int:
        sizes = self._sizes
        index = bisect_right(sizes, at_most)
        top = at_most
        while index > 0:
            below = sizes[index - 1]
            start = self.at(below, attended)
            if start <= seconds:
                end = sizes[index] if index < len(sizes) else 2 * below
                rise = (self.at(end, attended) if index < len(sizes) else 2 * start) - start
                inside = top if rise <= 0 else below + int((seconds - start) / rise * (end - below))
                return max(min(inside, top), at_least)
            top, index = below - 1, index - 1
        if sizes and at_least <= top and self.at(sizes[0], attended) <= seconds:
            return top
        return at_least

    def best(self, seconds: float, base: int, most: int, attended: Attended) -> int:
        """The size above ``base`` and up to ``most`` with the most rows beyond ``base`` a second: of those measured
        within ``seconds``, ``most`` itself, and the untried size most likely to be the end of a stair."""
        best, rate = most, (most - base) / (self.predict(most, attended) or 1.0)
        measured = self._sizes[bisect_right(self._sizes, base) : bisect_right(self._sizes, most)]
        for size in [max(_stair_end(most), base + 1), *measured]:
            taken = self.predict(size, attended) or 1.0
            if taken <= seconds and (size - base) / taken > rate:
                best, rate = size, (size - base) / taken
        return best


def _binned(rows: int) -> int:
    """Sizes above 64 are remembered in eight steps an octave, or prompts of every length would fill the table."""
    if rows <= FEW:
        return rows
    step = 1 << (rows.bit_length() - 4)
    return (rows + step // 2) // step * step


def _stair_end(rows: int) -> int:
    """Where the stair below or at ``rows`` probably ends: processors compute rows by fours and eights, graphics cards
    by eights."""
    step = (1 if rows < 8 else 4) if rows < 16 else max(8, 1 << (rows.bit_length() - 4))
    return rows // step * step
