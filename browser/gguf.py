"""Reads a GGUF file's header: what a model is, without loading it.

Files come from the net, so every length is checked against the file before it is believed, and nothing but the wanted
keys is kept: the 152,000 tokens of a vocabulary are stepped over, not built. Format: ggml's ``docs/gguf.md``, versions
2 and 3, little and big endian.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from paddock.browser.ggml import FILE_TYPES, TYPE_SIZES
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.types import Options

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY, _BOOL = 8, 9, 7
_MOST_KEYS = 100_000
_MOST_TENSORS = 1_000_000
_LONGEST_NAME = 65_535
_LONGEST_TEXT = 4 * 2**20
_DEEPEST_ARRAY = 4
_PIECE = 256 * 1024
_SAMPLING = "general.sampling."
_SAMPLING_NAMES = {
    "temp": "temperature",
    "penalty_last_n": "repeat_last_n",
    "penalty_repeat": "repeat_penalty",
} | {key: key for key in ("top_k", "top_p", "min_p", "xtc_probability", "xtc_threshold", "mirostat", "mirostat_tau",
                          "mirostat_eta")}  # fmt: skip
_WANTED = frozenset(
    {
        "general.architecture",
        "general.type",
        "general.name",
        "general.size_label",
        "general.file_type",
        "general.alignment",
        "tokenizer.chat_template",
        "split.no",
        "split.count",
    }
)
_WANTED_ENDINGS = (".context_length", ".block_count", ".pooling_type")


@dataclass(frozen=True)
class Header:
    """What a GGUF file says about itself. ``data_end`` is the length that the file must have; ``parameters`` counts
    the tensors of this file alone (a shard has a part of them)."""

    version: int
    architecture: str = ""
    kind: str = "model"
    name: str = ""
    size_label: str = ""
    quant: str = ""
    context_length: int | None = None
    block_count: int | None = None
    template: str = ""
    pooling: bool = False
    parameters: int = 0
    shards: int = 1
    data_end: int = 0
    sampling: Options = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """The header of the file at ``path``; blocks.

    Raises ModelUnusable: not a GGUF file, damaged, truncated or of an unknown version. Raises OSError where the file
    cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        cursor = _Cursor(file, size)
        if size < 4 or cursor.take(4) != b"GGUF":
            raise ModelUnusable(f"{path.name} is not a GGUF file.", hint="Choose a model in GGUF format.")
        header = _Reader(cursor, path.name).read()
    if header.data_end > size:
        raise ModelUnusable(
            f"{path.name} is not complete: the file ends before its tensors ({size:,} of {header.data_end:,} bytes).",
            hint="Download it again.",
            size_bytes=size,
            needed_bytes=header.data_end,
        )
    return header


class _Damaged(Exception):
    """The header contradicts itself or the file's length."""


