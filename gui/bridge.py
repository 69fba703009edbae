"""The only threading of the window: one asyncio loop in one thread, and one queued signal back.

A job is made on the GUI thread as a factory without arguments; the bridge's thread calls it and awaits what it
returns. Everything that is delivered arrives on the GUI thread. The thread itself holds no QObject but the one signal
sender, and refers to a job by its number only: the callbacks, which belong to pages, never leave the GUI thread, so no
QObject can be destroyed anywhere else.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, cast

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimerEvent, Signal

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

UPDATE_INTERVAL_S = 1 / 30
"""A stream is delivered at most this often."""
TURN_INTERVAL_MS = 8
"""Two streams are delivered in different turns of the GUI's event loop, this far apart."""
RETIRED_S = 1.0
"""An ended job is kept this long, until the thread's last frame has surely let go of what it closed over."""

SWITCH_S = 0.0005
"""So long one thread keeps the interpreter while the other wants it: the GUI's lets go of it in every call of Qt, and
would wait Python's usual 5 ms after each while the bridge computes."""

OnError = Callable[[BaseException], None]


class _Sender(QObject):
    """Carries the wake-up from the bridge's thread and the timer that spaces deliveries."""

    wake = Signal()

    def __init__(self, drain: Callable[[], None], deliver: Callable[[], None]) -> None:
        super().__init__()
        self._deliver = deliver
        self._timer = 0
        self._drain = drain
        self.wake.connect(self._woken, Qt.ConnectionType.QueuedConnection)

    def _woken(self) -> None:
        self._drain()

    def schedule(self, delay_ms: int) -> None:
        self.cancel()
        self._timer = self.startTimer(delay_ms, Qt.TimerType.PreciseTimer)

    def scheduled(self) -> bool:
        return self._timer != 0

    def cancel(self) -> None:
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    def timerEvent(self, event: QTimerEvent) -> None:
        self.cancel()
        self._deliver()


class Task:
    """A submitted job, on the GUI thread. ``cancel`` ends it; nothing is delivered afterwards."""

    def __init__(self, bridge: Bridge, number: int) -> None:
        self._bridge = bridge
        self.number = number

    def cancel(self) -> None:
        self._bridge._cancel(self.number)


class Latest:
    """What is asked again and again: the last question alone is answered, as an answer may come after a later one's.
    GUI thread."""

    def __init__(self) -> None:
        self._tasks: tuple[Task, ...] = ()

    def replace(self, *tasks: Task) -> None:
        """These have been asked just now, in place of those before."""
        for task in self._tasks:
            task.cancel()
        self._tasks = tasks


class _Entry:
    """What the GUI thread keeps about a job. The factory is kept to its end, so that whatever it closes over is let
    go on the GUI thread."""

    def __init__(
        self,
        factory: Callable[[], Any],
        stream: bool,
        on_value: Callable[[Any], None] | None,
        on_end: Callable[[], None] | None,
        on_error: OnError | None,
        owner: QObject | None,
        leads: bool = False,
    ) -> None:
        self.factory = factory
        self.stream = stream
        self.leads = leads
        self.on_value = on_value
        self.on_end = on_end
        self.on_error = on_error
        self.owner = owner
        self.pending: list[Any] = []
        self.ended: BaseException | bool | None = False  # False: runs; None: ended well; otherwise the error
        self.delivered_at = 0.0
        self.cancelled = False

    def alive(self) -> bool:
        return not self.cancelled and (self.owner is None or shiboken6.isValid(self.owner))


