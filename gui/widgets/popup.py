"""A sheet with round corners that closes when something else is clicked."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen, QRegion, QResizeEvent
from PySide6.QtWidgets import QFrame, QWidget

from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.theme import current


class Popup(QFrame):
    """Escape closes it."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setAccessibleName(name)

    def place_beside(self, anchor: QWidget, body: QWidget, width: int) -> None:
        """Stand at the right of ``anchor`` with the same foot, ``width`` wide and as high as ``body`` needs, inside the
        window. ``body`` scrolls within a margin of 2."""
        window = anchor.window()
        width = min(width, window.width() - anchor.width() - 24)
        body.setFixedWidth(width - 4)
        layout = body.layout()
        assert layout is not None
        layout.activate()
        flows = layout.hasHeightForWidth()
        height = (layout.totalHeightForWidth(width - 4) if flows else layout.totalSizeHint().height()) + 6
        self.resize(width, min(height, window.height() - 16))
        foot = anchor.mapTo(window, QPoint(anchor.width() + 8, anchor.height()))
        top = min(max(8, foot.y() - self.height()), window.height() - self.height() - 8)
        self.move(window.mapToGlobal(QPoint(foot.x(), top)))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if QGuiApplication.platformName() == "xcb":  # without a compositor what is transparent is black
            outline = QPainterPath()
            outline.addRoundedRect(QRectF(self.rect()), CARD_RADIUS, CARD_RADIUS)
            self.setMask(QRegion(outline.toFillPolygon().toPolygon()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            return
        super().keyPressEvent(event)