class _Cursor:
    """A position in the file with a window of bytes ahead of it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._window = b""
        self._start = 0
        self._at = 0

    @property
    def position(self) -> int:
        return self._start + self._at

    @property
    def left(self) -> int:
        return self._size - self.position

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _Damaged
        if self._at + count > len(self._window):
            self._start, self._at = self.position, 0
            self._file.seek(self._start)
            self._window = self._file.read(max(count, _PIECE))
            if len(self._window) < count:
                raise _Damaged
        data = self._window[self._at : self._at + count]
        self._at += count
        return data

    def skip(self, count: int) -> None:
        if count > self.left:
            raise _Damaged
        self._at += count
        if self._at > len(self._window):
            self._start, self._at, self._window = self.position, 0, b""


class _Reader:
    def __init__(self, cursor: _Cursor, name: str) -> None:
        self._cursor = cursor
        self._name = name
        self._order = "<"
        self._values: dict[str, Any] = {}

    def read(self) -> Header:
        try:
            version = self._version()
            tensors, keys = self._number("Q"), self._number("Q")
            if keys > _MOST_KEYS or tensors > _MOST_TENSORS:
                raise _Damaged
            for _ in range(keys):
                self._pair()
            parameters, data_end = self._tensors(tensors)
        except _Damaged:
            raise ModelUnusable(
                f"{self._name} is damaged: its header cannot be read.", hint="Download it again."
            ) from None
        return _header(version, self._values, parameters, data_end)

    def _version(self) -> int:
        version: int = self._number("I")
        if version and not version & 0xFFFF:
            self._order = ">"
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
        if version not in (2, 3):
            self._refuse_version(version)
        return version

    def _refuse_version(self, version: int) -> NoReturn:
        hint = "Update Paddock." if version > 3 else "Download a newer conversion of this model."
        raise ModelUnusable(f"{self._name} has the GGUF version {version}, which is not supported.", hint=hint)

    def _pair(self) -> None:
        key = self._text(_LONGEST_NAME)
        kind = self._number("I")
        wanted = key in _WANTED or key.startswith(_SAMPLING) or key.endswith(_WANTED_ENDINGS)
        if not wanted or kind == _ARRAY:
            self._skip(kind, 0)
        elif kind == _STRING:
            self._values[key] = self._text(_LONGEST_TEXT)
        else:
            number = self._number(_format(kind))
            self._values[key] = bool(number) if kind == _BOOL else number

    def _skip(self, kind: int, depth: int) -> None:
        if kind == _STRING:
            self._cursor.skip(self._number("Q"))
        elif kind != _ARRAY:
            self._cursor.skip(struct.calcsize(_format(kind)))
        else:
            self._skip_array(depth)

    def _skip_array(self, depth: int) -> None:
        element, count = self._number("I"), self._number("Q")
        if element in _SCALARS:
            self._cursor.skip(count * struct.calcsize(_SCALARS[element]))
            return
        least = 8 if element == _STRING else 12
        if depth >= _DEEPEST_ARRAY or element not in (_STRING, _ARRAY) or count * least > self._cursor.left:
            raise _Damaged
        if element == _STRING:
            length = struct.Struct(f"{self._order}Q")
            take, skip, unpack = self._cursor.take, self._cursor.skip, length.unpack
            for _ in range(count):
                skip(unpack(take(8))[0])
        else:
            for _ in range(count):
                self._skip_array(depth + 1)

    def _tensors(self, count: int) -> tuple[int, int]:
        """Number of parameters, and where the last tensor ends in the file."""
        parameters, end = 0, 0
        for _ in range(count):
            self._cursor.skip(self._number("Q"))
            dimensions = self._number("I")
            if dimensions > 8:
                raise _Damaged
            elements = 1
            for _ in range(dimensions):
                elements *= self._number("Q")
            kind, offset = self._number("I"), self._number("Q")
            if elements > 2**50 or offset > 2**50:
                raise _Damaged
            block, size = TYPE_SIZES.get(kind, (1, 0))
            parameters += elements
            end = max(end, offset + -(-elements // block) * size)
        alignment = self._values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 2**20:
            raise _Damaged
        start = -(-self._cursor.position // alignment) * alignment
        return parameters, start + end if count else self._cursor.position

    def _number(self, code: str) -> Any:
        form = self._order + code
        return struct.unpack(form, self._cursor.take(struct.calcsize(form)))[0]

    def _text(self, longest: int) -> str:
        length = self._number("Q")
        if length > longest:
            raise _Damaged
        return self._cursor.take(length).decode("utf-8", "replace")


def _format(kind: int) -> str:
    if kind not in _SCALARS:
        raise _Damaged
    return _SCALARS[kind]


def _header(version: int, values: Mapping[str, Any], parameters: int, data_end: int) -> Header:
    architecture = _string(values, "general.architecture")
    shards = _whole(values, "split.count") or 1
    file_type = _whole(values, "general.file_type")
    return Header(
        version=version,
        architecture=architecture,
        kind=_string(values, "general.type") or "model",
        name=_string(values, "general.name"),
        size_label=_string(values, "general.size_label"),
        quant=FILE_TYPES.get(file_type, "") if file_type is not None else "",
        context_length=_whole(values, f"{architecture}.context_length"),
        block_count=_whole(values, f"{architecture}.block_count"),
        template=_string(values, "tokenizer.chat_template"),
        pooling=bool(_whole(values, f"{architecture}.pooling_type")),
        parameters=parameters,
        shards=shards,
        data_end=data_end,
        sampling=_sampling(values),
    )


def _sampling(values: Mapping[str, Any]) -> Options:
    found: Options = {}
    for key, name in _SAMPLING_NAMES.items():
        value = values.get(_SAMPLING + key)
        if isinstance(value, int) and not isinstance(value, bool):
            found[name] = value
        elif isinstance(value, float) and math.isfinite(value):
            found[name] = float(f"{value:.6g}")  # single precision: 0.6, not 0.6000000238
    return found


def _string(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _whole(values: Mapping[str, Any], key: str) -> int | None:
    value = values.get(key)
    return value if isinstance(value, int) else None
