from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.fitting import cheapest_change, largest_context
from paddock.backends.ledger import Ledger, judge_machine
from paddock.backends.planning import GuardRule, Judgement
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, Machine, MemoryDevice, Parts, Prediction, Remedy
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import Options

MB = 2**20
OFF = GuardRule(mode="off")


class Model:
    """A model of 32 layers and what it takes: weights, a KV cache that grows with the context, a window per sequence,
    and a compute buffer that grows with the batch. It counts how often it is asked."""

    def __init__(self, *, weights: int = 1000, window: int = 0, gpu: bool = False, experts: int = 0) -> None:
        self.weights, self.window, self.gpu, self.experts = weights * MB, window * MB, gpu, experts * MB
        self.asked: list[Options] = []

    async def predict(self, options: Options) -> Prediction:
        self.asked.append(options)
        value = cast(Any, {spec.name: spec.default for spec in LOAD} | {"n_cpu_moe": 0} | options)
        await asyncio.sleep(0)
        context = value["n_ctx"] or 8192
        wide = 2 if value["cache_type_k"] == "f16" else 1
        kv = context * 64 * 1024 * wide + min(context, 1000) * 4096 + value["n_parallel"] * self.window
        compute = value["n_ubatch"] * MB // 4 * (1 if value["flash_attn"] != "off" else 3)
        layers = 32 if value["n_gpu_layers"] < 0 else value["n_gpu_layers"]
        if not self.gpu:
            layers = 0
        outside = self.experts * (32 - value["n_cpu_moe"]) // 32
        card = Parts(weights=self.weights * layers // 32 + outside, kv=kv * layers // 32, compute=compute)
        rest = Parts(
            weights=self.weights - self.weights * layers // 32 + self.experts - outside, kv=kv - kv * layers // 32
        )
        devices = [DeviceUse(name=MACHINE_MEMORY, parts=rest if self.gpu else rest.plus(Parts(compute=compute)))]
        if self.gpu:
            devices.append(DeviceUse(name="CUDA0", kind="gpu", parts=card))
        return Prediction(
            source="simulated",
            confidence="exact",
            devices=tuple(devices),
            context_length=context,
            trained_context=131072,
            layers=32,
        )


def machine(ram: int, gpu: int = 0) -> Callable[[Prediction], Judgement]:
    """Judges by so many MiB of free memory."""
    devices = [MemoryDevice(name=MACHINE_MEMORY, total=ram * MB, free=ram * MB)]
    if gpu:
        devices.append(MemoryDevice(name="CUDA0", kind="gpu", total=gpu * MB, free=gpu * MB))
    there = Machine(name="", devices=tuple(devices))
    return lambda prediction: judge_machine(prediction, there, OFF)


def beside_an_idle_model(instance: str, size: int, *, ram: int) -> Callable[[Prediction], Judgement]:
    """Judges by ``ram`` MiB, of which an idle instance holds ``size``."""
    devices = (MemoryDevice(name=MACHINE_MEMORY, total=ram * MB, free=ram * MB),)
    ledger = Ledger(lambda: devices, lambda: OFF, lambda _: 0, mapped_is_free=True)
    held = DeviceUse(name=MACHINE_MEMORY, parts=Parts(weights=size * MB))
    ledger.book(instance, "m", Prediction(source="measured", confidence="exact", devices=(held,)))
    return lambda prediction: ledger.judge(prediction, idle=(instance,))


def remedy(
    model: Model,
    judge: Callable[[Prediction], Judgement],
    options: Options | None = None,
    specs: tuple[OptionSpec, ...] = LOAD,
    **names: str,
) -> Remedy | None:
    async def search() -> Remedy | None:
        prediction = await model.predict(options or {})
        found = await cheapest_change(model.predict, judge, options or {}, prediction, specs, names=names)
        if found is not None:
            then = judge(await model.predict((options or {}) | found.options))
            assert then.verdict == ("fits_if_unloaded" if found.unload else "fits")
            assert then.unload == found.unload
        return found

    return asyncio.run(search())


def largest(model: Model, judge: Callable[[Prediction], Judgement], trained: int) -> int | None:
    return asyncio.run(largest_context(model.predict, judge, {}, trained=trained))


def test_a_model_that_fits_whole_gets_the_context_it_was_trained_for() -> None:
    model = Model()

    assert largest(model, machine(100_000), 131_000) == 131_000
    assert len(model.asked) == 1


def test_no_context_where_not_even_the_shortest_fits() -> None:
    assert largest(Model(), machine(900), 131_072) is None


@pytest.mark.parametrize("trained", [100, 256, 300, 8192, 131_072, 1_048_576])
@pytest.mark.parametrize("ram", [1200, 1500, 2345, 9000])
def test_the_largest_context_is_a_multiple_of_256_and_one_step_more_does_not_fit(trained: int, ram: int) -> None:
    model = Model()
    judge = machine(ram)
    found = largest(model, judge, trained)
    assert len(model.asked) <= 12

    assert found is not None
    assert judge(asyncio.run(model.predict({"n_ctx": found}))).verdict == "fits"
    if found < trained:
        assert found % 256 == 0
        more = min(found + 256, trained)
        assert judge(asyncio.run(model.predict({"n_ctx": more}))).verdict == "does_not_fit"


def test_where_memory_grows_along_a_line_few_predictions_are_asked_for() -> None:
    model = Model()
    largest(model, machine(9000), 131_072)

    assert len(model.asked) <= 6


def test_the_context_on_a_gpu_is_bounded_by_the_gpu() -> None:
    model = Model(gpu=True)

    assert largest(model, machine(9000, 2000), 131_072) == 6912
    assert len(model.asked) <= 6


def test_a_context_that_needs_other_models_to_leave_is_not_counted_as_fitting() -> None:
    def judge(prediction: Prediction) -> Judgement:
        fits = prediction.context_length <= 4096
        return Judgement(verdict="fits" if fits else "fits_if_unloaded", unload=() if fits else ("a",))

    assert largest(Model(), judge, 131_072) == 4096


def test_nothing_is_found_where_it_cannot_be_told() -> None:
    def judge(_: Prediction) -> Judgement:
        return Judgement(verdict="cannot_tell")

    assert largest(Model(), judge, 8192) is None
    assert remedy(Model(), judge) is None


@settings(max_examples=60, deadline=None)
@given(
    kinks=st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 5000)), max_size=6),
    limit=st.integers(1, 10**9),
    trained=st.integers(1, 200_000),
)
def test_any_growing_need_is_searched_with_twelve_predictions(
    kinks: list[tuple[int, int]], limit: int, trained: int
) -> None:
    asked = 0

    def need(context: int) -> int:
        return context + sum(slope * max(context - start, 0) for start, slope in kinks)

    async def predict(options: Options) -> Prediction:
        nonlocal asked
        asked += 1
        size = need(cast(int, options["n_ctx"]))
        return Prediction(
            source="analytic",
            confidence="high",
            devices=(DeviceUse(name=MACHINE_MEMORY, parts=Parts(kv=size)),),
        )

    there = Machine(name="", devices=(MemoryDevice(name=MACHINE_MEMORY, total=limit, free=limit),))
    found = asyncio.run(largest_context(predict, lambda p: judge_machine(p, there, OFF), {}, trained=trained))

    assert asked <= 12
    if found is None:
        assert need(min(256, trained)) > limit
    else:
        assert need(found) <= limit
        assert found == trained or found % 256 == 0


