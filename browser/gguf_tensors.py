"""The table of tensors in a GGUF header: what they are called, how they are stored, and where."""

from __future__ import annotations

import struct
from typing import NamedTuple

from paddock.browser.ggml import TYPE_SIZES
from paddock.browser.gguf_cursor import Cursor, Damaged, Incomplete

_MOST_TENSORS = 65_536
_MOST_DIMENSIONS = 4
_LONGEST_NAME = 255
_FARTHEST = 2**50


class Tensor(NamedTuple):
    """``shape`` as ggml counts, a row's length first. ``type`` is a key of :data:`~paddock.browser.ggml.TYPE_SIZES`.
    ``offset`` of its data is counted from the header's ``data_start``, ``size`` is in bytes."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    size: int


class Table(NamedTuple):
    """``tensors`` is empty where it was not asked for. ``length``: bytes of data, to the end of the last tensor.
    ``unknown``: a type that this version does not know; then sizes are too small."""

    tensors: tuple[Tensor, ...]
    parameters: int
    length: int
    unknown: int | None


def read_table(cursor: Cursor, count: int, alignment: int, keep: bool) -> Table:
    """The next ``count`` entries. Raises Damaged and Incomplete."""
    if count > _MOST_TENSORS:
        raise Damaged(f"it claims to have {count:,} tensors")
    first = cursor.position
    names: set[str] = set()
    spans: list[tuple[int, int]] = []
    tensors: list[Tensor] = []
    parameters, unknown = 0, None
    for number in range(count):
        try:
            tensor = _entry(cursor, alignment)
        except Incomplete as more:
            guess = (cursor.position - first) * count // max(number, 1)
            raise Incomplete(more.needed, first + guess) from None
        names.add(tensor.name)
        if len(names) == number:
            raise Damaged("two of its tensors have the same name")
        elements = 1
        for extent in tensor.shape:
            elements *= extent
        parameters += elements
        spans.append((tensor.offset, tensor.offset + tensor.size))
        if not tensor.size:
            unknown = tensor.type
        if keep:
            tensors.append(tensor)
    return Table(tuple(tensors), parameters, _length(spans), unknown)


def _entry(cursor: Cursor, alignment: int) -> Tensor:
    name = cursor.text(cursor.length(), _LONGEST_NAME)
    dimensions = cursor.number("I")
    if dimensions > _MOST_DIMENSIONS:
        raise Damaged(f"one of its tensors has {dimensions:,} dimensions")
    form = f"{cursor.order}{dimensions}{'Q' if cursor.width == 8 else 'I'}IQ"
    *extents, kind, offset = struct.unpack(form, cursor.take(struct.calcsize(form)))
    elements = 1
    for extent in extents:
        elements *= extent
    if not 0 < elements <= _FARTHEST:
        raise Damaged("one of its tensors has an impossible shape")
    if offset > _FARTHEST or offset % alignment:
        raise Damaged("one of its tensors lies at an impossible place")
    block, size = TYPE_SIZES.get(kind, (1, 0))
    if (extents[0] if extents else 1) % block:
        raise Damaged("the rows of one of its tensors do not go with its type")
    return Tensor(name, tuple(extents), kind, offset, elements // block * size)


def _length(spans: list[tuple[int, int]]) -> int:
    spans.sort()
    end = 0
    for start, after in spans:
        if start < end:
            raise Damaged("two of its tensors overlap")
        end = after
    return end
