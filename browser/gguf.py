"""Reads a GGUF file's header: what a model is, without loading it.

Files come from the net, so every length is checked against the file before it is believed, and what is kept is bounded:
the 152,000 tokens of a vocabulary are stepped over, not built. Format: ggml's ``docs/gguf.md``, versions 1 to 3, little
and big endian. A header of any size takes less than 64 MB and a second.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from paddock.browser.ggml import FILE_TYPES
from paddock.browser.gguf_cursor import Cursor, Damaged
from paddock.browser.gguf_tensors import Table, Tensor, read_table
from paddock.browser.shards import missing_part, shard_names, shard_of
from paddock.sdk.errors import ModelUnusable
from paddock.sdk.types import Options
from paddock.sdk.units import bytes_text

__all__ = ["Header", "Tensor", "check_shards", "parse_header", "read_header", "read_model_headers"]

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_NEWEST = 3
_MOST_KEYS = 16_384
_LONGEST_KEY = 65_535
_LONGEST_TEXT = 65_536
_LONGEST_TEMPLATE = 4 * 2**20
_LONGEST_ARRAY = 65_536
_MOST_ELEMENTS = 262_144
_WIDEST_ALIGNMENT = 2**20
_VOCABULARY = "tokenizer."
_TEMPLATE = "tokenizer.chat_template"
_SAMPLING = "general.sampling."
_SAMPLING_NAMES = {
    "temp": "temperature",
    "penalty_last_n": "repeat_last_n",
    "penalty_repeat": "repeat_penalty",
} | {key: key for key in ("top_k", "top_p", "min_p", "xtc_probability", "xtc_threshold", "mirostat", "mirostat_tau",
                          "mirostat_eta")}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a GGUF file says about itself.

    ``data_start`` is where the tensors' data begins and ``data_end`` the length that the file must have;
    ``parameters`` and ``tensors`` are of this file alone (a shard has a part of them).

    ``metadata`` holds all numbers, truths and texts up to 64 KiB, the chat template, and arrays of up to 65,536 numbers
    or truths as tuples, but for the vocabulary's; ``counts`` the length of every array
    (``counts["tokenizer.ggml.tokens"]`` is the size of the vocabulary).
    """

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
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    counts: Mapping[str, int] = field(default_factory=dict, repr=False)
    tensors: tuple[Tensor, ...] = field(default=(), repr=False)
    data_start: int = 0
    big_endian: bool = False


def read_header(path: Path, *, tensors: bool = True) -> Header:
    """The header of the file at ``path``; blocks. Without ``tensors`` their table is checked, but not kept.

    Raises ModelUnusable: not a GGUF file, damaged, truncated, of an unknown version or, if ``tensors`` are wanted, with
    types of tensors that are not known (``newer`` in its details says that a newer program may read it). Raises OSError
    where the file cannot be read.
    """
    with path.open("rb") as file:
        return parse_header(file, os.fstat(file.fileno()).st_size, path.name, tensors=tensors)


def read_model_headers(path: Path) -> tuple[Header, ...]:
    """The headers of all files of the model that ``path`` belongs to, in their order; blocks.

    Raises ModelUnusable for a missing part too, else what :func:`read_header` raises.
    """
    paths = [path.with_name(name) for name in shard_names(path.name)]
    lost = missing_part([part for part in paths if part.exists()], path.stem, len(paths))
    if lost and len(paths) > 1:
        raise ModelUnusable(lost, hint="Download it again.")
    headers = tuple(read_header(part) for part in paths)
    check_shards(headers, path.name)
    return headers


def check_shards(headers: tuple[Header, ...], name: str) -> None:
    """Raises ModelUnusable where ``headers`` are not those of all parts of the model in the file ``name``."""
    for number, header in enumerate(headers):
        claimed = header.metadata.get("split.no", number)
        if header.shards != len(headers) or claimed != number:
            raise ModelUnusable(
                f"The files of {shard_of(name.rpartition('.')[0])[0]} do not go together: file {number + 1} of "
                f"{len(headers)} says that it is number {claimed} (from 0) of {header.shards}.",
                hint="Give the files the names that they were published with, or download them again.",
            )


