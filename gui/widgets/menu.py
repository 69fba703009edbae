"""A menu with round corners and marks of its own."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui import icons, theme
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.popup import round_off

MARK, MARK_AT = 14, 9
"""The check mark of an entry, and how far from its left, in pixels."""


class Menu(QMenu):
    """Nothing shows outside its border, which a plain menu fills to the corners of its window."""

    def __init__(self, parent: QWidget | None = None, title: str = "") -> None:
        super().__init__(title, parent)
        hints = Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint
        self.setWindowFlags(self.windowFlags() | hints)  # the system's shadow would be that of a square
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)

    def submenu(self, title: str) -> Menu:
        """A new one that opens from an entry of this."""
        menu = Menu(self, title)
        self.addMenu(menu)
        return menu

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        look, painter = theme.current(), QPainter(self)
        for entry in self.actions():
            if entry.isVisible() and entry.isCheckable() and entry.isChecked():
                ink = look.color("text" if entry.isEnabled() else "muted")
                place = self.actionGeometry(entry)
                mark = icons.pixmap("check", ink, MARK, stroke=2.2, ratio=self.devicePixelRatioF())
                painter.drawPixmap(place.left() + MARK_AT, place.center().y() - MARK // 2 + 1, mark)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        round_off(self, BUTTON_RADIUS)
