"""Where a message is written: grows with it, sends it, stops its answer, and says what it is waiting for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.widgets import Chip, ElidedLabel, IconButton, MessageField, Progress

ROWS = 8


class Composer(QFrame):
    """``sent`` carries the text and the message it replaces (empty: none); what was typed while an answer runs is sent
    after it."""

    sent = Signal(str, str)
    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._running = False
        self._armed = False
        self._status = ""
        self._editing = ""
        self._draft = ""
        self.progress = Progress("Progress")
        place = self.progress.sizePolicy()
        place.setRetainSizeWhenHidden(True)  # the composer does not jump when loading begins and ends
        self.progress.setSizePolicy(place)
        self.progress.hide()
        self.editing_chip = Chip("Editing", icon="pencil")
        self.editing_chip.setAccessibleDescription("Leaves the message as it is.")
        self.editing_chip.setToolTip("Leave the message as it is (Esc)")
        self.editing_chip.hide()
        self.field = MessageField("Message", "Message", max_rows=ROWS)
        self.status = ElidedLabel("", 12, 400, "text2", tabular=True)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = IconButton("send", "Send (Enter)", size=34, glyph=18, filled=True)
        foot = QHBoxLayout()
        foot.setContentsMargins(4, 0, 0, 0)
        foot.setSpacing(8)
        foot.addWidget(self.editing_chip)
        foot.addWidget(self.status, 1)
        foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 10, 10)
        column.setSpacing(2)
        column.addWidget(self.progress)
        column.addWidget(self.field)
        column.addLayout(foot)
        self.field.submitted.connect(self._submit)
        self.field.textChanged.connect(self._typed)
        self.button.clicked.connect(self._pressed)
        self.editing_chip.clicked.connect(self.stop_editing)
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

    def draft(self) -> str:
        """What was being written, leaving aside a message under edit."""
        return self._draft if self._editing else self.text()

    def edit(self, message: str, text: str) -> None:
        """Take ``text`` of a message up again; the draft waits."""
        self._draft = self.draft()
        self._editing = message
        self.set_text(text)
        self.editing_chip.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def stop_editing(self) -> bool:
        """Leave the message as it is and go back to the draft; False when none is under edit."""
        if not self._editing:
            return False
        self._editing = ""
        self.editing_chip.hide()
        self.set_text(self._draft)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def set_text(self, text: str) -> None:
        """Replace the draft, with the cursor at its end."""
        self.field.setPlainText(text)
        cursor = self.field.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.field.setTextCursor(cursor)

    def set_placeholder(self, text: str) -> None:
        self.field.setPlaceholderText(text)
        self.field.viewport().update()  # Qt repaints only when the placeholder comes or goes

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
        message = self._editing
        self.field.clear()
        self.stop_editing()
        self.sent.emit(text, message)

    def _show(self) -> None:
        if self._running:
            self.button.set_icon("stop", "Stop the answer (Esc)")
            self.button.setEnabled(True)
        else:
            self.button.set_icon("send", "Send (Enter)")
            self.button.setEnabled(bool(self.text().strip()))
        self.status.setText("Will be sent after this answer" if self._armed else self._status)
