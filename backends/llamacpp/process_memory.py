"""Memory of this process that is free but still its own."""

from __future__ import annotations

import ctypes
import sys


def give_back_freed() -> None:
    """Return freed memory to the system, which then tells what is in use. glibc keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
