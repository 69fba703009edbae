"""Time to live: exact, never while busy, at once after a sleep of the machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.sdk.events import TextDelta

from .pools import SLOW, Ask, Write, gather, until

pytestmark = pytest.mark.anyio


class Time:
    """The clock of the machine, which a test puts forward, and the seconds for models loaded on demand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.default: float | None = None

    def clock(self) -> float:
        return self.now


@pytest.fixture
def machine() -> Time:
    return Time()


@pytest.fixture
async def pool(
    registry: Registry, changes: Any, machine: Time, tmp_path: Path, anyio_backend: object
) -> AsyncIterator[Pool]:
    made = Pool(registry, changed=changes, logs=tmp_path / "logs", clock=machine.clock, ttl=lambda: machine.default)
    yield made
    await made.close()


async def leaves(pool: Pool, key: str) -> None:
    """Wait until it begins to leave."""
    async with asyncio.timeout(60):
        while any(model.id == key and model.state == "ready" for model in pool.loaded()):
            await asyncio.sleep(0.005)


def stays(pool: Pool) -> bool:
    """Whether the only model stays when it is looked at now."""
    pool._lifespan.look()
    return pool.loaded()[0].state == "ready"


async def test_a_model_leaves_when_its_ttl_is_over_and_not_before(pool: Pool, machine: Time, script: Write) -> None:
    began = time.time()
    loaded = await pool.load(script(), {}, ttl_s=1.2)
    assert loaded.last_used is not None
    assert began <= loaded.last_used <= time.time()
    machine.now += 1.1
    assert stays(pool)
    machine.now += 0.2
    await leaves(pool, loaded.id)


async def test_every_use_begins_it_anew_and_a_busy_model_stays(
    pool: Pool, machine: Time, script: Write, ask: Ask
) -> None:
    model = script(hold={"until": "go"})
    loaded = await pool.load(model, {}, ttl_s=0.4)
    machine.now += 0.3
    answered = asyncio.create_task(gather(pool.generate(model, ask())))
    while not pool.loaded()[0].active:
        await asyncio.sleep(0)
    machine.now += 100
    assert stays(pool)
    Path(model.path).with_name("go").touch()
    await answered
    machine.now += 0.3
    assert stays(pool)
    machine.now += 0.2
    await leaves(pool, loaded.id)


async def test_what_has_expired_while_the_machine_slept_leaves_at_once(
    pool: Pool, machine: Time, script: Write
) -> None:
    loaded = await pool.load(script("one"), {}, ttl_s=3600)
    pinned = await pool.load(script("two"), {}, ttl_s=3600, pinned=True)
    longer = await pool.load(script("three"), {}, ttl_s=36_000)
    machine.now += 8 * 3600
    await leaves(pool, loaded.id)
    assert {model.id for model in pool.loaded() if model.state == "ready"} == {pinned.id, longer.id}
    pool.patch(pinned.id, pinned=False)
    await leaves(pool, pinned.id)


async def test_only_models_loaded_on_demand_take_the_default_as_it_is_now(
    pool: Pool, machine: Time, script: Write, ask: Ask
) -> None:
    one, two = script("one"), script("two")
    await gather(pool.generate(one, ask()))
    await pool.load(two, {})
    machine.default = 3600
    await gather(pool.generate(two, ask()))
    assert [model.ttl_s for model in pool.loaded()] == [3600, None]
    machine.default = 1800
    assert [model.ttl_s for model in pool.loaded()] == [1800, None]
    kept = await pool.load(one, {})
    assert kept.ttl_s is None
    machine.now += 7200
    await asyncio.sleep(0)
    assert [model.state for model in pool.loaded()] == ["ready", "ready"]


@pytest.mark.parametrize(("asked", "told"), [(0.0, None), (7.0, 7.0)])
async def test_a_request_may_say_how_long_the_model_stays(
    pool: Pool, machine: Time, script: Write, ask: Ask, asked: float, told: float | None
) -> None:
    machine.default = 3600
    await gather(pool.generate(script(), ask(ttl_s=asked)))
    assert pool.loaded()[0].ttl_s == told


async def test_a_request_that_comes_as_the_model_leaves_loads_it_again(
    pool: Pool, machine: Time, script: Write, ask: Ask
) -> None:
    model = script(**SLOW)
    loaded = await pool.load(model, {}, ttl_s=0.05)
    machine.now += 0.1
    await leaves(pool, loaded.id)
    async with aclosing(pool.generate(model, ask())) as events:
        await until(events, TextDelta)
        assert [model.id != loaded.id for model in pool.loaded()] == [True]
