"""The bell of a worker's pipe: what a ring is, and how a worker rings; Linux only. A worker imports it at its start."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

RING = 1 << 32
"""What a ring adds to the bell, beside the number of the processor that it came from."""


def ringer(bell: int) -> Callable[[], None]:
    """Rings the descriptor ``bell``. Any thread."""
    assert sys.platform == "linux"
    ask = processor()
    here = ask()

    def ring() -> None:
        nonlocal here
        os.eventfd_write(bell, RING + here)
        here = ask()  # for the next: whoever writes seldom changes processors, and the host need not wait for this

    return ring


def processor() -> Callable[[], int]:
    """Tells on which processor the calling thread runs."""
    import ctypes

    ask: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    return ask
