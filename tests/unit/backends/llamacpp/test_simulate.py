"""A simulated load tells what the real one takes, from the header alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from msgspec import structs

from paddock.backends.llamacpp import cpp_memory, memory_breakdown, simulate
from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.loading import DEFAULT_CONTEXT
from paddock.backends.llamacpp.pooling import Limits, PoolingContext
from paddock.sdk.errors import InvalidOption, LoadFailed, ModelUnusable, UnknownOption
from paddock.sdk.memory import DeviceUse, Prediction

from .architectures.models import write_model
from .conftest import Driver
from .test_embedding import write_bert

MIB = 2**20
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "quantised KV": {"n_ctx": 4096, "cache_type_k": "q8_0", "cache_type_v": "q8_0", "flash_attn": "on"},
    "apart, copied": {"n_ctx": 2048, "kv_unified": False, "n_parallel": 2, "use_mmap": False, "repack": False},
}


def simulated(path: Path, **options: Any) -> Prediction:
    return simulate.simulate(str(path), options)


def buffers(prediction: Prediction | None) -> list[DeviceUse]:
    """Everything but the process's own memory, which no two processes have alike."""
    assert prediction is not None
    return [structs.replace(one, parts=structs.replace(one.parts, overhead=0)) for one in prediction.devices]


@pytest.mark.parametrize("setting", SETTINGS)
def test_it_tells_the_buffers_of_the_real_load(starter: Path, driver: Driver, setting: str) -> None:
    predicted = simulated(starter, **SETTINGS[setting])
    measured = driver.load(starter, **SETTINGS[setting]).memory
    assert measured is not None
    assert buffers(predicted) == buffers(measured)
    assert (predicted.source, measured.source) == ("simulated", "measured")
    for name in ("architecture", "context_length", "trained_context", "layers"):
        assert getattr(predicted, name) == getattr(measured, name)
    mapped = predicted.devices[0].mapped
    assert (mapped == 0) is (setting == "apart, copied")
    assert mapped <= predicted.parts.weights <= 1.1 * starter.stat().st_size
    assert predicted.parts.overhead > 10 * MIB


@pytest.mark.parametrize("architecture", ["mamba2", "jamba", "gemma3", "deepseek2", "qwen3moe"])
def test_every_kind_of_model_is_told(
    gguf_file: ModuleType, tmp_path: Path, make_driver: Callable[[], Driver], architecture: str
) -> None:
    path = write_model(library(), gguf_file, architecture, tmp_path / "model.gguf")
    options: dict[str, Any] = {"n_ctx": 1024, "n_parallel": 3}
    predicted = simulated(path, **options)
    assert buffers(predicted) == buffers(make_driver().load(path, **options).memory)
    assert (predicted.parts.recurrent > 0) is (architecture in ("mamba2", "jamba"))
    assert (predicted.parts.kv > 0) is (architecture != "mamba2")


