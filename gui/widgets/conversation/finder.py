"""Finding words in a conversation: the next match at once, their number in slices of the event loop's turns."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from paddock.gui.widgets.conversation.blocks import NodeBlock
from paddock.gui.widgets.conversation.documents import Mark
from paddock.gui.widgets.conversation.row import MessageRow

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.column import Column

SLICE_S = 0.006
Match = tuple[MessageRow, NodeBlock, int, int]
"""Message, block, and from where to where in the block's plain text."""


class Finder:
    """Searches what is shown (unfolded reasoning too), without regard to case. Messages are parsed only where their
    source has the words."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._pattern: re.Pattern[str] | None = None
        self._probe = ""
        self._counts: dict[MessageRow, tuple[tuple[int, int], int]] = {}
        self.current: Match | None = None

    @property
    def active(self) -> bool:
        return self._pattern is not None

    def look_for(self, words: str) -> bool:
        """Take what is searched for; whether it is something else than before. Nothing: the search is over."""
        words = words.strip()
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE) if words else None
        if pattern == self._pattern:
            return False
        self._pattern, self._counts, self.current = pattern, {}, None
        # a word that the source has too, whatever is emphasised around it
        self._probe = max(re.findall(r"\w+", words), key=len, default="").lower()
        return True

    def marks(self, row: MessageRow, block: NodeBlock) -> list[Mark]:
        """What is to be marked in a block that is painted."""
        found: list[Mark] = []
        for start, end in self._in_block(block):
            here = self.current is not None and self.current[1] is block and self.current[2] == start
            found.append((start, end, "current" if here else "found"))
        return found

    def step(self, start: tuple[int, int], backwards: bool) -> Match | None:
        """The next match after the current one, or from ``start`` (row, block) on; round the end."""
        rows = self._column.rows
        if not rows or self._pattern is None:
            return None
        if self.current is not None and self.current[0] in rows:
            start = (rows.index(self.current[0]), -1)
        order = range(start[0], start[0] + len(rows) + 1)
        if backwards:
            order = range(start[0], start[0] - len(rows) - 1, -1)
        for lap, number in enumerate(order):
            row = rows[number % len(rows)]
            found = list(self._in_row(row))
            if lap == 0:
                found = self._beyond(found, row, start[1], backwards)
            if found:
                self.current = found[-1 if backwards else 0]
                return self.current
        return None

    def _beyond(self, found: list[Match], row: MessageRow, block: int, backwards: bool) -> list[Match]:
        """Those of a message's matches that come after the current one, or not above ``block``."""
        current = self.current
        if current is None or current[0] is not row:
            above = set(row.blocks[: max(0, block)])
            return found if backwards else [match for match in found if match[1] not in above]
        keys = [(match[1], match[2]) for match in found]
        place = keys.index((current[1], current[2])) if (current[1], current[2]) in keys else 0
        return found[:place] if backwards else found[place + 1 :]

    def count(self) -> tuple[int, int, bool]:
        """The current match's number, how many there are as far as is known, and whether that is all of them. Counts
        on for some milliseconds."""
        until = time.perf_counter() + SLICE_S
        total = number = 0
        for row in self._column.rows:
            state = (len(row.full_text()), len(row.blocks) if row.unfolded else 0)
            known = self._counts.get(row)
            if known is None or known[0] != state:
                if time.perf_counter() > until:
                    least = 1 if self.current is not None else 0  # it may not have been reached
                    return max(number, least), max(total, least), False
                known = self._counts[row] = (state, sum(1 for _ in self._in_row(row)))
            if self.current is not None and self.current[0] is row:
                keys = [(match[1], match[2]) for match in self._in_row(row)]
                number = total + 1 + (keys.index(self.current[1:3]) if self.current[1:3] in keys else 0)
            total += known[1]
        return number, total, True

    def _in_row(self, row: MessageRow) -> Iterator[Match]:
        source = row.full_text() + (row.full_reasoning() if row.unfolded else "")
        if self._probe not in source.lower():
            return
        if not row.parsed:
            self._column.parse(self._column.rows.index(row))
        for block in row.blocks:
            if isinstance(block, NodeBlock):
                for start, end in self._in_block(block):
                    yield row, block, start, end

    def _in_block(self, block: NodeBlock) -> Iterator[tuple[int, int]]:
        if self._pattern is not None:
            for found in self._pattern.finditer(block.plain()):
                yield found.span()
