"""The one focus ring: 2 px accent, shown only when the focus came by keyboard (Qt has no ``:focus-visible``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFocusEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from paddock.gui import theme

KEYBOARD_REASONS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)
RING = 2.0

if TYPE_CHECKING:
    _Widget = QWidget
else:
    _Widget = object


class KeyboardRing(_Widget):
    """Mixed in before a QWidget class: ``ring_shown`` says whether to paint the ring."""

    _ring = False

    @property
    def ring_shown(self) -> bool:
        return self._ring and self.hasFocus()

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() in KEYBOARD_REASONS:
            self._ring = True
        elif event.reason() == Qt.FocusReason.MouseFocusReason:
            self._ring = False
        # Window activation, menus and the like leave it as it was.
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self._ring = False
        super().focusOutEvent(event)
        self.update()


def paint_ring(painter: QPainter, rect: QRectF, radius: float) -> None:
    """Paint the ring just inside ``rect``; a filled body is drawn smaller so that a gap remains."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.current().palette.accent), RING))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    inset = RING / 2
    painter.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), radius, radius)
