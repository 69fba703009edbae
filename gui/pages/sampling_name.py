"""The name of an option: a button that says what the option does."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets import Label
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.popup import Popup

WIDTH = 280
_MARK = "?"


class OptionName(PaintedButton):
    """``text`` with a small question mark; a click, Enter or Space opens ``help`` below it."""

    def __init__(self, text: str, help: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._help = help
        self._off = False
        self.setText(text)
        self.setToolTip(help)
        self.setAccessibleName(f"About {text}")
        self.setAccessibleDescription(help)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.explain)

    def set_off(self, off: bool) -> None:
        """Paint it as the name of something that is switched off."""
        self._off = off
        self.update()

    def explain(self) -> None:
        """Open the sentence about the option."""
        sheet = Popup(f"About {self.text()}", self)
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(sheet)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(4)
        column.addWidget(Label(self.text(), 13, 600))
        column.addWidget(Label(self._help, 13, 400, "text2", wrap=True))
        width = min(current().px(WIDTH), self.window().width() - 16)
        sheet.setFixedWidth(width)
        sheet.adjustSize()
        corner = self.mapToGlobal(QPoint(0, self.height() + 2))
        edge = self.window().mapToGlobal(QPoint(self.window().width() - 8, self.window().height() - 8))
        top = corner.y() if corner.y() + sheet.height() <= edge.y() else corner.y() - self.height() - sheet.height() - 4
        sheet.move(min(corner.x(), edge.x() - width), top)
        sheet.show()

    def sizeHint(self) -> QSize:
        theme = current()
        width = QFontMetrics(theme.font(13, 500)).horizontalAdvance(self.text()) + 2
        return QSize(width + theme.px(12), theme.px(24))

    def minimumSizeHint(self) -> QSize:
        return QSize(current().px(40), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        font, small = theme.font(13, 500), theme.font(11, 600)
        room = self.width() - theme.px(12)
        metrics = QFontMetrics(font)
        words = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        painter.setFont(font)
        painter.setPen(theme.color("muted" if self._off else "text"))
        painter.drawText(QRectF(0, 0, room + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, words)
        painter.setFont(small)
        painter.setPen(theme.color("accent" if self.hot() or self.ring_shown else "muted"))
        left = metrics.horizontalAdvance(words) + theme.px(4)
        painter.drawText(QRectF(left, 0, theme.px(10), self.height()), Qt.AlignmentFlag.AlignVCenter, _MARK)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), 6)
