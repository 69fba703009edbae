"""Time to live: what nobody has used for so long leaves."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Callable

from paddock.backends.instance import Instance
from paddock.backends.instances import Instances
from paddock.sdk.errors import BadRequest

LOOK_S = 1.0
"""So often, at least, the clock is read while something is going to expire: timers stand still while a machine sleeps,
and what has expired by then is to leave at once."""


def waking_clock() -> float:
    """Seconds that also pass while the machine sleeps, and never go back."""
    if sys.platform == "win32":
        return time.monotonic()
    # On macOS the monotonic clock of the system goes on during sleep; Python's does not.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def check_ttl(ttl_s: float | None) -> None:
    """Raises BadRequest for what is no time."""
    if ttl_s is not None and not (math.isfinite(ttl_s) and ttl_s >= 0):
        raise BadRequest(f"{ttl_s:g} is no time to live.", hint="Give seconds, or 0 to keep the model for ever.")


class Lifespan:
    """One timer for all. ``default`` are the seconds for models that were loaded on demand; None or 0: for ever."""

    def __init__(
        self, instances: Instances, *, clock: Callable[[], float], default: Callable[[], float | None]
    ) -> None:
        self._instances = instances
        self._clock = clock
        self._default = default
        self._timer: asyncio.TimerHandle | None = None

    def ttl_s(self, instance: Instance) -> float | None:
        """The TTL in force; None: for ever."""
        if instance.ttl_s is not None:
            return instance.ttl_s or None
        return (self._default() if instance.on_demand else None) or None

    def look(self) -> None:
        """Send away what has expired, and look again when the next may have. Call it after every change."""
        self.close()
        mortal = [i for i in self._instances if i.state == "ready" and not (i.leases or i.pinned or i.leaving())]
        left = [self._expire(instance, ttl) for instance in mortal if (ttl := self.ttl_s(instance))]
        pending = [seconds for seconds in left if seconds > 0]
        if pending:
            self._timer = asyncio.get_running_loop().call_later(min(LOOK_S, *pending), self.look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self, instance: Instance, ttl: float) -> float:
        """The seconds that ``instance`` has left; with none it leaves."""
        if instance.waiters:  # Its load has just ended, and they are about to use it.
            return LOOK_S
        left = instance.idle_since + ttl - self._clock()
        if left <= 0:
            self._instances.send_away(instance)
        return left
