"""MLX models: config.json and the index of their weights."""

from __future__ import annotations

from typing import Any

import pytest

from paddock.browser.estimate_mlx import predict_mlx
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.memory import Machine, MemoryDevice
from paddock.sdk.types import Options

GIB = 2**30
MAC = Machine(
    name="64GB mac",
    devices=(
        MemoryDevice(name="RAM", total=64 * GIB),
        MemoryDevice(name="Metal", kind="gpu", total=48 * GIB, shares_ram=True),
    ),
    planned=True,
)
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


def test_cache_is_two_bytes_a_value() -> None:
    prediction = predict_mlx(LLAMA, None, 5 * GIB, {"n_ctx": 8192}, MAC)
    assert prediction.parts.kv == 32 * 2 * 8 * 128 * 2 * 8192
    assert prediction.parts.weights == 5 * GIB
    assert [use.name for use in prediction.devices] == ["RAM"]
    assert prediction.context_length == 8192


def test_index_counts_before_the_files() -> None:
    prediction = predict_mlx(LLAMA, {"metadata": {"total_size": 4 * GIB}}, 5 * GIB, {}, MAC)
    assert prediction.parts.weights == 4 * GIB
    assert prediction.context_length == 8192
    assert predict_mlx(LLAMA, {}, 1, {"n_ctx": 0}, MAC).context_length == 131072


def test_quantised_cache_is_smaller() -> None:
    kinds: list[Options] = [{"kv_bits": 4}, {"kv_bits": 8}, {}]
    sizes = [predict_mlx(LLAMA, None, 1, options, MAC).parts.kv for options in kinds]
    assert sizes == sorted(set(sizes))


def test_windows_bound_the_cache() -> None:
    gemma = LLAMA | {"model_type": "gemma3_text", "sliding_window": 512, "head_dim": 128}
    short, long = (predict_mlx(gemma, None, 1, {"n_ctx": n}, MAC).parts.kv for n in (512, 8192))
    row = 2 * 8 * 128 * 2
    assert short == 32 * 512 * row
    assert long == row * (5 * 8192 + 27 * 512)


def test_text_part_of_a_model_that_sees() -> None:
    seeing = {"model_type": "gemma3", "text_config": LLAMA | {"sliding_window": 1024}}
    assert predict_mlx(seeing, None, 1, {}, MAC).layers == 32


def test_unknown_model_type_cannot_be_told() -> None:
    with pytest.raises(ModelUnusable, match="cannot tell"):
        predict_mlx({"model_type": "riddle"}, None, 1, {}, MAC)
