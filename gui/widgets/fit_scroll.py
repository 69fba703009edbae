"""A scroll area that is no higher than what is in it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget


class FitScroll(QScrollArea):
    """Scrolls up and down; no higher than what is in it, so that what follows stands right below."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setWidget(content)
        content.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._content and event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            QTimer.singleShot(0, self, self.fit)
        return super().eventFilter(watched, event)

    def fit(self) -> None:
        """Follow what is in it now."""
        self.setMaximumHeight(self._needed())
        self._choose_bar()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._choose_bar()

    def _needed(self) -> int:
        """How high everything is without a scroll bar beside it: with one, words may take a line more, which would call
        for the bar that made them, and take it away again, for ever."""
        layout = self._content.layout()
        if layout is None:
            return self._content.sizeHint().height()
        flows = layout.hasHeightForWidth()  # else Qt says -1
        return layout.totalHeightForWidth(self.contentsRect().width()) if flows else layout.totalSizeHint().height()

    def _choose_bar(self) -> None:
        """Qt keeps a bar that is there as long as it makes itself necessary."""
        ways = Qt.ScrollBarPolicy
        way = ways.ScrollBarAlwaysOff if self._needed() <= self.height() else ways.ScrollBarAsNeeded
        if way != self.verticalScrollBarPolicy():
            self.setVerticalScrollBarPolicy(way)
