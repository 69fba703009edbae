"""The round button over a conversation that leads back to its end."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractScrollArea

from paddock.gui import icons, theme
from paddock.gui.widgets.buttons import IconButton

AWAY = 120
"""Pixels from the end from which it is shown."""
EDGE = 14
LOW = 240
"""A view of less pixels has its words where the button would be; the scroll bar is beside them."""


class JumpButton(IconButton):
    """Shown while the end is out of sight. Only for the mouse: by keyboard the End key does the same."""

    def __init__(self, view: QAbstractScrollArea) -> None:
        super().__init__("arrow-down", "Jump to the last message (End)", view, size=34)
        self._bar = view.verticalScrollBar()
        self._view = view
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._bar.valueChanged.connect(lambda value: self.follow())
        self._bar.rangeChanged.connect(lambda low, high: self.follow())
        self.hide()

    def follow(self) -> None:
        """Show or hide, and keep to the foot of the view."""
        area, away = self._view.viewport().geometry(), self._bar.maximum() - self._bar.value()
        self.setVisible(away > AWAY and area.height() >= theme.current().px(LOW))
        if self.isVisible():
            side = self.sizeHint()
            left = self._view.rect().center().x() - side.width() // 2  # over the middle of the column
            self.setGeometry(left, area.bottom() - side.height() - EDGE, side.width(), side.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(look.color("border_strong"), 1))
        painter.setBrush(look.color("selected" if self.isDown() else "hover" if self.hot() else "raised"))
        painter.drawEllipse(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        glyph = look.px(17)
        mark = icons.pixmap("arrow-down", look.palette.text2, glyph, ratio=self.devicePixelRatioF())
        painter.drawPixmap(QPointF((self.width() - glyph) / 2, (self.height() - glyph) / 2), mark)
        painter.end()
