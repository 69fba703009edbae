"""How much memory this process could have in all, found out by asking for it."""

from __future__ import annotations

import mmap
import os
import sys

from paddock.backends.process_memory import resident_bytes
from paddock.sdk.errors import OutOfMemory

_PIECE = 4 * 2**20
_MOST = 2**40


def limit_bytes(most: int = _MOST) -> int:
    """What is resident of this process's own memory now and what it could still get, looked for up to ``most`` bytes:
    under a limit of the process (``ulimit``) or of all promises (Windows, Linux without overcommitment), and what the
    machine has free."""
    import psutil

    free = int(psutil.virtual_memory().available)
    return resident_bytes(os.getpid()) + min(free, _obtainable(most))


def memory_error() -> OutOfMemory:
    """What a MemoryError in this process means."""
    return OutOfMemory(
        "Memory ran out in the engine.", hint="Choose a smaller quant or a shorter context.", limit_bytes=limit_bytes()
    )


def _obtainable(most: int) -> int:
    """The largest piece up to ``most`` bytes that can be had now; nothing of it is touched."""
    low, high = 0, max(most, _PIECE) // _PIECE + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _can_have(middle * _PIECE):
            low = middle
        else:
            high = middle
    return low * _PIECE


def _can_have(size: int) -> bool:
    try:
        if sys.platform == "win32":
            piece = mmap.mmap(-1, size)
        else:
            piece = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, ValueError, OverflowError):
        return False
    piece.close()
    return True
