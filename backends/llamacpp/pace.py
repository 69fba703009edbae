"""The rhythm of the steps: how much a step may carry, with how many threads, and what resting prefixes cost."""

from __future__ import annotations

import math

from paddock.backends.llamacpp.fading_line import FadingLine
from paddock.backends.llamacpp.step_times import Depth, StepTimes
from paddock.backends.llamacpp.threads import ThreadGovernor

STEP_RATIO = 2.5
"""A step with a piece of a prompt takes at most so many times a step without, so that the median gap between an
answer's tokens stays below three times the usual one and the longest below four."""
LEAST_PADDED, MOST_PADDING = 4, 4
"""Steps of fewer rows are computed as they are: a single answer then comes out the same every time."""
WORTH_EVICTING = 0.05
"""Part of the step time that resting prefixes may cost."""


class Pace:
    """Step times, measured while working. One thread; ``times`` may be kept for the next load."""

    def __init__(self, threads: int, times: StepTimes | None = None) -> None:
        self.times = times or StepTimes(threads=threads)
        self._governor = ThreadGovernor(threads)
        self._resting: dict[int, RestingCost] = {}

    @property
    def threads(self) -> int:
        return self._governor.threads

    @property
    def trying(self) -> bool:
        """Whether another thread count is being tried: each step is to be noted before the next is planned."""
        return self._governor.trying

    def chunk(self, writing: int, most: int, depth: Depth, *, apart: bool) -> int:
        return self.times.chunk(writing, STEP_RATIO, most, apart=apart, depth=depth)

    def padding(self, rows: int, attended: int) -> int:
        return self.times.padded(rows, MOST_PADDING, attended=attended) - rows if rows >= LEAST_PADDED else 0

    def note(self, rows: int, seconds: float, *, attended: int = 0, mixed: bool = False) -> int:
        """A step of ``rows`` rows, which attended to so many cells, was computed, ``mixed`` from answers and prompts;
        answers with the threads for the next one."""
        governor = self._governor
        used = governor.threads
        if mixed:
            governor.rest()
        else:
            governor.note(seconds, self.times.known(rows, threads=governor.most, attended=attended))
        if governor.usual:
            self.times.note(rows, seconds, threads=used, attended=attended)
            self.times.threads = governor.threads
        return governor.threads

    def affordable_rest(self, rows: int, seconds: float, used: int) -> float:
        """A step of ``rows`` answers took ``seconds`` with ``used`` cells in use: how many of these may belong to
        resting prefixes before they take a noticeable part of such steps; infinity while that is not known."""
        cost = self._resting.get(rows)
        if cost is None:
            cost = self._resting[rows] = RestingCost()
        cost.note(used, seconds)
        return cost.affordable


class RestingCost:
    """What a cell in the context adds to a step: attention looks at every cell, also at those of prefixes that only
    rest there. A straight line through (cells in use, seconds) of steps of one size."""

    _ENOUGH = 50.0
    _SPREAD = 0.1

    def __init__(self) -> None:
        self._line = FadingLine()

    def note(self, cells: int, seconds: float) -> None:
        self._line.note(cells, seconds)

    @property
    def affordable(self) -> float:
        """Cells that take no noticeable part of a step; infinity while that is not known, or cells cost nothing."""
        line = self._line
        if line.n < self._ENOUGH:
            return math.inf
        spread, least = line.sxx, (self._SPREAD * line.x / line.n) ** 2 * line.n
        if spread <= 0 or spread < least or line.sxy <= 0:
            return math.inf
        return WORTH_EVICTING * line.y / line.n * spread / line.sxy
