"""Plants the two attention heads that copying needs, so that training need not discover them.

A small model on few tokens learns facts long before it learns to repeat a name. The circuit behind repeating is known
("induction heads", Olsson et al. 2022, https://arxiv.org/abs/2209.11895): one head writes the previous token into the
residual stream, a later head looks for a place whose previous token is the present one and copies what stands there.
Both can be written down as weights; training then refines them.
"""

from __future__ import annotations

from typing import cast

import torch
from model import Attention, Block, StarterModel
from torch import Tensor

_SHARP_PAIRS = 6
_SLOW_PAIRS = 8


def _orthonormal(rows: int, columns: int, constant: int, generator: torch.Generator) -> Tensor:
    """Orthonormal rows that ignore the column `constant`."""
    basis: Tensor = torch.linalg.qr(torch.randn(columns, rows, generator=generator)).Q.T.clone()
    basis[:, constant] = 0.0
    return basis


def _rows(attention: Attention, head: int) -> slice:
    width = attention.shape.head_dim
    return slice(head * width, (head + 1) * width)


def _look_back(attention: Attention, head: int, distance: int, constant: int, sharpness: float) -> None:
    """Query of `head`: the constant feature turned by `distance` positions, so that it meets the key there."""
    width = attention.shape.head_dim
    angle = -distance * attention.shape.rope_theta ** (-torch.arange(0, width, 2).float() / width)
    query = torch.stack((angle.cos(), angle.sin()), dim=-1)
    query[_SHARP_PAIRS:] = 0.0
    attention.q.weight[_rows(attention, head)] = 0.0
    attention.q.weight[_rows(attention, head), constant] = sharpness * query.flatten()


@torch.no_grad()
def plant_copying(model: StarterModel, seed: int = 0) -> None:
    """Overwrites the last key-value group of the first and the third layer, and one embedding feature."""
    generator = torch.Generator().manual_seed(seed)
    shape = model.shape
    constant = shape.n_embd - 1
    size = float(model.embed.weight.square().mean().sqrt())
    model.embed.weight[:, constant] = 4.0 * size
    first = cast(Block, model.blocks[0])
    first.attn_norm.weight[constant] = 1.0
    seen = _orthonormal(shape.head_dim, shape.n_embd, constant, generator)
    written = _orthonormal(shape.head_dim, shape.n_embd, constant, generator)
    last_kv, last = shape.n_head_kv - 1, shape.n_head - 1

    back = first.attn
    back.k.weight[_rows(back, last_kv)] = 0.0
    back.k.weight[_rows(back, last_kv), constant] = 1.8 * torch.tensor([1.0, 0.0]).repeat(shape.head_dim // 2)
    back.v.weight[_rows(back, last_kv)] = seen
    _look_back(back, last, 1, constant, 1.8)
    _look_back(back, last - 1, 2, constant, 1.8)
    back.out.weight[:, _rows(back, last)] = 1.4 * size * written.T
    other = _orthonormal(shape.head_dim, shape.n_embd, constant, generator)
    back.out.weight[:, _rows(back, last - 1)] = 0.7 * size * other.T

    find = cast(Block, model.blocks[2]).attn
    slow = slice(shape.head_dim - 2 * _SLOW_PAIRS, shape.head_dim)
    match = torch.zeros(shape.head_dim, shape.head_dim)
    match[slow, : 2 * _SLOW_PAIRS] = 2.5 * torch.eye(2 * _SLOW_PAIRS)
    find.k.weight[_rows(find, last_kv)] = match @ written
    find.q.weight[_rows(find, last)] = match @ seen
    copied = _orthonormal(shape.head_dim, shape.n_embd, constant, generator)
    find.v.weight[_rows(find, last_kv)] = copied
    find.out.weight[:, _rows(find, last)] = 3.0 * size * copied.T
