"""Tiny projectors with random weights: what turns a picture into the embeddings of a model of :mod:`models`."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

WIDTH, TEXT_WIDTH, LAYERS, PATCH = 32, 64, 2, 8
SIDE = {"mlp": 32, "gemma3": 32, "qwen2vl_merger": 64}
"""Pixels a side of the pictures that a projector of this type is made for; Qwen's takes any."""


def write_projector(gguf_file: ModuleType, kind: str, path: Path) -> Path:
    """A projector of llama.cpp's type ``kind`` for models whose embeddings have 64 values."""
    side = SIDE[kind]
    u32, f32 = gguf_file.U32, gguf_file.F32
    metadata: dict[str, tuple[int, Any]] = {
        "general.architecture": (gguf_file.STRING, "clip"),
        "general.type": (gguf_file.STRING, "mmproj"),
        "clip.has_vision_encoder": (gguf_file.BOOL, True),
        "clip.projector_type": (gguf_file.STRING, kind),
        "clip.use_gelu": (gguf_file.BOOL, True),
        "clip.vision.image_size": (u32, side),
        "clip.vision.patch_size": (u32, PATCH),
        "clip.vision.embedding_length": (u32, WIDTH),
        "clip.vision.feed_forward_length": (u32, 48),
        "clip.vision.projection_dim": (u32, TEXT_WIDTH),
        "clip.vision.block_count": (u32, LAYERS),
        "clip.vision.attention.head_count": (u32, 2),
        "clip.vision.attention.layer_norm_epsilon": (f32, 1e-5),
        "clip.vision.image_mean": (gguf_file.ARRAY, (f32, [0.5, 0.5, 0.5])),
        "clip.vision.image_std": (gguf_file.ARRAY, (f32, [0.5, 0.5, 0.5])),
    }
    if kind == "gemma3":
        metadata["clip.vision.projector.scale_factor"] = (u32, 2)
    tensors = {name: _noise(name, shape) for name, shape in _shapes(kind, side).items()}
    path.write_bytes(gguf_file.Writer().file(metadata, tensors))
    return path


def _shapes(kind: str, side: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"v.patch_embd.weight": (WIDTH, 3, PATCH, PATCH)}
    for layer in range(LAYERS):
        at = f"v.blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= {f"{at}.{part}.weight": (WIDTH, WIDTH), f"{at}.{part}.bias": (WIDTH,)}
        for part in ("ln1", "ln2"):
            shapes |= {f"{at}.{part}.weight": (WIDTH,), f"{at}.{part}.bias": (WIDTH,)}
        shapes |= {f"{at}.ffn_up.weight": (48, WIDTH), f"{at}.ffn_up.bias": (48,)}
        shapes |= {f"{at}.ffn_down.weight": (WIDTH, 48), f"{at}.ffn_down.bias": (WIDTH,)}
    shapes |= {"v.post_ln.weight": (WIDTH,), "v.post_ln.bias": (WIDTH,)}
    if kind == "qwen2vl_merger":
        joined = 4 * WIDTH
        shapes["v.patch_embd.weight.1"] = shapes["v.patch_embd.weight"]
        shapes |= {"mm.0.weight": (joined, joined), "mm.0.bias": (joined,)}
        shapes |= {"mm.2.weight": (TEXT_WIDTH, joined), "mm.2.bias": (TEXT_WIDTH,)}
        return shapes
    shapes["v.position_embd.weight"] = ((side // PATCH) ** 2, WIDTH)
    if kind == "gemma3":
        shapes |= {"mm.input_projection.weight": (WIDTH, TEXT_WIDTH), "mm.soft_emb_norm.weight": (WIDTH,)}
    else:
        shapes |= {"mm.0.weight": (TEXT_WIDTH, WIDTH), "mm.0.bias": (TEXT_WIDTH,)}
        shapes |= {"mm.2.weight": (TEXT_WIDTH, TEXT_WIDTH), "mm.2.bias": (TEXT_WIDTH,)}
    return shapes


def _noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Depends on the tensor's name only."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if len(shape) == 1:
        return 1 + 0.1 * noise if name.endswith(("ln1.weight", "ln2.weight", "norm.weight")) else 0.1 * noise
    return 0.3 * noise
