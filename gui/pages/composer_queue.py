"""What waits to be sent after the answer that is being written: each with a way to change it or take it back."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.widgets import ElidedLabel, IconButton, Label
from paddock.gui.widgets.layouts import empty

SHOWN = 3


class Queue(QWidget):
    """Messages in the order they will be sent. ``edit_wanted`` carries the text of one that was taken out to be
    changed."""

    edit_wanted = Signal(str)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.texts: tuple[str, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 0, 2)
        self._column.setSpacing(0)
        self.setAccessibleName("Messages that will be sent after this answer")
        self.hide()

    def put(self, texts: tuple[str, ...]) -> None:
        """Show ``texts`` in place of those that are there."""
        if texts == self.texts:
            return
        self.texts = texts
        empty(self._column)
        for number, text in enumerate(texts[:SHOWN]):
            self._column.addWidget(self._row(number, text))
        if len(texts) > SHOWN:
            self._column.addWidget(Label(f"and {len(texts) - SHOWN} more", 12, 400, "muted"))
        self.setVisible(bool(texts))
        self.changed.emit()

    def add(self, text: str) -> None:
        self.put((*self.texts, text))

    def take(self, number: int = 0) -> str:
        """Take a message out; empty where there is none."""
        if number >= len(self.texts):
            return ""
        text = self.texts[number]
        self.put(self.texts[:number] + self.texts[number + 1 :])
        return text

    def _row(self, number: int, text: str) -> QWidget:
        line = " ".join(text.split())
        words = ElidedLabel(line, 13, 400, "text2")
        edit = IconButton("pencil", f"Change “{line[:40]}”", size=26, glyph=15)
        remove = IconButton("close", f"Do not send “{line[:40]}”", size=26, glyph=15)
        edit.setToolTip("Change this message")
        remove.setToolTip("Do not send this message")
        edit.clicked.connect(lambda: self.edit_wanted.emit(self.take(number)))
        remove.clicked.connect(partial(self._drop, number))
        host = QWidget()
        row = QHBoxLayout(host)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(words, 1)
        row.addWidget(edit)
        row.addWidget(remove)
        return host

    def _drop(self, number: int) -> None:
        self.take(number)
