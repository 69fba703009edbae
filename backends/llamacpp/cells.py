"""Which sequence holds how many cells of the unified KV cache, sharing included; exact, without asking llama.cpp."""

from __future__ import annotations

from collections.abc import Iterable


class _Span:
    """Cells of consecutive positions that the same sequences hold. ``holders`` counts the sequences that end in it and
    the spans that follow it."""

    __slots__ = ("end", "holders", "parent", "start")

    def __init__(self, parent: _Span | None, start: int, end: int) -> None:
        self.parent = parent
        self.start = start
        self.end = end
        self.holders = 0


class Cells:
    """Books of the KV cache. One thread.

    Args:
        total: Cells there are.
        shared: Whether sequences share cells of a common prefix (a unified cache); otherwise every copy takes its own.
    """

    def __init__(self, total: int, *, shared: bool = True) -> None:
        self.total = total
        self.used = 0
        self._shared = shared
        self._last: dict[int, _Span] = {}

    @property
    def free(self) -> int:
        return self.total - self.used

    def length(self, sequence: int) -> int:
        span = self._last.get(sequence)
        return span.end if span else 0

    def own(self, sequence: int) -> int:
        """Cells that :meth:`release` would free."""
        span, count = self._last.get(sequence), 0
        while span is not None and span.holders == 1:
            count += span.end - span.start
            span = span.parent
        return count

    def held(self, sequences: Iterable[int], also: int | None = None, length: int = 0) -> int:
        """Cells that ``sequences`` take together, and with them the first ``length`` tokens of ``also``."""
        seen: set[_Span] = set()
        count = 0
        for sequence in sequences:
            count += self._walk(self._last.get(sequence), seen, None)
        if also is not None and self._shared:
            count += self._walk(self._last.get(also), seen, length)
        return count

    def _walk(self, span: _Span | None, seen: set[_Span], upto: int | None) -> int:
        count = 0
        while span is not None and span not in seen:
            end = span.end if upto is None else min(span.end, upto)
            if end > span.start:
                count += end - span.start
                if end == span.end:
                    seen.add(span)
            span = span.parent
        return count

    def extend(self, sequence: int, count: int) -> None:
        """``count`` more tokens were evaluated in ``sequence``."""
        span = self._last.get(sequence)
        if span is None or span.holders > 1:
            start = span.end if span else 0
            following = self._last[sequence] = _Span(span, start, start)
            following.holders = 1  # in the parent's count it takes the place of the sequence that ended there
            span = following
        span.end += count
        self.used += count

    def fork(self, source: int, target: int, length: int) -> None:
        """``target``, which is empty, holds the first ``length`` tokens of ``source`` as well."""
        assert target not in self._last
        if not self._shared:
            self.extend(target, length)
        elif length:
            span = self._upto(self._last[source], length)
            span.holders += 1
            self._last[target] = span

    def cut(self, sequence: int, length: int) -> None:
        """``sequence`` keeps its first ``length`` tokens."""
        span = self._last.get(sequence)
        if span is None or length >= span.end:
            return
        if length == 0:
            self.release(sequence)
            return
        kept = self._upto(span, length)
        kept.holders += 1
        self._drop(self._last[sequence])
        self._last[sequence] = kept

    def release(self, sequence: int) -> None:
        """``sequence`` holds nothing any more."""
        span = self._last.pop(sequence, None)
        if span is not None:
            self._drop(span)

    def clear(self) -> None:
        self._last.clear()
        self.used = 0

    def _upto(self, span: _Span, length: int) -> _Span:
        """The span of this chain that ends at ``length``; one is split where none does."""
        while span.start >= length:
            assert span.parent is not None
            span = span.parent
        if span.end == length:
            return span
        upper = _Span(span.parent, span.start, length)
        upper.holders = 1
        span.parent, span.start = upper, length
        return upper

    def _drop(self, span: _Span) -> None:
        last: _Span | None = span
        while last is not None:
            last.holders -= 1
            if last.holders:
                return
            self.used -= last.end - last.start
            last = last.parent
