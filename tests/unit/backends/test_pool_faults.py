"""Loads that failed for their own reason, lost devices, memory pressure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.failures import RETRY_S
from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.backends.supervisor import Worker
from paddock.sdk.errors import EngineError, LoadFailed
from paddock.sdk.events import Failed, Finished, LoadProgress, Queued, TextDelta
from paddock.sdk.questions import Embeddings, EmbedRequest

from .pools import GIB, Ask, Budget, Write, gather, ledger

pytestmark = pytest.mark.anyio


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def relieved() -> list[str]:
    return []


@pytest.fixture
async def pool(
    registry: Registry, changes: Any, now: list[float], relieved: list[str], tmp_path: Path, anyio_backend: object
) -> AsyncIterator[Pool]:
    made = Pool(registry, changed=changes, logs=tmp_path / "logs", clock=lambda: now[0], relieved=relieved.append)
    yield made
    await made.close()


# ---------------------------------------------------------------- failed loads


async def failure(pool: Pool, model: Any, request: Any, options: Any = None) -> Any:
    ending = (await gather(pool.generate(model, request, options)))[-1]
    assert isinstance(ending, Failed)
    return ending.error


async def test_a_load_that_failed_is_not_tried_again_for_every_request(
    pool: Pool, changes: Any, now: list[float], script: Write, ask: Ask
) -> None:
    model = script(fail_load={"code": "load_failed", "message": "No such layer.", "hint": "Get another file."})
    first = await failure(pool, model, ask())
    tried = len({key for key, _ in changes.seen})
    now[0] = 20.0
    again = await failure(pool, model, ask())
    assert (again.code, again.message) == (first.code, first.message) == ("load_failed", "No such layer.")
    assert again.hint == (
        "Get another file. The next request after 40 s tries it again, loading the model does so at once."
    )
    with pytest.raises(LoadFailed, match="No such layer"):
        await pool.ask(model, EmbedRequest(id="q", model=model.id, inputs=("a",)))
    assert len({key for key, _ in changes.seen}) == tried
    await failure(pool, model, ask(), {"n_ctx": 64})
    assert len({key for key, _ in changes.seen}) == tried + 1
    now[0] += RETRY_S
    await failure(pool, model, ask(), {"n_ctx": 64})
    assert len({key for key, _ in changes.seen}) == tried + 2


async def test_a_load_by_hand_or_another_file_is_tried_at_once(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(die={"signal": "SIGSEGV", "during": "load"})
    await failure(pool, model, ask())
    assert (await failure(pool, model, ask())).details["retry_after_s"] == RETRY_S
    with pytest.raises(Exception, match="SIGSEGV"):
        await pool.load(model, {})
    script(note="a file that is whole")
    assert isinstance((await gather(pool.generate(model, ask())))[-1], Finished)


async def test_a_death_while_answering_is_no_failed_load(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(die={"signal": "SIGSEGV", "when": "die"})
    await failure(pool, model, ask("die"))
    assert isinstance((await gather(pool.generate(model, ask())))[-1], Finished)


# ---------------------------------------------------------------- lost devices


async def test_a_request_whose_device_is_lost_runs_again_once_and_shows_it(
    pool: Pool, tmp_path: Path, script: Write, ask: Ask
) -> None:
    model = script(lose_device=str(tmp_path / "lost"), parallel=4)
    first = await pool.load(model, {"n_ctx": 64}, pinned=True)
    events, other = await asyncio.gather(
        gather(pool.generate(model, ask("one two", key="a"))), gather(pool.generate(model, ask("three", key="b")))
    )
    assert next(type(event) for event in events if not isinstance(event, TextDelta)) is Queued
    assert any(isinstance(event, LoadProgress) for event in events)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "one two"
    assert isinstance(events[-1], Finished)
    assert isinstance(other[-1], Finished)
    again = pool.loaded()[0]
    assert again.id != first.id
    assert (again.context_length, again.pinned, again.active) == (64, True, 0)


async def test_a_device_that_is_lost_again_fails_the_request(
    registry: Registry, tmp_path: Path, script: Write, ask: Ask
) -> None:
    flag, keys = tmp_path / "lost", set()

    def changed(key: str, told: Any) -> None:
        if told is not None and told.state == "loading":
            flag.unlink(missing_ok=True)
        keys.add(key)

    pool = Pool(registry, changed=changed, logs=tmp_path / "logs")
    error = await failure(pool, script(lose_device=str(flag)), ask())
    assert (error.code, error.details["lost_device"], len(keys)) == ("engine_error", True, 2)
    while pool.loaded():  # A worker without its device is of no use.
        await asyncio.sleep(0.005)
    await pool.close()


async def test_a_stopped_request_whose_device_is_lost_does_not_run_again(
    pool: Pool, script: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped, ran = asyncio.Event(), asyncio.Event(), []

    async def generate(_: Worker, request: Any) -> AsyncIterator[Any]:
        ran.append(request.id)
        begun.set()
        await stopped.wait()
        yield Failed(id=request.id, error=EngineError("The device is lost.", lost_device=True).info())

    def cancel(_: Worker, request_id: str) -> bool:
        stopped.set()
        return True

    monkeypatch.setattr(Worker, "generate", generate)
    monkeypatch.setattr(Worker, "cancel", cancel)
    request = ask()
    answering = asyncio.create_task(gather(pool.generate(script(), request)))
    await begun.wait()
    assert not pool.cancel("another")
    assert pool.cancel(request.id)
    assert isinstance((await answering)[-1], Failed)
    assert ran == [request.id]


async def test_a_question_whose_device_is_lost_is_asked_again(
    pool: Pool, changes: Any, script: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, asked = script(), Worker.ask

    async def once(self: Worker, question: Any) -> Any:
        monkeypatch.setattr(Worker, "ask", asked)
        raise EngineError("The device is lost.", lost_device=True)

    monkeypatch.setattr(Worker, "ask", once)
    reply = await pool.ask(model, EmbedRequest(id="q", model=model.id, inputs=("a",)))
    assert isinstance(reply, Embeddings)
    assert len({key for key, _ in changes.seen}) == 2


# ---------------------------------------------------------------- memory pressure


async def test_under_pressure_caches_go_first_and_then_idle_models_one_by_one(
    pool: Pool, now: list[float], relieved: list[str], script: Write, ask: Ask
) -> None:
    for number, name in enumerate(("one", "two", "three")):
        now[0] = number
        await pool.load(script(name, cache_mib=2), {}, pinned=name == "two")
    await gather(pool.generate(script("one", cache_mib=2), ask()))
    await pool.relieve("some")
    await pool.relieve("some")
    assert relieved == ["Memory is short: prompts that models kept for later were given up."]
    async with asyncio.timeout(60):
        while [model.stats.memory_bytes for model in pool.loaded() if model.stats is not None] != [0, 0, 0]:
            await asyncio.sleep(0.01)
    assert len(pool.loaded()) == 3
    await pool.relieve("critical")
    assert relieved[1:] == ["Memory is short: “test/one” was unloaded."]
    await pool.relieve("critical")
    await pool.relieve("critical")
    assert [model.model for model in pool.loaded()] == ["test/two"]
    await pool.relieve("none")
    await pool.relieve("critical")
    assert [text for text in relieved if "given up" in text] == relieved[:1] + relieved[-1:]


async def test_a_model_that_holds_memory_leaves_before_one_that_holds_next_to_none(
    changes: Any, now: list[float], relieved: list[str], tmp_path: Path, script: Write
) -> None:
    pool = Pool(
        Registry([DESCRIPTOR]),
        changed=changes,
        logs=tmp_path / "logs",
        clock=lambda: now[0],
        ledger=ledger(10 * GIB),
        planner=Budget(),
        relieved=relieved.append,
    )
    for number, (name, size) in enumerate((("small", 2**20), ("large", GIB), ("larger", 2 * GIB))):
        now[0] = number
        await pool.load(msgspec.structs.replace(script(name), size_bytes=size), {})
    for _ in range(4):
        await pool.relieve("critical")
    assert [text.split("“")[1].split("”")[0] for text in relieved[1:]] == ["test/large", "test/larger", "test/small"]
    await pool.close()
