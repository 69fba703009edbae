"""Where a message is written: grows with it, sends it, stops its answer, and says what it is waiting for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.widgets import ElidedLabel, IconButton, MessageField, Progress

ROWS = 8


class Composer(QFrame):
    """``sent`` carries the text; what was typed while an answer runs is sent after it."""

    sent = Signal(str)
    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._running = False
        self._armed = False
        self._status = ""
        self.progress = Progress("Progress")
        self.progress.hide()
        self.field = MessageField("Message", "Message", max_rows=ROWS)
        self.status = ElidedLabel("", 12, 400, "text2", tabular=True)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = IconButton("send", "Send (Enter)", size=34, glyph=18, filled=True)
        foot = QHBoxLayout()
        foot.setContentsMargins(4, 0, 0, 0)
        foot.setSpacing(8)
        foot.addWidget(self.status, 1)
        foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 10, 10)
        column.setSpacing(4)
        column.addWidget(self.progress)
        column.addWidget(self.field)
        column.addLayout(foot)
        self.field.submitted.connect(self._submit)
        self.field.textChanged.connect(self._typed)
        self.button.clicked.connect(self._pressed)
        self._show()

    def set_running(self, running: bool) -> None:
        """While an answer is written Send is Stop; when it ends, what waits is sent."""
        ended = self._running and not running
        self._running = running
        if ended and self._armed:
            self._armed = False
            self._submit()
        self._show()

    def set_status(self, words: str, fraction: float | None = None) -> None:
        """What is happening, in words; ``fraction`` 0 to 1 shows a bar, None none."""
        self._status = words
        self.progress.setVisible(fraction is not None)
        self.progress.set_fraction(fraction)
        self._show()

    def text(self) -> str:
        return self.field.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace the draft, with the cursor at its end."""
        self.field.setPlainText(text)
        cursor = self.field.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.field.setTextCursor(cursor)

    def set_placeholder(self, text: str) -> None:
        self.field.setPlaceholderText(text)

    def disarm(self) -> None:
        """Do not send by itself what is written."""
        self._armed = False
        self._show()

    def _typed(self) -> None:
        self._armed = False
        self._show()

    def _pressed(self) -> None:
        if self._running:
            self.disarm()
            self.stopped.emit()
        else:
            self._submit()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _submit(self) -> None:
        text = self.text().strip()
        if not text:
            return
        if self._running:
            self._armed = True
            self._show()
            return
        self.field.clear()
        self.sent.emit(text)

    def _show(self) -> None:
        if self._running:
            self.button.set_icon("stop", "Stop the answer (Esc)")
            self.button.setEnabled(True)
        else:
            self.button.set_icon("send", "Send (Enter)")
            self.button.setEnabled(bool(self.text().strip()))
        self.status.setText("Will be sent after this answer" if self._armed else self._status)
