"""Tiny models with random weights, of any architecture that llama.cpp knows, as GGUF files.

Only metadata is written down here: llama.cpp itself is asked which tensors of which shapes such a model has
(``llama_model_init_from_user`` hands each of them to a callback), and they are filled with noise.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from paddock.backends.llamacpp.bindings import Library

WINDOW = 32
"""Sliding window of the models that have one, in tokens."""

_BASE: dict[str, Any] = {
    "context_length": 4096,
    "block_count": 4,
    "embedding_length": 64,
    "feed_forward_length": 96,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "attention.layer_norm_epsilon": 1e-5,
    "attention.layer_norm_rms_epsilon": 1e-5,
}
_EXPERTS = {"expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 48}
_ALL_EXPERTS = {"expert_used_count": 4}  # a choice that rounding decides would look like a wrong prefix
_SHARED_EXPERT = {"expert_shared_count": 1, "expert_shared_feed_forward_length": 48}
_WINDOW = {"attention.sliding_window": WINDOW}
_SSM = {"ssm.conv_kernel": 4, "ssm.inner_size": 128, "ssm.state_size": 16, "ssm.time_step_rank": 8}
_GROUPS = {"ssm.group_count": 2}
_RWKV = {"wkv.head_size": 64, "attention.head_count": 0, "attention.head_count_kv": 0}
_EVERY_SECOND_LAYER = {"attention.head_count_kv": [0, 2, 0, 2]}
_MLA = {
    "attention.head_count_kv": 1,
    "attention.q_lora_rank": 32,
    "attention.kv_lora_rank": 32,
    "attention.key_length": 48,
    "attention.value_length": 32,
    "attention.key_length_mla": 32,
    "attention.value_length_mla": 16,
    "rope.dimension_count": 16,
    "leading_dense_block_count": 1,
    "expert_gating_func": 2,
}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gpt2": {"attention.head_count_kv": 4, "context_length": 1024},
    "gptneox": {"attention.head_count_kv": 4, "rope.dimension_count": 8, "use_parallel_residual": True},
    "phi3": {"rope.dimension_count": 8},
    "qwen2vl": {"rope.dimension_sections": [2, 3, 3, 0]},
    "gemma2": _WINDOW,
    "gemma3": _WINDOW | {"attention.sliding_window_pattern": 2},
    "cohere2": _WINDOW | {"logit_scale": 1.0},
    "gpt-oss": _WINDOW | _EXPERTS | _ALL_EXPERTS,
    "deepseek2": _MLA | _EXPERTS | _ALL_EXPERTS | _SHARED_EXPERT,
    "qwen3moe": _EXPERTS,
    "mamba": _SSM,
    "mamba2": _SSM | _GROUPS,
    "rwkv6": _RWKV | {"time_mix_extra_dim": 16, "time_decay_extra_dim": 16},
    "rwkv7": _RWKV
    | {
        "attention.decay_lora_rank": 16,
        "attention.iclr_lora_rank": 16,
        "attention.value_residual_mix_lora_rank": 16,
        "attention.gate_lora_rank": 16,
    },
    "jamba": _SSM | _EVERY_SECOND_LAYER,
    "falcon-h1": _SSM | _GROUPS,
    "granitehybrid": _SSM | _GROUPS | _EVERY_SECOND_LAYER,
    "qwen3next": _SSM
    | _GROUPS
    | _EXPERTS
    | _SHARED_EXPERT
    | {"full_attention_interval": 2, "ssm.time_step_rank": 4, "ssm.inner_size": 64},
    "lfm2": _EVERY_SECOND_LAYER | {"shortconv.l_cache": 3},
    "gemma3n": _WINDOW | {"block_count": 22},
    "gemma4": _WINDOW
    | {
        "attention.sliding_window_pattern": [True, False, True, False],
        "attention.shared_kv_layers": 2,
        "attention.key_length_swa": 16,
        "attention.value_length_swa": 16,
        "embedding_length_per_layer_input": 16,
    },
    "deepseek4": _WINDOW
    | _EXPERTS
    | _ALL_EXPERTS
    | {
        "expert_shared_count": 1,
        "expert_gating_func": 4,
        "expert_weights_scale": 1.0,
        "expert_weights_norm": True,
        "swiglu_clamp_exp": 10.0,
        "hash_layer_count": 0,
        "attention.head_count_kv": 1,
        "attention.key_length": 64,
        "attention.value_length": 64,
        "rope.dimension_count": 32,
        "attention.q_lora_rank": 32,
        "attention.output_group_count": 2,
        "attention.output_lora_rank": 16,
        "attention.indexer.head_count": 4,
        "attention.indexer.key_length": 64,
        "attention.indexer.top_k": 4096,
        "attention.compress_ratios": [0, 4, 128, 4],
        "attention.compress_rope_freq_base": 160000.0,
        "hyper_connection.count": 4,
        "hyper_connection.sinkhorn_iterations": 2,
        "hyper_connection.epsilon": 1e-6,
    },
    "plamo2": _SSM
    | _EVERY_SECOND_LAYER
    | {
        "ssm.group_count": 0,
        "ssm.state_size": 64,
        "attention.key_length": 16,
        "attention.value_length": 16,
    },
    "cogvlm": {"attention.head_count_kv": 4},
}
_PREDICTING = {"nextn_predict_layers": 1, "block_count": 5}
_QWEN35 = (
    _PREDICTING
    | _SSM
    | _GROUPS
    | {
        "full_attention_interval": 2,
        "ssm.time_step_rank": 4,
        "ssm.inner_size": 64,
        "rope.dimension_count": 16,
        "rope.dimension_sections": [2, 2, 2, 2],
    }
)
PREDICTING: dict[str, dict[str, Any]] = {
    "glm4moe": _PREDICTING
    | _EXPERTS
    | _ALL_EXPERTS
    | {"expert_shared_count": 1, "leading_dense_block_count": 1, "rope.dimension_count": 8},
    "qwen35": _QWEN35,
    "qwen35moe": _QWEN35 | _EXPERTS | _ALL_EXPERTS | _SHARED_EXPERT,
}
"""With layers that predict several tokens, the last one."""


_SCALES = {
    "token_embd": 0.25,
    "ffn_down": 0.25,
    "shortconv.in_proj": 0.25,
    "time_mix_decay_w2": 0.1,
    "time_mix_w2": 0.1,
    "time_mix_r_k": 0.02,
}
"""What would otherwise drown the part of the residual stream that comes from older tokens."""
_OWN_SCALES = {
    "lfm2": {"attn_v": 4.0},
    "gpt-oss": {"_exps": 0.5},
    "deepseek2": {"attn_q_b": 0.3, "ffn": 0.25},
    "gemma3n": {"attn_q_norm": 0.1, "ffn": 0.25},
}
"""And what would make small differences grow."""


RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv7"}
HYBRID = {"jamba", "falcon-h1", "granitehybrid", "qwen3next", "lfm2", "deepseek4", "plamo2"}
SLIDING = {"gemma2", "gemma3", "cohere2", "gpt-oss", "gemma3n", "gemma4"}
ON_ITS_OWN_TERMS = {"deepseek4", "plamo2", "cogvlm"}
"""What llama.cpp computes rightly only the way the engine asks for it: it may abort, hang or be wrong otherwise."""


class _Tensor(ctypes.Structure):
    """The head of llama.cpp's ``ggml_tensor``."""

    _fields_ = (("type", ctypes.c_int), ("buffer", ctypes.c_void_p), ("ne", ctypes.c_int64 * 4))


