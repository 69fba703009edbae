"""What looking back costs: how much longer a step takes for each cell that its rows attend to. Pure arithmetic."""

from __future__ import annotations

import math

from paddock.backends.llamacpp.fading_line import FadingLine

_SURE = 3.0
"""Standard errors that a slope has to be away from nothing."""


class AttentionCost:
    """A straight line through (cells attended to, seconds) of steps of the same size, with one slope for all sizes.

    Each size has its own beginning, so that a size that happened to be computed deep in a context does not look slow.
    """

    def __init__(self) -> None:
        self._lines: dict[int, FadingLine] = {}
        self._steps = self._xx = self._xy = self._yy = 0.0

    def note(self, size: int, attended: float, seconds: float) -> None:
        """A step of ``size`` rows."""
        line = self._lines.get(size)
        if line is None:
            line = self._lines[size] = FadingLine()
        self._add(line, -1)
        line.note(attended, seconds)
        self._add(line, 1)

    @property
    def seconds(self) -> float:
        """For each cell attended to; 0.0 while nothing certain is known."""
        free = self._steps - 1  # of what all lines have, their common slope takes one more
        if free < 1 or self._xx <= 0 or self._xy <= 0:
            return 0.0
        slope = self._xy / self._xx
        scatter = max(self._yy - slope * self._xy, 0.0) / free
        return slope if slope > _SURE * math.sqrt(scatter / self._xx) else 0.0

    def _add(self, line: FadingLine, sign: int) -> None:
        if line.n:
            self._steps += sign * (line.n - 1)
            self._xx += sign * line.sxx
            self._xy += sign * line.sxy
            self._yy += sign * line.syy
