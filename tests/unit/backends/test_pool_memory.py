"""Memory in the pool: verdicts, who leaves, who waits, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.backends import admission
from paddock.backends.echo import DESCRIPTOR
from paddock.backends.planning import Plan
from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.sdk.errors import HostBusy, OutOfMemory
from paddock.sdk.events import Cancelled, Failed, Finished, LoadProgress, Queued, TextDelta
from paddock.sdk.types import ModelInfo, Options

from .pools import CONTEXT, GIB, SLOW, Ask, Budget, Write, gather, ledger, prediction, until

pytestmark = pytest.mark.anyio
Sized = Callable[..., ModelInfo]


@pytest.fixture
def sized(script: Write) -> Sized:
    """A model of so many GiB, in words only."""

    def write(name: str, gib: int, **fields: Any) -> ModelInfo:
        return msgspec.structs.replace(script(name, **fields), size_bytes=gib * GIB)

    return write


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture
async def pool(changes: Any, budget: Budget, tmp_path: Path, anyio_backend: object) -> AsyncIterator[Pool]:
    """Ten GiB for models."""
    made = Pool(
        Registry([DESCRIPTOR]), changed=changes, logs=tmp_path / "logs", ledger=ledger(10 * GIB), planner=budget
    )
    yield made
    await made.close()


def names(pool: Pool) -> list[str]:
    return [model.model for model in pool.loaded()]


async def test_the_least_recently_used_leave_and_no_more_than_needed(
    pool: Pool, budget: Budget, sized: Sized, ask: Ask
) -> None:
    one, two, three = sized("one", 3), sized("two", 3), sized("three", 3)
    for model in (one, two, three):
        await pool.load(model, {})
    await gather(pool.generate(one, ask()))
    assert pool.evictable() == tuple(model.id for key in ("two", "three", "one") for model in by_name(pool, key))
    await pool.load(sized("four", 3), {})
    assert names(pool) == ["test/one", "test/three", "test/four"]
    await pool.load(sized("big", 6), {})
    assert names(pool) == ["test/four", "test/big"]
    told = pool.loaded()[-1]
    assert (told.predicted_bytes, told.options["n_ctx"]) == (6 * GIB, CONTEXT)


def by_name(pool: Pool, name: str) -> list[Any]:
    return [model for model in pool.loaded() if model.model == f"test/{name}"]


async def test_busy_and_pinned_models_stay_and_an_explicit_load_is_refused_in_words(
    pool: Pool, budget: Budget, changes: Any, sized: Sized, ask: Ask
) -> None:
    await pool.load(sized("pinned", 3), {}, pinned=True)
    busy = sized("busy", 3, **SLOW)
    budget.advice = "Use 2,048 tokens of context"
    async with aclosing(pool.generate(busy, ask())) as events:
        await until(events, TextDelta)
        with pytest.raises(OutOfMemory, match=r"“test/big” does not fit into memory: it needs 6\.4 GB") as caught:
            await pool.load(sized("big", 6), {})
        assert names(pool) == ["test/pinned", "test/busy"]
        assert isinstance(await anext(events), TextDelta)
    error = caught.value
    assert error.hint.startswith("It fits when “test/busy” can leave. Use 2,048 tokens of context. ")
    assert error.details == {
        "verdict": "fits_with",
        "remedy": "Use 2,048 tokens of context",
        "remedy_options": {"n_ctx": 2048},
        "needed_bytes": 6 * GIB,
        "free_bytes": 4 * GIB,
    }
    assert changes.states()[-1] == "ready"
    with pytest.raises(OutOfMemory) as caught:
        await pool.load(sized("huge", 11), {})
    assert "can leave" not in caught.value.hint


async def test_force_loads_what_does_not_fit_once_idle_models_have_left(pool: Pool, sized: Sized) -> None:
    await pool.load(sized("one", 3), {})
    await pool.load(sized("kept", 1), {}, pinned=True)
    await pool.load(sized("empty", 0), {})
    with pytest.raises(OutOfMemory):
        await pool.load(sized("huge", 11), {})
    assert names(pool) == ["test/one", "test/kept", "test/empty"]
    forced = await pool.load(sized("huge", 11), {}, force=True, pinned=True)
    assert names(pool) == ["test/kept", "test/empty", "test/huge"]
    await pool.unload("test/kept")
    with pytest.raises(OutOfMemory):
        await pool.load(sized("two", 10), {})
    await pool.unload(forced.id)
    await pool.load(sized("two", 10), {})
    assert names(pool) == ["test/empty", "test/two"]


async def test_a_guard_that_is_off_refuses_nothing(tmp_path: Path, sized: Sized) -> None:
    pool = Pool(
        Registry([DESCRIPTOR]),
        changed=lambda key, model: None,
        logs=tmp_path / "logs",
        ledger=ledger(0, mode="off"),
        planner=Budget(),
    )
    assert (await pool.load(sized("huge", 2000), {})).state == "ready"
    await pool.close()


async def test_what_a_load_replaces_is_not_counted_twice_and_stays_when_it_is_refused(
    pool: Pool, budget: Budget, sized: Sized
) -> None:
    model = sized("one", 8)
    first = await pool.load(model, {"n_ctx": 64}, pinned=True, ttl_s=300)
    second = await pool.load(model, {"n_ctx": 128})
    assert budget.planned[-1] == (model.id, (first.id,))
    assert pool.loaded() == (second,)
    assert (second.pinned, second.ttl_s) == (True, 300)
    with pytest.raises(OutOfMemory):
        await pool.load(msgspec.structs.replace(model, size_bytes=11 * GIB), {"n_ctx": 256})
    assert pool.loaded() == (second,)


async def test_what_begins_to_answer_while_its_replacement_is_planned_stays(
    pool: Pool, budget: Budget, sized: Sized, ask: Ask
) -> None:
    model = sized("one", 8, **SLOW)
    await pool.load(model, {"n_ctx": 4096})
    budget.hold = asyncio.Event()
    replacing = asyncio.create_task(pool.load(model, {"n_ctx": 128}))
    while len(budget.planned) < 2:
        await asyncio.sleep(0.005)
    async with aclosing(pool.generate(model, ask())) as events:
        await until(events, TextDelta)
        budget.hold.set()
        with pytest.raises(HostBusy, match="is answering with other load options"):
            await replacing
        assert isinstance(await anext(events), TextDelta)


async def test_two_loads_at_once_never_take_the_same_memory(pool: Pool, changes: Any, sized: Sized) -> None:
    models = [sized(f"m{i}", 6, load_seconds=0.2) for i in range(3)]
    outcomes = await asyncio.gather(*(pool.load(model, {}) for model in models), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["LoadedModel", "OutOfMemory", "OutOfMemory"]


async def test_a_request_waits_for_memory_and_hears_its_place(pool: Pool, sized: Sized, ask: Ask) -> None:
    async with aclosing(pool.generate(sized("busy", 6, **SLOW), ask())) as events:
        await until(events, TextDelta)
        first = [asyncio.create_task(gather(pool.generate(sized("one", 6), ask(key=str(i))))) for i in range(2)]
        while len(pool.loaded()) < 2:
            await asyncio.sleep(0.005)
        second = asyncio.create_task(gather(pool.generate(sized("two", 7), ask())))
        third = asyncio.create_task(gather(pool.generate(sized("three", 3), ask())))
        assert isinstance((await third)[-1], Finished)  # Nobody has to leave for it.
        assert isinstance(await anext(events), TextDelta)
    for task, position in ((first[0], 0), (first[1], 0), (second, 2)):
        heard = await task
        assert isinstance(heard[-1], Finished)
        assert max(event.position for event in heard if isinstance(event, Queued)) == position
    assert names(pool) == ["test/two", "test/three"]


async def test_a_wait_for_memory_ends_in_words(tmp_path: Path, budget: Budget, sized: Sized, ask: Ask) -> None:
    pool = Pool(
        Registry([DESCRIPTOR]),
        changed=lambda key, model: None,
        logs=tmp_path / "logs",
        ledger=ledger(10 * GIB),
        planner=budget,
        patience=0.1,
    )
    async with aclosing(pool.generate(sized("busy", 6, **SLOW), ask())) as events:
        await until(events, TextDelta)
        late = (await gather(pool.generate(sized("one", 6), ask())))[-1]
        assert isinstance(late, Failed)
        assert late.error.code == "host_busy"
        assert "0.1 s have passed" in late.error.message
        hopeless = (await gather(pool.generate(sized("huge", 11), ask())))[-1]
        assert isinstance(hopeless, Failed)
        assert hopeless.error.code == "out_of_memory"
        assert names(pool) == ["test/busy"]
    await pool.close()


async def test_leaving_the_queue_for_memory_ends_the_load(pool: Pool, changes: Any, sized: Sized, ask: Ask) -> None:
    async with aclosing(pool.generate(sized("busy", 6, **SLOW), ask())) as events:
        await until(events, TextDelta)
        waiting = asyncio.create_task(gather(pool.generate(sized("one", 6), ask())))
        unloaded = asyncio.create_task(gather(pool.generate(sized("two", 6), ask())))
        while len(pool.loaded()) < 3:
            await asyncio.sleep(0.005)
        waiting.cancel()
        await asyncio.wait({waiting})
        await pool.unload("test/two")
        assert [type(event) for event in await unloaded][-1] is Cancelled
        assert names(pool) == ["test/busy"]
    assert (await pool.load(sized("one", 6), {})).state == "ready"


async def test_a_forced_load_frees_the_request_that_waits_for_the_same_model(
    pool: Pool, sized: Sized, ask: Ask
) -> None:
    async with aclosing(pool.generate(sized("busy", 6, **SLOW), ask())) as events:
        await until(events, TextDelta)
        model = sized("one", 6)
        waiting = asyncio.create_task(gather(pool.generate(model, ask())))
        while len(pool.loaded()) < 2:
            await asyncio.sleep(0.005)
        await pool.load(model, {}, force=True)
        assert isinstance((await waiting)[-1], Finished)
        assert names(pool) == ["test/busy", "test/one"]


async def test_models_that_are_never_idle_are_drained_for_one_that_waits(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, sized: Sized, ask: Ask
) -> None:
    monkeypatch.setattr(admission, "DRAIN_S", 0.1)
    busy = sized("busy", 6, text="word " * 50, tokens_per_second=200)
    ended: list[str] = []

    async def hammer(number: int) -> None:
        while not ended:
            await gather(pool.generate(busy, ask(key=f"b{number}")))

    hammers = [asyncio.create_task(hammer(number)) for number in range(2)]
    while not [model for model in pool.loaded() if model.active == 2]:
        await asyncio.sleep(0.005)
    assert isinstance((await gather(pool.generate(sized("one", 6), ask())))[-1], Finished)
    ended.append("one")
    await asyncio.gather(*hammers)
    assert "test/busy" in names(pool)


async def test_thirty_requests_for_one_model_cause_one_load(pool: Pool, changes: Any, sized: Sized, ask: Ask) -> None:
    model = sized("one", 3, load_seconds=0.1, parallel=30)
    answers = await asyncio.gather(*(gather(pool.generate(model, ask(key=str(i)))) for i in range(30)))
    assert all(isinstance(events[-1], Finished) for events in answers)
    assert all(isinstance(events[0], LoadProgress) for events in answers)
    assert len({key for key, _ in changes.seen}) == 1


async def test_failed_cancelled_and_dead_loads_give_their_memory_back(pool: Pool, sized: Sized, ask: Ask) -> None:
    for fields in (
        {"fail_load": {"code": "load_failed", "message": "no"}},
        {"die": {"exit_code": 3, "during": "load"}},
    ):
        with pytest.raises(Exception, match=r"no|exit code 3"):
            await pool.load(sized("bad", 9, **fields), {})
    hanging = asyncio.create_task(pool.load(sized("hanging", 9, hang="load"), {}))
    while not pool.loaded() or pool.loaded()[0].pid is None:
        await asyncio.sleep(0.005)
    hanging.cancel()
    await asyncio.wait({hanging})
    dying = sized("dying", 9, die={"signal": "SIGKILL", "when": "die"})
    assert isinstance((await gather(pool.generate(dying, ask("die"))))[-1], Failed)
    assert (await pool.load(sized("one", 9), {})).state == "ready"


async def test_a_death_for_memory_tells_what_would_help(pool: Pool, budget: Budget, sized: Sized, ask: Ask) -> None:
    budget.advice = "Use 2,048 tokens of context"
    death = {"signal": "SIGABRT", "log": "std::bad_alloc", "when": "die"}
    ending = (await gather(pool.generate(sized("one", 3, die=death), ask("die"))))[-1]
    assert isinstance(ending, Failed)
    assert (ending.error.code, ending.error.hint) == ("out_of_memory", "Use 2,048 tokens of context.")
    with pytest.raises(OutOfMemory) as caught:
        await pool.load(sized("two", 3, die=death | {"during": "load"}), {})
    assert caught.value.hint == "Use 2,048 tokens of context."


async def test_a_planner_that_breaks_ends_the_load(pool: Pool, budget: Budget, sized: Sized, ask: Ask) -> None:
    budget.planned = None  # type: ignore[assignment]
    ending = (await gather(pool.generate(sized("one", 3), ask())))[-1]
    assert isinstance(ending, Failed)
    assert ending.error.message == "Loading failed inside Paddock (AttributeError)."
    assert pool.loaded() == ()


async def test_a_context_chosen_from_memory_that_was_taken_meanwhile_is_chosen_again(
    pool: Pool, budget: Budget, sized: Sized, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [(8192, 11 * GIB), (1024, 4 * GIB)]

    async def plan(model: ModelInfo, options: Options, *, replacing: tuple[str, ...] = ()) -> Plan:
        tokens, size = sizes.pop(0)
        return Plan(options={"n_ctx": tokens}, prediction=prediction(size))

    monkeypatch.setattr(budget, "plan", plan)
    loaded = await pool.load(sized("one", 4), {"n_ctx": 0})
    assert (loaded.context_length, loaded.predicted_bytes) == (1024, 4 * GIB)
    assert (await pool.load(sized("one", 4), {"n_ctx": 0})).id == loaded.id


async def test_a_request_never_gets_an_instance_that_was_just_chosen_to_leave(
    pool: Pool, sized: Sized, ask: Ask
) -> None:
    """Requests begin in every turn of the loop in which an eviction may be decided."""
    old = sized("old", 6)
    for turns in range(10):
        await pool.load(old, {})
        new = asyncio.create_task(pool.load(sized("new", 6), {}))
        for _ in range(turns):
            await asyncio.sleep(0)
        ending = (await gather(pool.generate(old, ask())))[-1]
        assert isinstance(ending, Finished)
        await asyncio.gather(new, return_exceptions=True)


async def test_what_only_batches_wait_for_comes_last_and_others_say_what_is_in_their_way(
    tmp_path: Path, budget: Budget, sized: Sized, ask: Ask
) -> None:
    heard: list[tuple[str, ...]] = []
    pool = Pool(
        Registry([DESCRIPTOR]),
        changed=lambda key, model: None,
        logs=tmp_path / "logs",
        ledger=ledger(10 * GIB),
        planner=budget,
        needed=heard.append,
    )
    async with (
        aclosing(pool.generate(sized("batch", 6), ask(priority="batch"))) as batch,
        aclosing(pool.generate(sized("chat", 6, hold={"after_tokens": 1}), ask())) as chat,
    ):
        async with aclosing(pool.generate(sized("busy", 6, hold={"after_tokens": 1}), ask())) as busy:
            await until(busy, TextDelta)
            [first] = pool.loaded()
            await until(batch, Queued)
            assert heard == [], "a batch makes nobody leave"
            await until(chat, Queued)
            assert set(heard) == {(first.id,)}
        await until(chat, TextDelta)
        assert [model.model for model in pool.loaded() if model.state == "ready"] == ["test/chat"]
    await pool.close()