class Bridge:
    """Runs coroutines for the window. Every method is called on the GUI thread.

    ``unhandled`` receives the error of a job that brought no ``on_error`` of its own.
    """

    def __init__(self, unhandled: OnError) -> None:
        self._unhandled = unhandled
        self._sender = _Sender(self._drain, self._deliver_one)
        self._jobs: dict[int, _Entry] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}  # the thread's own
        self._next = 0
        self._inbox: deque[tuple[int, str, Any]] = deque()
        self._signalled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._ended = threading.Event()
        self._retired: deque[tuple[float, _Entry]] = deque()

    # ---------------------------------------------------------------- GUI thread

    def start(self) -> None:
        """Start the thread; jobs submitted before wait for it."""
        if self._thread is None and not self._closed:
            sys.setswitchinterval(SWITCH_S)
            self._thread = threading.Thread(target=self._main, name="paddock-bridge", daemon=True)
            self._thread.start()

    def submit(
        self,
        factory: Callable[[], Awaitable[T]],
        on_result: Callable[[T], None] | None = None,
        on_error: OnError | None = None,
        owner: QObject | None = None,
    ) -> Task:
        """Run one coroutine; its result or error arrives once. Nothing arrives when ``owner`` is gone by then."""
        return self._add(_Entry(factory, False, on_result, None, on_error, owner))

    def stream(
        self,
        factory: Callable[[], AsyncGenerator[T, None]],
        on_items: Callable[[list[T]], None],
        on_end: Callable[[], None] | None = None,
        on_error: OnError | None = None,
        owner: QObject | None = None,
        *,
        leads: bool = False,
    ) -> Task:
        """Run one asynchronous iterator; what it yields arrives in batches, at most 30 a second, then its end. Where it
        ``leads``, what it has yielded before a single job ended arrives before the result of that job."""
        return self._add(_Entry(factory, True, on_items, on_end, on_error, owner, leads))

    def finish(self, timeout_s: float) -> None:
        """Wait until every single job (streams not counted) has left, or the time is over; nothing is delivered."""
        single = {number for number, entry in self._jobs.items() if not entry.stream}
        deadline = time.monotonic() + timeout_s
        while self._loop is not None:
            self._ended.clear()
            left = deadline - time.monotonic()
            if left <= 0 or not single - {number for number, _, _ in list(self._inbox)}:
                return
            self._ended.wait(left)

    def close(self, timeout_s: float = 2.0) -> None:
        """Cancel everything and end the thread."""
        self._closed = True
        self._sender.cancel()
        with self._lock:
            loop = self._loop
        if loop is not None:
            self._call(self._stop)
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._jobs.clear()

    def _add(self, entry: _Entry) -> Task:
        self._purge()
        self._next += 1
        number = self._next
        if not self._closed:
            self._jobs[number] = entry
            factory, stream = entry.factory, entry.stream
            self._call(lambda: self._begin(number, factory, stream))
        return Task(self, number)

    def _call(self, call: Callable[[], None]) -> None:
        with self._lock:
            if self._loop is None:
                self._waiting.append(call)
                return
            self._loop.call_soon_threadsafe(call)

    def _cancel(self, number: int) -> None:
        entry = self._jobs.get(number)
        if entry is not None:
            entry.cancelled = True
            entry.pending.clear()
            self._call(lambda: self._cancel_task(number))

    def _retire(self, number: int) -> _Entry:
        entry = self._jobs.pop(number)
        self._retired.append((time.monotonic(), entry))
        return entry

    def _purge(self) -> None:
        while self._retired and self._retired[0][0] < time.monotonic() - RETIRED_S:
            self._retired.popleft()

    def _drain(self) -> None:
        self._signalled = False
        self._purge()
        streams = False
        while self._inbox:
            number, kind, value = self._inbox.popleft()
            entry = self._jobs.get(number)
            if entry is None:
                continue
            if kind == "item":
                entry.pending.append(value)
            elif kind == "result":
                self._let_lead()
                self._retire(number)
                if entry.on_value is not None and entry.alive():
                    entry.on_value(value)
                continue
            else:
                entry.ended = value
            if not entry.stream:
                self._retire(number)
                self._end(entry)
            else:
                streams = True
        if streams and not self._sender.scheduled():
            self._plan()

    def _let_lead(self) -> None:
        for entry in [entry for entry in self._jobs.values() if entry.leads and entry.pending]:
            items, entry.pending = entry.pending, []
            entry.delivered_at = time.monotonic()
            if entry.on_value is not None and entry.alive():
                entry.on_value(items)

    def _due(self) -> list[tuple[float, int]]:
        return sorted(
            (0.0 if entry.ended is not False else entry.delivered_at, number)
            for number, entry in self._jobs.items()
            if entry.stream and (entry.pending or entry.ended is not False)
        )

    def _plan(self) -> None:
        due = self._due()
        if due:
            wait = due[0][0] + UPDATE_INTERVAL_S - time.monotonic()
            self._sender.schedule(max(0, round(wait * 1000)))

    def _deliver_one(self) -> None:
        due = self._due()
        if not due:
            return
        number = due[0][1]
        entry = self._jobs[number]
        items, entry.pending = entry.pending, []
        entry.delivered_at = time.monotonic()
        ended = entry.ended is not False
        if ended:
            self._retire(number)
        if len(due) > 1:
            self._sender.schedule(TURN_INTERVAL_MS)
        if not ended and not entry.alive():
            self._call(lambda: self._cancel_task(number))
        if items and entry.on_value is not None and entry.alive():
            entry.on_value(items)
        if ended:
            self._end(entry)
        if not self._sender.scheduled():
            self._plan()

    def _end(self, entry: _Entry) -> None:
        if not entry.alive():
            return
        if entry.ended is None:
            if entry.on_end is not None:
                entry.on_end()
            return
        error = cast(BaseException, entry.ended)
        if entry.on_error is not None:
            entry.on_error(error)
        else:
            self._unhandled(error)

    # ---------------------------------------------------------------- the bridge's thread

    def _main(self) -> None:
        import asyncio

        async def main() -> None:
            self._stopping = asyncio.Event()
            with self._lock:
                self._loop = asyncio.get_running_loop()
                waiting, self._waiting = self._waiting, []
            while waiting:
                waiting.pop(0)()
            await self._stopping.wait()
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        try:
            asyncio.run(main())
        finally:
            with self._lock:
                self._loop = None

    def _stop(self) -> None:
        self._stopping.set()

    def _begin(self, number: int, factory: Callable[[], Any], stream: bool) -> None:
        import asyncio

        run: Coroutine[Any, Any, None] = self._run_stream(number, factory) if stream else self._run(number, factory)
        task = asyncio.get_running_loop().create_task(run)
        self._tasks[number] = task
        task.add_done_callback(lambda task: self._over(number, task))

    def _over(self, number: int, task: asyncio.Task[None]) -> None:
        import asyncio

        self._tasks.pop(number, None)
        if task.cancelled():  # before its first step, in which it would have said so
            self._report(number, "error", asyncio.CancelledError())

    def _cancel_task(self, number: int) -> None:
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    async def _run(self, number: int, factory: Callable[[], Any]) -> None:
        import asyncio

        try:
            value = await factory()
        except asyncio.CancelledError as error:
            self._report(number, "error", error)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to the job's owner
            self._report(number, "error", error)
        else:
            self._report(number, "result", value)

    async def _run_stream(self, number: int, factory: Callable[[], Any]) -> None:
        import asyncio

        try:
            async with aclosing(factory()) as items:
                async for item in items:
                    self._report(number, "item", item)
        except asyncio.CancelledError as error:
            self._report(number, "error", error)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to the job's owner
            self._report(number, "error", error)
        else:
            self._report(number, "end", None)

    def _report(self, number: int, kind: str, value: Any) -> None:
        self._inbox.append((number, kind, value))
        self._ended.set()
        if not self._signalled and not self._closed:
            self._signalled = True
            self._sender.wake.emit()
