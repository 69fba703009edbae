"""Whatever goes wrong in the engine, in words for people."""

from __future__ import annotations

import sys
import traceback

from paddock.backends.headroom import memory_error
from paddock.sdk.errors import EngineError, PaddockError


def told(error: Exception) -> PaddockError:
    """``error`` in words for people; a bug's stack goes to the log."""
    if isinstance(error, MemoryError):
        return memory_error()
    return error if isinstance(error, PaddockError) else bug(error)


def bug(error: Exception) -> EngineError:
    traceback.print_exception(error, file=sys.stderr)
    return EngineError(
        f"The engine failed: {type(error).__name__}: {error}", hint="This is a bug; the worker’s log has more."
    )
