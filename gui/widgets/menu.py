"""A menu with round corners."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.popup import round_off


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

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        round_off(self, BUTTON_RADIUS)
