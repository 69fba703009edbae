"""The moment after a blind vote: names and numbers come up softly."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEasingCurve, Qt, QVariantAnimation
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QStyle, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets.pane_view import LINE, PaneView

LASTS_MS = 240


class Curtain(QWidget):
    """Covers the head of a pane and fades. The mouse goes through it."""

    def __init__(self, pane: PaneView) -> None:
        super().__init__(pane)
        self._fading = QVariantAnimation(self)
        self._fading.setStartValue(1.0)
        self._fading.setEndValue(0.0)
        self._fading.setDuration(LASTS_MS)
        self._fading.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._fading.valueChanged.connect(lambda _: self.update())
        self._fading.finished.connect(self.deleteLater)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setGeometry(0, LINE, pane.width(), max(0, pane.view.y() - LINE - 1))
        self.show()
        self._fading.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setOpacity(float(self._fading.currentValue()))
        painter.fillRect(self.rect(), current().color("surface"))


def reveal(panes: Iterable[PaneView]) -> None:
    """Fade the heads of ``panes`` in; at once where the system wants no motion."""
    for pane in panes:
        layout = pane.layout()
        if layout is not None:
            layout.activate()
        if pane.isVisible() and pane.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration):
            Curtain(pane)
