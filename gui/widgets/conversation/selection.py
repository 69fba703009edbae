"""Selection over blocks and messages: two spots, and the text between them."""

from __future__ import annotations

from collections.abc import Iterator

from paddock.gui.widgets.conversation.blocks import END, Block
from paddock.gui.widgets.conversation.column import Column, Spot
from paddock.gui.widgets.conversation.row import MessageRow


class Selection:
    """``anchor`` stays where it began, ``head`` follows the mouse."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self.anchor: Spot | None = None
        self.head: Spot | None = None
        self._keep: tuple[Spot, Spot] | None = None

    def clear(self) -> bool:
        """Select nothing; whether something was selected."""
        had = self.range() is not None
        self.anchor = self.head = self._keep = None
        return had

    def start(self, spot: Spot) -> None:
        self.anchor = self.head = spot
        self._keep = None

    def start_with(self, first: Spot, last: Spot) -> None:
        """Begin with a word or paragraph, which stays selected whichever way the mouse goes."""
        self.anchor, self.head = first, last
        self._keep = (first, last)

    def extend(self, spot: Spot) -> None:
        """Move the free end."""
        if self.anchor is None:
            self.start(spot)
        elif self._keep is not None:
            first, last = self._keep
            self.anchor, self.head = (last, spot) if spot < first else (first, max(spot, last))
        else:
            self.head = spot

    def everything(self) -> None:
        self.anchor, self.head = self._column.first_selectable(), self._column.last_selectable()
        self._keep = None

    def range(self) -> tuple[Spot, Spot] | None:
        """From and to in reading order; None when nothing is selected."""
        if self.anchor is None or self.head is None or self.anchor == self.head:
            return None
        return min(self.anchor, self.head), max(self.anchor, self.head)

    def within(self, row: int, block: int) -> tuple[int, int] | None:
        """The selected part of one block, as offsets."""
        span = self.range()
        if span is None:
            return None
        first, last = span
        if not (first.row, first.block) <= (row, block) <= (last.row, last.block):
            return None
        start = first.offset if (row, block) == (first.row, first.block) else 0
        end = last.offset if (row, block) == (last.row, last.block) else END
        return (start, end) if start < end else None

    def parts(self) -> Iterator[tuple[MessageRow, list[tuple[Block, int, int]]]]:
        """The selected blocks of every message in it, with from and to."""
        span = self.range()
        if span is None:
            return
        first, last = span
        for number in range(first.row, min(last.row, len(self._column.rows) - 1) + 1):
            row = self._column.parse(number)
            if row.pending():
                row.take_all()
                row.compose()
            found = []
            for place, block in enumerate(row.blocks):
                part = self.within(number, place)
                if part is not None and block.selectable():
                    found.append((block, *part))
            yield row, found

    def text(self) -> str:
        """What is copied as plain text. Over several messages, each begins with who spoke."""
        span = self.range()
        several = span is not None and span[0].row != span[1].row
        messages = []
        for row, parts in self.parts():
            words = ""
            for block, start, end in parts:
                piece = block.text(start, end)
                words = words + block.glue() + piece if words else piece
            if words:
                messages.append(f"{row.name()}:\n{words}" if several else words)
        return "\n\n".join(messages)
