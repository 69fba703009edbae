"""What looking back costs: how much longer a step takes for each cell that its rows attend to. Pure arithmetic."""

from __future__ import annotations

import math

_FADE = 0.99
_SURE = 3.0
"""Standard errors that a slope has to be away from nothing."""


class AttentionCost:
    """A straight line through (cells attended to, seconds) of steps of the same size, with one slope for all sizes.

    Each size has its own beginning, so that a size that happened to be computed deep in a context does not look slow.
    """

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}
        self._steps = self._xx = self._xy = self._yy = 0.0

    def note(self, size: int, attended: float, seconds: float) -> None:
        """A step of ``size`` rows."""
        line = self._lines.get(size)
        if line is None:
            line = self._lines[size] = _Line()
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

    def _add(self, line: _Line, sign: int) -> None:
        if line.n > 1:
            self._steps += sign * (line.n - 1)
            self._xx += sign * (line.xx - line.x * line.x / line.n)
            self._xy += sign * (line.xy - line.x * line.y / line.n)
            self._yy += sign * (line.yy - line.y * line.y / line.n)


class _Line:
    """Sums over the steps of one size, older ones fading."""

    def __init__(self) -> None:
        self.n = self.x = self.y = self.xx = self.xy = self.yy = 0.0

    def note(self, x: float, y: float) -> None:
        self.n = self.n * _FADE + 1
        self.x = self.x * _FADE + x
        self.y = self.y * _FADE + y
        self.xx = self.xx * _FADE + x * x
        self.xy = self.xy * _FADE + x * y
        self.yy = self.yy * _FADE + y * y
