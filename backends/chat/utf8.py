"""Bytes of tokens as text: a character may be spread over several tokens."""

from __future__ import annotations

import codecs


class Utf8Stream:
    """Decodes a stream of bytes. Incomplete characters wait for their rest; bytes that can no longer become one are
    U+FFFD at once (the Unicode standard's “maximal subpart” practice, as Python's decoder has it)."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, piece: bytes) -> str:
        """The characters that are complete with ``piece``."""
        data = self._waiting + piece
        text, used = codecs.utf_8_decode(data, "replace", False)
        self._waiting = data[used:]
        return text

    def finish(self) -> str:
        """What was waiting, as U+FFFD; the stream is at its end."""
        data, self._waiting = self._waiting, b""
        return data.decode("utf-8", "replace")