class _GgufParams(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


Weights = dict[str, np.ndarray]


def write_model(
    lib: Library,
    gguf_file: ModuleType,
    architecture: str,
    path: Path,
    deviation: float = 0.5,
    edit: Callable[[Weights], None] = lambda weights: None,
    **changed: Any,
) -> Path:
    """A model of ``architecture`` at ``path``, whose weights have the standard deviation ``deviation`` but for what
    ``edit`` does to them; ``changed`` are values of its metadata."""
    writer, metadata = gguf_file.Writer(), _metadata(gguf_file, architecture, changed)
    path.write_bytes(writer.file(metadata))
    shapes = _shapes(lib, path)
    weights = {name: _weights(architecture, name, shape, deviation) for name, shape in shapes.items()}
    edit(weights)
    path.write_bytes(writer.file(metadata, weights))
    return path


def _metadata(gguf_file: ModuleType, architecture: str, changed: dict[str, Any]) -> dict[str, tuple[int, Any]]:
    kinds = {bool: gguf_file.BOOL, int: gguf_file.I32, float: gguf_file.F32}

    def typed(value: Any) -> tuple[int, Any]:
        if isinstance(value, list):
            return gguf_file.ARRAY, (kinds[type(value[0])], value)
        return (gguf_file.U32 if type(value) is int else kinds[type(value)]), value

    llama = gguf_file.llama_metadata()
    common = {key: value for key, value in llama.items() if key.startswith("tokenizer.")}
    own = _BASE | (ARCHITECTURES | PREDICTING).get(architecture, {}) | changed
    return (
        common
        | {"general.architecture": (gguf_file.STRING, architecture)}
        | {f"{architecture}.{key}": typed(value) for key, value in own.items()}
    )


def _shapes(lib: Library, header: Path) -> dict[str, tuple[int, ...]]:
    """Every tensor that llama.cpp wants for the metadata in ``header``; shapes with the slowest dimension first."""
    api = lib.api
    ggml = lib.function("gguf_init_from_file"), lib.function("gguf_free"), lib.function("ggml_get_name")
    read, free, name_of = ggml
    read.restype, read.argtypes = ctypes.c_void_p, (ctypes.c_char_p, _GgufParams)
    free.restype, free.argtypes = None, (ctypes.c_void_p,)
    name_of.restype, name_of.argtypes = ctypes.c_char_p, (ctypes.c_void_p,)
    shapes: dict[str, tuple[int, ...]] = {}

    def note(tensor: int, _data: int) -> None:
        sizes = list(_Tensor.from_address(tensor).ne)
        while len(sizes) > 1 and sizes[-1] == 1:
            sizes.pop()
        shapes[name_of(tensor).decode()] = tuple(reversed(sizes))

    metadata = read(str(header).encode(), _GgufParams(True, None))
    params = api.llama_model_default_params()
    params.load_mtp = True
    model = api.llama_model_init_from_user(metadata, api.llama_model_set_tensor_data_t(note), None, params)
    assert model, lib.errors()
    api.llama_model_free(model)
    free(metadata)
    return shapes


def _weights(architecture: str, name: str, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Noise that depends on the tensor's name only, around what such a tensor is in a trained model."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    scales = _OWN_SCALES.get(architecture, {}) | _SCALES
    scale = next((scale for part, scale in scales.items() if part in name), 1.0)
    if "rope_freqs" in name:
        return np.ones(shape)
    if "attn_sinks" in name:
        return noise - 3
    if "ssm_a" in name:
        return -0.02 * np.exp(0.5 * noise)  # a slow decay, so that old tokens still count
    if name.endswith(("time_mix_decay.weight", "time_mix_w0.weight")):
        return 0.5 * noise - 4  # another slow decay
    if len(shape) == 1 and name.endswith("weight"):
        return scale * (1 + 0.1 * noise)  # a norm
    return scale * deviation * noise
