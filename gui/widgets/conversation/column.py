"""The rows of the conversation one below the other."""

from __future__ import annotations

import bisect
from typing import NamedTuple

from paddock.gui.widgets.conversation.blocks import END, Block
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.gui.widgets.conversation.style import Style

TOP, BOTTOM = 24, 28
GAP_OWN, GAP_ANSWER = 24, 0
GAP_ANSWERS = 28


class Spot(NamedTuple):
    """A place in the text of the conversation; compares in reading order."""

    row: int
    block: int
    offset: int


class Column:
    """Positions of rows. Heights of rows that were not near the view yet are estimates. ``top`` and ``bottom`` are the
    room above the first and below the last, in logical pixels at 100 %."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.top, self.bottom = TOP, BOTTOM
        self.rows: list[MessageRow] = []
        self.height = 0
        self.width = 0
        self._tops: list[int] = []

    def place(self, width: int) -> None:
        """Give every row its width."""
        self.width = width
        for row in self.rows:
            row.place(width)
        self.flow()

    def flow(self, start: int = 0) -> None:
        """Set the tops from row ``start`` on."""
        px = self.style.px
        del self._tops[start:]
        y = self.rows[start - 1].top + self.rows[start - 1].height if start else 0
        for number in range(start, len(self.rows)):
            row = self.rows[number]
            if not number:
                y += px(self.top)
            elif row.own:
                y += px(GAP_OWN)
            else:
                y += px(GAP_ANSWER if self.rows[number - 1].own else GAP_ANSWERS)
            row.top = y
            self._tops.append(y)
            y += row.height
        self.height = y + px(self.bottom) if self.rows else 0

    def at(self, y: int) -> int:
        """The row at height ``y``, or the last one above it."""
        return max(0, bisect.bisect_right(self._tops, y) - 1)

    def find(self, message_id: str) -> int | None:
        """The number of the row of a message; searched from the end, where it usually is."""
        for number in range(len(self.rows) - 1, -1, -1):
            if self.rows[number].message.id == message_id:
                return number
        return None

    def parse(self, number: int) -> MessageRow:
        """The row, parsed."""
        row = self.rows[number]
        if not row.parsed:
            height = row.height
            row.parse()
            if row.height != height:
                self.flow(number)
        return row

    def lay_out(self, top: int, bottom: int) -> bool:
        """Make exact what lies between two heights; whether anything moved."""
        moved = False
        number = self.at(top)
        while number < len(self.rows) and self.rows[number].top <= bottom:
            row = self.rows[number]
            if row.lay_out(top - row.top, bottom - row.top):
                moved = True
                self.flow(number)
            number += 1
        return moved

    def forget(self, top: int, bottom: int) -> None:
        """Drop documents outside two heights."""
        for row in self.rows:
            if row.parsed and (row.top < top or row.top + row.height > bottom):
                row.forget(top - row.top, bottom - row.top)

    def first_selectable(self) -> Spot | None:
        for number in range(len(self.rows)):
            for place, block in enumerate(self.parse(number).blocks):
                if block.selectable():
                    return Spot(number, place, 0)
        return None

    def last_selectable(self) -> Spot | None:
        for number in range(len(self.rows) - 1, -1, -1):
            row = self.parse(number)
            for place in range(len(row.blocks) - 1, -1, -1):
                if row.blocks[place].selectable():
                    return Spot(number, place, END)
        return None

    def nearest_selectable(self, y: int) -> tuple[int, int, Block] | None:
        """Row, block number and block of the text nearest to height ``y``, looking up first, then down."""
        if not self.rows:
            return None
        start = self.at(y)
        for number in (*range(start, -1, -1), *range(start + 1, len(self.rows))):
            row = self.parse(number)
            below = y - row.top
            order = range(row.first_block(below), -1, -1) if number <= start else range(len(row.blocks))
            for place in order:
                if row.blocks[place].selectable():
                    return number, place, row.blocks[place]
            for place in range(row.first_block(below) + 1, len(row.blocks)):
                if row.blocks[place].selectable():
                    return number, place, row.blocks[place]
        return None