def parse_header(file: BinaryIO, size: int, name: str, *, available: int | None = None, tensors: bool = True) -> Header:
    """The header at the beginning of ``file``, which has ``size`` bytes of which the first ``available`` are there.

    Raises ModelUnusable as :func:`read_header`, with ``name`` in its sentence, and
    :class:`~paddock.browser.gguf_cursor.Incomplete` where the header goes on beyond ``available``.
    """
    cursor = Cursor(file, size, size if available is None else available)
    if size < 4 or cursor.take(4) != b"GGUF":
        raise ModelUnusable(f"{name} is not a GGUF file.", hint="Choose a model in GGUF format.")
    try:
        header, unknown = _Reader(cursor, name).read(tensors)
    except Damaged as damage:
        raise ModelUnusable(f"{name} is damaged: {damage}.", hint="Download it again.") from None
    if header.data_end > size:
        raise ModelUnusable(
            f"{name} is not complete: the file ends before its tensors, {bytes_text(header.data_end - size)} of "
            f"{bytes_text(header.data_end)} are missing.",
            hint="Download it again.",
            size_bytes=size,
            needed_bytes=header.data_end,
        )
    if unknown is not None and tensors:
        raise ModelUnusable(
            f"What {name} needs cannot be told: it holds tensors of an unknown type ({unknown}).",
            hint="Update Paddock.",
        )
    return header


class _Reader:
    def __init__(self, cursor: Cursor, name: str) -> None:
        self._cursor = cursor
        self._name = name
        self._values: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._elements_left = _MOST_ELEMENTS

    def read(self, keep: bool) -> tuple[Header, int | None]:
        """The header, and a type of tensors that is not known."""
        version = self._version()
        tensors, keys = self._cursor.length(), self._cursor.length()
        if keys > _MOST_KEYS:
            raise Damaged(f"it claims to have {keys:,} entries")
        for _ in range(keys):
            self._pair()
        alignment = self._values.get("general.alignment", 32)
        if type(alignment) is not int or not 0 < alignment <= _WIDEST_ALIGNMENT or alignment & (alignment - 1):
            raise Damaged("its alignment is not a power of two")
        table = read_table(self._cursor, tensors, alignment, keep)
        self._cursor.finish()
        start = self._cursor.position
        if tensors:
            start = -(-start // alignment) * alignment
        header = _header(version, self._values, self._counts, table, start, self._cursor.order == ">")
        return header, table.unknown

    def _version(self) -> int:
        version: int = self._cursor.number("I")
        if version and not version & 0xFFFF:
            self._cursor.order = ">"
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
        if not 1 <= version <= _NEWEST:
            hint = "Update Paddock." if version else "Download it again."
            text = f"{self._name} has the GGUF version {version}, which is not supported."
            raise ModelUnusable(text, hint=hint, newer=bool(version))
        self._cursor.width = 4 if version == 1 else 8
        return version

    def _pair(self) -> None:
        cursor = self._cursor
        key = cursor.text(cursor.length(), _LONGEST_KEY)
        if key in self._values or key in self._counts:
            raise Damaged("two of its entries have the same name")
        kind = cursor.number("I")
        if kind == _ARRAY:
            self._array(key)
        elif kind == _STRING:
            length = cursor.length()
            if key == _TEMPLATE or length <= _LONGEST_TEXT:
                self._values[key] = cursor.text(length, _LONGEST_TEMPLATE)
            else:
                self._values[key] = None
                cursor.skip(length)
        else:
            self._values[key] = cursor.number(_format(kind))

    def _array(self, key: str) -> None:
        cursor = self._cursor
        kind, count = cursor.number("I"), cursor.length()
        self._counts[key] = count
        if kind == _STRING:
            cursor.skip_strings(count)
            return
        size = count * struct.calcsize(cursor.order + _format(kind))
        if key.startswith(_VOCABULARY) or count > min(_LONGEST_ARRAY, self._elements_left):
            cursor.skip(size)
            return
        self._elements_left -= count
        self._values[key] = struct.unpack(f"{cursor.order}{count}{_format(kind)}", cursor.take(size))


def _format(kind: int) -> str:
    if kind not in _SCALARS:
        raise Damaged("it holds a list of lists" if kind == _ARRAY else f"it holds a value of the unknown type {kind}")
    return _SCALARS[kind]


def _header(
    version: int, values: Mapping[str, Any], counts: Mapping[str, int], table: Table, start: int, big_endian: bool
) -> Header:
    architecture = _string(values, "general.architecture")
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
        template=_string(values, _TEMPLATE),
        pooling=bool(_whole(values, f"{architecture}.pooling_type")),
        parameters=table.parameters,
        shards=_whole(values, "split.count") or 1,
        data_end=start + table.length,
        sampling=_sampling(values),
        metadata={key: value for key, value in values.items() if value is not None},
        counts=counts,
        tensors=table.tensors,
        data_start=start,
        big_endian=big_endian,
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
