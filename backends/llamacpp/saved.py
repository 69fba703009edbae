"""States of sequences outside the context, in buffers that are used again: a fresh one costs forty times the copy
itself, in page faults."""

from __future__ import annotations

import ctypes
from typing import Any

from paddock.backends.llamacpp.process_memory import give_back_freed

_ROUND = 1 << 16
_SPARE_BYTES = 256 * 2**20


class Saved:
    """Bytes of a state, held by everyone who called :meth:`hold`."""

    __slots__ = ("_holders", "_pool", "buffer", "lent", "size")

    def __init__(self, buffer: Any, size: int, pool: SavedStates | None) -> None:
        self.buffer = buffer
        self.size = size
        self.lent = False
        """Somebody else reads the buffer (the disk's writer): it is not used again."""
        self._pool = pool
        self._holders = 1

    def hold(self) -> Saved:
        self._holders += 1
        return self

    def release(self) -> None:
        """The last one to let go gives the buffer back."""
        self._holders -= 1
        if self._holders == 0 and self._pool is not None:
            self._pool.take_back(self)

    def lend(self) -> memoryview:
        """The bytes, for whoever reads them later; they never change."""
        self.lent = True
        return memoryview(self.buffer).cast("B")[: self.size]


class SavedStates:
    """Makes and counts them. ``used`` are the bytes of all that are held. One thread."""

    def __init__(self, spare_bytes: int = _SPARE_BYTES) -> None:
        self.used = 0
        self._spare: list[Any] = []
        self._spare_bytes = spare_bytes

    def make(self, size: int) -> Saved:
        """Room for ``size`` bytes. Raises MemoryError."""
        fitting = (buffer for buffer in self._spare if size <= len(buffer) <= 2 * size + _ROUND)
        buffer = min(fitting, key=len, default=None)
        if buffer is None:
            buffer = (ctypes.c_uint8 * (-(-size // _ROUND) * _ROUND))()
        else:
            self._spare = [other for other in self._spare if other is not buffer]
        self.used += size
        return Saved(buffer, size, self)

    def wrap(self, data: memoryview) -> Saved:
        """Writable bytes from elsewhere, not counted and not copied."""
        return Saved((ctypes.c_uint8 * len(data)).from_buffer(data), len(data), None)

    def give_back(self) -> None:
        """Keep no buffers for later."""
        self._spare.clear()
        give_back_freed()

    def take_back(self, saved: Saved) -> None:
        self.used -= saved.size
        if not saved.lent:
            self._spare.append(saved.buffer)
        while sum(map(len, self._spare)) > self._spare_bytes:
            self._spare.pop(0)
