"""Writes small GGUF files for tests: any header, and a llama with random weights that llama.cpp loads."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
Typed = tuple[int, Any]
"""A value type and a value; for arrays the value is (element type, list)."""


class Writer:
    def __init__(self, order: str = "<", version: int = 3) -> None:
        self.order = order
        self.version = version
        self.count = "I" if version == 1 else "Q"

    def pack(self, kind: int, value: Any) -> bytes:
        if kind == STRING:
            data = value if isinstance(value, bytes) else value.encode()
            return struct.pack(f"{self.order}{self.count}", len(data)) + data
        if kind == ARRAY:
            element, items = value
            head = struct.pack(f"{self.order}I{self.count}", element, len(items))
            if element in FORMATS:
                return head + struct.pack(f"{self.order}{len(items)}{FORMATS[element]}", *items)
            return head + b"".join(self.pack(element, item) for item in items)
        return struct.pack(f"{self.order}{FORMATS[kind]}", value)

    def file(self, metadata: dict[str, Typed], tensors: dict[str, np.ndarray] | None = None) -> bytes:
        tensors = tensors or {}
        counts = struct.pack(f"{self.order}I{self.count}{self.count}", self.version, len(tensors), len(metadata))
        parts = [b"GGUF", counts]
        for key, (kind, value) in metadata.items():
            parts += [self.pack(STRING, key), struct.pack(f"{self.order}I", kind), self.pack(kind, value)]
        offset, datas = 0, []
        for name, array in tensors.items():
            shape = array.shape[::-1]
            parts += [self.pack(STRING, name), struct.pack(f"{self.order}I", len(shape))]
            parts += [
                struct.pack(f"{self.order}{len(shape)}{self.count}", *shape),
                struct.pack(f"{self.order}IQ", 0, offset),
            ]
            data = array.astype(f"{self.order}f4").tobytes()
            data += b"\0" * (-len(data) % 32)
            datas.append(data)
            offset += len(data)
        head = b"".join(parts)
        return head + b"\0" * (-len(head) % 32) + b"".join(datas)


TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """A SentencePiece vocabulary of control tokens, bytes and a few words; token types as llama.cpp has them."""
    words = ["▁", "a", "b", "c", "d", "e", "▁a", "▁the", "th", "he", "in", "▁Paris", "\n", "€"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words, "<think>", "</think>"]
    scores = [0.0] * 259 + [-float(index) for index in range(len(words))] + [0.0, 0.0]
    types = [2, 3, 3] + [6] * 256 + [1] * len(words) + [3, 3]
    return tokens, scores, types


def llama_metadata(template: str | None = TEMPLATE, *, trained: int = 4096, layers: int = 2) -> dict[str, Typed]:
    tokens, scores, types = vocabulary()
    metadata: dict[str, Typed] = {
        "general.architecture": (STRING, "llama"),
        "general.name": (STRING, "Tiny Llama"),
        "general.size_label": (STRING, "0.1M"),
        "general.file_type": (U32, 0),
        "llama.block_count": (U32, layers),
        "llama.context_length": (U32, trained),
        "llama.embedding_length": (U32, 64),
        "llama.feed_forward_length": (U32, 96),
        "llama.attention.head_count": (U32, 4),
        "llama.attention.head_count_kv": (U32, 2),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "llama.rope.dimension_count": (U32, 16),
        "llama.vocab_size": (U32, len(tokens)),
        "tokenizer.ggml.model": (STRING, "llama"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, tokens)),
        "tokenizer.ggml.scores": (ARRAY, (F32, scores)),
        "tokenizer.ggml.token_type": (ARRAY, (I32, types)),
        "tokenizer.ggml.bos_token_id": (U32, 1),
        "tokenizer.ggml.eos_token_id": (U32, 2),
        "tokenizer.ggml.unknown_token_id": (U32, 0),
        "tokenizer.ggml.add_bos_token": (BOOL, True),
    }
    if template is not None:
        metadata["tokenizer.chat_template"] = (STRING, template)
    return metadata


def llama_tensors(layers: int = 2, seed: int = 7) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    vocab = len(vocabulary()[0])

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    output = weights(vocab, 64)
    output[2] = -1.0  # the model rarely ends its turn by itself, so that tests decide the length
    tensors = {"token_embd.weight": weights(vocab, 64), "output_norm.weight": np.ones(64), "output.weight": output}
    for layer in range(layers):
        tensors |= {
            f"blk.{layer}.attn_norm.weight": np.ones(64),
            f"blk.{layer}.attn_q.weight": weights(64, 64),
            f"blk.{layer}.attn_k.weight": weights(32, 64),
            f"blk.{layer}.attn_v.weight": weights(32, 64),
            f"blk.{layer}.attn_output.weight": weights(64, 64),
            f"blk.{layer}.ffn_norm.weight": np.ones(64),
            f"blk.{layer}.ffn_gate.weight": weights(96, 64),
            f"blk.{layer}.ffn_up.weight": weights(96, 64),
            f"blk.{layer}.ffn_down.weight": weights(64, 96),
        }
    return tensors


def write_llama(path: Path, *, template: str | None = TEMPLATE, trained: int = 4096, **extra: Typed) -> Path:
    """A llama of random weights at ``path``; ``extra`` are further metadata, with “__” for “.” in their names."""
    metadata = llama_metadata(template, trained=trained) | {key.replace("__", "."): v for key, v in extra.items()}
    path.write_bytes(Writer().file(metadata, llama_tensors()))
    return path


def large_vocabulary(tokens: int = 262_144, merges: int = 514_906) -> dict[str, Typed]:
    """Metadata like that of the largest vocabularies that are published (Gemma 4): 15.8 MB of header."""
    random = np.random.default_rng(11)
    letters = "".join(chr(97 + byte % 26) for byte in random.bytes(4096))

    starts = random.integers(0, 4000, max(tokens, merges))

    def words(count: int, mean: float) -> list[str]:
        lengths = np.clip(random.gamma(4.0, mean / 4.0, count) * np.linspace(0.8, 1.2, count), 1, 60).astype(int)
        return [letters[start : start + length] for start, length in zip(starts, lengths, strict=False)]

    return llama_metadata() | {
        "tokenizer.ggml.tokens": (ARRAY, (STRING, words(tokens, 9.0))),
        "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * tokens)),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [1] * tokens)),
        "tokenizer.ggml.merges": (ARRAY, (STRING, words(merges, 10.7))),
    }
