"""A place in a GGUF header. Nothing it holds is believed before it is checked against the file's length."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

_PIECE = 256 * 1024
_MOST_TEXT = 6 * 2**20
_MOST_STRINGS = 2**21
_CAUTION = 0.9
"""Of a guessed length, unless it is so short that it may be off. Guessing less costs one more question, guessing more
costs bytes that nobody needs."""
_SURE = 512 * 1024


class Damaged(Exception):
    """The header contradicts itself, the file's length or what any model needs; the text ends a sentence."""


class Incomplete(Exception):
    """The header goes on beyond the bytes that are there: at least to ``needed``, and probably to ``likely``."""

    def __init__(self, needed: int, likely: int = 0) -> None:
        super().__init__(needed)
        self.needed = needed
        self.likely = max(needed, likely)


class Cursor:
    """A position in ``file`` with a window of bytes ahead of it.

    Args:
        file: Holds the first ``available`` bytes of a file of ``size`` bytes.
        size: What the header is measured against.
        available: Reading beyond raises Incomplete.
    """

    def __init__(self, file: BinaryIO, size: int, available: int) -> None:
        self.order = "<"
        self.width = 8
        """Bytes of a length or count; version 1 has 4."""
        self._file = file
        self._size = size
        self._available = min(size, available)
        self._window = b""
        self._start = 0
        self._at = 0
        self._text_left = _MOST_TEXT
        self._strings_left = _MOST_STRINGS

    @property
    def position(self) -> int:
        return self._start + self._at

    @property
    def left(self) -> int:
        return self._size - self.position

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._window):
            self._look_ahead(count)
        data = self._window[self._at : self._at + count]
        self._at += count
        return data

    def skip(self, count: int) -> None:
        if count > self.left:
            raise Damaged("it ends in the middle of its header")
        self._at += count

    def number(self, code: str) -> Any:
        """One number in the format ``code`` of :mod:`struct`."""
        form = self.order + code
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def length(self) -> int:
        return int.from_bytes(self.take(self.width), "little" if self.order == "<" else "big")

    def text(self, length: int, longest: int) -> str:
        """``length`` bytes as text, if that is not more than ``longest``, nor more than there may be in all."""
        self._text_left -= length
        if length > longest or self._text_left < 0:
            raise Damaged("one of its texts is too long")
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Steps over ``count`` strings; half a million in 50 ms."""
        self._strings_left -= count
        if self._strings_left < 0 or count * self.width > self.left:
            raise Damaged("one of its lists is too long")
        width, first, total = self.width, self.position, count
        unpack = struct.Struct(self.order + ("Q" if width == 8 else "I")).unpack_from
        while count:
            try:
                self._look_ahead(width)
            except Incomplete as more:
                done = total - count
                guess = (self.position - first) * count // done if done else 0
                cautious = guess if guess < _SURE else int(guess * _CAUTION)
                raise Incomplete(more.needed + width * (count - 1), self.position + cautious) from None
            window, at = self._window, self._at
            last = len(window) - width
            while count and at <= last:
                at += width + unpack(window, at)[0]
                count -= 1
            self._at = at
            if self.left < width * count:
                raise Damaged("it ends in the middle of its header")

    def finish(self) -> None:
        """The header ends here: is all of it there?"""
        if self.position > self._available:
            raise Incomplete(self.position)

    def _look_ahead(self, count: int) -> None:
        """Moves the window so that it holds at least the next ``count`` bytes."""
        if count > self.left:
            raise Damaged("it ends in the middle of its header")
        if self._at + count <= len(self._window):
            return
        position = self.position
        if position + count > self._available:
            raise Incomplete(position + count)
        self._file.seek(position)
        self._window = self._file.read(min(max(count, _PIECE), self._available - position))
        self._start, self._at = position, 0
        if len(self._window) < count:  # the file became shorter meanwhile
            raise Damaged("it ends in the middle of its header")
