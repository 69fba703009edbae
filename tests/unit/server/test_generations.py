"""Runs: what followers of an answer get, and that each ends exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from paddock.sdk.events import (
    Cancelled,
    Failed,
    Finished,
    GenerationEvent,
    LoadProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
)
from paddock.sdk.host import Generation
from paddock.sdk.types import Stats, Usage
from paddock.server.bus import Bus
from paddock.server.following import Follower
from paddock.server.generations import Generations, joined


def finished() -> Finished:
    return Finished(id="r", usage=Usage(), stats=Stats(), reason="stop")


def generation() -> Generation:
    return Generation(id="r", model="m", client="sdk", started=0.0)


class StubEngines:
    """Engines that end a request with ``stop``; ``takes`` is what asked for the deltas of each request."""

    def __init__(self, stop: Callable[[str], bool] = lambda request_id: False) -> None:
        self.cancel = stop
        self.takes: dict[str, Callable[[GenerationEvent], None]] = {}

    def hand_over(self, request_id: str, take: Callable[[GenerationEvent], None]) -> None:
        self.takes[request_id] = take


def test_joined_tells_the_same_in_fewer_events():
    events: list[GenerationEvent] = [
        Queued(id="r", position=2),
        Queued(id="r", position=1),
        LoadProgress(id="r", model="m", fraction=0.1),
        LoadProgress(id="r", model="m", fraction=0.9),
        ReasoningDelta(id="r", text="a"),
        ReasoningDelta(id="r", text="b"),
        TextDelta(id="r", text="c"),
        TextDelta(id="r", text="d"),
        finished(),
    ]
    assert joined(events) == [
        Queued(id="r", position=1),
        LoadProgress(id="r", model="m", fraction=0.9),
        ReasoningDelta(id="r", text="ab"),
        TextDelta(id="r", text="cd"),
        finished(),
    ]


def test_followers_get_the_same_whenever_they_come():
    async def run() -> None:
        gate = asyncio.Event()

        async def source() -> AsyncIterator[GenerationEvent]:
            for text in "abc":
                yield TextDelta(id="r", text=text)
            await gate.wait()
            yield TextDelta(id="r", text="d")
            yield finished()

        runs = Generations(Bus(), lambda run: None)
        run = runs.start(generation(), source)

        async def read() -> str:
            return "".join([event.text async for _, event in Follower([run]) if isinstance(event, TextDelta)])

        early = asyncio.create_task(read())
        while run.text != "abc":
            await asyncio.sleep(0)
        late = asyncio.create_task(read())
        await asyncio.sleep(0)
        gate.set()
        assert await early == await late == await read() == "abcd"

    asyncio.run(run())


@pytest.mark.parametrize("willing", [True, False, None])
def test_a_waiting_follower_is_offered_deltas_the_moment_they_come(willing):
    """Those it takes do not come again; one that is refused, or fails there (None), comes to the reader."""

    async def run() -> None:
        gate, offered, engines = asyncio.Event(), list[str](), StubEngines()

        async def source() -> AsyncIterator[GenerationEvent]:
            yield TextDelta(id="r", text="a")
            await gate.wait()
            yield TextDelta(id="r", text="d")
            yield finished()

        def direct(number: int, event: GenerationEvent) -> bool:
            assert number == 0
            assert isinstance(event, TextDelta)
            offered.append(event.text)
            if willing is None:
                raise ZeroDivisionError
            return willing

        run = Generations(Bus(), lambda run: None, lambda: engines).start(generation(), source)
        follower = Follower([run])
        follower.direct = direct
        read: list[str] = []

        async def reader() -> None:
            async for _, event in follower:
                if isinstance(event, TextDelta):
                    read.append(event.text)

        reading = asyncio.create_task(reader())
        while not (read and run.listeners):
            await asyncio.sleep(0)
        for text in "bc":
            engines.takes["r"](TextDelta(id="r", text=text))
        assert offered == (["b", "c"] if willing else ["b"])
        assert read == ["a"]
        gate.set()
        await reading
        assert "".join(read) == ("a" if willing else "abcd")
        assert [e.text async for _, e in Follower([run]) if isinstance(e, TextDelta)] == ["a", "b", "c", "d"]
        assert run.text == "abcd"

    asyncio.run(run())


def test_pieces_said_before_the_asker_follows_come_one_by_one_and_many_come_as_one():
    async def heard(texts: str) -> list[str]:
        async def source() -> AsyncIterator[GenerationEvent]:
            for text in texts:
                yield TextDelta(id="r", text=text)
            yield finished()

        run = Generations(Bus(), lambda run: None).start(generation(), source)
        await run.wait()
        return [event.text async for _, event in Follower([run]) if isinstance(event, TextDelta)]

    assert asyncio.run(heard("abc")) == ["a", "b", "c"]
    assert asyncio.run(heard("a" * 40)) == ["a" * 40]


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_cancelled_run_always_ends_once_however_early(turns):
    async def run() -> None:
        closed = []

        async def source() -> AsyncIterator[GenerationEvent]:
            try:
                yield TextDelta(id="r", text="a")
                await asyncio.Event().wait()
            finally:
                closed.append(True)

        ended = []
        run = Generations(Bus(), ended.append).start(generation(), source)
        for _ in range(turns):
            await asyncio.sleep(0)
        run.cancel()
        run.cancel()
        assert isinstance(await run.wait(), Cancelled)
        assert ended == [run]
        assert closed == ([True] if run.text else [])
        assert [type(event) async for _, event in Follower([run])][-1] is Cancelled

    asyncio.run(run())


@pytest.mark.parametrize(("told", "counted"), [(Usage(prompt_tokens=5, completion_tokens=9), 9), (Usage(), 2)])
def test_a_stopped_answer_has_as_many_tokens_as_its_engine_says(told, counted):
    """What it writes before it stops belongs to the answer; deltas are counted only where it says nothing."""

    async def run() -> None:
        stopped = asyncio.Event()

        async def source() -> AsyncIterator[GenerationEvent]:
            yield TextDelta(id="r", text="ab")
            await stopped.wait()
            yield TextDelta(id="r", text="c")
            yield Cancelled(id="r", usage=told)

        def stop(run_id: str) -> bool:
            assert run_id == "r"
            stopped.set()
            return True

        run = Generations(Bus(), lambda run: None, lambda: StubEngines(stop)).start(generation(), source)
        while not run.text:
            await asyncio.sleep(0)
        run.cancel()
        run.cancel()
        ending = await run.wait()
        assert isinstance(ending, Cancelled)
        assert (run.text, ending.usage.completion_tokens) == ("abc", counted)

    asyncio.run(run())


def test_an_answer_whose_engine_has_gone_after_a_stop_can_be_stopped_again():
    async def run() -> None:
        async def source() -> AsyncIterator[GenerationEvent]:
            yield TextDelta(id="r", text="a")
            await asyncio.Event().wait()

        works = iter([True, False])
        run = Generations(Bus(), lambda run: None, lambda: StubEngines(lambda run_id: next(works))).start(
            generation(), source
        )
        while not run.text:
            await asyncio.sleep(0)
        run.cancel()
        run.cancel()
        assert isinstance(await asyncio.wait_for(run.wait(), 60), Cancelled)

    asyncio.run(run())


@pytest.mark.parametrize("broken", ["raises", "stops"])
def test_an_engine_layer_that_breaks_its_word_still_ends_the_run(broken, caplog):
    async def source() -> AsyncIterator[GenerationEvent]:
        yield TextDelta(id="r", text="a")
        if broken == "raises":
            raise ZeroDivisionError

    async def run() -> None:
        run = Generations(Bus(), lambda run: None).start(generation(), source)
        ending = await run.wait()
        assert isinstance(ending, Failed)
        assert ending.error.code == "engine_error"

    asyncio.run(run())
    assert ("ZeroDivisionError" in caplog.text) == (broken == "raises")
