"""When the host leaves by itself: some minutes after it has become empty, or when it was asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

GRACE_S = 5.0
"""Even with “keep for 0 minutes” a fresh host waits this long for its first client."""
POLL_S = 5.0


class Lifetime:
    """``occupied`` says whether anybody is attached or anything runs; ``working`` only the latter; ``keep_s`` how long
    an empty host stays. ``clock`` gives seconds and is the only time looked at, so that a sleep of the machine counts
    as the clock says."""

    def __init__(
        self,
        *,
        occupied: Callable[[], bool],
        working: Callable[[], bool],
        keep_s: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._occupied = occupied
        self._working = working
        self._keep_s = keep_s
        self._clock = clock
        self._empty_since = clock()
        self._reason = ""
        self._when_done = False
        self._changed = asyncio.Event()

    def leave(self, reason: str) -> None:
        """Leave at once. The first reason counts."""
        self._reason = self._reason or reason
        self._changed.set()

    def leave_when_done(self) -> None:
        self._when_done = True
        self._changed.set()

    def look(self) -> None:
        """Something came, went or ended: judge again."""
        if self._occupied():
            self._empty_since = self._clock()
        self._changed.set()

    def touch(self) -> None:
        """Somebody asked something: the time of being empty starts anew."""
        self._empty_since = self._clock()

    def verdict(self) -> str:
        """Why to leave now; empty when the host stays."""
        if self._reason:
            return self._reason
        if self._when_done and not self._working():
            return "the work is done"
        if self._occupied():
            self._empty_since = self._clock()
            return ""
        if self._clock() - self._empty_since >= max(self._keep_s(), GRACE_S):
            return "nobody needed it any more"
        return ""

    async def wait(self) -> str:
        """The reason, as soon as there is one."""
        while not (reason := self.verdict()):
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), POLL_S)
            except TimeoutError:
                continue
        return reason
