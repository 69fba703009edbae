"""Rows of downloads one below the other. They stay when what they show moves on, so that the focus stays too."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.models.downloads import Item
from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.pages.downloads_row import INSET, MIME, DownloadRow
from paddock.gui.theme import current
from paddock.gui.widgets import Divider


class DownloadRows(QWidget):
    """Takes rows that are dragged where its items wait in a queue."""

    def __init__(self, actions: DownloadActions, *, detailed: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._detailed = detailed
        self._drop: int | None = None
        self.rows: dict[str, DownloadRow] = {}
        self._lines: dict[str, Divider] = {}
        self.setAcceptDrops(detailed)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0 if detailed else 10)

    def show_items(self, items: Sequence[Item]) -> None:
        """Show these, in this order."""
        wanted = [item.id for item in items]
        order = list(self.rows)
        for gone in [id for id in order if id not in wanted]:
            self._remove(gone)
        for item in items:
            if item.id not in self.rows:
                self._lines[item.id] = line = Divider()
                if self._detailed:
                    line.setContentsMargins(INSET, 0, INSET, 0)
                self.rows[item.id] = DownloadRow(self._actions, detailed=self._detailed)
        if list(self.rows) != wanted or order != wanted:
            self._arrange(wanted)
        for item in items:
            self.rows[item.id].show_item(item)

    def _arrange(self, wanted: list[str]) -> None:
        self.rows = {id: self.rows[id] for id in wanted}
        before: QWidget | None = None
        for place, (id, row) in enumerate(self.rows.items()):
            self._column.insertWidget(2 * place, self._lines[id])
            self._column.insertWidget(2 * place + 1, row)
            self._lines[id].setVisible(place > 0)
            if before is not None:
                QWidget.setTabOrder(before, row)
            before = row.end

    def _remove(self, id: str) -> None:
        row = self.rows.pop(id)
        held = row.isAncestorOf(self.focusWidget()) if self.focusWidget() is not None else False
        for widget in (row, self._lines.pop(id)):
            self._column.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        following = next(iter(self.rows.values()), None)
        if held and following is not None:
            following.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---------------------------------------------------------------- the order of the queue

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME) and any(row.movable() for row in self.rows.values()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._drop = self._place_at(event.position().y())
        event.acceptProposedAction()
        self.update()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop = None
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        place, self._drop = self._place_at(event.position().y()), None
        self.update()
        id = bytes(event.mimeData().data(MIME).data()).decode()
        ids = [*self.rows, ""]
        if id in self.rows and ids[place] != id:
            self._actions.move(id, ids[place])
        event.acceptProposedAction()

    def _place_at(self, y: float) -> int:
        return sum(y > row.geometry().center().y() for row in self.rows.values())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._drop is None or not self.rows:
            return
        rows = list(self.rows.values())
        y = rows[self._drop].y() if self._drop < len(rows) else rows[-1].geometry().bottom() + 1
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(current().color("accent"))
        painter.drawRoundedRect(QRectF(0, max(0, y - 1), self.width(), 2), 1, 1)
