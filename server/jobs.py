"""Long work of the host: run, told on the event stream, cancelled, and remembered until it is taken out of the list."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from paddock.browser.download_pace import Speed
from paddock.sdk.errors import EngineError, HostBusy, NotFound, PaddockError
from paddock.sdk.events import JobChanged
from paddock.sdk.jobs import ENDED, Job, JobKind

if TYPE_CHECKING:
    from paddock.server.bus import Bus

logger = logging.getLogger(__name__)

TELL_S = 0.5
"""Progress is told this often at most."""
SHOWN_S = 0.5
"""What somebody waits for is a job once it takes so long."""

T = TypeVar("T")


class Progress:
    """What the work tells of itself, on the host's loop. ``title`` may be made more exact while it runs."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._speed = Speed()
        self.done = 0
        self.total = 0
        self.counted = False
        self.note = ""

    def tell(self, done: int, total: int, note: str | None = None) -> None:
        """``done`` of ``total`` bytes are behind it; None leaves the note as it is."""
        self._speed.add(max(0, done - self.done))
        self.done, self.total = done, total
        if note is not None:
            self.note = note
        self._told()

    def count(self, done: int, total: int, note: str) -> None:
        """``done`` of ``total`` things that are no bytes are behind it; a total of 0: nobody can tell of how many."""
        self.counted = True
        self.tell(done, total, note)

    def facts(self) -> dict[str, Any]:
        """The fields of a Job that say how far it is."""
        facts = {"note": self.note, "seconds_left": self.seconds_left()}
        if self.counted:
            return facts | {"fraction": self.done / self.total if self.total else None}
        return facts | {"done_bytes": self.done, "total_bytes": self.total}

    def seconds_left(self) -> float | None:
        speed = self._speed.read()
        return (self.total - self.done) / speed if speed and self.total else None


Work = Callable[[Progress], Awaitable[str]]
"""Does the work and returns the id of the model that came of it (empty: several, or none). It is cancelled as a task
is, and cleans up after itself. It raises PaddockErrors."""


