"""A worker process as the event loop sees it: how it is started, and what its pipes tell."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from paddock.backends.door import Door

_SETTLED_S = 0.5


class Owner(Protocol):
    """Who hears of a child (:class:`paddock.backends.supervisor.Worker`)."""

    def spawned(self, transport: asyncio.SubprocessTransport) -> None: ...

    def received(self, data: bytes) -> None: ...

    def ended(self, returncode: int | None) -> None: ...


class Pipes(asyncio.SubprocessProtocol):
    """What the loop tells about the child, to its worker."""

    def __init__(self, worker: Owner) -> None:
        self._worker = worker
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._worker.spawned(self._transport)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        assert isinstance(data, bytes)
        self._worker.received(data)

    def process_exited(self) -> None:
        # A grandchild may hold the pipes open; what the worker itself wrote is read by then.
        asyncio.get_running_loop().call_later(_SETTLED_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        returncode = self._transport.get_returncode()
        self._transport.close()
        self._worker.ended(returncode)


@contextmanager
def ends(log: Callable[[], int], door: Door | None) -> Iterator[dict[str, Any]]:
    """A worker's ends of what ``log`` opens and of ``door``, to start it with; our copies are closed afterwards."""
    ours = [] if door is None else [door.sink]
    try:
        ours.append(log())
        yield {"stderr": ours[-1]} | ({} if door is None else {"stdout": door.sink, "pass_fds": (door.bell,)})
    finally:
        for fd in ours:
            os.close(fd)


def environment() -> dict[str, str]:
    """For a worker."""
    # The backtrace of ggml starts gdb, which stops a dying worker for seconds.
    return {**os.environ, "GGML_NO_BACKTRACE": "1", "PYTHONUTF8": "1"}


def apart() -> dict[str, Any]:
    """Out of reach of Ctrl+C in the host's terminal, and without a console window."""
    if sys.platform == "win32":
        return {"creationflags": 0x00000200 | 0x08000000}
    return {"start_new_session": True}
