"""The pipe and the bell between worker and host: everything is heard, and the host keeps off the engine's processor."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator

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


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    made = Heard()
    yield made
    made.door.close()
    os.close(made.door.sink)


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """Where a host on the processor HERE was allowed to go."""
    allowed: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {HERE, THERE})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, processors: allowed.append(processors))
    monkeypatch.setattr(door, "processor", lambda: lambda: HERE)
    return allowed


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


async def test_a_host_on_the_engines_processor_leaves_it_before_it_hears(moves: list[set[int]]) -> None:
    moved: list[int] = []
    made = Door(lambda _: moved.append(len(moves)))
    os.eventfd_write(made.bell, RING + THERE)
    await settle()
    for _ in range(2):
        os.write(made.sink, b"a token")
        os.eventfd_write(made.bell, RING + HERE)
        await settle()
    assert moves == [{THERE}, {HERE, THERE}] * 2, "and is bound to none afterwards"
    assert moved == [2, 4]
    made.close()
    os.close(made.sink)


async def test_rings_close_behind_each_other_move_the_host_once(
    moves: list[set[int]], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_BETWEEN_MOVES_S", 3600.0)
    heard.door._moved = -3600.0
    for _ in range(3):
        os.eventfd_write(heard.door.bell, RING + HERE)
        await settle()
    assert moves == [{THERE}, {HERE, THERE}]


async def test_a_ring_says_where_the_one_before_came_from(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    places = iter([HERE, THERE, HERE])
    monkeypatch.setattr(bell, "processor", lambda: lambda: next(places))
    heard.door._loop.remove_reader(heard.door.bell)
    ring = ringer(heard.door.bell)
    for place in (HERE, THERE):
        ring()
        assert os.eventfd_read(heard.door.bell) == RING + place


@pytest.mark.parametrize("rung", [RING + THERE, 2 * RING + HERE], ids=["from another", "by two"])
async def test_a_host_elsewhere_stays(moves: list[set[int]], heard: Heard, rung: int) -> None:
    os.eventfd_write(heard.door.bell, rung)
    await settle()
    assert moves == []


async def test_a_host_with_one_processor_or_in_a_sandbox_stays_and_hears(
    moves: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    for name, to in (("sched_getaffinity", lambda _: {HERE}), ("sched_setaffinity", forbidden)):
        monkeypatch.setattr(os, name, to)
        made = Heard()
        made.write(b"x")
        os.eventfd_write(made.door.bell, RING + HERE)
        await until(lambda made=made: made.data == b"x")  # type: ignore[misc]
        await settle()
        made.door.close()
        os.close(made.door.sink)
    assert moves == []
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
