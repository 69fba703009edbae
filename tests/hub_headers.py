"""Headers of GGUF files of real sizes for the hub of the tests: everything that the memory of a dense model depends on,
so that the fit of a catalogue's model is the engine's own answer. The weights behind them are zeros.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

VOCABULARY = 100_000
QUANTS = {
    "F16": (1, 1, 2), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84), "Q3_K_M": (11, 256, 110), "Q4_K_M": (12, 256, 144),
    "Q5_K_M": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_XS": (23, 256, 136),
}  # fmt: skip
"""Type of the matrices in ggml, weights of a block, bytes of a block."""
SHAPES = (
    (100_000_000, 24, 512, 8, 4),
    (500_000_000, 26, 1024, 16, 8),
    (1_500_000_000, 28, 2048, 16, 8),
    (3_000_000_000, 28, 3072, 24, 8),
    (4_000_000_000, 36, 2560, 32, 8),
    (7_000_000_000, 36, 4096, 32, 8),
    (13_000_000_000, 40, 5120, 40, 8),
    (30_000_000_000, 64, 5120, 40, 8),
    (65_000_000_000, 80, 8192, 64, 8),
)
"""Parameters from which on, layers, embedding, heads, KV heads; heads of 128 (64 in the smallest)."""
FULL = 0.99
"""Share of a model's parameters that the header accounts for."""
ARCHITECTURES = ("llama", "qwen2", "qwen3")
U32, F32, STRING, ARRAY = 4, 6, 8, 9
PLAIN = 0
REAL_BELOW = 300_000_000
"""Bytes up to which a file's checksum is that of its content; larger ones are never fetched to the end."""


@dataclass(frozen=True)
class HeaderBlob:
    """A file of ``size`` bytes with a header of its own, made when it is first asked for."""

    architecture: str
    name: str
    parameters: int
    context: int
    quant: str
    template: str
    size: int

    @cached_property
    def head(self) -> bytes:
        return header(self)

    @cached_property
    def sha256(self) -> str:
        if self.size >= REAL_BELOW:
            return hashlib.sha256(repr(self).encode()).hexdigest()
        digest = hashlib.sha256(self.head)
        digest.update(bytes(self.size - len(self.head)))
        return digest.hexdigest()

    def read(self, start: int, end: int) -> bytes:
        data = self.head[start:end]
        return data + bytes(end - start - len(data))


def header(blob: HeaderBlob) -> bytes:
    """Metadata, vocabulary and the table of tensors, up to where the weights begin."""
    _, layers, embedding, heads, kv_heads = [shape for shape in SHAPES if shape[0] <= blob.parameters][-1]
    width = 64 if embedding < 1024 else 128
    rest = blob.parameters * FULL - VOCABULARY * embedding - layers * embedding * 2 * (heads + kv_heads) * width
    feed_forward = int(rest / (3 * layers * embedding) // 256 * 256)
    arch = blob.architecture
    metadata = {
        "general.architecture": _text(arch),
        "general.name": _text(blob.name),
        "general.file_type": _number(1),
        f"{arch}.block_count": _number(layers),
        f"{arch}.context_length": _number(blob.context),
        f"{arch}.embedding_length": _number(embedding),
        f"{arch}.feed_forward_length": _number(feed_forward),
        f"{arch}.attention.head_count": _number(heads),
        f"{arch}.attention.head_count_kv": _number(kv_heads),
        f"{arch}.attention.key_length": _number(width),
        f"{arch}.attention.value_length": _number(width),
        f"{arch}.attention.layer_norm_rms_epsilon": struct.pack("<If", F32, 1e-6),
        f"{arch}.rope.dimension_count": _number(width),
        f"{arch}.rope.freq_base": struct.pack("<If", F32, 1e6),
        "tokenizer.chat_template": _text(blob.template),
        **_vocabulary(),
    }
    tensors = list(_tensors(arch, layers, embedding, heads * width, kv_heads * width, feed_forward, width))
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    parts += [_string(key) + value for key, value in metadata.items()]
    offset = 0
    for name, shape in tensors:
        kind, weights, size = QUANTS[blob.quant] if len(shape) > 1 else (PLAIN, 1, 4)
        parts.append(_string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        parts.append(struct.pack("<IQ", kind, offset))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        offset += -(-count * size // weights // 32) * 32
    made = b"".join(parts)
    made += bytes(-len(made) % 32)
    if len(made) + offset > blob.size:
        raise ValueError(f"{blob.name} {blob.quant}: {len(made) + offset:,} bytes do not go into {blob.size:,}")
    return made


def _tensors(
    arch: str, layers: int, embedding: int, q: int, kv: int, feed_forward: int, width: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "token_embd.weight", (embedding, VOCABULARY)
    yield "output_norm.weight", (embedding,)
    for layer in range(layers):
        names: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (embedding,), "attn_q.weight": (embedding, q), "attn_k.weight": (embedding, kv),
            "attn_v.weight": (embedding, kv), "attn_output.weight": (q, embedding), "ffn_norm.weight": (embedding,),
            "ffn_gate.weight": (embedding, feed_forward), "ffn_up.weight": (embedding, feed_forward),
            "ffn_down.weight": (feed_forward, embedding),
        }  # fmt: skip
        if arch == "qwen2":
            names |= {"attn_q.bias": (q,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
        if arch == "qwen3":
            names |= {"attn_q_norm.weight": (width,), "attn_k_norm.weight": (width,)}
        for name, shape in names.items():
            yield f"blk.{layer}.{name}", shape


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _text(text: str) -> bytes:
    return struct.pack("<I", STRING) + _string(text)


def _number(number: int) -> bytes:
    return struct.pack("<II", U32, number)


@cache
def _vocabulary() -> dict[str, bytes]:
    """A SentencePiece vocabulary of control tokens, bytes and made-up words."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [2, 3, 3] + [6] * 256 + [1] * (VOCABULARY - 259)
    tokens += [f"▁w{number}" for number in range(VOCABULARY - 259)]
    words = struct.pack("<IIQ", ARRAY, STRING, VOCABULARY) + b"".join(_string(token) for token in tokens)
    scores = struct.pack("<IIQ", ARRAY, F32, VOCABULARY) + struct.pack(
        f"<{VOCABULARY}f", *map(float, range(VOCABULARY))
    )
    types = struct.pack("<IIQ", ARRAY, 5, VOCABULARY) + struct.pack(f"<{VOCABULARY}i", *kinds)
    return {
        "tokenizer.ggml.model": _text("llama"),
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.bos_token_id": _number(1),
        "tokenizer.ggml.eos_token_id": _number(2),
    }