def test_what_fits_needs_no_change() -> None:
    assert remedy(Model(), machine(100_000)) is None


def test_idle_models_leave_before_anything_is_changed() -> None:
    def judge(prediction: Prediction) -> Judgement:
        return Judgement(verdict="fits_if_unloaded", unload=("a", "b"))

    assert remedy(Model(), judge, a="Qwen3 8B", b="Gemma") == Remedy(
        sentence="Unload Qwen3 8B and Gemma first", unload=("a", "b")
    )


def test_flash_attention_and_a_smaller_cache_come_before_a_shorter_context() -> None:
    assert remedy(Model(), machine(1800)) == Remedy(
        sentence="Keep the KV cache in q8_0", options={"cache_type_k": "q8_0", "cache_type_v": "q8_0"}
    )
    assert remedy(Model(), machine(2250), {"flash_attn": "off"}) == Remedy(
        sentence="Switch flash attention on", options={"flash_attn": "auto"}
    )
    both = remedy(Model(), machine(1800), {"flash_attn": "off"})
    assert both is not None
    assert both.sentence == "Keep the KV cache in q8_0 and switch flash attention on"


def test_a_shorter_context_is_the_largest_that_fits() -> None:
    found = remedy(Model(), machine(2000), {"n_ctx": 131_072})

    assert found == Remedy(sentence="Use 6,912 tokens of context", options={"n_ctx": 6912})


