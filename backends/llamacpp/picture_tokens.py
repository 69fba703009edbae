"""Pictures within a sequence of token ids. A picture is a run of negative ids that its content names, so that whatever
compares, shares and stores prefixes by their ids tells pictures apart like words.

The first id of a run says how many tokens and how many positions the picture takes, the others are a hash. Nothing is
cut inside a run. With M-RoPE a picture takes fewer positions than tokens and all its tokens stand at the first of them:
there the run and the token behind it are one piece, because only that token shows where the run ends.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from typing import NamedTuple

MOST_TOKENS, MOST_POSITIONS = 2**16 - 1, 2**15 - 1
FEWEST_TOKENS = 4
"""Of a picture: fewer would not hold enough of the hash to tell all pictures apart."""
_LOWEST = -(2**31)


class Span(NamedTuple):
    """Tokens ``start`` to ``end`` of a sequence are a picture that takes ``positions``."""

    start: int
    end: int
    positions: int


def picture_tokens(key: bytes, count: int, positions: int) -> list[int]:
    """The run of a picture of ``count`` tokens; ``key`` is all that shapes their embeddings."""
    digest = hashlib.shake_256(key).digest(4 * (count - 1))
    header = _LOWEST + (count << 15 | positions)
    return [header, *(_LOWEST | (value & 0x7FFFFFFF) for value in array("I", digest))]


def spans_of(tokens: Sequence[int]) -> tuple[Span, ...]:
    """The pictures in ``tokens``, first to last."""
    if not tokens or min(tokens) >= 0:
        return ()
    found, at = [], 0
    while at < len(tokens):
        if tokens[at] >= 0:
            at += 1
            continue
        count, positions = divmod(tokens[at] - _LOWEST, 1 << 15)
        found.append(Span(at, at + count, positions))
        at += count
    return tuple(found)


def position_of(spans: Sequence[Span], index: int) -> int:
    """The position at which token ``index`` of a sequence stands, which is not inside a picture."""
    return index - sum(end - start - positions for start, end, positions in spans if end <= index)


def whole(spans: Sequence[Span], length: int) -> int:
    """The longest part of the first ``length`` tokens that ends nowhere inside a picture."""
    for start, end, positions in spans:
        if start < length < end + (positions != end - start):
            return start
    return length
