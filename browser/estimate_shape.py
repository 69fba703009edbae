"""A model's shape from its headers, per layer and in the engine's terms: what estimates are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paddock.browser.architectures import HYBRID, INTERVALS, KNOWN, LATENT, RECURRENT, WINDOWS
from paddock.browser.gguf import Header, Tensor
from paddock.sdk.errors import ModelUnusable

_GEMMA3N_OWN_KV = 20
"""Layers of gemma3n with a KV cache of their own; its files do not name the number."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block. ``key`` and ``value``: values per KV head and token; both are 0 where nothing is stored per token.
    ``conv`` and ``state``: values of the recurrent state per sequence. ``window``: a sliding window looks back.
    ``stored``: it has a KV cache of its own. ``tensors`` by their names within the block."""

    tensors: Mapping[str, Tensor]
    heads: int = 0
    kv_heads: int = 0
    key: int = 0
    value: int = 0
    window: bool = False
    stored: bool = False
    conv: int = 0
    state: int = 0

    @property
    def attends(self) -> bool:
        return self.key > 0

    def rows(self, name: str) -> int:
        """How wide the result of the matrix ``name`` is; 0 where there is none."""
        tensor = self.tensors.get(f"{name}.weight")
        return tensor.shape[1] if tensor and len(tensor.shape) > 1 else 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A model: ``width`` of a token's vector, ``vocabulary`` in tokens, ``swa`` the sliding window in tokens (0: none),
    ``trained`` the context it was trained for. ``layers`` without those that only predict further tokens, which are
    not loaded. ``metadata`` of the architecture without its name in front."""

    architecture: str
    width: int
    vocabulary: int
    trained: int
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, Any]
    swa: int = 0

    @property
    def recurrent(self) -> bool:
        return self.architecture in RECURRENT or self.architecture in HYBRID

    def number(self, key: str, default: int = 0) -> int:
        value = self.metadata.get(key, default)
        return value if isinstance(value, int) else default


def shape_of(headers: Sequence[Header]) -> Shape:
    """The model in ``headers``, which are those of all its files. Raises ModelUnusable where nobody can tell."""
    architecture = headers[0].architecture
    if architecture not in KNOWN:
        raise ModelUnusable(
            f"Paddock cannot tell what this model needs: the architecture {architecture or 'of the file'} is not one "
            "that it knows.",
            hint="Load it to find out.",
        )
    prefix = f"{architecture}."
    metadata = {key[len(prefix) :]: value for key, value in headers[0].metadata.items() if key.startswith(prefix)}
    tensors, blocks = _sorted(headers)
    embedding = tensors.get("token_embd.weight")
    width, count = metadata.get("embedding_length"), metadata.get("block_count")
    if not embedding or len(embedding.shape) < 2 or type(width) is not int or type(count) is not int:
        raise ModelUnusable(
            "Paddock cannot tell what this model needs: its header lacks the sizes.", hint="Download it again."
        )
    count = max(count - _whole(metadata.get("nextn_predict_layers")), 0)
    swa = _window(architecture, metadata, count)
    shape = Shape(
        architecture=architecture,
        width=width,
        vocabulary=headers[0].counts.get("tokenizer.ggml.tokens") or embedding.shape[1],
        trained=_whole(metadata.get("context_length")),
        layers=(),
        tensors=tensors,
        metadata=metadata,
        swa=swa,
    )
    windows = _windowed(shape, count)
    layers = tuple(_layer(shape, index, count, blocks.get(index, {}), windows[index]) for index in range(count))
    return Shape(architecture, width, shape.vocabulary, shape.trained, layers, tensors, metadata, swa)


def _sorted(headers: Sequence[Header]) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    """Tensors outside of blocks by name, and those of each block by their names within."""
    outside: dict[str, Tensor] = {}
    blocks: dict[int, dict[str, Tensor]] = {}
    for header in headers:
        for tensor in header.tensors:
            name = tensor.name
            if not name.startswith("blk."):
                outside[name] = tensor
                continue
            number, _, rest = name[4:].partition(".")
            if number.isdecimal():
                blocks.setdefault(int(number), {})[rest] = tensor
    return outside, blocks


def _window(architecture: str, metadata: Mapping[str, Any], count: int) -> int:
    rule = WINDOWS.get(architecture)
    if rule is None or (rule.layers and rule.layers != count):
        return 0
    named = metadata.get("attention.sliding_window")
    if rule.fixed:
        return 0 if named == 0 else rule.size
    return named if type(named) is int else rule.size


