"""A straight line through measured points, older ones fading: its sums, from which a slope follows. Pure arithmetic."""

from __future__ import annotations

FADE = 0.99


class FadingLine:
    """``n`` points (x, y); ``x`` and ``y`` are their sums, the last counted whole."""

    def __init__(self) -> None:
        self.n = self.x = self.y = self._xx = self._xy = self._yy = 0.0

    def note(self, x: float, y: float) -> None:
        self.n = self.n * FADE + 1
        self.x = self.x * FADE + x
        self.y = self.y * FADE + y
        self._xx = self._xx * FADE + x * x
        self._xy = self._xy * FADE + x * y
        self._yy = self._yy * FADE + y * y

    @property
    def sxx(self) -> float:
        """Sum of squares of x about its mean; there must be a point."""
        return self._xx - self.x * self.x / self.n

    @property
    def sxy(self) -> float:
        """Sum of products of x and y about their means."""
        return self._xy - self.x * self.y / self.n

    @property
    def syy(self) -> float:
        """Sum of squares of y about its mean."""
        return self._yy - self.y * self.y / self.n
