"""A thin bar for loading and downloads."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from paddock.gui import theme

STEPS = 1000


class Progress(QProgressBar):
    """How far something is. Without a fraction it shows an empty track: nothing moves that says nothing."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setRange(0, STEPS)
        self.setTextVisible(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._ink = "accent"
        self.set_fraction(None)

    def set_ink(self, token: str) -> None:
        """Its colour: ``accent``, or something quieter for what does not move."""
        if token != self._ink:
            self._ink = token
            self.update()

    def set_fraction(self, fraction: float | None) -> None:
        """0 to 1, or None when it is not known."""
        self.setValue(round(min(1.0, max(0.0, fraction or 0.0)) * STEPS))

    def sizeHint(self) -> QSize:
        return QSize(120, 6)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = theme.current().palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        y = self.height() / 2 - 2
        painter.setBrush(QColor(p.track))
        painter.drawRoundedRect(QRectF(0, y, self.width(), 4), 2, 2)
        share = self.value() / STEPS
        if share > 0:
            painter.setBrush(theme.current().color(self._ink))
            painter.drawRoundedRect(QRectF(0, y, max(4.0, self.width() * share), 4), 2, 2)
