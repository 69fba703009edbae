"""The starter's network: a small Llama, written for training only.

Inference never runs this code: `export.py` writes the weights as a GGUF file for llama.cpp.
Rotary positions turn neighbouring pairs, llama.cpp's order for the Llama architecture, so no weight is permuted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ModelShape:
    """Sizes of the network; every width is a multiple of 32, the block size of Q8_0."""

    n_vocab: int = 4096
    n_embd: int = 256
    n_layer: int = 5
    n_head: int = 8
    n_head_kv: int = 4
    n_ff: int = 704
    n_ctx: int = 2048
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.n_embd // self.n_head


def rope_table(shape: ModelShape) -> Tensor:
    """Cosine and sine of every position, shaped (2, n_ctx, head_dim / 2)."""
    exponent = torch.arange(0, shape.head_dim, 2).float() / shape.head_dim
    angle = torch.outer(torch.arange(shape.n_ctx).float(), shape.rope_theta**-exponent)
    return torch.stack((angle.cos(), angle.sin()))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns neighbouring pairs of `x` (rows, heads, tokens, head_dim) by their positions."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Attention(nn.Module):
    """Grouped-query self-attention."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.n_head_kv * shape.head_dim
        self.q = nn.Linear(shape.n_embd, shape.n_embd, bias=False)
        self.k = nn.Linear(shape.n_embd, kv_width, bias=False)
        self.v = nn.Linear(shape.n_embd, kv_width, bias=False)
        self.out = nn.Linear(shape.n_embd, shape.n_embd, bias=False)

    def forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        rows, tokens, width = x.shape
        head_dim = self.shape.head_dim
        groups = self.shape.n_head // self.shape.n_head_kv
        q = self.q(x).view(rows, tokens, -1, head_dim).transpose(1, 2)
        k = self.k(x).view(rows, tokens, -1, head_dim).transpose(1, 2)
        v = self.v(x).view(rows, tokens, -1, head_dim).transpose(1, 2)
        q, k = rotate(q, rope[0], rope[1]), rotate(k, rope[0], rope[1])
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        result: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, tokens, width))
        return result


class Block(nn.Module):
    """One layer: attention, then a gated feed-forward network."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(shape.n_embd, eps=shape.norm_eps)
        self.attn = Attention(shape)
        self.ffn_norm = nn.RMSNorm(shape.n_embd, eps=shape.norm_eps)
        self.gate = nn.Linear(shape.n_embd, shape.n_ff, bias=False)
        self.up = nn.Linear(shape.n_embd, shape.n_ff, bias=False)
        self.down = nn.Linear(shape.n_ff, shape.n_embd, bias=False)

    def forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attn(self.attn_norm(x), rope, mask)
        y = self.ffn_norm(x)
        result: Tensor = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return result


class StarterModel(nn.Module):
    """Decoder with tied input and output embeddings."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.n_vocab, shape.n_embd)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layer))
        self.norm = nn.RMSNorm(shape.n_embd, eps=shape.norm_eps)
        self.register_buffer("rope", rope_table(shape), persistent=False)
        nn.init.normal_(self.embed.weight, std=0.02)
        for name, weight in self.named_parameters():
            if weight.ndim == 2 and name != "embed.weight":
                scale = (2 * shape.n_layer) ** -0.5 if name.endswith(("out.weight", "down.weight")) else 1.0
                nn.init.normal_(weight, std=0.04 * scale)

    def forward(self, tokens: Tensor, positions: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the positions whose target is not negative.

        Args:
            tokens: Token ids (rows, tokens).
            positions: Position of each token inside its own conversation (rows, tokens).
            mask: What may be seen, boolean (rows, 1, tokens, tokens).
            targets: Next token's id, or -1 where nothing is to be learnt (rows, tokens).
        """
        table: Tensor = self.get_buffer("rope")
        rope = table[:, positions].unsqueeze(2)
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, rope, mask)
        learnt = targets >= 0
        logits = F.linear(self.norm(x[learnt]), self.embed.weight)
        return F.cross_entropy(logits.float(), targets[learnt])
