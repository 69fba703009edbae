"""Finding words in the conversation, and marks that pages put on its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtWidgets import QWidget

from paddock.gui.widgets.conversation.blocks import Block, NodeBlock
from paddock.gui.widgets.conversation.documents import Mark
from paddock.gui.widgets.conversation.finder import Finder, Match
from paddock.gui.widgets.conversation.places import READ, Places
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.gui.widgets.conversation.turns import Turns

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.find_bar import FindBar


class Searching(Places):
    """``found``: which match of how many is shown; said again while they are still being counted."""

    found = Signal(int, int)

    def __init__(self, parent: QWidget | None, turns: Turns | None) -> None:
        super().__init__(parent)
        self._turns = turns if turns is not None else Turns(self)
        self._finder = Finder(self.column)
        self._counting = QObject(self)
        self._marks: dict[str, tuple[Mark, ...]] = {}
        self._parts: dict[str, tuple[list[Block], dict[NodeBlock, int]]] = {}
        self.find_bar: FindBar | None = None

    # ------------------------------------------------------------ marks

    def plain_text(self, message_id: str) -> str:
        """What a message shows, without signs of lists and without its reasoning; "" where it is not shown."""
        number = self.column.find(message_id)
        return self.column.parse(number).plain() if number is not None else ""

    def set_marks(self, message_id: str, marks: Sequence[Mark]) -> None:
        """Mark parts of a message: from, to (characters of :meth:`plain_text`), and "added", "removed" or "changed".
        They stay until others are set; none takes them away."""
        if marks:
            self._marks[message_id] = tuple(marks)
        else:
            self._marks.pop(message_id, None)
        self._parts.pop(message_id, None)
        self.viewport().update()

    def marks_of(self, row: MessageRow, block: Block) -> Sequence[Mark]:
        if not isinstance(block, NodeBlock):
            return ()
        found: list[Mark] = []
        marks = self._marks.get(row.message.id)
        start = self._begins(row, block) if marks else None
        if marks and start is not None:
            end = start + len(block.plain())
            found += [(max(0, a - start), min(b, end) - start, kind) for a, b, kind in marks if a < end and b > start]
        return found + self._finder.marks(row, block) if self._finder.active else found

    def _begins(self, row: MessageRow, block: NodeBlock) -> int | None:
        """Where a block's words begin in the plain text of its message; None in its reasoning."""
        kept = self._parts.get(row.message.id)
        if kept is None or kept[0] is not row.blocks:  # it has been put together anew
            kept = self._parts[row.message.id] = (row.blocks, dict(row.parts()))
        return kept[1].get(block)

    # ------------------------------------------------------------ finding

    def find_text(self, words: str, backwards: bool = False) -> tuple[int, int]:
        """Go to the next match of ``words``, whatever their case, from the top of the view the first time, round the
        end; which it is and how many there are as far as they are counted, (0, 0) where there is none."""
        self._finder.look_for(words)
        top = self.column.at(self.scrolled())
        block = 0
        if self.column.rows:
            row = self.column.rows[top]
            block = row.first_block(self.scrolled() - row.top)
        match = self._finder.step((top, block), backwards)
        if match is not None:
            self._show_match(match)
        self.viewport().update()
        return self._count()

    def clear_find(self) -> None:
        """Take the matches' marks away."""
        self._finder.look_for("")
        self.viewport().update()

    def open_find(self) -> None:
        """Show the bar in which words are looked for."""
        if self.find_bar is None:
            from paddock.gui.widgets.conversation.find_bar import FindBar

            self.find_bar = FindBar(self)
        self.find_bar.open_bar(self.selection.text())

    def find_next(self, backwards: bool = False) -> None:
        """The next match of what is in the bar; opens it where nothing is looked for."""
        if self.find_bar is None or not self.find_bar.isVisible():
            self.open_find()
        else:
            self.find_bar.search(backwards=backwards)

    def _count(self) -> tuple[int, int]:
        number, of, done = self._finder.count()
        if not done:
            self._turns.ask(self._counting, self._count_on)
        return number, of

    def _count_on(self) -> None:
        if self._finder.active:
            self.found.emit(*self._count())

    def _show_match(self, match: Match) -> None:
        """Scroll so that a match stands where one reads, unless it is seen already."""
        row, block, start, _ = match
        bar, height = self.verticalScrollBar(), self.viewport().height()
        for _ in range(3):  # what comes into view is laid out, and its height corrected
            if row.lay_out(block.top, block.top + block.height):
                self.column.flow(self.column.rows.index(row))
                self.settle(False, None)
            place = block.place_of(start)
            top = row.top + block.top + place.top()
            if bar.value() + 56 <= top and top + place.height() <= bar.value() + height - 24:
                break
            bar.setValue(round(top - height * READ))
        middle = block.place_of(start).center().x()
        side = block.side()
        if not 0 <= middle <= block.width and (side is None or side.overflow):
            block.scroll_x(round(middle - block.width / 2))
        self.reveal(QRect(0, round(top), 1, max(1, round(place.height()))))
