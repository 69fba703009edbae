"""Loading a model without the words of its vocabulary: a simulated load needs their number alone.

Reading a large vocabulary takes llama.cpp most of a simulated load. It can do without one (the tokenizer ``no_vocab``),
and is told so by overriding two values of the header; every tensor and buffer is as large as with it. What the words
themselves would take is known by their number, but for tokenizers that keep them in trees.
"""

from __future__ import annotations

import ctypes
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

from paddock.backends.llamacpp.bindings import Library, Model
from paddock.backends.llamacpp.load_errors import load_error

_BEGINNING = 2**20
"""Bytes looked at: a header says what it is before it lists the tokens."""
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_LISTED = ("llama", "gpt2", "gemma4", "bert")
"""Tokenizers that keep each token and each merge in a table; of the others only llama.cpp knows what they take."""
_TOKEN_BYTES, _MERGE_BYTES = 116, 116
"""In llama.cpp's tables, beyond the place that a token without a word has too: vocabularies of 32,000 to 262,144 tokens
on Linux, x86-64."""
_LONGEST = 100
"""Bytes of an architecture's name: no real one is longer, and an override has no room for it."""
_COUNT = re.compile(r"tokenizer\.ggml\.(tokens|merges) arr\[str,(\d+)\]")
_WORDS = "tokenizer.ggml.tokens"
_MODEL, _PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"


class Vocabulary(NamedTuple):
    """What the header says before the words: of what architecture, which tokenizer, and how many tokens."""

    architecture: str
    tokenizer: str
    pre: str
    tokens: int


def overrides(lib: Library, path: str) -> ctypes.Array[Any] | None:
    """``llama_model_params.kv_overrides`` with which the file at ``path`` is loaded without its words; None where its
    header is in another order than usual, or its tokenizer takes what nobody can tell.

    Raises ModelUnusable where llama.cpp does not know the tokenizer.
    """
    found = vocabulary_of(Path(path))
    if found is None:
        return None
    _check(lib, found, path)
    if found.tokenizer not in _LISTED or len(found.architecture.encode()) > _LONGEST:
        return None
    api = lib.api
    made: ctypes.Array[Any] = (api.llama_model_kv_override * 3)()
    made[0].tag, made[0].key = api.LLAMA_KV_OVERRIDE_TYPE_STR, _MODEL.encode()
    made[0].value.val_str = b"no_vocab"
    made[1].tag, made[1].key = api.LLAMA_KV_OVERRIDE_TYPE_INT, f"{found.architecture}.vocab_size".encode()
    made[1].value.val_i64 = found.tokens
    return made


def words_left_out(model: Model) -> int:
    """Bytes of the words that the load of ``model``, which has just ended, left out."""
    api = model.lib.api
    if api.llama_vocab_type(model.vocab) != api.LLAMA_VOCAB_TYPE_NONE:
        return 0
    counts = {found[1]: int(found[2]) for found in map(_COUNT.search, model.lib.log()) if found}
    return _TOKEN_BYTES * counts.get("tokens", 0) + _MERGE_BYTES * counts.get("merges", 0)


def vocabulary_of(path: Path) -> Vocabulary | None:
    """What the beginning of the file says; None where that does not reach to the words, or is no header."""
    try:
        with path.open("rb") as file:
            return _read(file.read(_BEGINNING))
    except (OSError, struct.error, KeyError, OverflowError):
        return None


def _read(data: bytes) -> Vocabulary | None:
    magic, version, _, count = struct.unpack_from("<4sIQQ", data)
    at, texts = struct.calcsize("<4sIQQ"), {_PRE: ""}
    while magic == b"GGUF" and version in (2, 3) and count:
        key, at = _text(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        at, count = at + 4, count - 1
        if kind == _STRING:
            texts[key], at = _text(data, at)
        elif kind != _ARRAY:
            at += _SIZES[kind]
        else:
            element, length = struct.unpack_from("<IQ", data, at)
            at += 12
            if key == _WORDS:
                return Vocabulary(texts["general.architecture"], texts[_MODEL], texts[_PRE], length)
            for _ in range(length if element == _STRING else 0):
                _, at = _text(data, at)
            at += length * _SIZES.get(element, 0)
    return None


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    return data[at + 8 : at + 8 + length].decode("utf-8", "replace"), at + 8 + length


def _check(lib: Library, vocabulary: Vocabulary, path: str) -> None:
    """Have llama.cpp look at the tokenizer's name alone, as it does before it reads the words."""
    api = lib.api
    empty, text, texts, free = (
        lib.function(f"gguf_{name}") for name in ("init_empty", "set_val_str", "set_arr_str", "free")
    )
    empty.restype = ctypes.c_void_p
    header = ctypes.c_void_p(empty())
    values = {"general.architecture": vocabulary.architecture, _MODEL: vocabulary.tokenizer, _PRE: vocabulary.pre}
    for key, value in values.items():
        text(header, key.encode(), value.encode())
    texts(header, b"tokenizer.ggml.merges", None, ctypes.c_size_t(0))
    params = api.llama_model_default_params()
    params.vocab_only = True
    lib.forget_log()
    model = api.llama_model_init_from_user(header, api.llama_model_set_tensor_data_t(), None, params)
    free(header)
    if model:
        api.llama_model_free(model)
    errors = lib.errors()
    if any("unknown tokenizer" in line or "unknown pre-tokenizer" in line for line in errors):
        raise load_error(path, errors)