def test_the_header_is_enough(starter: Path, tmp_path: Path) -> None:
    with starter.open("rb") as file:
        head = file.read(starter.stat().st_size // 2)
    sparse = tmp_path / starter.name
    with sparse.open("wb") as file:
        file.write(head)
        file.truncate(starter.stat().st_size)
    assert buffers(simulated(sparse)) == buffers(simulated(starter))


def test_a_model_in_parts_is_one(gguf_file: ModuleType, tiny: Path, tmp_path: Path) -> None:
    tensors = list(gguf_file.llama_tensors().items())
    half = len(tensors) // 2
    for number, part in enumerate((tensors[:half], tensors[half:])):
        split = {
            "split.no": (gguf_file.U16, number),
            "split.count": (gguf_file.U16, 2),
            "split.tensors.count": (gguf_file.I32, len(tensors)),
        }
        metadata = split if number else gguf_file.llama_metadata() | split
        path = tmp_path / f"m-{number + 1:05}-of-00002.gguf"
        path.write_bytes(gguf_file.Writer().file(metadata, dict(part)))
    assert buffers(simulated(tmp_path / "m-00001-of-00002.gguf")) == buffers(simulated(tiny))


def test_another_context_needs_no_second_look_at_the_file(starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = simulated(starter, n_ctx=1024)
    monkeypatch.setattr(simulate, "load_model", None)
    second = simulated(starter, n_ctx=2048)
    assert second.parts.kv == 2 * first.parts.kv
    assert second.parts.weights == first.parts.weights


def test_a_changed_file_is_read_again(tiny: Path, starter: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny.read_bytes())
    first = simulated(path)
    path.write_bytes(starter.read_bytes())
    assert simulated(path).parts.weights > first.parts.weights


def test_a_large_state_is_extrapolated(gguf_file: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(library(), gguf_file, "jamba", tmp_path / "jamba.gguf")
    for unified in (True, False):
        options: dict[str, Any] = {"n_ctx": 4096, "n_parallel": 4, "kv_unified": unified}
        monkeypatch.undo()
        direct = simulated(path, **options)
        monkeypatch.setattr(simulate, "LARGE_STATE", 0)
        guessed = simulated(path, **options)
        for name in ("recurrent", "kv", "output"):
            assert getattr(guessed.parts, name) == pytest.approx(getattr(direct.parts, name), rel=0.01, abs=0.05 * MIB)
        assert guessed.parts.compute == pytest.approx(direct.parts.compute, rel=0.05)


def test_the_log_tells_the_same_where_the_account_cannot_be_read(
    starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = simulated(starter)
    monkeypatch.setattr(cpp_memory, "_layout", lambda: None)
    logged = simulated(starter)
    for name in ("weights", "kv", "compute", "output"):
        assert getattr(logged.parts, name) == pytest.approx(getattr(exact.parts, name), rel=0.02, abs=0.05 * MIB)


def test_an_account_that_contradicts_the_log_is_not_believed(starter: Path, driver: Driver) -> None:
    driver.load(starter)
    context = driver.engine._context
    context.buffers = [(name, what, size * 2) for name, what, size in context.buffers]
    found = memory_breakdown.buffers(driver.engine._model, context, mapped=True)
    assert sum(buffer.compute for buffer in found) == sum(
        size for _, what, size in context.buffers if what == "compute"
    )


def test_a_draft_model_is_told_apart(tiny: Path, driver: Driver) -> None:
    options: dict[str, Any] = {"n_ctx": 1024, "draft_model": str(tiny)}
    predicted, alone = simulated(tiny, **options), simulated(tiny, n_ctx=1024)
    assert buffers(predicted) == buffers(driver.load(tiny, **options).memory)
    assert predicted.parts.draft > alone.parts.kv
    assert buffers(alone)[0].parts == structs.replace(buffers(predicted)[0].parts, draft=0)


def test_experts_can_stay_on_the_processor(gguf_file: ModuleType, tmp_path: Path, driver: Driver) -> None:
    path = write_model(library(), gguf_file, "qwen3moe", tmp_path / "moe.gguf")
    assert buffers(simulated(path, n_cpu_moe=3)) == buffers(driver.load(path, n_cpu_moe=3).memory)


def test_a_model_without_a_context_of_its_own_counts_room_for_texts(
    gguf_file: ModuleType, tmp_path: Path, driver: Driver
) -> None:
    path = write_bert(gguf_file, tmp_path / "bert.gguf")
    predicted = simulated(path)
    measured = driver.load(path).memory
    assert measured is not None
    assert predicted.notes
    assert predicted.parts.weights == measured.parts.weights
    room = PoolingContext(driver.engine._model, "mean", 1, Limits().within(driver.engine._model), 512, 1)
    assert predicted.total - predicted.parts.overhead - predicted.parts.weights == pytest.approx(
        room.size_bytes, rel=0.15
    )
    room.close()


def test_the_context_that_is_asked_for(tiny: Path, gguf_file: ModuleType, tmp_path: Path) -> None:
    assert simulated(tiny).context_length == 4096
    assert simulated(tiny, n_ctx="auto").context_length == 4096
    long = gguf_file.write_llama(tmp_path / "long.gguf", trained=32768)
    assert simulated(long).context_length == DEFAULT_CONTEXT
    assert simulated(long, n_ctx="auto").context_length == 32768
    assert simulated(long, n_ctx=16384).context_length == 16384


def test_bad_questions_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownOption, match="n_context"):
        simulated(tiny, n_context=1)
    with pytest.raises(InvalidOption, match="n_ctx"):
        simulated(tiny, n_ctx="all")
    with pytest.raises(LoadFailed, match="not there"):
        simulated(tmp_path / "none.gguf")
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(os.urandom(1000))
    with pytest.raises(ModelUnusable):
        simulated(damaged)
    with pytest.raises(LoadFailed, match="no LoRA adapter"):
        simulated(tiny, lora=[str(tmp_path / "none.gguf")])
    with pytest.raises(LoadFailed, match="flash_attn"):
        simulated(tiny, cache_type_v="q8_0", flash_attn="off")
    assert simulated(tiny).parts.weights
