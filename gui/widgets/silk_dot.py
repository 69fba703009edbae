"""The silk of a pane as a small square."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui.theme import current


class SilkDot(QWidget):
    """Shows nothing but the colour; words beside it say whose it is."""

    def __init__(self, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._number = number
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_number(self, number: int) -> None:
        """Another silk, counted from 0."""
        self._number = number
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(current().px(10), current().px(10))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(current().silk(self._number)))
        painter.drawRoundedRect(QRectF(self.rect()), 2.5, 2.5)
