"""Requests and questions in the pool, deaths and unloads."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from held_answers import ENDLESS

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.pool import STATS_S, Pool
from paddock.backends.registry import Registry
from paddock.sdk.errors import (
    BadRequest,
    EngineDied,
    EngineError,
    HostBusy,
    LoadFailed,
)
from paddock.sdk.events import Cancelled, Ending, Failed, Finished, GenerationEvent, LoadProgress, TextDelta
from paddock.sdk.questions import Embeddings, EmbedRequest

from .pools import SLOW, Ask, Write, gather, until

pytestmark = pytest.mark.anyio


async def test_a_request_loads_its_model_and_shows_the_progress(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(load_seconds=0.2)
    events = await gather(pool.generate(model, ask("hello you"), {"n_ctx": 64}))
    fractions = [event.fraction for event in events if isinstance(event, LoadProgress)]
    assert len(fractions) > 3
    assert fractions == sorted(fractions)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "hello you"
    assert pool.loaded()[0].context_length == 64
    again = await gather(pool.generate(model, ask()))
    assert not any(isinstance(event, LoadProgress) for event in again)


async def test_deltas_are_handed_over_beside_the_reader(pool: Pool, script: Write, ask: Ask) -> None:
    request, texts, handed_over = ask("go", key="h"), list[str](), asyncio.Event()

    def take(event: GenerationEvent) -> None:
        assert isinstance(event, TextDelta)
        texts.append(event.text)
        handed_over.set()

    async def read() -> None:
        async for event in pool.generate(script(**ENDLESS), request):
            if isinstance(event, TextDelta):
                texts.append(event.text)
                pool.hand_over(request.id, take)

    reader = asyncio.create_task(read())
    await handed_over.wait()
    assert pool.cancel(request.id)
    await reader
    assert len(texts) > 1
    assert ENDLESS["text"].startswith("".join(texts))
    pool.hand_over(request.id, take)  # nothing happens for one that has ended


async def test_leaving_during_the_load_ends_the_load(pool: Pool, script: Write, ask: Ask) -> None:
    async with aclosing(pool.generate(script(hang="load"), ask())) as events:
        await until(events, LoadProgress)
        await until(events, LoadProgress)
        pid = pool.loaded()[0].pid
    assert pool.loaded() == ()
    assert not psutil.pid_exists(pid or 0)


async def test_active_and_queued_are_counted(pool: Pool, changes: Any, script: Write, ask: Ask) -> None:
    model = script(**SLOW)
    await pool.load(model, {"n_parallel": 2})
    tasks = [asyncio.create_task(gather(pool.generate(model, ask(key=str(i))))) for i in range(5)]
    while (pool.loaded()[0].active, pool.loaded()[0].queued) != (2, 3):
        await asyncio.sleep(0.005)
    tasks[0].cancel()
    while (pool.loaded()[0].active, pool.loaded()[0].queued) != (2, 2):
        await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert (pool.loaded()[0].active, pool.loaded()[0].queued) == (0, 0)
    last = changes.seen[-1][1]
    assert last is not None
    assert last.active == 0


async def test_counts_reach_the_loaded_model_at_most_once_a_second(
    pool: Pool, changes: Any, script: Write, ask: Ask
) -> None:
    model, began = script(), time.monotonic()
    for _ in range(20):
        await gather(pool.generate(model, ask("one two")))
    async with asyncio.timeout(60):
        while (stats := pool.loaded()[0].stats) is None or stats.generated_tokens < 40:
            await asyncio.sleep(0.01)
    assert (stats.prompt_tokens, stats.misses) == (60, 20)
    seen = [msgspec.structs.replace(model, stats=None) for _, model in changes.seen if model is not None]
    told_for_counts = sum(before == after for before, after in itertools.pairwise(seen))
    assert told_for_counts <= 1 + (time.monotonic() - began) / STATS_S


async def test_options_that_are_wrong_fail_the_request_without_a_load(
    pool: Pool, changes: Any, script: Write, ask: Ask
) -> None:
    for request, options, code in [
        (ask(sampling={"temprature": 1}), None, "unknown_option"),
        (ask(sampling={"temperature": -1}), None, "invalid_option"),
        (ask(), {"n_ctxx": 1}, "unknown_option"),
    ]:
        events = await gather(pool.generate(script(), request, options))
        assert [type(event) for event in events] == [Failed]
        assert isinstance(events[0], Failed)
        assert events[0].error.code == code
    assert changes.seen == []


async def test_a_death_fails_all_requests_and_the_next_one_starts_a_fresh_worker(
    pool: Pool, changes: Any, script: Write, ask: Ask
) -> None:
    model = script(
        text="word " * 50, hold={"when": "one two"}, die={"signal": "SIGSEGV", "after_tokens": 5, "when": "boom"}
    )
    first = await pool.load(model, {})
    tasks = [asyncio.create_task(gather(pool.generate(model, ask(key=str(i))))) for i in range(3)]
    while pool.loaded()[0].active < 3:
        await asyncio.sleep(0)
    boom = await gather(pool.generate(model, ask("boom", key="boom")))
    for events in [boom, *await asyncio.gather(*tasks)]:
        assert [type(event) for event in events if isinstance(event, Ending)] == [Failed]
        assert isinstance(events[-1], Failed)
        assert events[-1].error.details["signal"] == "SIGSEGV"
    assert changes.states()[-2:] == ["failed", "gone"]
    assert isinstance((await gather(pool.generate(model, ask("again"))))[-1], Finished)
    assert pool.loaded()[0].pid != first.pid


async def test_a_death_while_idle_is_told_and_costs_nothing(pool: Pool, changes: Any, script: Write, ask: Ask) -> None:
    model = script()
    loaded = await pool.load(model, {})
    os.kill(loaded.pid or 0, signal.SIGKILL)
    while pool.loaded():
        await asyncio.sleep(0.005)
    assert changes.states()[-2:] == ["failed", "gone"]
    assert isinstance((await gather(pool.generate(model, ask())))[-1], Finished)


def embed(*inputs: str | tuple[int, ...], key: str = "q") -> EmbedRequest:
    return EmbedRequest(id=key, model="test/model", inputs=inputs)


async def test_a_question_loads_its_model_and_gets_its_reply(pool: Pool, changes: Any, script: Write) -> None:
    reply = await pool.ask(script(), embed("one two", (3, 4)))
    assert isinstance(reply, Embeddings)
    assert (len(reply.vectors), reply.prompt_tokens) == (2, 4)
    assert max(model.active for _, model in changes.seen) == 1
    assert list(pool.idle()) == [loaded.id for loaded in pool.loaded() if loaded.active == 0]


async def test_what_the_engine_refuses_is_raised(pool: Pool, script: Write) -> None:
    with pytest.raises(BadRequest, match="no token 5000"):
        await pool.ask(script(), embed((5000,)))


async def test_cancelling_a_question_gives_its_place_back(pool: Pool, script: Write) -> None:
    model = script(hang="generate")
    await pool.load(model, {})
    asked = asyncio.create_task(pool.ask(model, embed("one")))
    while pool.loaded()[0].active != 1:
        await asyncio.sleep(0)
    with pytest.raises(BadRequest, match="already running"):
        await pool.ask(model, embed("two"))
    asked.cancel()
    await asyncio.wait({asked})
    assert pool.loaded()[0].active == 0


@pytest.mark.parametrize("killed", [False, True])
async def test_a_question_ends_with_its_worker(pool: Pool, script: Write, killed: bool) -> None:
    model = script(hang="generate")
    pid = (await pool.load(model, {})).pid
    asked = asyncio.create_task(pool.ask(model, embed("one")))
    while pool.loaded()[0].active != 1:
        await asyncio.sleep(0)
    if killed:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineDied, match="SIGKILL"):
            await asked
    else:
        await pool.unload(model.id)
        with pytest.raises(EngineError, match="unloaded before it could answer"):
            await asked


async def test_a_load_during_an_unload_waits_and_starts_anew(pool: Pool, script: Write) -> None:
    model = script(hang="close")
    first = await pool.load(model, {})
    unload = asyncio.create_task(pool.unload(model.id))
    while pool.loaded()[0].state != "unloading":
        await asyncio.sleep(0)
    second = await pool.load(model, {})
    assert second.id != first.id
    assert unload.done()


async def test_an_unload_goes_on_when_its_caller_leaves(pool: Pool, script: Write) -> None:
    model = script(hang="close")
    loaded = await pool.load(model, {})
    unload = asyncio.create_task(pool.unload(model.id))
    while pool.loaded()[0].state != "unloading":
        await asyncio.sleep(0)
    unload.cancel()
    await asyncio.wait({unload})
    while pool.loaded():
        await asyncio.sleep(0.01)
    assert not psutil.pid_exists(loaded.pid or 0)


async def test_close_ends_ready_loading_and_stopped_workers(
    pool: Pool, changes: Any, script: Write, ask: Ask, tmp_path: Path
) -> None:
    ready, stopped = await pool.load(script("ready"), {}), await pool.load(script("stopped"), {})
    os.kill(stopped.pid or 0, signal.SIGSTOP)
    loading = asyncio.create_task(pool.load(script("loading", hang="load"), {}))
    running = asyncio.create_task(gather(pool.generate(script("slow", **SLOW), ask())))
    while [model.active for model in pool.loaded()].count(1) < 1:
        await asyncio.sleep(0.005)
    async with asyncio.timeout(60):
        await pool.close()
    assert pool.loaded() == ()
    assert isinstance((await running)[-1], Cancelled)
    with pytest.raises(LoadFailed):
        await loading
    for pid in (ready.pid, stopped.pid):
        assert not psutil.pid_exists(pid or 0)
    with pytest.raises(HostBusy):
        await pool.load(script("ready"), {})


async def test_idle_time_runs_from_the_last_request_on_the_given_clock(tmp_path: Path, script: Write, ask: Ask) -> None:
    now = [100.0]
    pool = Pool(Registry([DESCRIPTOR]), changed=lambda key, model: None, logs=tmp_path / "logs", clock=lambda: now[0])
    model = script(**SLOW)
    loaded = await pool.load(model, {})
    now[0] = 130.0
    assert pool.idle() == {loaded.id: 30.0}
    async with aclosing(pool.generate(model, ask())) as events:
        await until(events, TextDelta)
        assert pool.idle() == {}
    now[0] = 135.0
    assert pool.idle() == {loaded.id: 5.0}
    await pool.close()
