"""Instances by name, pins, and what is remembered of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.sdk.errors import BadRequest, HostBusy, ModelNotFound, NotFound
from paddock.sdk.events import Failed, Finished, TextDelta
from paddock.sdk.questions import Embeddings, EmbedRequest

from .pools import SLOW, Ask, Write, gather, until

pytestmark = pytest.mark.anyio


async def test_an_identifier_names_a_further_instance_of_a_model(pool: Pool, script: Write, ask: Ask) -> None:
    model = script()
    plain = await pool.load(model, {"n_ctx": 64})
    named = await pool.load(model, {"n_ctx": 128}, identifier="fast")
    assert (plain.identifier, named.identifier, named.id != plain.id) == ("", "fast", True)
    assert (await pool.load(model, {}, identifier="fast")).id == named.id
    assert (await pool.load(model, {"n_ctx": 64})).id == plain.id
    assert (await pool.load(model, {"n_ctx": 256})).id not in (plain.id, named.id)
    assert [loaded.context_length for loaded in pool.loaded()] == [128, 256]
    await pool.unload("fast")
    assert [loaded.context_length for loaded in pool.loaded()] == [256]


async def test_none_goes_back_to_the_default_of_an_option(tmp_path: Path, changes: Any, script: Write) -> None:
    pool = Pool(Registry([DESCRIPTOR]), changed=changes, logs=tmp_path, defaults=lambda: {"n_ctx": 64})
    model = script()
    saved = await pool.load(model, {})
    default = await pool.load(model, {"n_ctx": None})
    assert (saved.context_length, default.context_length, default.id != saved.id) == (64, 4096, True)
    assert (await pool.load(model, {"n_ctx": None})).id == default.id
    assert (await pool.load(model, {"n_ctx": 64})).context_length == 64
    await pool.close()


async def test_a_request_for_a_model_goes_to_its_least_busy_instance(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(**SLOW)
    one, two = [(await pool.load(model, {}, identifier=name)).id for name in ("one", "two")]

    def active() -> list[int]:
        return [loaded.active for loaded in pool.loaded()]

    async with aclosing(pool.generate(model, ask(key="1"), identifier="two")) as first:
        await until(first, TextDelta)
        assert active() == [0, 1]
        async with aclosing(pool.generate(model, ask(key="2"))) as second:
            await until(second, TextDelta)
            assert active() == [1, 1]
            async with aclosing(pool.generate(model, ask(key="3"), identifier="two")) as third:
                await until(third, TextDelta)
                assert active() == [1, 2]
    assert [loaded.id for loaded in pool.loaded()] == [one, two]
    reply = await pool.ask(model, EmbedRequest(id="q", model=model.id, inputs=("a",)), identifier="one")
    assert isinstance(reply, Embeddings)


async def test_a_name_belongs_to_one_model_and_must_be_known(pool: Pool, script: Write, ask: Ask) -> None:
    await pool.load(script("one"), {}, identifier="mine")
    with pytest.raises(BadRequest, match="“mine” is the name of an instance of “test/one”"):
        await pool.load(script("two"), {}, identifier="mine")
    ending = (await gather(pool.generate(script("two"), ask(), identifier="nobody")))[-1]
    assert isinstance(ending, Failed)
    assert ending.error.code == "model_not_found"
    with pytest.raises(ModelNotFound):
        await pool.ask(script("two"), EmbedRequest(id="q", model="", inputs=("a",)), identifier="nobody")
    with pytest.raises(NotFound):
        pool.patch("nobody", pinned=True)
    assert pool.named("nobody") is None


async def test_a_named_instance_that_left_by_itself_comes_back_as_it_was(pool: Pool, script: Write, ask: Ask) -> None:
    model = script(die={"exit_code": 3, "when": "die"})
    first = await pool.load(model, {"n_ctx": 64}, identifier="mine", pinned=True, ttl_s=60)
    assert isinstance((await gather(pool.generate(model, ask("die"), identifier="mine")))[-1], Failed)
    assert pool.named("mine") == model
    assert isinstance((await gather(pool.generate(model, ask(), identifier="mine")))[-1], Finished)
    again = pool.loaded()[0]
    assert again.id != first.id
    assert (again.identifier, again.context_length, again.pinned, again.ttl_s) == ("mine", 64, True, 60)
    await pool.unload("mine")
    assert pool.named("mine") is None


async def test_a_pin_and_a_ttl_are_changed_and_told(pool: Pool, changes: Any, script: Write) -> None:
    loaded = await pool.load(script(), {})
    assert (loaded.pinned, loaded.ttl_s) == (False, None)
    assert pool.evictable() == (loaded.id,)
    patched = pool.patch(loaded.id, pinned=True, ttl_s=9)
    assert (patched.pinned, patched.ttl_s) == (True, 9)
    assert changes.seen[-1] == (loaded.id, patched)
    assert pool.evictable() == ()
    assert pool.patch("test/model", ttl_s=0).ttl_s is None
    again = await pool.load(script(), {}, pinned=False)
    assert (again.id, again.pinned) == (loaded.id, False)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(BadRequest, match="no time to live"):
            pool.patch(loaded.id, ttl_s=wrong)
        with pytest.raises(BadRequest, match="no time to live"):
            await pool.load(script(), {}, ttl_s=wrong)


async def test_the_queue_has_a_limit(registry: Registry, tmp_path: Path, script: Write, ask: Ask) -> None:
    limited = Pool(registry, changed=lambda key, model: None, logs=tmp_path / "logs", queue_limit=3)
    model = script(**SLOW)
    await limited.load(model, {"n_parallel": 2})
    tasks = []
    for active, queued in ((2, 0), (2, 3)):
        for _ in range(active + queued - len(tasks)):
            tasks.append(asyncio.create_task(gather(limited.generate(model, ask(key=str(len(tasks)))))))
        while (limited.loaded()[0].active, limited.loaded()[0].queued) != (active, queued):
            await asyncio.sleep(0.005)
    refused = await gather(limited.generate(model, ask(key="late")))
    assert [type(event) for event in refused] == [Failed]
    assert isinstance(refused[0], Failed)
    assert (refused[0].error.code, refused[0].error.message) == ("host_busy", "3 requests are waiting already.")
    with pytest.raises(HostBusy):
        await limited.ask(model, EmbedRequest(id="q", model=model.id, inputs=("a",)))
    await limited.close()
    await asyncio.wait(tasks)
