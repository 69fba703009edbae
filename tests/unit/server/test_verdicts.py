"""Verdicts in words, and memory that has changed enough to be told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from paddock.backends.planning import Judgement
from paddock.sdk.events import MemoryChanged
from paddock.sdk.memory import (
    DeviceState,
    DeviceUse,
    MemoryDevice,
    MemoryState,
    ModelShare,
    Parts,
    Prediction,
    Verdict,
)
from paddock.server.bus import Bus
from paddock.server.memory_watch import MemoryWatch, differs
from paddock.server.predictions import corrected
from paddock.server.verdicts import sentence

GB = 10**9


def prediction(**sizes: int) -> Prediction:
    devices = tuple(DeviceUse(name=name, parts=Parts(weights=size)) for name, size in sizes.items())
    return Prediction(source="simulated", confidence="exact", devices=devices)


@pytest.mark.parametrize(
    ("verdict", "judgement", "uses", "words"),
    [
        ("fits", {"free": {"RAM": 3 * GB}, "left": {"RAM": 2 * GB}}, {"RAM": 2 * GB}, "Fits. 1.0 GB stays free."),
        (
            "fits",
            {"free": {"RAM": 3 * GB, "CUDA0": GB + 5}},
            {"RAM": 5, "CUDA0": 5},
            "Fits. 1.0 GB stays free on CUDA0.",
        ),
        ("fits", {"free": {"RAM": GB + 5, "CUDA0": 3 * GB}}, {"RAM": 5, "CUDA0": 5}, "Fits. 1.0 GB stays free in RAM."),
        ("fits", {}, {"RAM": 5}, "Fits."),
        ("fits_if_unloaded", {"unload": ("a",)}, {}, "Fits when Qwen3 8B is unloaded."),
        ("fits_if_unloaded", {"unload": ("a", "b")}, {}, "Fits when Qwen3 8B and b are unloaded."),
        ("fits_with", {"missing": {"RAM": 3.2 * GB}}, {}, "Does not fit: 3.2 GB are missing."),
        (
            "does_not_fit",
            {"missing": {"RAM": GB, "CUDA0": 2 * GB}},
            {},
            "Does not fit: 1.0 GB are missing in RAM and 2.0 GB are missing on CUDA0.",
        ),
        ("cannot_tell", {}, {}, "Whether it fits cannot be told."),
    ],
)
def test_verdicts_in_words(verdict: Verdict, judgement: dict, uses: dict[str, int], words: str) -> None:
    told = Judgement(verdict="fits", **judgement)
    assert sentence(told, verdict, prediction(**uses), {"a": "Qwen3 8B"}) == words
    if verdict == "does_not_fit":
        assert sentence(told, verdict, prediction(), {}, "RTX").startswith("Does not fit on RTX: ")


def test_a_computed_prediction_is_moved_by_what_it_missed() -> None:
    moved = corrected(prediction(RAM=300), base=prediction(RAM=100), truth=prediction(RAM=120))
    assert moved is not None
    assert moved.total == 320
    assert corrected(prediction(RAM=300), prediction(RAM=100), prediction(RAM=100, CUDA0=5)) is None


def state(free: int = 10 * GB, **fields) -> MemoryState:
    device = MemoryDevice(name="RAM", total=24 * GB, free=free)
    return MemoryState(devices=(DeviceState(device=device, free=free, others=5 * GB, **fields),))


def test_only_what_a_person_would_see_counts_as_a_change() -> None:
    share = ModelShare(instance="a", model="m", loading=False, predicted=Parts())
    assert not differs(state(), state(free=10 * GB + 200_000_000))
    assert differs(state(), state(free=10 * GB + 300_000_000))
    assert differs(state(), state(models=(share,)))
    assert differs(state(), msgspec.structs.replace(state(), pressure="short"))
    assert differs(MemoryState(), state())


def test_the_watch_works_only_while_somebody_is_attached_and_at_once_when_hurried() -> None:
    async def scenario() -> None:
        looks = 0
        free = 10 * GB

        async def look() -> MemoryState:
            nonlocal looks, free
            looks += 1
            seen = state(free)
            if looks == 2:  # another model comes while it is looked
                free = 3 * GB
                watch.hurry()
            return seen

        bus = Bus()
        watch = MemoryWatch(look, bus, look_s=60)
        bus.on_attached(watch.attached)
        await asyncio.sleep(0)
        assert looks == 0
        subscription = bus.subscribe("window")
        first = await asyncio.wait_for(anext(subscription), 60)
        assert isinstance(first, MemoryChanged)
        free = 5 * GB
        watch.hurry()
        second = await asyncio.wait_for(anext(subscription), 60)
        assert isinstance(second, MemoryChanged)
        assert second.memory.devices[0].free == 5 * GB
        third = await asyncio.wait_for(anext(subscription), 60)
        assert isinstance(third, MemoryChanged)
        assert third.memory.devices[0].free == 3 * GB
        bus.unsubscribe(subscription)
        seen = looks
        watch.hurry()
        await asyncio.sleep(0)
        assert looks == seen
        await watch.close()

    asyncio.run(scenario())
