"""How a worker's frames wake the host without stopping the engine; Linux only.

Linux runs the reader of a pipe on the writer's processor, as if the writer were about to sleep. An engine is not: where
every processor computes, it would stand still until host and client have passed its token on. So a worker rings a bell
(an eventfd) for what it has written: that wakes the host on the processor where it ran last.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from paddock.backends.bell import RING, processor

_PIECE = 256 * 1024
_PIECES_LEFT = 16
"""A pipe holds no more of them."""
_STAYS_S, _AWAY_S = 0.25, 3.0
"""So long the host stays where it was bound to at least, and at most when nothing binds it anew."""


def available() -> bool:
    """Whether this system has what :class:`Door` and :func:`paddock.backends.bell.ringer` are made of."""
    return sys.platform == "linux" and hasattr(os, "eventfd") and hasattr(ctypes.CDLL(None), "sched_getcpu")


class Door:
    """In the host: a pipe with a bell. The event loop's thread.

    ``sink`` and ``bell`` are for the child; :meth:`close` must follow. A child that does not ring is heard too. Raises
    OSError.

    Args:
        received: Called with what came, in pieces of any size.
    """

    def __init__(self, received: Callable[[bytes], None]) -> None:
        assert sys.platform == "linux"
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._processor = processor()
        _HOST.come_back()  # or the child that this is for would be bound as well
        self._source, self.sink = os.pipe()
        try:
            self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        except OSError:
            os.close(self._source)
            os.close(self.sink)
            raise
        os.set_blocking(self._source, False)
        self._heard, self._open = False, True
        self._loop.add_reader(self._source, self._read)
        self._loop.add_reader(self.bell, self._rung)

    def close(self) -> None:
        """Hand on what is left, when nobody writes any more. A second call does nothing."""
        if not self._open:
            return
        self._open = False
        _HOST.come_back()
        for fd in (self._source, self.bell):
            self._loop.remove_reader(fd)
        for _ in range(_PIECES_LEFT):
            if not self._read():
                break
        for fd in (self._source, self.bell):
            os.close(fd)

    def _rung(self) -> None:
        assert sys.platform == "linux"
        rings, theirs = divmod(os.eventfd_read(self.bell), RING)
        if not self._heard:
            self._heard = True
            self._loop.remove_reader(self._source)
        if rings == 1 and theirs == self._processor():
            _HOST.leave(theirs, self._loop)  # first: until then the engine stands still
        self._read()

    def _read(self) -> bool:
        """Whether something came."""
        try:
            data = os.read(self._source, _PIECE)
        except BlockingIOError:
            return False
        if data:
            self._received(data)
        else:
            self._loop.remove_reader(self._source)
        return bool(data)


class _Whereabouts:
    """Of the event loop's thread, which can be bound for a while. Threads that it starts meanwhile are bound as well,
    until it comes back; so are processes, for good."""

    def __init__(self) -> None:
        self._allowed: set[int] | None = None
        self._bound: list[set[int]] = []
        self._stays_until = 0.0
        self._back: asyncio.TimerHandle | None = None

    def leave(self, theirs: int, loop: asyncio.AbstractEventLoop) -> None:
        """Keep off the processor ``theirs``, where an engine computes, if there is another. Where an engine follows, or
        several compute, not at every ring: a move costs as much as a token."""
        assert sys.platform == "linux"
        if loop.time() < self._stays_until:
            return
        allowed = self._allowed or os.sched_getaffinity(0)
        others = allowed - {theirs}
        if not others:
            return
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setaffinity(0, others)
            self._allowed = allowed
            self._bound = [bound for bound in self._bound if bound != others] + [others]
            self._stays_until = loop.time() + _STAYS_S
            if self._back is not None:
                self._back.cancel()
            self._back = loop.call_later(_AWAY_S, self.come_back)

    def come_back(self) -> None:
        """Run on every processor again."""
        if self._allowed is None or sys.platform != "linux":
            return
        (allowed, self._allowed), (bound, self._bound) = (self._allowed, None), (self._bound, [])
        self._stays_until = 0.0
        if self._back is not None:
            self._back.cancel()
            self._back = None
        threads = [0]
        with suppress(OSError):
            threads += map(int, os.listdir("/proc/self/task"))  # those of libraries too
        for thread in threads:
            with suppress(OSError):  # it may have ended
                if os.sched_getaffinity(thread) in bound:
                    os.sched_setaffinity(thread, allowed)


_HOST = _Whereabouts()
