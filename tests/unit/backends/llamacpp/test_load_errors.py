"""What llama.cpp's own lines become."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.load_errors import compute_error, load_error
from paddock.backends.llamacpp.loading import effective_options, load_model
from paddock.sdk.errors import EngineError, LoadFailed, ModelUnusable, OutOfMemory

from .architectures.models import write_model

SHORT_HEADS = {"attention.key_length": 32, "attention.value_length": 32, "attention.indexer.key_length": 32}
KV = [
    "insufficient memory (attempted to allocate 9765.62 MB)",
    "failed to allocate buffer of size 10240000000",
    "failed to allocate CPU buffer of size 10240000000",
    "failed to initialize the context: failed to allocate buffer for kv cache",
]


def test_memory_that_ran_out_while_loading_names_its_purpose_size_and_limit() -> None:
    error = load_error("", KV)
    assert type(error) is OutOfMemory
    assert error.message == "Memory ran out while loading the model: 10.2 GB were needed for the KV cache."
    assert (error.details["phase"], error.details["needed_bytes"]) == ("kv", 10_240_000_000)
    assert error.details["limit_bytes"] > 2**20


def test_what_the_machine_has_says_nothing_about_a_gpu() -> None:
    lines = ["failed to allocate CUDA0 buffer of size 4096", "error loading model: unable to allocate CUDA0 buffer"]
    error = load_error("/models/big.gguf", lines)
    assert error.message == "Memory ran out while loading big.gguf on CUDA0: 4.1 kB were needed for the weights."
    assert error.details["device"] == "CUDA0"
    assert "limit_bytes" not in error.details


def test_a_step_that_fails_tells_memory_lost_devices_and_other_reasons_apart() -> None:
    short = compute_error(-2, ["failed to allocate graph"])
    assert (type(short), short.details["phase"]) == (OutOfMemory, "compute")
    lost = compute_error(-3, ["backend is in error state from a previous command buffer failure - recreate it"])
    assert (type(lost), lost.details["lost_device"]) == (EngineError, True)
    other = compute_error(-3, ["something else"])
    assert "status -3): something else" in other.message
    assert "lost_device" not in other.details


def test_a_device_that_is_lost_while_loading_is_marked() -> None:
    error = load_error("", ["device lost on NVIDIA GeForce RTX 4090"])
    assert (type(error), error.details["lost_device"]) == (LoadFailed, True)
    assert "lost_device" not in load_error("", ["no such option"]).details


def test_a_model_over_whose_heads_llama_cpp_would_abort_is_refused(gguf_file: ModuleType, tmp_path: Path) -> None:
    path = write_model(library(), gguf_file, "deepseek4", tmp_path / "short.gguf", **SHORT_HEADS)
    with pytest.raises(ModelUnusable, match="heads of 64, 128 or 256 values, and these have 32"):
        load_model(library(), str(path), effective_options({}), lambda fraction: None)


def test_a_model_that_llama_cpp_would_compute_for_ever_is_refused(gguf_file: ModuleType, tmp_path: Path) -> None:
    heads = {"attention.head_count": [0, 4, 0, 4]}
    path = write_model(library(), gguf_file, "plamo2", tmp_path / "endless.gguf", **heads)
    with pytest.raises(ModelUnusable, match="would never answer"):
        load_model(library(), str(path), effective_options({}), lambda fraction: None)
