"""A section of the inspector that opens and closes; what is in it is built when it is first opened."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from paddock.gui import icons
from paddock.gui.theme import current
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring


class FoldHead(PaintedButton):
    """The section's name with a chevron, and a few words at the right."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._note = ""
        self.setText(text)
        self.setCheckable(True)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_note(self, note: str) -> None:
        if note != self._note:
            self._note = note
            self.setAccessibleDescription(note)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(current().px(160), current().px(30))

    def minimumSizeHint(self) -> QSize:
        return QSize(current().px(80), current().px(30))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        if self.hot():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(-2, 2, 2, -2), 6, 6)
        side = theme.px(16)
        name = "chevron-down" if self.isChecked() else "chevron-right"
        mark = icons.pixmap(name, theme.palette.muted, side, ratio=self.devicePixelRatioF())
        painter.drawPixmap(QPointF(0, (self.height() - side) / 2), mark)
        font = theme.font(12, 600)
        painter.setFont(font)
        painter.setPen(theme.color("text2"))
        left = side + theme.px(4)
        painter.drawText(QRectF(left, 0, self.width(), self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())
        left += QFontMetrics(font).horizontalAdvance(self.text()) + theme.px(10)
        small = theme.font(12, 500, tabular=True)
        painter.setFont(small)
        painter.setPen(theme.color("muted"))
        room = int(self.width() - left)
        words = QFontMetrics(small).elidedText(self._note, Qt.TextElideMode.ElideRight, room)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(left, 0, room, self.height()), flags, words)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), 6)


class Fold(QWidget):
    """``build`` makes the content. ``toggled`` says whether it is open."""

    toggled = Signal(bool)

    def __init__(self, text: str, build: Callable[[], QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._build = build
        self.body: QWidget | None = None
        self.head = FoldHead(text)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self.head)
        self.head.toggled.connect(self._toggled)

    def set_open(self, open: bool) -> None:
        self.head.setChecked(open)

    def _toggled(self, open: bool) -> None:
        if open and self.body is None:
            self.body = self._build()
            self._column.addWidget(self.body)
        if self.body is not None:
            self.body.setVisible(open)
        self.toggled.emit(open)
