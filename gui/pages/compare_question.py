"""The row above the panes: the question that they answer, which one of how many it is, and the way to change it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.widgets import ElidedLabel, IconButton, Label

TIP = 1_500
"""A longer question is cut in its tool tip, in characters."""


class QuestionRow(QWidget):
    """``step_wanted`` carries -1 for the question before and 1 for the next."""

    step_wanted = Signal(int)
    edit_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "head")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.who = Label("You", 14, 600, "text2")
        self.text = QuestionLabel("", 15, 500)
        self.place = Label("", 12, 400, "text2", tabular=True)
        self.back = IconButton("chevron-up", "Question before (Ctrl+Up)", size=26, glyph=15)
        self.on = IconButton("chevron-down", "Next question (Ctrl+Down)", size=26, glyph=15)
        self.edit = IconButton("pencil", "Edit the question", size=28, glyph=16)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 9, 10, 9)
        row.setSpacing(4)
        row.addWidget(self.who)
        row.addSpacing(8)
        row.addWidget(self.text, 1)
        row.addSpacing(8)
        for part in (self.place, self.back, self.on, self.edit):
            row.addWidget(part)
        self.back.clicked.connect(lambda: self.step_wanted.emit(-1))
        self.on.clicked.connect(lambda: self.step_wanted.emit(1))
        self.edit.clicked.connect(self.edit_wanted)

    def show_question(self, text: str, number: int, count: int, *, editable: bool) -> None:
        """Question ``number`` of ``count``, counted from 1."""
        self.setVisible(count > 0)
        self.text.show_question(text)
        self.place.setText(f"turn {number} of {count}")
        several = count > 1
        for part in (self.back, self.on):
            part.setVisible(several)
        self.back.setEnabled(number > 1)
        self.on.setEnabled(number < count)
        self.edit.setEnabled(editable)


class QuestionLabel(ElidedLabel):
    """A question in one line; the tool tip has its lines."""

    def show_question(self, text: str) -> None:
        if text != getattr(self, "_whole", None):
            self._whole = text
            self.setText(" ".join(text.split()))
            self.setAccessibleName(f"Question: {text}")

    def _hint(self) -> None:
        whole = getattr(self, "_whole", "")
        cut = self._shown() != whole
        self.setToolTip((whole if len(whole) <= TIP else whole[: TIP - 1] + "…") if cut else "")
