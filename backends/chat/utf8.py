"""Bytes of tokens as text: a character may be spread over several tokens."""

from __future__ import annotations

import codecs


class Utf8Stream:
    """Decodes a stream of bytes. Incomplete characters wait for their rest; bytes that can no longer become one are
    U+FFFD at once (the Unicode standard's “maximal subpart” practice, as Python's decoder has it)."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        """The characters that are complete with ``piece``."""
        return self._decoder.decode(piece)

    def finish(self) -> str:
        """What was waiting, as U+FFFD; the stream is at its end."""
        return self._decoder.decode(b"", final=True)
