"""ggml's graph allocator in miniature: the size of a compute buffer is what its best fit comes to."""

from __future__ import annotations

from bisect import bisect_left, insort

_ALIGNMENT = 64
Block = tuple[int, int]
"""Where a tensor lies, and its size; both in bytes."""


class Arena:
    """A buffer that grows as needed. ``peak`` is its size in bytes (``ggml_dyn_tallocr`` of ``ggml-alloc.c``)."""

    def __init__(self) -> None:
        self.peak = 0
        self._holes: list[Block] = []
        self._end = 0

    def take(self, size: int) -> Block:
        """Room for ``size`` bytes: the smallest hole in which it fits, or the end of the buffer."""
        size = -(-size // _ALIGNMENT) * _ALIGNMENT
        best = -1
        for index, (_, room) in enumerate(self._holes):
            if room >= size and (best < 0 or room <= self._holes[best][1]):
                best = index
        if best < 0:
            block = (self._end, size)
            self._end += size
            self.peak = max(self.peak, self._end)
            return block
        start, room = self._holes[best]
        if room == size:
            del self._holes[best]
        else:
            self._holes[best] = (start + size, room - size)
        return start, size

    def give(self, *blocks: Block) -> None:
        """Frees ``blocks``, in this order."""
        for start, size in blocks:
            if not size:
                continue
            holes = self._holes
            index = bisect_left(holes, (start, 0))
            if index < len(holes) and holes[index][0] == start + size:
                size += holes.pop(index)[1]
            if index and sum(holes[index - 1]) == start:
                index -= 1
                start, room = holes.pop(index)
                size += room
            if start + size == self._end:
                self._end = start
            else:
                insort(holes, (start, size))