class Jobs:
    """Lives on the host's loop. Jobs of one kind run one after the other: they share the disk, or all processors.
    ``clock`` gives Unix seconds; ``ended`` is called when a job has ended."""

    def __init__(self, bus: Bus, *, clock: Callable[[], float], ended: Callable[[], None]) -> None:
        self._bus = bus
        self._clock = clock
        self._ended = ended
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._turns: dict[JobKind, asyncio.Lock] = {}

    def all(self) -> tuple[Job, ...]:
        """In the order they were asked for."""
        return tuple(self._jobs.values())

    def busy(self) -> bool:
        return any(job.state not in ENDED for job in self._jobs.values())

    def start(self, kind: JobKind, title: str, work: Work) -> Job:
        """Begin ``work``, or queue it behind others of its kind."""
        job = Job(id=uuid.uuid4().hex[:12], kind=kind, title=title, added=self._clock())
        self._put(job)
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job.id, kind, work))
        return job

    async def follow(self, kind: JobKind, title: str, work: Callable[[Progress], Awaitable[T]], id: str = "") -> T:
        """What ``work`` gives to somebody who waits for it. Once it has taken :data:`SHOWN_S` it is a job, named ``id``
        where that is free, until it ends. Raises what ``work`` raises, and PaddockError when the job is cancelled."""
        id = id if id and id not in self._jobs else uuid.uuid4().hex[:12]
        told = 0.0
        loop = asyncio.get_running_loop()

        def show() -> None:
            nonlocal told
            if id in self._jobs and loop.time() >= told + TELL_S:
                told = loop.time()
                self._change(id, **progress.facts())

        def begin() -> None:
            if task.done() or id in self._jobs:
                return
            self._tasks[id] = task
            self._put(Job(id=id, kind=kind, title=title, state="running", added=self._clock(), **progress.facts()))

        progress = Progress(show)
        task = asyncio.ensure_future(work(progress))
        beginning = loop.call_later(SHOWN_S, begin)
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise PaddockError("It was stopped.", hint="Ask for it again when you want it.") from None
        finally:
            beginning.cancel()
            if self._tasks.get(id) is task:
                del self._tasks[id]
                self._drop(id)
                self._ended()

    async def cancel(self, id: str) -> None:
        """End a job and wait until it has cleaned up. Raises NotFound; one that has ended stays as it is."""
        self._find(id)
        task = self._tasks.get(id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def forget(self, id: str) -> None:
        """Take a job that has ended out of the list. Raises NotFound, HostBusy."""
        if self._find(id).state not in ENDED:
            raise HostBusy("This is still running.", hint="Cancel it first.")
        self._drop(id)

    def _drop(self, id: str) -> None:
        del self._jobs[id]
        self._bus.publish(JobChanged(id=id, job=None))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _find(self, id: str) -> Job:
        job = self._jobs.get(id)
        if job is None:
            raise NotFound(f"There is no job “{id}”.", hint="It may have been taken out of the list.")
        return job

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._bus.publish(JobChanged(id=job.id, job=job))

    async def _run(self, id: str, kind: JobKind, work: Work) -> None:
        try:
            async with self._turns.setdefault(kind, asyncio.Lock()):
                model = await self._work(id, work)
            self._change(id, state="done", model=model, seconds_left=None)
        except asyncio.CancelledError:
            self._change(id, state="cancelled", seconds_left=None)
        except PaddockError as error:
            self._change(id, state="failed", error=error.info(), seconds_left=None)
        except Exception as error:  # a bug below must still end the job, or its client waits for ever
            logger.exception("%s failed", self._jobs[id].title)
            text = f"It failed inside Paddock ({type(error).__name__})."
            self._change(id, state="failed", error=EngineError(text, hint="See the host's log.").info())
        finally:
            del self._tasks[id]
            self._ended()

    async def _work(self, id: str, work: Work) -> str:
        loop = asyncio.get_running_loop()
        later: asyncio.TimerHandle | None = None

        def show() -> None:
            nonlocal later
            later = None
            self._change(id, **progress.facts())

        def told() -> None:
            nonlocal later
            if later is None:
                later = loop.call_later(TELL_S, show)

        progress = Progress(told)
        self._change(id, state="running")
        try:
            return await work(progress)
        finally:
            if later is not None:
                later.cancel()
                show()

    def _change(self, id: str, **changes: object) -> None:
        self._put(msgspec.structs.replace(self._jobs[id], **changes))


async def in_thread(
    work: Callable[[], bool], stop: threading.Event, progress: Progress, done: Callable[[], tuple[int, int]]
) -> None:
    """Do ``work`` in a thread and tell ``progress`` how many bytes of how many are ``done``. When cancelled, ``stop``
    is set and the thread waited for; ``work`` says whether it came to its end, and then it counts as done after all.
    Raises what ``work`` raises."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await told(task, progress, done)
    except asyncio.CancelledError:
        stop.set()
        await finished(task)
        if task.exception() is not None or not task.result():
            raise
        if (job := asyncio.current_task()) is not None:
            job.uncancel()
    task.result()


def from_thread(asked: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, stop: threading.Event) -> T:
    """What ``asked`` gives on ``loop``, for a thread, however long it takes. Raises what it raises, and CancelledError
    once ``stop`` is set."""
    future = asyncio.run_coroutine_threadsafe(asked, loop)
    while True:
        try:
            return future.result(TELL_S)
        except TimeoutError:
            if future.done():
                raise
            if stop.is_set():
                future.cancel()
                raise asyncio.CancelledError from None


async def told(task: asyncio.Future[Any], progress: Progress, done: Callable[[], tuple[int, int]]) -> None:
    """Wait for ``task``, which goes on when this is cancelled, and tell meanwhile how far it is."""
    while not task.done():
        progress.tell(*done())
        await asyncio.wait([task], timeout=TELL_S)


async def finished(task: asyncio.Future[Any]) -> None:
    """Wait for ``task`` although one is cancelled, be it several times."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
