"""The pipe and the bell between worker and host: everything is heard, and the host keeps off the engine's processor."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from paddock.backends import bell, door, supervisor, wire
from paddock.backends.bell import RING, ringer
from paddock.backends.door import Door, available
from paddock.backends.outbox import Outbox
from paddock.backends.worker_log import WorkerLog
from paddock.sdk.errors import EngineError
from paddock.sdk.events import Finished

from .workers import Ask, Make, Write, answer, loaded, until

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a bell")]

HERE, THERE = 3, 1


class Heard:
    """A door, and what came through it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.door = Door(self.data.extend)
        self.ring = ringer(self.door.bell)

    def write(self, data: bytes) -> None:
        os.write(self.door.sink, data)


@pytest.fixture(autouse=True)
def bound_to_none_afterwards() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    yield
    assert os.sched_getaffinity(0) == allowed


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    made = Heard()
    yield made
    made.door.close()
    os.close(made.door.sink)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> int:
    """A processor that the host seems to run on always; there are others."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("the machine has one processor")
    processor = min(allowed)
    monkeypatch.setattr(door, "processor", lambda: lambda: processor)
    return processor


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.002)


async def test_after_the_first_ring_only_the_bell_wakes(heard: Heard) -> None:
    heard.write(b"by the pipe, ")
    await until(lambda: heard.data == b"by the pipe, ")
    heard.write(b"by the bell, ")
    heard.ring()
    await until(lambda: heard.data.endswith(b"by the bell, "))
    heard.write(b"in silence")
    await settle()
    assert heard.data == b"by the pipe, by the bell, "
    heard.ring()
    await until(lambda: heard.data.endswith(b"in silence"))


async def test_what_was_written_last_is_heard_at_the_end(heard: Heard) -> None:
    heard.ring()
    await settle()
    heard.write(b"x" * 60_000)
    heard.door.close()
    heard.door.close()
    assert heard.data == b"x" * 60_000


async def test_the_end_of_a_child_that_never_rang_is_quiet() -> None:
    made = Heard()
    made.write(b"hello")
    os.close(made.door.sink)
    await until(lambda: made.data == b"hello")
    await settle()
    made.door.close()
    assert made.data == b"hello"


async def test_many_frames_come_whole_and_in_order(heard: Heard) -> None:
    outbox, frames = Outbox(os.dup(heard.door.sink), heard.ring), wire.Unframer(wire.FromWorker)
    texts = [f"{number}" + "x" * (90_000 if number % 9 == 0 else 0) for number in range(120)]

    def speak() -> None:
        for text in texts:
            outbox.put(wire.LogLine(level=0, logger="", text=text))
        outbox.flush()

    thread = threading.Thread(target=speak)
    thread.start()
    await until(lambda: not thread.is_alive())
    await settle()
    assert [frame.text for frame in frames.feed(bytes(heard.data))] == texts


async def test_a_host_on_the_engines_processor_keeps_off_it_for_a_while(
    here: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_AWAY_S", 0.1)
    allowed, when_heard = os.sched_getaffinity(0), []
    made = Door(lambda _: when_heard.append(os.sched_getaffinity(0)))
    os.eventfd_write(made.bell, 2 * RING)
    await settle()
    for count in (1, 2):
        os.write(made.sink, b"a token")
        os.eventfd_write(made.bell, RING + here)
        await until(lambda count=count: len(when_heard) == count)  # type: ignore[misc]
        await until(lambda: os.sched_getaffinity(0) == allowed)
    assert when_heard == [allowed - {here}] * 2, "before it reads"
    made.close()
    os.close(made.sink)


async def test_what_the_host_starts_meanwhile_may_run_everywhere(
    here: int, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_AWAY_S", 3600.0)
    allowed, over = os.sched_getaffinity(0), threading.Event()
    os.eventfd_write(heard.door.bell, RING + here)
    await until(lambda: os.sched_getaffinity(0) == allowed - {here})
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert thread.native_id is not None
    assert os.sched_getaffinity(thread.native_id) == allowed - {here}
    another = Heard()
    try:
        for bound in (0, thread.native_id):
            assert os.sched_getaffinity(bound) == allowed, "when a worker is to be started"
    finally:
        over.set()
        another.door.close()
        os.close(another.door.sink)


@pytest.mark.parametrize(("stays", "follows"), [(0.0, True), (3600.0, False)], ids=["in time", "not at every ring"])
async def test_a_host_that_an_engine_follows_moves_on(
    monkeypatch: pytest.MonkeyPatch, stays: float, follows: bool
) -> None:
    allowed, over = os.sched_getaffinity(0), threading.Event()
    if len(allowed) < 2:
        pytest.skip("the machine has one processor")
    monkeypatch.setattr(door, "_AWAY_S", 3600.0)
    monkeypatch.setattr(door, "_STAYS_S", stays)
    first, second = sorted(allowed)[:2]
    places = iter([first, second])
    monkeypatch.setattr(door, "processor", lambda: lambda: next(places))
    made = Heard()
    try:
        os.eventfd_write(made.door.bell, RING + first)
        await until(lambda: os.sched_getaffinity(0) == allowed - {first})
        thread = threading.Thread(target=over.wait)
        thread.start()
        made.write(b"x")
        os.eventfd_write(made.door.bell, RING + second)
        await until(lambda: made.data == b"x")
        assert os.sched_getaffinity(0) == allowed - {second if follows else first}
    finally:
        made.door.close()
        os.close(made.door.sink)
    assert thread.native_id is not None
    assert os.sched_getaffinity(thread.native_id) == allowed
    over.set()


async def test_the_end_of_a_worker_brings_the_host_back(here: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_AWAY_S", 3600.0)
    allowed, made = os.sched_getaffinity(0), Heard()
    os.eventfd_write(made.door.bell, RING + here)
    await until(lambda: os.sched_getaffinity(0) == allowed - {here})
    made.door.close()
    os.close(made.door.sink)
    assert os.sched_getaffinity(0) == allowed


async def test_a_ring_says_where_the_one_before_came_from(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    places = iter([HERE, THERE, HERE])
    monkeypatch.setattr(bell, "processor", lambda: lambda: next(places))
    heard.door._loop.remove_reader(heard.door.bell)
    ring = ringer(heard.door.bell)
    for place in (HERE, THERE):
        ring()
        assert os.eventfd_read(heard.door.bell) == RING + place


@pytest.mark.parametrize(("rings", "away"), [(1, 1), (2, 0)], ids=["from another", "by two"])
async def test_a_host_elsewhere_stays(here: int, heard: Heard, rings: int, away: int) -> None:
    allowed = os.sched_getaffinity(0)
    os.eventfd_write(heard.door.bell, rings * RING + here + away)
    await settle()
    assert os.sched_getaffinity(0) == allowed


async def test_a_host_with_one_processor_or_in_a_sandbox_stays_and_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    monkeypatch.setattr(door, "processor", lambda: lambda: HERE)
    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    for allowed in ({HERE}, {HERE, THERE}):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, allowed=allowed: allowed)
        made = Heard()
        made.write(b"x")
        os.eventfd_write(made.door.bell, RING + HERE)
        await until(lambda made=made: made.data == b"x")  # type: ignore[misc]
        await settle()
        made.door.close()
        os.close(made.door.sink)
    assert errors == []


@pytest.mark.parametrize("bell", [True, False])
async def test_a_worker_answers_with_a_bell_and_without(
    make: Make, script: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch, bell: bool
) -> None:
    assert available()
    monkeypatch.setattr(supervisor, "available", lambda: bell)
    before = len(os.listdir("/proc/self/fd"))
    worker = await loaded(make, script())
    events = await answer(worker, ask())
    assert isinstance(events[-1], Finished)
    assert (worker._door is not None and worker._door._heard) == bell
    await worker.stop()
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)


async def test_a_worker_without_a_log_leaves_nothing_open(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr(WorkerLog, "open", full)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(EngineError, match="No space left"):
        await make().start()
    assert len(os.listdir("/proc/self/fd")) == before