def _windowed(shape: Shape, count: int) -> Sequence[bool]:
    rule = WINDOWS.get(shape.architecture)
    if rule is None or not shape.swa:
        return [False] * count
    pattern = shape.metadata.get("attention.sliding_window_pattern", rule.period)
    if isinstance(pattern, tuple):
        return [bool(flag) for flag in pattern[:count]] + [False] * (count - len(pattern))
    if not isinstance(pattern, int) or pattern <= 0:
        return [pattern == 0] * count
    dense = 0 if rule.dense_first else pattern - 1
    return [index % pattern != dense for index in range(count)]


def _layer(shape: Shape, index: int, count: int, tensors: Mapping[str, Tensor], window: bool) -> Layer:
    heads = _at(shape.metadata, "attention.head_count", index)
    kv_heads = _at(shape.metadata, "attention.head_count_kv", index, heads)
    recurrent = _is_recurrent(shape, index, tensors, kv_heads)
    conv, state = _state(shape) if recurrent else (0, 0)
    attends = shape.architecture not in RECURRENT and (not recurrent or shape.architecture == "falcon-h1")
    if shape.architecture.startswith("nemotron_h"):
        attends = any(name.startswith("attn_k.") for name in tensors)
    key = value = 0
    if attends and kv_heads:
        first = _at(shape.metadata, "attention.head_count", 0)
        ending = "_swa" if window and "attention.key_length_swa" in shape.metadata else ""
        each = shape.width // first if first else 0
        key = shape.number(f"attention.key_length{ending}", each)
        value = 0 if _is_latent(shape) else shape.number(f"attention.value_length{ending}", each)
    return Layer(
        tensors=tensors,
        heads=heads,
        kv_heads=kv_heads,
        key=key,
        value=value,
        window=window,
        stored=key > 0 and index < _own_kv(shape, count),
        conv=conv,
        state=state,
    )


def _is_latent(shape: Shape) -> bool:
    """Files of before the compressed cache hold full heads."""
    return shape.architecture in LATENT and "attention.key_length_mla" in shape.metadata


def _is_recurrent(shape: Shape, index: int, tensors: Mapping[str, Tensor], kv_heads: int) -> bool:
    if shape.architecture in RECURRENT or shape.architecture == "falcon-h1":
        return True
    if shape.architecture not in HYBRID:
        return False
    if shape.architecture in INTERVALS:
        named = shape.metadata.get("attention.recurrent_layers")
        if isinstance(named, tuple) and index < len(named):
            return bool(named[index])
        return (index + 1) % max(shape.number("full_attention_interval", 4), 1) != 0
    if shape.architecture.startswith("nemotron_h"):
        return any(name.startswith("ssm_") for name in tensors)
    return kv_heads == 0


def _own_kv(shape: Shape, count: int) -> int:
    """So many layers from the first have a KV cache; later ones read that of an earlier layer."""
    if shape.architecture == "gemma3n":
        return _GEMMA3N_OWN_KV
    return count - shape.number("attention.shared_kv_layers") if shape.architecture == "gemma4" else count


def _state(shape: Shape) -> tuple[int, int]:
    """Values per sequence of a recurrent layer: ``llama_hparams::n_embd_r`` and ``n_embd_s``."""
    number, width = shape.number, shape.width
    if head := number("wkv.head_size"):
        return number("token_shift_count", 2) * width, width * head
    if cache := number("shortconv.l_cache"):
        return width * (cache - 1), 0
    kernel = number("ssm.conv_kernel")
    if head := number("kda.head_dim"):
        heads = _at(shape.metadata, "attention.head_count", 0)
        return 3 * (kernel - 1 if kernel else 3) * heads * head, head * head * heads
    inner, size, groups = number("ssm.inner_size"), number("ssm.state_size"), number("ssm.group_count")
    return max(kernel - 1, 0) * (inner + 2 * groups * size), size * inner


def _at(metadata: Mapping[str, Any], key: str, index: int, default: int = 0) -> int:
    """A value that a file may give per layer."""
    value = metadata.get(key, default)
    if isinstance(value, tuple):
        value = value[index] if index < len(value) else 0
    return _whole(value)


def _whole(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
