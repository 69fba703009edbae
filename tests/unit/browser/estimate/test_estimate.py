"""The analytic estimate against llama.cpp's own numbers, and what must hold for any model."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from work_counter import calls

from paddock.browser.estimate import predict
from paddock.browser.estimate_arena import Arena, Block
from paddock.browser.gguf import Header
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.memory import Machine, Prediction
from paddock.sdk.types import Options

Q8_FLASH: Options = {
    "n_ctx": 16384, "cache_type_k": "q8_0", "cache_type_v": "q8_0", "flash_attn": "on", "n_parallel": 4
}  # fmt: skip
SEPARATE: Options = {"kv_unified": False, "n_parallel": 4, "n_ubatch": 256, "n_ctx": 16384}
SCORES: Options = {"flash_attn": "off", "n_ctx": 4096}
LONG: Options = {"n_ctx": 32768, "n_ubatch": 2048, "n_parallel": 1}

Models = dict[str, Header]
MIB, GIB = 2**20, 2**30
MODELS = ("gemma3-27b", "llama-8b", "mamba2-2.7b", "mixtral-8x7b")
ENGINE: list[tuple[str, Options, float, float, float]] = [
    ("llama-8b", {}, 1024, 127.64, 8.32),
    ("llama-8b", Q8_FLASH, 1088, 126.03, 6.36),
    ("llama-8b", SEPARATE, 2048, 60.01, 1.96),
    ("llama-8b", SCORES, 512, 317.03, 8.32),
    ("llama-8b", LONG, 4096, 592.63, 4.89),
    ("mixtral-8x7b", {}, 1024, 214.11, 2.08),
    ("mixtral-8x7b", SCORES, 512, 317.03, 2.08),
    ("gemma3-27b", {}, 3968, 182.94, 12.0),
    ("gemma3-27b", Q8_FLASH, 2558.5, 198.18, 8.0),
    ("gemma3-27b", SEPARATE, 3360, 85.38, 4.0),
    ("gemma3-27b", LONG, 4224, 806.08, 2.0),
    ("mamba2-2.7b", {}, 1967.25, 99.16, 2.30),
    ("mamba2-2.7b", SEPARATE, 655.75, 44.07, 0.77),
]
"""MiB of KV cache or state, compute buffer and output buffer in the log of llama.cpp (llama-cpp-python 0.3.36) for
these shapes on a processor."""


@pytest.fixture(scope="session")
def llama(models: Models) -> Header:
    return models["llama-8b"]


def total(prediction: Prediction, part: str) -> int:
    return int(getattr(prediction.parts, part))


@pytest.mark.parametrize(("model", "options", "kv", "compute", "output"), ENGINE)
def test_buffers_are_those_of_the_engine(
    model: str, options: Options, kv: float, compute: float, output: float, here: Machine, models: Models
) -> None:
    parts = predict([models[model]], options, here).parts
    assert (parts.kv + parts.recurrent) / MIB == pytest.approx(kv, rel=0.001)
    assert parts.compute / MIB == pytest.approx(compute, rel=0.01)
    assert parts.output / MIB == pytest.approx(output, abs=0.02)


def test_weights_are_the_sum_of_the_tensors(here: Machine, llama: Header) -> None:
    prediction = predict([llama], {}, here)
    size = sum(tensor.size for tensor in llama.tensors)
    assert prediction.parts.weights == size
    embeddings = llama.tensors[0].size
    norms = sum(tensor.size for tensor in llama.tensors if len(tensor.shape) == 1)
    assert prediction.devices[0].mapped == embeddings + norms, "all else is repacked"
    assert predict([llama], {"repack": False}, here).devices[0].mapped == size
    assert predict([llama], {"use_mmap": False}, here).devices[0].mapped == 0


def test_embeddings_that_are_the_output_too_lie_on_both_devices(here: Machine, make: ModuleType) -> None:
    model = make.transformer("smollm3", tied=True)
    embeddings, size = model.tensors[0].size, sum(tensor.size for tensor in model.tensors)
    ram, gpu = predict([model], {}, make.with_gpus(24)).devices
    assert ram.parts.weights == embeddings
    assert gpu.parts.weights == size
    assert predict([model], {"repack": False}, here).parts.weights == size


def test_layers_go_to_the_gpus_by_the_engines_rules(make: ModuleType, llama: Header) -> None:
    everything = predict([llama], {}, make.with_gpus(24))
    assert [use.name for use in everything.devices] == ["RAM", "CUDA0"]
    assert everything.devices[0].parts.kv == 0
    half = predict([llama], {"n_gpu_layers": 17}, make.with_gpus(24))
    assert half.devices[0].parts.kv == half.devices[1].parts.kv
    none = predict([llama], {"n_gpu_layers": 0}, make.with_gpus(24))
    assert [use.name for use in none.devices] == ["RAM"]
    split = predict([llama], {"tensor_split": "3,1"}, make.with_gpus(24, 24))
    assert split.devices[1].parts.kv == 25 / 7 * split.devices[2].parts.kv
    by_size = predict([llama], {}, make.with_gpus(8, 24))
    assert by_size.devices[1].parts.kv < by_size.devices[2].parts.kv
    second = predict([llama], {"split_mode": "none", "main_gpu": 1}, make.with_gpus(24, 24))
    assert [use.name for use in second.devices] == ["RAM", "CUDA1"]
    on_processor = predict([llama], {"offload_kqv": False}, make.with_gpus(24))
    assert on_processor.devices[0].parts.kv == 1024 * MIB


def test_experts_stay_on_the_processor(models: Models, make: ModuleType) -> None:
    model = models["mixtral-8x7b"]
    base = predict([model], {}, make.with_gpus(24))
    moved = predict([model], {"n_cpu_moe": 32}, make.with_gpus(24))
    experts = sum(tensor.size for tensor in model.tensors if "_exps" in tensor.name)
    assert moved.devices[0].parts.weights - base.devices[0].parts.weights == experts
    assert moved.parts.weights == base.parts.weights


def test_adapters_are_counted_by_their_files(here: Machine, llama: Header) -> None:
    with_them = predict([llama], {"lora": ["a.gguf"]}, here, adapters=1_000_000)
    assert with_them.parts.adapters == 1_000_000
    assert with_them.total == predict([llama], {}, here).total + 1_000_000


def test_draft_and_projector_are_told_apart(here: Machine, make: ModuleType, llama: Header) -> None:
    small = make.transformer(layers=4, width=512, inner=1024, heads=8, kv_heads=2, head=64)
    projector = make.header("clip", {}, {"v.blk.0.attn_q.weight": (1024, 1024)}, 0)
    alone = predict([llama], {}, here)
    both = predict([llama], {}, here, projector=projector, draft=[small])
    assert both.parts.projector == projector.tensors[0].size
    drafted = predict([small], {"n_ctx": 8192, "draft_max": 0}, here)
    assert both.parts.draft == drafted.total - drafted.parts.overhead
    assert both.total == alone.total + both.parts.draft + both.parts.projector


def test_unknown_architecture_cannot_be_told(here: Machine, llama: Header) -> None:
    with pytest.raises(ModelUnusable, match="cannot tell"):
        predict([replace(llama, architecture="llama9")], {}, here)
    with pytest.raises(ModelUnusable, match="cannot tell"):
        predict([replace(llama, tensors=())], {}, here)


def test_context_is_the_one_that_would_be_made(here: Machine, llama: Header) -> None:
    assert predict([llama], {}, here).context_length == 8192
    assert predict([llama], {"n_ctx": 0}, here).context_length == 131072
    assert predict([llama], {"n_ctx": 1000}, here).context_length == 1024
    assert predict([llama], {"n_ctx": 4096}, here).trained_context == 131072


def test_layers_without_attention_have_no_cells(here: Machine, make: ModuleType, llama: Header) -> None:
    every_second = make.transformer(kv_heads=(8, 0) * 16)
    assert predict([every_second], {}, here).parts.kv == predict([llama], {}, here).parts.kv // 2


def test_an_estimate_costs_little_for_every_layer(make: ModuleType) -> None:
    model = make.transformer(layers=80, width=8192, inner=28672, heads=64)
    assert calls(lambda: predict([model], {}, make.with_gpus(24, 24))) < 80 * 200


# ---------------------------------------------------------------- what holds for all

small = st.sampled_from(MODELS)
n_ctx = st.integers(1, 1024).map(lambda count: 256 * count)
choices: dict[str, st.SearchStrategy[Any]] = {
    "n_ctx": n_ctx,
    "n_parallel": st.integers(1, 32),
    "kv_unified": st.booleans(),
    "n_ubatch": st.sampled_from([32, 128, 512, 2048]),
    "flash_attn": st.sampled_from(["auto", "off"]),
    "swa_full": st.booleans(),
    "n_gpu_layers": st.integers(-1, 90),
    "tensor_split": st.sampled_from(["", "3,1", "0,1", "1"]),
    "split_mode": st.sampled_from(["none", "layer"]),
    "offload_kqv": st.booleans(),
}
any_options = st.fixed_dictionaries({}, optional=choices)


@settings(max_examples=40, deadline=None)
@given(model=small, options=any_options, more=st.integers(1, 64))
def test_more_context_never_takes_less(model: str, options: Options, more: int, here: Machine, models: Models) -> None:
    first = int(options.get("n_ctx", 8192) or 0)  # type: ignore[arg-type]
    less = predict([models[model]], options | {"n_ctx": first, "kv_unified": True}, here)
    longer = predict([models[model]], options | {"n_ctx": first + 256 * more, "kv_unified": True}, here)
    assert longer.parts.kv >= less.parts.kv
    assert longer.total >= less.total


@settings(max_examples=40, deadline=None)
@given(model=small, options=any_options)
def test_devices_sum_up_for_any_split(
    model: str, options: Options, here: Machine, models: Models, make: ModuleType
) -> None:
    machine = make.with_gpus(24, 8)
    whole, local = predict([models[model]], options, machine), predict([models[model]], options, here)
    assert sum(use.parts.total for use in whole.devices) == whole.total == whole.parts.total
    assert total(whole, "kv") == total(local, "kv")
    assert total(whole, "recurrent") == total(local, "recurrent")
    embeddings = models[model].tensors[0].size
    assert 0 <= whole.parts.weights - sum(tensor.size for tensor in models[model].tensors) <= embeddings
    for use in whole.devices:
        assert 0 <= use.mapped <= use.parts.weights
        assert all(getattr(use.parts, name) >= 0 for name in use.parts.__struct_fields__)


@settings(max_examples=25, deadline=None)
@given(model=small, parallel=st.integers(1, 24))
def test_more_requests_side_by_side_take_more(model: str, parallel: int, here: Machine, models: Models) -> None:
    options: Options = {"kv_unified": False}
    few = predict([models[model]], options | {"n_parallel": parallel}, here)
    many = predict([models[model]], options | {"n_parallel": parallel + 1}, here)
    assert many.parts.kv + many.parts.recurrent > few.parts.kv + few.parts.recurrent
    assert many.parts.output > few.parts.output


@pytest.mark.parametrize("model", MODELS)
def test_larger_batches_and_types_take_more(model: str, here: Machine, models: Models) -> None:
    sizes = [predict([models[model]], {"n_ubatch": size}, here).parts.compute for size in (64, 256, 512, 1024, 2048)]
    assert sizes == sorted(sizes)
    if model != "mamba2-2.7b":
        order = ("q4_0", "q8_0", "f16", "f32")
        kinds = [predict([models[model]], {"cache_type_k": kind, "cache_type_v": kind}, here) for kind in order]
        taken = [prediction.parts.kv for prediction in kinds]
        assert taken == sorted(set(taken))


def test_shared_memory_gets_no_second_context(make: ModuleType, llama: Header) -> None:
    mac, card = predict([llama], {}, make.with_gpus(64, shares_ram=True)), predict([llama], {}, make.with_gpus(24))
    assert mac.devices[1].parts.overhead < card.devices[1].parts.overhead
    assert card.total < 8 * GIB


# ---------------------------------------------------------------- ggml's allocator


def test_arena_fills_holes_that_fit_best() -> None:
    arena = Arena()
    first, second, third, fourth = (arena.take(size) for size in (640, 128, 320, 64))
    arena.give(first, third)
    assert arena.take(300)[0] == third[0], "the smaller hole"
    assert arena.take(640)[0] == first[0]
    assert arena.peak == 640 + 128 + 320 + 64
    arena.give(second, fourth)
    assert arena.take(1)[0] == second[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5000)), max_size=60))
def test_arena_never_hands_out_what_is_taken(steps: list[tuple[bool, int]]) -> None:
    arena = Arena()
    taken: list[Block] = []
    for give, size in steps:
        if give and taken:
            arena.give(taken.pop(size % len(taken)))
        else:
            start, length = arena.take(size)
            assert length >= size
            assert all(start + length <= other or other + room <= start for other, room in taken)
            taken.append((start, length))
    arena.give(*taken)
    assert arena.take(arena.peak)[0] == 0