def test_fewer_requests_at_once_where_each_has_a_cache() -> None:
    small = {"cache_type_k": "q8_0", "cache_type_v": "q8_0", "n_ctx": 2048}

    assert remedy(Model(window=100), machine(1700), small) == Remedy(
        sentence="Answer 4 requests at once", options={"n_parallel": 4}
    )
    found = remedy(Model(window=300), machine(1600), small)
    assert found is not None
    assert found.sentence == "Answer one request at a time"


def test_layers_leave_the_gpu_only_as_many_as_needed() -> None:
    model = Model(weights=8000, gpu=True)
    found = remedy(model, machine(8000, 5000))

    assert found == Remedy(sentence="Put 17 of 32 layers on the GPU", options={"n_gpu_layers": 17})
    none = remedy(Model(weights=8000, gpu=True), machine(20_000, 150))
    assert none is not None
    assert none.options == {"n_gpu_layers": 0}
    assert none.sentence == "Keep all layers on the processor"
    assert remedy(Model(weights=8000, gpu=True), machine(500, 150)) is None


def test_each_change_is_judged_once() -> None:
    judge, judged = machine(8000, 5000), []

    def counting(prediction: Prediction) -> Judgement:
        judged.append(prediction)
        return judge(prediction)

    model = Model(weights=8000, gpu=True)
    assert remedy(model, counting) is not None
    own = 3  # the load as it is, its weights alone, and the check of this test
    assert len(judged) <= len({str(sorted(options.items())) for options in model.asked}) + own


def test_experts_leave_the_gpu_before_whole_layers_do() -> None:
    moe = OptionSpec(name="n_cpu_moe", kind="int", default=0, label="", help="", group="")
    specs = (*(spec for spec in LOAD if spec.name != "n_cpu_moe"), moe)

    found = remedy(Model(weights=1000, experts=8000, gpu=True), machine(9000, 6000), specs=specs)
    assert found is not None
    assert found.options == {"n_cpu_moe": 17}
    assert found.sentence == "Keep the experts of 17 of 32 layers on the processor"
    dense = remedy(Model(weights=8000, gpu=True), machine(8000, 5000), specs=specs)
    assert dense is not None
    assert list(dense.options) == ["n_gpu_layers"]


def test_two_changes_where_one_is_not_enough() -> None:
    found = remedy(Model(), machine(1350))

    assert found is not None
    assert found.sentence == "Keep the KV cache in q8_0 and use 3,328 tokens of context"


def test_unloading_and_one_change_where_neither_is_enough() -> None:
    found = remedy(Model(), beside_an_idle_model("a", 400, ram=1350), {"n_ctx": 2048}, a="Gemma")

    assert found is not None
    assert found.sentence == "Unload Gemma and keep the KV cache in q8_0"
    assert found.unload == ("a",)


def test_a_very_short_context_is_the_last_resort() -> None:
    found = remedy(Model(), machine(1260), {"cache_type_k": "q8_0", "cache_type_v": "q8_0", "n_ubatch": 64})

    assert found is None or found.options != {"n_ctx": 256}
    last = remedy(Model(), machine(1100), {"cache_type_k": "q8_0", "cache_type_v": "q8_0", "n_ubatch": 64})
    assert last is not None
    assert last.sentence == "Use 1,280 tokens of context"


def test_a_context_that_is_short_already_is_shortened_before_small_batches_are_taken() -> None:
    found = remedy(Model(), machine(1200), {"cache_type_k": "q8_0", "cache_type_v": "q8_0", "n_ctx": 2048})

    assert found is not None
    assert found.sentence == "Use 1,024 tokens of context"


def test_two_mild_changes_come_before_another_model_has_to_leave() -> None:
    found = remedy(Model(), beside_an_idle_model("a", 30, ram=1380), a="Tiny")

    assert found is not None
    assert found.sentence == "Keep the KV cache in q8_0 and use 3,328 tokens of context"


def test_an_engine_without_these_options_has_no_remedy() -> None:
    model = Model()

    assert remedy(model, machine(500), specs=()) is None
    assert len(model.asked) == 1


def test_when_nothing_helps_few_predictions_are_asked_for() -> None:
    model = Model(gpu=True, weights=50_000)

    assert remedy(model, machine(500, 500)) is None
    assert len(model.asked) <= 40
