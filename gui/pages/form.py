"""A page as one column: title, sections, rows with a name, a sentence and a control."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Divider, ElidedLabel, IconButton, Label
from paddock.gui.widgets.labels import no_word_alone

COLUMN = 720
ROW_END = 8
"""Room above and below the content of a row, in pixels."""


class FormPage(QScrollArea):
    """Scrolls up and down only; its column is at most ``COLUMN`` wide."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "surface")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(title)
        self._sheet = QWidget()
        self._sheet.setProperty("role", "surface")
        self._sheet.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.column = QVBoxLayout(self._sheet)
        self.column.setSpacing(16)
        self.column.addWidget(Label(title, 24, 600))
        self.setWidget(self._sheet)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def _fit(self) -> None:
        side = max(24, (self.viewport().width() - current().px(COLUMN)) // 2)
        self.column.setContentsMargins(side, 28, side, 28)


class Card(QFrame):
    """A bordered group of rows with lines between them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(16, 6, 16, 6)
        self.column.setSpacing(6)
        self._lines: dict[QWidget, Divider] = {}

    def add(self, row: QWidget) -> None:
        if self.column.count():
            self._lines[row] = Divider()
            self.column.addWidget(self._lines[row])
        self.column.addWidget(row)

    def show_row(self, row: QWidget, shown: bool) -> None:
        """Show a row with the line above it, or neither."""
        if (line := self._lines.get(row)) is not None:
            line.setVisible(shown)
        row.setVisible(shown)


class Row(QWidget):
    """Name and sentence at the left, the control at the right. ``verbatim``: the sentence holds a path."""

    def __init__(
        self, name: str, about: str, control: QWidget, parent: QWidget | None = None, *, verbatim: bool = False
    ) -> None:
        super().__init__(parent)
        self.name = Label(name, 13, 500)
        self.about = Label(no_word_alone(about), 12, 400, "text2", wrap=True, verbatim=verbatim)
        self.about.setVisible(bool(about))
        self.name.setBuddy(control)
        if about:
            control.setAccessibleDescription(about)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.name)
        words.addWidget(self.about)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, ROW_END, 0, ROW_END)
        row.setSpacing(16)
        row.addLayout(words, 1)
        row.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)


class Stack(QWidget):
    """Name above what needs the whole width."""

    def __init__(self, name: str, *content: QWidget) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, ROW_END, 0, ROW_END)
        column.setSpacing(4)
        head, *rest = content
        top = QVBoxLayout()
        top.setSpacing(2)  # as in a Row
        top.addWidget(Label(name, 13, 500))
        top.addWidget(head)
        column.addLayout(top)
        for widget in rest:
            column.addWidget(widget)


class CopyLine(QWidget):
    """A text that is too long to type, with a button that copies it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ElidedLabel("", 13, 400, "text", tabular=True, verbatim=True)
        self.text.setAccessibleName(name)
        self.text.setSizePolicy(self.text.sizePolicy().Policy.Ignored, self.text.sizePolicy().Policy.Preferred)
        self.button = IconButton("copy", f"Copy {name.lower()}")
        self.button.clicked.connect(lambda: copy(self.text.text()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        row.addWidget(self.button)

    def set_text(self, text: str, *, usable: bool = True) -> None:
        """``usable`` False: shown in grey, nothing to copy."""
        self.text.setText(text)
        self.text.set_token("text" if usable else "muted")
        self.button.setEnabled(usable and bool(text))


def copy(text: str) -> None:
    """Put text on the clipboard."""
    QGuiApplication.clipboard().setText(text)


def silently(control: QWidget, change: Callable[[], None]) -> None:
    """Change a control without it reporting a change by the user."""
    control.blockSignals(True)
    change()
    control.blockSignals(False)
    control.update()
