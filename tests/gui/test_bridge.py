"""The one thread of the window: results, streams, owners, ends."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from functools import partial

import pytest
import shiboken6
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from paddock.gui.bridge import UPDATE_INTERVAL_S, Bridge


class Owner(QObject):
    pass


@pytest.fixture
def unhandled() -> list[BaseException]:
    return []


@pytest.fixture
def bridge(qtbot: QtBot, unhandled: list[BaseException]) -> Iterator[Bridge]:
    made = Bridge(unhandled.append)
    yield made
    made.close()


def test_a_result_arrives_on_the_gui_thread(qtbot: QtBot, bridge: Bridge) -> None:
    async def work() -> str:
        return threading.current_thread().name

    got: list[tuple[str, bool]] = []
    gui = QThread.currentThread()
    bridge.submit(work, lambda name: got.append((name, QThread.currentThread() is gui)))
    assert got == []
    bridge.start()
    qtbot.waitUntil(lambda: got == [("paddock-bridge", True)])


def test_an_error_goes_to_its_handler_or_to_the_common_one(
    qtbot: QtBot, bridge: Bridge, unhandled: list[BaseException]
) -> None:
    async def fail() -> None:
        raise ValueError("no")

    mine: list[BaseException] = []
    bridge.start()
    bridge.submit(fail, None, mine.append)
    bridge.submit(fail)
    qtbot.waitUntil(lambda: len(mine) == 1 and len(unhandled) == 1)


def test_a_page_that_is_gone_hears_nothing(qtbot: QtBot, bridge: Bridge) -> None:
    got: list[int] = []
    other: list[int] = []
    go = threading.Event()

    async def work() -> int:
        await asyncio.to_thread(go.wait)
        return 1

    owner = Owner()
    bridge.start()
    bridge.submit(work, got.append, owner=owner)
    shiboken6.delete(owner)
    go.set()
    bridge.submit(work, other.append)
    qtbot.waitUntil(lambda: other == [1])
    assert got == []


def test_a_job_that_is_cancelled_before_it_began_has_left(qtbot: QtBot, bridge: Bridge) -> None:
    async def nothing() -> None: ...

    got: list[None] = []
    bridge.submit(nothing, got.append).cancel()
    bridge.start()
    qtbot.waitUntil(lambda: not bridge._jobs)  # else the window's end would wait for it
    assert got == []


def test_a_stream_comes_in_batches_in_order_and_ends_once(qtbot: QtBot, bridge: Bridge) -> None:
    async def many() -> AsyncGenerator[int, None]:
        for number in range(2_000):
            yield number
            if number % 50 == 0:
                await asyncio.sleep(0.005)

    batches: list[list[int]] = []
    ends: list[bool] = []
    started = time.monotonic()
    bridge.start()
    bridge.stream(many, batches.append, lambda: ends.append(True))
    qtbot.waitUntil(lambda: ends == [True])
    assert [number for batch in batches for number in batch] == list(range(2_000))
    assert len(batches) <= (time.monotonic() - started) / UPDATE_INTERVAL_S + 2


def test_a_result_does_not_overtake_what_a_leading_stream_brought_before_it(qtbot: QtBot, bridge: Bridge) -> None:
    told: asyncio.Queue[int] = asyncio.Queue()

    async def events() -> AsyncGenerator[int, None]:
        while True:
            yield await told.get()
            told.task_done()

    async def change(number: int) -> str:
        told.put_nowait(number)
        await told.join()
        return f"changed {number}"

    heard: list[int | str] = []
    bridge.start()
    bridge.stream(events, heard.extend, leads=True)
    for number in range(20):
        bridge.submit(partial(change, number), heard.append)
        qtbot.waitUntil(lambda number=number: f"changed {number}" in heard)
    assert heard == [word for number in range(20) for word in (number, f"changed {number}")]


def test_two_streams_are_never_delivered_in_the_same_turn(qtbot: QtBot, bridge: Bridge) -> None:
    heard = dict.fromkeys("abcd", 0)

    async def steady(name: str) -> AsyncGenerator[int, None]:
        for number in range(5):
            while heard[name] < number:
                await asyncio.sleep(0.001)
            yield number

    turn = [0]
    seen: dict[int, list[str]] = {}
    ended: list[str] = []

    class Counter(QObject):
        def timerEvent(self, event: object) -> None:
            turn[0] += 1

    counter = Counter()
    counter.startTimer(0)

    def hear(name: str, items: list[int]) -> None:
        seen.setdefault(turn[0], []).append(name)
        heard[name] += len(items)

    bridge.start()
    for name in heard:
        bridge.stream(
            partial(steady, name),
            partial(hear, name),
            lambda name=name: ended.append(name),  # type: ignore[misc]
        )
    qtbot.waitUntil(lambda: len(ended) == 4)
    assert len(seen) >= 20
    assert all(len(names) <= 1 for names in seen.values())


def test_a_cancelled_job_ends_in_the_thread_and_delivers_nothing(qtbot: QtBot, bridge: Bridge) -> None:
    stopped = threading.Event()

    async def endless() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0.001)
        finally:
            stopped.set()

    got: list[int] = []
    ends: list[object] = []
    bridge.start()
    job = bridge.stream(endless, got.extend, lambda: ends.append(1), ends.append)
    qtbot.waitUntil(lambda: bool(got))
    job.cancel()
    count = len(got)
    qtbot.waitUntil(stopped.is_set)
    qtbot.wait(80)
    assert len(got) == count
    assert ends == []


def test_what_a_job_closes_over_is_let_go_on_the_gui_thread(qtbot: QtBot, bridge: Bridge) -> None:
    where: list[bool] = []
    gui = threading.get_ident()

    class Held:
        def __del__(self) -> None:
            where.append(threading.get_ident() == gui)

    async def use(held: Held) -> None:
        await asyncio.sleep(0)

    async def nothing() -> None:
        return None

    bridge.start()
    for _ in range(50):
        held = Held()
        bridge.submit(lambda held=held: use(held), lambda _: None)  # type: ignore[misc]
        del held

    def let_go() -> bool:
        bridge.submit(nothing)
        gc.collect(1)
        return len(where) >= 50

    qtbot.waitUntil(let_go)
    assert all(where)


def test_closing_ends_the_thread_and_what_runs_in_it(qtbot: QtBot, unhandled: list[BaseException]) -> None:
    bridge = Bridge(unhandled.append)
    cleaned = threading.Event()

    async def wait_forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    bridge.start()
    started: list[None] = []

    async def nothing() -> None:
        return None

    bridge.submit(wait_forever)
    bridge.submit(nothing, started.append)
    qtbot.waitUntil(lambda: len(started) == 1)
    bridge.close()
    assert cleaned.is_set()
    assert "paddock-bridge" not in [thread.name for thread in threading.enumerate()]
    assert unhandled == []
