"""What MLX would take of a Mac's memory for a model of safetensors files, from its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from paddock.sdk.errors import ModelUnusable
from paddock.sdk.memory import DeviceUse, Machine, Parts, Prediction
from paddock.sdk.types import Options

PROCESS_BYTES = 160 * 2**20
"""A Python process with mlx and mlx-lm, Metal's pipelines included; an assumption, not measured on a Mac."""
_DEFAULT_CONTEXT = 8192
_STEP = 256
"""mlx-lm's ``KVCache.step``: its cache grows by so many tokens."""
_PREFILL = 2048
"""Tokens of a prompt that mlx-lm computes at once (``prefill_step_size``)."""
_GROUP = 64
"""Values that share a scale and a bias, two bytes each, in a quantised cache."""

_ATTENTION = frozenset(
    {
        "cohere", "cohere2", "exaone", "gemma", "gemma2", "gemma3", "gemma3_text", "glm4", "gpt_oss", "granite",
        "helium", "internlm2", "llama", "ministral3", "mistral", "mistral3", "mixtral", "olmo", "olmo2", "olmo3",
        "olmoe", "phi", "phi3", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "seed_oss", "smollm3",
        "stablelm", "starcoder2",
    }
)  # fmt: skip
_LATENT = frozenset({"deepseek_v2", "deepseek_v3", "kimi_k2"})
_PERIODS = {"cohere2": 4, "gemma2": 0, "gemma3": 6, "gemma3_text": 6}
"""Every so many layers one looks at everything; 0: mlx-lm keeps the whole context for all of them."""


def predict_mlx(
    config: Mapping[str, Any],
    index: Mapping[str, Any] | None,
    weights_bytes: int,
    options: Options,
    machine: Machine,
) -> Prediction:
    """What loading takes, all of it of the machine's memory, which its GPU shares. Pure.

    Args:
        config: The model's ``config.json``.
        index: ``model.safetensors.index.json`` where there is one; its total size counts before ``weights_bytes``.
        weights_bytes: Sum of the sizes of the model's safetensors files.
        options: ``n_ctx``, ``n_parallel``, and ``kv_bits`` (4 or 8) for a quantised cache, where given.
        machine: Its first device is charged.

    Raises ModelUnusable where the architecture is not known.
    """
    kind = str(config.get("model_type", ""))
    text = config.get("text_config")
    text = text if isinstance(text, Mapping) else config
    layers, width, heads = (_whole(text, key) for key in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    if kind not in _ATTENTION | _LATENT or not layers or not heads:
        raise ModelUnusable(
            f"Paddock cannot tell what this model needs: MLX’s model type {kind or 'of the file'} is not one that it "
            "knows.",
            hint="Load it to find out.",
        )
    trained = _whole(text, "max_position_embeddings")
    asked = cast("int | None", options.get("n_ctx"))
    length = (trained if asked == 0 else asked) or min(trained or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT)
    vocabulary = _whole(text, "vocab_size")
    total = (index or {}).get("metadata", {}).get("total_size")
    ram = machine.devices[0]
    inner = max(_whole(text, "intermediate_size"), width)
    parts = Parts(
        weights=total if type(total) is int and total > 0 else weights_bytes,
        kv=_kv(kind, text, layers, length, options) * cast(int, options.get("n_parallel") or 1),
        compute=2 * min(length, _PREFILL) * (4 * width + 3 * inner),
        output=4 * vocabulary,
        overhead=PROCESS_BYTES,
    )
    return Prediction(
        source="analytic",
        confidence="low" if kind in _LATENT else "high",
        devices=(DeviceUse(name=ram.name, kind=ram.kind, parts=parts),),
        architecture=kind,
        context_length=length,
        trained_context=trained,
        layers=layers,
        notes=("MLX grows its cache as the context fills; this is what a full one takes.",),
    )


def _kv(kind: str, config: Mapping[str, Any], layers: int, length: int, options: Options) -> int:
    """Bytes of a full cache of one request."""
    tokens = -(-length // _STEP) * _STEP
    if kind in _LATENT:
        row = _whole(config, "kv_lora_rank") + _whole(config, "qk_rope_head_dim")
        return layers * tokens * _row_bytes(row, options)
    heads = _whole(config, "num_attention_heads")
    head = _whole(config, "head_dim") or _whole(config, "hidden_size") // heads
    row = 2 * _row_bytes(head * (_whole(config, "num_key_value_heads") or heads), options)
    window = _whole(config, "sliding_window")
    windowed = _windowed(kind, config, layers) if window else 0
    return row * ((layers - windowed) * tokens + windowed * min(tokens, window))


def _row_bytes(values: int, options: Options) -> int:
    bits = options.get("kv_bits")
    return values * cast(int, bits) // 8 + 4 * -(-values // _GROUP) if bits else 2 * values


def _windowed(kind: str, config: Mapping[str, Any], layers: int) -> int:
    """Layers whose cache rotates in the window."""
    types = config.get("layer_types")
    if kind in ("gpt_oss", "olmo3", "ministral3") and isinstance(types, list):
        return sum(name == "sliding_attention" for name in types)
    period = _whole(config, "sliding_window_pattern") or _PERIODS.get(kind, 0)
    return layers - layers // period if _PERIODS.get(kind) else 0


def _whole(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if type(value) is int and value > 0 else 0
