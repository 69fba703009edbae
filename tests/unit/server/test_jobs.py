"""Long work on the host: told, cancelled, ended exactly once, remembered."""

from __future__ import annotations

import asyncio
import threading

import pytest

from paddock.sdk.errors import HostBusy, NotFound, PaddockError, StorageFailed
from paddock.sdk.events import HostEvent, JobChanged
from paddock.sdk.jobs import Job
from paddock.server.bus import Bus
from paddock.server.jobs import Jobs, Progress, from_thread, in_thread


class Heard(Bus):
    """Keeps what is told."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job | None] = []

    def publish(self, event: HostEvent) -> None:
        assert isinstance(event, JobChanged)
        self.jobs.append(event.job)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def ends() -> list[None]:
    return []


@pytest.fixture
def jobs(heard: Heard, ends: list[None]) -> Jobs:
    return Jobs(heard, clock=lambda: 100.0, ended=lambda: ends.append(None))


async def ended(jobs: Jobs) -> None:
    async with asyncio.timeout(60):
        while jobs.busy():
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_a_job_is_told_from_the_queue_to_its_end(jobs: Jobs, heard: Heard, ends: list[None]) -> None:
    async def work(progress: Progress) -> str:
        progress.tell(5, 10, "Copying")
        return "acme/tiny"

    job = jobs.start("import", "Import tiny", work)
    assert (job.state, job.added) == ("queued", 100.0)
    await ended(jobs)
    (done,) = jobs.all()
    assert (done.state, done.model, done.done_bytes, done.total_bytes) == ("done", "acme/tiny", 5, 10)
    assert [told.state for told in heard.jobs if told] == ["queued", "running", "running", "done"]
    assert len(ends) == 1
    jobs.forget(job.id)
    assert jobs.all() == ()
    assert heard.jobs[-1] is None


@pytest.mark.anyio
async def test_jobs_of_one_kind_run_one_after_the_other(jobs: Jobs) -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    def waiting(gate: asyncio.Event) -> object:
        async def work(progress: Progress) -> str:
            await gate.wait()
            return ""

        return work

    first = jobs.start("quantize", "a", waiting(gates[0]))  # type: ignore[arg-type]
    second = jobs.start("quantize", "b", waiting(gates[1]))  # type: ignore[arg-type]
    other = jobs.start("import", "c", waiting(gates[1]))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    states = {job.id: job.state for job in jobs.all()}
    assert states == {first.id: "running", second.id: "queued", other.id: "running"}
    with pytest.raises(HostBusy):
        jobs.forget(first.id)
    await jobs.cancel(second.id)
    gates[0].set()
    gates[1].set()
    await ended(jobs)
    assert [job.state for job in jobs.all()] == ["done", "cancelled", "done"]


@pytest.mark.anyio
async def test_a_failure_is_kept_in_words_and_a_bug_too(jobs: Jobs) -> None:
    async def full(progress: Progress) -> str:
        raise StorageFailed("The disk is full.", hint="Free some space.")

    async def broken(progress: Progress) -> str:
        raise ZeroDivisionError

    jobs.start("import", "a", full)
    jobs.start("import", "b", broken)
    await ended(jobs)
    errors = [job.error for job in jobs.all()]
    assert [error.code for error in errors if error] == ["storage_failed", "engine_error"]
    assert errors[1] is not None
    assert "ZeroDivisionError" in errors[1].message


@pytest.mark.anyio
async def test_a_cancel_waits_until_it_is_tidied(jobs: Jobs) -> None:
    tidied = []

    async def work(progress: Progress) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append(True)
        return ""

    job = jobs.start("import", "a", work)
    await asyncio.sleep(0)
    await jobs.cancel(job.id)
    assert tidied == [True]
    await jobs.cancel(job.id)
    with pytest.raises(NotFound):
        await jobs.cancel("nothing")
    assert jobs.all()[0].state == "cancelled"


@pytest.mark.anyio
@pytest.mark.parametrize("whole", [False, True])
async def test_a_thread_that_was_done_before_the_cancel_counts_as_done(jobs: Jobs, whole: bool) -> None:
    stop, begun = threading.Event(), threading.Event()

    def thread() -> bool:
        begun.set()
        stop.wait(60)
        return whole

    async def work(progress: Progress) -> str:
        await in_thread(thread, stop, progress, lambda: (1, 2))
        return "acme/tiny"

    job = jobs.start("import", "a", work)
    await asyncio.to_thread(begun.wait, 60)
    await jobs.cancel(job.id)
    assert jobs.all()[0].state == ("done" if whole else "cancelled")


@pytest.mark.anyio
async def test_closing_ends_everything(jobs: Jobs) -> None:
    async def work(progress: Progress) -> str:
        await asyncio.Event().wait()
        return ""

    jobs.start("import", "a", work)
    jobs.start("import", "b", work)
    await asyncio.sleep(0)
    await jobs.close()
    assert [job.state for job in jobs.all()] == ["cancelled", "cancelled"]


@pytest.mark.anyio
async def test_what_somebody_waits_for_is_a_job_only_while_it_takes_long(jobs: Jobs, heard: Heard) -> None:
    async def quick(progress: Progress) -> int:
        return 1

    assert await jobs.follow("chat-export", "Export", quick) == 1
    assert heard.jobs == []
    go = asyncio.Event()

    async def slow(progress: Progress) -> int:
        while not jobs.busy():
            await asyncio.sleep(0.01)
        progress.count(5, 20, "5 of 20")
        await go.wait()
        return 2

    asked = asyncio.ensure_future(jobs.follow("chat-export", "Export", slow, "mine"))
    async with asyncio.timeout(60):
        while not any(job.note for job in jobs.all()):
            await asyncio.sleep(0.01)
        assert [(job.id, job.state, job.share(), job.note) for job in jobs.all()] == [
            ("mine", "running", 0.25, "5 of 20")
        ]
        go.set()
        assert await asked == 2
    assert (jobs.all(), heard.jobs[-1]) == ((), None)
    go.clear()

    asked = asyncio.ensure_future(jobs.follow("chat-export", "Export", slow, "mine"))
    async with asyncio.timeout(60):
        while not jobs.busy():
            await asyncio.sleep(0.01)
        await jobs.cancel("mine")
        with pytest.raises(PaddockError, match="It was stopped"):
            await asked
    assert jobs.all() == ()


@pytest.mark.anyio
async def test_a_thread_waits_for_the_loop_as_long_as_it_takes_and_until_it_is_stopped() -> None:
    loop, stop, go = asyncio.get_running_loop(), threading.Event(), asyncio.Event()
    begun = asyncio.Event()

    async def asked() -> str:
        begun.set()
        await go.wait()
        return "read"

    waiting = asyncio.ensure_future(asyncio.to_thread(from_thread, asked(), loop, stop))
    await begun.wait()
    go.set()
    assert await waiting == "read"
    go.clear()
    waiting = asyncio.ensure_future(asyncio.to_thread(from_thread, asked(), loop, stop))
    stop.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
