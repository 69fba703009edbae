"""How fast a download is, and how fast it may be."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

_SETTLED_S = 2.0
_MEMORY_S = 8.0
"""A change of speed is told by two thirds after so long."""


class Speed:
    """An exponential average over some seconds, so that neither the speed nor the time left jumps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._began = self._last = self._clock()
        self._bytes = 0
        self._average = 0.0

    def add(self, count: int) -> None:
        self._bytes += count

    def read(self) -> float | None:
        """Bytes per second; None in the first seconds. To be asked about twice a second."""
        now = self._clock()
        passed = now - self._last
        if passed > 0:
            weight = -math.expm1(-passed / _MEMORY_S)
            self._average += weight * (self._bytes / passed - self._average)
            self._last, self._bytes = now, 0
        age = now - self._began
        if age < _SETTLED_S:
            return None
        return self._average / -math.expm1(-age / _MEMORY_S)  # as if the time before the beginning did not count


class Limiter:
    """Shares ``limit()`` bytes per second (0: no limit) among all who :meth:`take`; a change holds at once."""

    def __init__(self, limit: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._free_at = 0.0

    async def take(self, count: int) -> None:
        """After ``count`` bytes came: wait until the next may."""
        limit = self._limit()
        if limit <= 0:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now - 0.1) + count / limit
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)
