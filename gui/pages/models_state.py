"""What stands in the place of the table while there is nothing to show in it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, Label


class TableState(QWidget):
    """A sentence, what it means, and at most two ways on."""

    first_pressed = Signal()
    second_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = Label("", 15, 600, wrap=True)
        self.about = Label("", 13, 400, "text2", wrap=True)
        self.first, self.second = Button("", "primary"), Button("")
        self.first.clicked.connect(self.first_pressed)
        self.second.clicked.connect(self.second_pressed)
        for label in (self.title, self.about):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.first)
        buttons.addWidget(self.second)
        buttons.addStretch(1)
        inner = self._inner = QWidget()
        self._measure()
        column = QVBoxLayout(inner)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addSpacing(4)
        column.addLayout(buttons)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(inner)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(3)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._measure()

    def _measure(self) -> None:
        self._inner.setFixedWidth(current().px(420))

    def show_state(self, title: str, about: str = "", first: str = "", second: str = "") -> None:
        """``first`` and ``second`` are the buttons' words, empty for none."""
        self.title.setText(title)
        self.about.setText(about)
        self.about.setVisible(bool(about))
        for button, words in ((self.first, first), (self.second, second)):
            button.setText(words)
            button.setVisible(bool(words))
