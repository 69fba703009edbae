"""How much work something is, whatever the pace of the machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType


def calls(job: Callable[[], object]) -> int:
    """How many functions ``job`` calls in this thread, those of Python and those written in C."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()  # what it clears away, and who listens to that, would count
    sys.setprofile(note)
    try:
        job()
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    return count
