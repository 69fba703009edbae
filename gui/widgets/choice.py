"""One of a few ways, each with its name and what it means."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring


class ChoiceCard(PaintedButton):
    """Of those with the same parent one is chosen. Arrow keys move among them, as among radio buttons."""

    def __init__(self, text: str, about: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about = ""
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setText(text)
        self.setAccessibleName(text)
        self.set_about(about)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_about(self, about: str) -> None:
        """What choosing it means, or why it cannot be chosen."""
        self._about = about
        self.setAccessibleDescription(about)
        self.setToolTip(about)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(current().px(220), current().px(50))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        on = self.isChecked()
        painter.setPen(QPen(theme.color("accent" if on else "border"), 1))
        painter.setBrush(theme.color("accent_soft" if on else "hover" if self.hot() else "raised"))
        painter.drawRoundedRect(body, 8, 8)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), 8)
        middle, side = QPointF(theme.px(20), self.height() / 2), theme.px(7)
        painter.setPen(QPen(theme.color("accent" if on else "border_strong" if self.isEnabled() else "border"), 1.6))
        painter.setBrush(theme.color("raised"))
        painter.drawEllipse(middle, side, side)
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            painter.drawEllipse(middle, side / 2, side / 2)
        left, room = theme.px(38), self.width() - theme.px(50)
        name, small = theme.font(13, 500), theme.font(12)
        painter.setFont(name)
        painter.setPen(theme.color("text" if self.isEnabled() else "muted"))
        half = self.height() / 2
        painter.drawText(QRectF(left, 4, room, half - 4), Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.setFont(small)
        painter.setPen(theme.color("text2" if self.isEnabled() else "muted"))
        words = QFontMetrics(small).elidedText(self._about, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, half, room, half - 5), Qt.AlignmentFlag.AlignVCenter, words)
