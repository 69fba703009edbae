"""Where the panes of a comparison stand: beside and below each other, and on pages where they would get too narrow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.models.panes import Four, Grid, grid
from paddock.gui.theme import current
from paddock.gui.widgets.buttons import IconButton
from paddock.gui.widgets.focus import KeyboardRing, paint_ring
from paddock.gui.widgets.pane_view import PaneView

LEAST = (236, 220)
"""A pane gets at least so much width and height, in logical pixels at 100 % text; else there are pages."""
PAGES_HIGH = 34
TWO_BELOW = 300
"""In narrower panes the strips show two numbers, in all alike."""
LINE_BELOW = 240
"""In lower panes the numbers stand in one line."""


class Dots(KeyboardRing, QWidget):
    """Which page is shown. Left and Right go through them."""

    wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page, self.pages = 0, 1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Pages of panes")

    def show_page(self, page: int, pages: int) -> None:
        self.page, self.pages = page, pages
        self.setAccessibleDescription(f"Page {page + 1} of {pages}")
        self.setFixedSize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(current().px(16) * self.pages + 8, current().px(24))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.wanted.emit(min(self.pages - 1, max(0, round(event.position().x() - 4) // current().px(16))))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            self.wanted.emit(min(self.pages - 1, max(0, self.page + steps[Qt.Key(event.key())])))
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        step, side = theme.px(16), theme.px(7)
        for number in range(self.pages):
            painter.setBrush(theme.color("text2" if number == self.page else "selected"))
            painter.drawEllipse(QRect(4 + number * step + (step - side) // 2, (self.height() - side) // 2, side, side))
        if self.ring_shown:
            paint_ring(painter, self.rect().toRectF(), 6)


class PaneGrid(QWidget):
    """``ordered``: the user put pane number ``from`` into the place of number ``to``. ``turned``: another page."""

    ordered = Signal(int, int)
    turned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panes: list[PaneView] = []
        self.four: Four = "grid"
        self.page = 0
        self._grid = Grid(1, 1)
        self._target: int | None = None
        self.pages = QWidget(self)
        self.back = IconButton("chevron-left", "Panes before (Ctrl+Page Up)", size=26)
        self.dots = Dots()
        self.on = IconButton("chevron-right", "Next panes (Ctrl+Page Down)", size=26)
        row = QHBoxLayout(self.pages)
        row.setContentsMargins(8, 0, 8, 0)
        row.addStretch(1)
        for part in (self.back, self.dots, self.on):
            row.addWidget(part)
        row.addStretch(1)
        self.back.clicked.connect(lambda: self.turn(self.page - 1))
        self.on.clicked.connect(lambda: self.turn(self.page + 1))
        self.dots.wanted.connect(self.turn)

    def set_panes(self, panes: Sequence[PaneView]) -> None:
        """The panes in their order; those that are not among them any more are let go."""
        for gone in self.panes:
            if gone not in panes:
                gone.hide()
                gone.deleteLater()
        for pane in panes:
            if pane not in self.panes:
                pane.setParent(self)
                pane.head.carried.connect(self._carried)
                pane.head.dropped.connect(lambda place, pane=pane: self._dropped(pane, place))
        self.panes = list(panes)
        stops = [stop for pane in self.panes for stop in pane.tab_stops()]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)
        self.arrange()

    def set_four(self, four: Four) -> None:
        """Four panes two by two or in a row."""
        self.four = four
        self.arrange()

    def turn(self, page: int) -> None:
        """Show another page; past the ends nothing happens."""
        if 0 <= page < self._grid.pages(len(self.panes)) and page != self.page:
            self.page = page
            self.arrange()
            self.turned.emit()

    def reveal(self, pane: PaneView) -> None:
        """Show the page that ``pane`` is on."""
        if pane in self.panes:
            self.turn(self.panes.index(pane) // self._grid.room)

    def arrange(self) -> None:
        """Place everything for the size there is."""
        theme, count = current(), max(1, len(self.panes))
        width, height = self.width(), self.height()
        least = (theme.px(LEAST[0]), theme.px(LEAST[1]))
        self._grid = grid(count, width, height, least, self.four)
        pages = self._grid.pages(count)
        if pages > 1:
            height -= theme.px(PAGES_HIGH)
        self.page = min(self.page, pages - 1)
        self.pages.setVisible(pages > 1)
        self.pages.setGeometry(0, height, width, theme.px(PAGES_HIGH))
        self.back.setEnabled(self.page > 0)
        self.on.setEnabled(self.page < pages - 1)
        self.dots.show_page(self.page, pages)
        first = self.page * self._grid.room
        compact = width // self._grid.columns < theme.px(TWO_BELOW)
        low = height // self._grid.rows < theme.px(LINE_BELOW)
        for number, pane in enumerate(self.panes):
            pane.strip.set_room(compact=compact, low=low)
            place = number - first
            seen = 0 <= place < self._grid.room
            if seen:
                where = self._place(place, min(self._grid.room, count - first), width, height)
                pane.setGeometry(where)
            pane.setVisible(seen)
        self.update()

    def _place(self, place: int, shown: int, width: int, height: int) -> QRect:
        """Whole pixels with a line of one between neighbours; the panes of an unfinished row share its width."""
        columns, rows = self._grid.columns, self._grid.rows
        if shown <= columns:
            rows, columns = 1, shown
        row = place // columns
        beside = min(columns, shown - row * columns)
        left, right = (number * (width + 1) // beside for number in (place % columns, place % columns + 1))
        top, bottom = (number * (height + 1) // rows for number in (row, row + 1))
        return QRect(left, top, right - left - 1, bottom - top - 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), current().color("border"))
        if self.pages.isVisible():
            painter.fillRect(self.pages.geometry().adjusted(0, 1, 0, 0), QColor(current().palette.surface))

    # ---------------------------------------------------------------- order

    def _at(self, place: QPoint) -> int | None:
        inside = self.mapFromGlobal(place)
        return next(
            (n for n, pane in enumerate(self.panes) if pane.isVisible() and pane.geometry().contains(inside)), None
        )

    def _carried(self, place: QPoint) -> None:
        target = self._at(place)
        if target != self._target:
            for number, pane in enumerate(self.panes):
                pane.set_target(number == target)
            self._target = target

    def _dropped(self, pane: PaneView, place: QPoint) -> None:
        self._target = None
        for other in self.panes:
            other.set_target(False)
        target, source = self._at(place), self.panes.index(pane)
        if target is not None and target != source:
            self.ordered.emit(source, target)
