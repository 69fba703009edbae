"""The system prompt in the inspector, with the library of saved ones behind a button."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.form import silently
from paddock.gui.widgets import Button, Label, Switch, TextArea

PAUSE_MS = 700
"""The text is handed on after so long without a key."""
PLACEHOLDER = "How the model should behave"
OF_THE_CONVERSATION = "That of the conversation"


class SystemSection(QWidget):
    """``changed`` carries the text after a pause in typing. A pane may have a text of its own or none."""

    changed = Signal(object)
    library_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = TextArea("System prompt", PLACEHOLDER, rows=3)
        self.library = Button("Saved prompts", "link")
        self.own = Switch("A system prompt of its own")
        self.own_name = Label("Own", 12, 400, "text2")
        self._told: str | None = ""
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.flush)
        title = QHBoxLayout()
        title.addWidget(Label("System prompt", 12, 600, "text2"))
        title.addStretch(1)
        title.addWidget(self.own_name)
        title.addWidget(self.own)
        title.addWidget(self.library)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(title)
        column.addWidget(self.field)
        self.own_name.hide()
        self.own.hide()
        self.field.textChanged.connect(self._pause.start)
        self.own.clicked.connect(self._own_clicked)
        self.library.clicked.connect(self.library_wanted)

    def text(self) -> str | None:
        """What it says; None where a pane takes the conversation's."""
        return self.field.toPlainText() if self.own.isHidden() or self.own.isChecked() else None

    def show_text(self, text: str) -> None:
        """The conversation's; what is being typed is not overwritten."""
        if self._pause.isActive() or text == self.field.toPlainText():
            self._told = text if not self._pause.isActive() else self._told
            return
        self._put(text)

    def show_choice(self, text: str | None, *, of_pane: bool) -> None:
        """Of a pane, with the choice between its own and the conversation's; or of a conversation again."""
        self._pause.stop()
        self.own_name.setVisible(of_pane)
        self.own.setVisible(of_pane)
        self.own.setChecked(text is not None)
        self._put(text)
        self._enable()

    def flush(self) -> None:
        """Hand on what was typed, now."""
        self._pause.stop()
        text = self.text()
        if text != self._told:
            self._told = text
            self.changed.emit(text)

    def use(self, text: str) -> None:
        """Put ``text`` in the place of what is there, and hand it on; Ctrl+Z brings that back."""
        self.field.selectAll()
        self.insert(text)

    def insert(self, text: str) -> None:
        """Put ``text`` where the cursor is, and hand it on."""
        self.field.insertPlainText(text)
        self.flush()

    def _put(self, text: str | None) -> None:
        silently(self.field, lambda: self.field.setPlainText(text or ""))
        self._told = text

    def _own_clicked(self) -> None:
        self._enable()
        self.flush()

    def _enable(self) -> None:
        on = self.own.isHidden() or self.own.isChecked()
        self.field.setEnabled(on)
        self.library.setVisible(on)
        self.field.setPlaceholderText(PLACEHOLDER if on else OF_THE_CONVERSATION)
