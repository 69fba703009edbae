"""Frames of a worker on their way to the host."""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from paddock.backends import wire
from paddock.sdk.errors import EngineError, PaddockError
from paddock.sdk.events import Failed

CLOSE_S = 0.001
"""Frames that follow each other within so many seconds are written together."""
_AT_ONCE = getattr(select, "PIPE_BUF", 0)


class Outbox:
    """Writes frames to a pipe, in order per thread, without ever blocking who puts them.

    A frame that comes alone is written by the thread that puts it: a token of the only answer wakes nobody but the
    host. What comes close behind another, is long or finds the pipe full is left to a thread of its own; on Windows,
    whose pipes cannot say that they are full, that is everything.

    Args:
        fd: The pipe.
        ring: Called after everything that was written to it.
    """

    def __init__(self, fd: int, ring: Callable[[], None] | None = None) -> None:
        self._fd = fd
        self._ring = ring
        self._framer = wire.Framer()
        self._waiting: deque[wire.Frame | threading.Event] = deque()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._written = 0.0
        self._direct = sys.platform != "win32"
        if sys.platform != "win32":
            os.set_blocking(fd, False)
        threading.Thread(target=self._write_waiting, name="writer", daemon=True).start()

    def put(self, frame: wire.Frame) -> None:
        """From any thread."""
        if self._direct and self._turn.acquire(blocking=False):
            try:
                if not self._waiting and self._write_alone(frame):
                    return
            finally:
                self._turn.release()
        self._leave(frame)

    def flush(self) -> None:
        """Waits until everything is in the pipe."""
        written = threading.Event()
        self._leave(written)
        written.wait()

    def _leave(self, item: wire.Frame | threading.Event) -> None:
        self._waiting.append(item)
        self._wake.put(None)

    def _write_alone(self, frame: wire.Frame) -> bool:
        now = time.monotonic()
        close, self._written = now - self._written < CLOSE_S, now
        if close:
            return False
        try:
            data = self._framer.pack(frame)
            if len(data) > _AT_ONCE:
                return False
            sent = self._sent(data)
        except (PaddockError, BlockingIOError):
            return False
        except OSError:
            os._exit(0)  # The host is gone.
        self._write(data[sent:])  # a pipe takes so few as a whole or not at all; a socket in its place might not
        return True

    def _write_waiting(self) -> None:
        while True:
            self._wake.get()
            with self._turn:
                items = [self._waiting.popleft() for _ in range(len(self._waiting))]
                self._write(b"".join([self._pack(item) for item in items if isinstance(item, wire.Frame)]))
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, whole: bytes) -> None:
        data = memoryview(whole)
        while data:
            try:
                data = data[self._sent(data) :]
            except BlockingIOError:
                self._wait_for_room()
            except OSError:
                os._exit(0)  # The host is gone.

    def _sent(self, data: bytes | memoryview) -> int:
        """How much of it the pipe has taken. Raises OSError."""
        sent = os.write(self._fd, data)
        if self._ring is not None:
            self._ring()
        return sent

    def _wait_for_room(self) -> None:
        if sys.platform != "win32":
            room = select.poll()
            room.register(self._fd, select.POLLOUT)
            room.poll()

    def _pack(self, frame: wire.Frame) -> bytes:
        try:
            return self._framer.pack(frame)
        except PaddockError as error:
            print(f"{type(frame).__name__} could not be sent: {error.sentence()}", file=sys.stderr)  # noqa: T201
            return self._framer.pack(_instead(frame, error))


def _instead(frame: wire.Frame, error: PaddockError) -> wire.Frame:
    """What to say when ``frame`` itself cannot be sent."""
    info = EngineError("The engine made something that cannot be sent.", hint=error.hint).info()
    if isinstance(frame, wire.Emitted):
        return wire.Emitted(event=Failed(id=frame.event.id, error=info))
    if isinstance(frame, wire.Answered):
        return wire.Answered(id=frame.id, error=info)
    if isinstance(frame, wire.Simulated):
        return wire.Simulated(id=frame.id, error=info)
    if isinstance(frame, wire.Quantized):
        return wire.Quantized(error=info)
    if isinstance(frame, wire.LogLine):
        return wire.LogLine(level=frame.level, logger=frame.logger, text="(a line that cannot be sent)")
    return wire.LoadRefused(error=info)
