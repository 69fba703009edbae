"""How a question about memory is answered, by an engine that takes a byte per token where sizes are chosen freely."""

from __future__ import annotations

import asyncio

import pytest

from paddock.backends.planning import Judgement
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.memory import DeviceUse, Parts, Prediction
from paddock.sdk.types import Options
from paddock.server.inquiry import Inquiry

TRAINED = 65_536


class Engine:
    """``free`` bytes now, ``idle`` more when idle models leave; the computed estimate misses ``missed`` bytes."""

    def __init__(self, free: int, *, idle: int = 0, missed: int = 0, knows: bool = True) -> None:
        self.free = free
        self.idle = idle
        self.missed = missed
        self.knows = knows
        self.simulations = 0

    def size(self, options: Options) -> int:
        context = options.get("n_ctx")
        size = context if isinstance(context, int) else 8192
        return size * (2 if options.get("swa_full") else 1)

    def prediction(self, size: int, source: str, confidence: str = "exact") -> Prediction:
        device = DeviceUse(name="RAM", parts=Parts(kv=size))
        return Prediction(
            source=source,  # type: ignore[arg-type]
            confidence=confidence,  # type: ignore[arg-type]
            devices=(device,),
            trained_context=TRAINED,
            context_length=size,
        )

    async def simulate(self, options: Options) -> Prediction:
        self.simulations += 1
        if options.get("cache_type_k") == "q8_0":  # the engine refuses it, and only the file's size is left
            return self.prediction(1, "analytic", "low")
        return self.prediction(self.size(options), "simulated")

    async def compute(self, options: Options) -> Prediction:
        if not self.knows:
            raise ModelUnusable("Nobody knows.")
        size = 1 if options.get("cache_type_k") == "q8_0" else self.size(options)
        return self.prediction(max(size - self.missed, 0), "analytic", "high")

    def judge(self, prediction: Prediction) -> Judgement:
        missing = prediction.total - self.free
        if missing <= 0:
            return Judgement(verdict="fits", left={"RAM": -missing}, free={"RAM": self.free})
        if missing <= self.idle:
            return Judgement(verdict="fits_if_unloaded", unload=("old",), free={"RAM": self.free})
        return Judgement(verdict="does_not_fit", missing={"RAM": missing}, free={"RAM": self.free})

    def judge_now(self, prediction: Prediction) -> Judgement:
        found = self.judge(prediction)
        return Judgement(verdict="does_not_fit", missing={"RAM": 1}) if found.unload else found

    def inquiry(self, *, windowed: bool = False) -> Inquiry:
        return Inquiry(
            predict=self.simulate,
            compute=self.compute,
            judge=self.judge,
            judge_now=self.judge_now,
            specs=LOAD,
            simulated=True,
            windowed=windowed,
            names={"old": "Qwen"},
        )


def decided(engine: Engine, options: Options, *, windowed: bool = False) -> Options:
    return asyncio.run(engine.inquiry(windowed=windowed).decide(options))[0]


def answered(engine: Engine, options: Options):
    async def ask():
        inquiry = engine.inquiry()
        return await inquiry.answer(*await inquiry.decide(options), thorough=True)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("free", "idle", "context"),
    [(100_000, 0, TRAINED), (20_000, 0, 19_968), (20_000, 90_000, 19_968), (1000, 90_000, TRAINED), (100, 0, None)],
)
def test_auto_takes_what_is_free_and_lets_idle_models_leave_only_for_the_usual_context(free, idle, context):
    assert decided(Engine(free, idle=idle), {"n_ctx": 0}).get("n_ctx") == context
    assert decided(Engine(free, idle=idle, knows=False), {"n_ctx": 0}).get("n_ctx") == context


def test_what_is_computed_is_corrected_by_one_simulation_and_its_outcome_is_simulated():
    engine = Engine(20_000, missed=3000)
    found = answered(engine, {})
    assert (found.verdict, found.context) == ("fits", 19_968)
    assert engine.simulations == 2


def test_options_that_the_engine_refuses_are_no_remedy():
    found = answered(Engine(4000), {"n_ctx": 8192})
    assert (found.verdict, found.remedy.options) == ("fits_with", {"n_ctx": 3840})


def test_idle_models_that_have_to_leave_are_named():
    found = answered(Engine(4000, idle=9000), {"n_ctx": 8192})
    assert (found.verdict, found.remedy.unload) == ("fits_if_unloaded", ("old",))
    assert found.remedy.sentence == "Unload Qwen first"


def test_a_guess_by_size_is_no_answer_of_an_engine_that_simulates():
    assert answered(Engine(4000), {"cache_type_k": "q8_0"}).verdict == "cannot_tell"


def test_the_full_cache_of_sliding_windows_is_taken_only_where_memory_is_plenty():
    assert decided(Engine(100_000), {}, windowed=True) == {"swa_full": True}
    assert decided(Engine(20_000), {}, windowed=True) == {}
    assert decided(Engine(100_000), {"swa_full": False}, windowed=True) == {"swa_full": False}
    assert decided(Engine(100_000), {}) == {}
