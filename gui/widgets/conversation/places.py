"""Where the turns of a conversation are: for panes that scroll together, and for pages that go to a message."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from paddock.gui.widgets.conversation.interactive import Interactive
from paddock.gui.widgets.conversation.row import MessageRow

READ = 1 / 3
"""The height in the view at which one reads, as a part of it."""


class Places(Interactive):
    """``scrolled_by_user``: by wheel, key, bar or drag; not by streaming or by :meth:`scroll_to_turn`."""

    scrolled_by_user = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # the bar says so before its value has changed
        self.verticalScrollBar().actionTriggered.connect(
            lambda action: QTimer.singleShot(0, self, self.scrolled_by_user.emit)
        )

    def turn_at_top(self) -> tuple[str, float]:
        """The turn that is being read, and how much of it is behind, 0 to 1; ("", 0) where nothing is shown."""
        if not self.column.rows:
            return "", 0.0
        y = self.scrolled() + self._reading()
        turn = _turn(self.column.rows[self.column.at(y)])
        top, height = self._extent(turn)
        return turn, min(1.0, max(0.0, (y - top) / max(1, height)))

    def scroll_to_turn(self, turn: str, fraction: float = 0.0) -> None:
        """Read at ``fraction`` of a turn; nothing happens where it is not shown."""
        for _ in range(3):  # what comes into view is laid out, and its height corrected
            if self._first_of(turn) is None:
                return
            top, height = self._extent(turn)
            self.verticalScrollBar().setValue(round(top + fraction * height) - self._reading())

    def _reading(self) -> int:
        return round(self.viewport().height() * READ)

    def _first_of(self, turn: str) -> int | None:
        rows = enumerate(self.column.rows)
        return next((number for number, row in rows if turn in (row.message.turn, row.message.id)), None)

    def _extent(self, turn: str) -> tuple[int, int]:
        """Top and height of a turn that is shown, to where the next begins."""
        rows, first = self.column.rows, self._first_of(turn) or 0
        after = next((row for row in rows[first + 1 :] if turn not in (row.message.turn, row.message.id)), None)
        end = after.top if after is not None else self.column.height
        return rows[first].top, end - rows[first].top


def _turn(row: MessageRow) -> str:
    return row.message.turn or row.message.id
