"""What can wait, done while a step computes: behind every step the processor's caches are cold, and whatever runs
between two of them is slow."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Meanwhile:
    """Work put aside, and a thread that does it between :meth:`begin` and :meth:`end`, while the engine's own is in a
    native call. The two never run at the same time, so that the work may touch whatever the engine's thread owns, and
    needs no lock. In the order in which it was put. All methods: the engine's thread, or the work itself.
    """

    def __init__(self) -> None:
        self.work: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        """What was put and is not done yet; while it is empty the other methods have nothing to do."""
        self._go, self._done = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._under_way = False
        self._error: BaseException | None = None
        self._closed = False

    def put(self, do: Callable[..., object], *arguments: Any) -> None:
        """Have ``do`` called with ``arguments`` during the next step, or with :meth:`now`."""
        self.work.append((do, arguments))

    def now(self) -> None:
        """Do what was put, here; all of it, then the first error is raised."""
        failed: Exception | None = None
        while self.work:
            do, arguments = self.work.popleft()
            try:
                do(*arguments)
            except Exception as error:  # noqa: BLE001 - raised below: what comes after it may be somebody's ending
                failed = failed or error
        if failed is not None:
            raise failed

    def begin(self) -> None:
        """Start doing what was put, on the other thread; here where there is no memory for one. :meth:`end` must
        follow, and nothing else before it. Raises as :meth:`now`."""
        if not self.work:
            return
        if self._thread is None and not self._start():
            self.now()
            return
        self._under_way = True
        self._go.release()

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, name="meanwhile", daemon=True)
        self._go.acquire()
        self._done.acquire()
        try:
            thread.start()
        except RuntimeError:  # no memory for its stack
            self._go.release()
            self._done.release()
            return False
        self._thread = thread
        return True

    def end(self) -> None:
        """Wait until it is done, if it was begun. Raises what it has raised."""
        if not self._under_way:
            return
        self._done.acquire()
        self._under_way = False
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """Do what is left, here, and end the thread. Raises as :meth:`now`."""
        try:
            self.now()
        finally:
            if self._thread is not None:
                self._closed = True
                self._go.release()
                self._thread.join()

    def _run(self) -> None:
        while True:
            self._go.acquire()
            if self._closed:
                return
            try:
                self.now()
            except BaseException as error:  # noqa: BLE001 - the engine's thread raises it
                self._error = error
            self._done.release()
