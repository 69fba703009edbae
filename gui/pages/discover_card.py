"""The model card, to read."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.widgets import Button, Divider, ElidedLabel
from paddock.gui.widgets.buttons import QUIET
from paddock.gui.widgets.card_text import card_text
from paddock.gui.widgets.reader import Reader


class CardSheet(QWidget):
    """Pictures stand as links with their address; a link opens in the system's browser. Escape goes back."""

    back_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card = ""
        self.back = Button("Back to files", "quiet", "chevron-left")
        self.title = ElidedLabel("", 14, 600)
        self.reader = Reader("Model card")
        head = QHBoxLayout()
        head.setContentsMargins(16 - QUIET, 8, 16, 8)
        head.setSpacing(8)
        head.addWidget(self.back)
        head.addWidget(self.title, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(Divider())
        column.addWidget(self.reader, 1)
        self.back.clicked.connect(self.back_wanted)
        self.reader.link_activated.connect(lambda url: QDesktopServices.openUrl(QUrl(url)))

    def show_card(self, title: str, card: str) -> None:
        self.title.setText(title)
        if card != self._card:
            self._card = card
            self.reader.show_text(card_text(card))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.back_wanted.emit()
            return
        super().keyPressEvent(event)
