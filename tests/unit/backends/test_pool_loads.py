"""Loads in the pool: joined, refused, failed, cancelled."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.sdk.errors import (
    EngineDied,
    EngineMissing,
    HostBusy,
    InvalidOption,
    LoadFailed,
    ModelNotFound,
    ModelUnusable,
    OutOfMemory,
)
from paddock.sdk.events import Cancelled, Failed, Finished, TextDelta
from paddock.sdk.types import ModelInfo, Options

from .pools import SLOW, Ask, Write, gather, until

pytestmark = pytest.mark.anyio


async def test_a_load_tells_every_state_and_the_workers_pid(pool: Pool, changes: Any, script: Write) -> None:
    model = script(size_bytes=123, load_steps=4)
    fractions: list[float] = []
    loaded = await pool.load(model, {"n_ctx": 64}, fractions.append)
    assert (loaded.state, loaded.model, loaded.context_length, loaded.size_bytes) == ("ready", model.id, 64, 123)
    assert loaded.options["n_ctx"] == 64
    assert loaded.pid is not None
    assert psutil.pid_exists(loaded.pid)
    assert pool.loaded() == (loaded,)
    await pool.unload(loaded.id)
    assert changes.states() == ["loading", "ready", "unloading", "gone"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


async def test_a_second_load_joins_the_first(pool: Pool, changes: Any, script: Write) -> None:
    model = script(load_seconds=0.2)
    heard: list[float] = []
    first, second, third = await asyncio.gather(
        pool.load(model, {"n_ctx": 64}),
        pool.load(model, {"context_length": 64}, heard.append),
        pool.load(model, {}),
    )
    assert first.id == second.id == third.id
    assert len({key for key, _ in changes.seen}) == 1
    assert heard[-1] == 1.0


async def test_a_loaded_model_is_taken_as_it_is_when_nothing_else_is_asked(pool: Pool, script: Write) -> None:
    model = script(context_length=512)
    first = await pool.load(model, {})
    assert (await pool.load(model, {"n_ctx": 512})).id == first.id
    assert (await pool.load(model, {})).pid == first.pid


async def test_other_options_reload_an_idle_model(pool: Pool, script: Write) -> None:
    model = script()
    first = await pool.load(model, {"n_ctx": 64})
    second = await pool.load(model, {"n_ctx": 128})
    assert second.context_length == 128
    assert second.id != first.id
    assert not psutil.pid_exists(first.pid or 0)
    assert pool.loaded() == (second,)


async def test_defaults_hold_for_new_loads_where_nothing_is_asked_and_reload_nothing(
    registry: Registry, tmp_path: Path, script: Write
) -> None:
    defaults: Options = {"n_ctx": 64, "what_echo_has_not": 1}
    pool = Pool(registry, changed=lambda key, model: None, logs=tmp_path / "logs", defaults=lambda: defaults)
    first = await pool.load(script("one"), {})
    asked = await pool.load(script("two"), {"n_ctx": 128})
    defaults["n_ctx"] = 256
    again = await pool.load(script("one"), {})
    later = await pool.load(script("three"), {})
    assert [model.context_length for model in (first, asked, again, later)] == [64, 128, 64, 256]
    assert again.id == first.id
    await pool.close()


async def test_other_options_are_refused_while_the_model_answers(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(**SLOW)
    async with aclosing(pool.generate(model, ask())) as events:
        await until(events, TextDelta)
        with pytest.raises(HostBusy, match="is answering with other load options"):
            await pool.load(model, {"n_ctx": 128})
        assert isinstance(await anext(events), TextDelta)


async def test_other_options_are_refused_while_the_model_loads(pool: Pool, script: Write) -> None:
    model = script(hold={"until": "go", "during": "load"})
    first = asyncio.create_task(pool.load(model, {"n_ctx": 64}))
    while not pool.loaded():
        await asyncio.sleep(0)
    with pytest.raises(HostBusy, match="being loaded"):
        await pool.load(model, {"n_ctx": 128})
    Path(model.path).with_name("go").touch()
    assert (await first).context_length == 64


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"fail_load": {"code": "load_failed", "message": "no such architecture"}}, LoadFailed),
        ({"fail_load": {"code": "out_of_memory", "message": "too big"}}, OutOfMemory),
        ({"die": {"signal": "SIGSEGV", "during": "load"}}, EngineDied),
        ({"die": {"signal": "SIGABRT", "during": "load", "log": "std::bad_alloc"}}, OutOfMemory),
        ({"unknown": 1}, ModelUnusable),
    ],
)
async def test_a_failed_load_leaves_the_pool_and_tells_why(
    pool: Pool, changes: Any, script: Write, fields: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await pool.load(script(**fields), {})
    assert pool.loaded() == ()
    assert changes.states() == ["loading", "failed", "gone"]
    failed = [model for _, model in changes.seen if model is not None][-1]
    assert failed.error
    assert (await pool.load(script("other"), {})).state == "ready"


async def test_a_load_that_fails_fails_for_everybody_who_waits(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(load_seconds=0.1, fail_load={"code": "load_failed", "message": "no"})
    first, second, events = await asyncio.gather(
        pool.load(model, {}), pool.load(model, {}), gather(pool.generate(model, ask())), return_exceptions=True
    )
    assert isinstance(first, LoadFailed)
    assert isinstance(second, LoadFailed)
    assert isinstance(events, list)
    assert isinstance(events[-1], Failed)
    assert events[-1].error.code == "load_failed"


async def test_cancelling_the_only_load_kills_its_worker(pool: Pool, changes: Any, script: Write) -> None:
    model = script(hang="load")
    pid = await cancelled_while_loading(pool, model)
    assert not psutil.pid_exists(pid)
    assert pool.loaded() == ()
    assert changes.states()[-1] == "gone"


async def cancelled_while_loading(pool: Pool, model: ModelInfo) -> int:
    loading = asyncio.Event()
    task = asyncio.create_task(pool.load(model, {}, lambda fraction: loading.set() if fraction > 0 else None))
    await loading.wait()
    pid = pool.loaded()[0].pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pid is not None
    return pid


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_a_load_can_be_cancelled_at_any_moment(pool: Pool, script: Write, turns: int) -> None:
    task = asyncio.create_task(pool.load(script(), {}))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.loaded() == ()
    children = psutil.Process().children()
    assert not [child for child in children if "paddock.backends.worker" in child.cmdline()]
    assert (await pool.load(script(), {})).state == "ready"


async def test_cancelling_one_of_two_loads_leaves_the_other(pool: Pool, script: Write) -> None:
    model = script(load_seconds=0.3)
    first, second = (asyncio.create_task(pool.load(model, {})) for _ in range(2))
    await asyncio.wait({first}, timeout=0.05)
    first.cancel()
    assert (await second).state == "ready"


async def test_a_request_right_after_a_cancelled_load_gets_a_fresh_one(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(load_seconds=0.3)
    first = asyncio.create_task(pool.load(model, {}))
    await asyncio.wait({first}, timeout=0.2)
    first.cancel()
    await asyncio.sleep(0)
    assert isinstance((await gather(pool.generate(model, ask())))[-1], Finished)


async def test_a_load_that_is_unloaded_says_so(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(hang="load")
    load = asyncio.create_task(pool.load(model, {}))
    events = asyncio.create_task(gather(pool.generate(model, ask())))
    await asyncio.wait({load}, timeout=0.2)
    await pool.unload(model.id)
    with pytest.raises(LoadFailed, match="was stopped"):
        await load
    assert isinstance((await events)[-1], Cancelled)


async def test_what_cannot_be_loaded_starts_no_worker(pool: Pool, changes: Any, script: Write) -> None:
    model = script()
    with pytest.raises(InvalidOption, match="n_ctx"):
        await pool.load(model, {"n_ctx": -5})
    with pytest.raises(ModelUnusable) as caught:
        await pool.load(msgspec.structs.replace(model, error="The file is cut off."), {})
    assert caught.value.hint == "The file is cut off."
    with pytest.raises(ModelNotFound):
        await pool.load(msgspec.structs.replace(model, path="/nowhere/x.echo.json"), {})
    with pytest.raises(EngineMissing):
        await pool.load(msgspec.structs.replace(model, engine="ecko"), {})
    assert changes.seen == []
