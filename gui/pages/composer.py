"""Where a message is written: grows with it, sends it, stops its answer, and says what it is waiting for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.pages.composer_context import ContextGauge, Fill
from paddock.gui.pages.composer_field import ComposerField, local_files
from paddock.gui.pages.composer_pictures import PictureStrip
from paddock.gui.pages.composer_queue import Queue
from paddock.gui.pages.composer_reasoning import ReasoningChip
from paddock.gui.pages.composer_task import TaskBar
from paddock.gui.pages.inspector_answer import Reasoning
from paddock.gui.widgets import ElidedLabel, IconButton, Progress
from paddock.gui.widgets.clicks import SingleClicks
from paddock.gui.window_state import Edit, Task
from paddock.sdk.types import Role

ROWS = 8
ATTACH, ATTACH_TEXTS = "Put pictures or text files into the message", "Put text files into the message"


class Composer(QFrame):
    """``sent`` carries the text and the message it replaces (empty: none); what is sent while an answer runs waits in
    ``queue``. ``saved``: a message and its new text; ``inserted``: text, the message it stands beside, its role and
    whether it goes above."""

    sent = Signal(str, str)
    queued = Signal(str)
    """What waited in ``queue`` and is sent now: without the pictures of what is written meanwhile."""
    saved = Signal(str, str)
    inserted = Signal(str, str, str, bool)
    stopped = Signal()
    typed = Signal()
    task_changed = Signal()
    """What is written is another thing now: a new message, or one under edit."""
    files_given = Signal(list)
    """Paths of files to put into the message."""
    image_given = Signal(QImage)
    refused = Signal(str)
    """Why the message is not sent as it is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setAcceptDrops(True)
        self._running = False
        self._reading = self._eager = False
        self._status = self._overfull = ""
        self._counted = ""
        self._draft = self._placeholder = ""
        self._tools: QWidget | None = None
        self.progress = Progress("Progress")
        place = self.progress.sizePolicy()
        place.setRetainSizeWhenHidden(True)  # the composer does not jump when loading begins and ends
        self.progress.setSizePolicy(place)
        self.progress.hide()
        self.queue = Queue()
        self.task = TaskBar()
        self.pictures = PictureStrip()
        self._blind = ""
        self.field = ComposerField("Message", "Message", max_rows=ROWS)
        self.reasoning = ReasoningChip()
        self._reasons = False
        self.attach = IconButton("attach", ATTACH_TEXTS)
        self.status = ElidedLabel("", 12, 400, "text2", tabular=True)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.gauge = ContextGauge()
        self.button = IconButton("send", "Send (Enter)", size=34, glyph=18, filled=True)
        SingleClicks(self.button)  # Send becomes Stop
        self._lay_out()
        self.field.submitted.connect(self._submit)
        self.field.textChanged.connect(self._typed)
        self.field.files_given.connect(self.files_given)
        self.field.image_given.connect(self.image_given)
        self.pictures.changed.connect(self._show)
        self.attach.clicked.connect(self._choose_files)
        self.button.clicked.connect(self._pressed)
        self.queue.edit_wanted.connect(self._take_up)
        self.queue.changed.connect(self._show)
        self.task.left.connect(self.stop_editing)
        self.task.save_wanted.connect(self._save)
        self._show()

    def _lay_out(self) -> None:
        self._foot = QHBoxLayout()
        self._foot.setContentsMargins(0, 0, 0, 0)
        self._foot.setSpacing(8)
        self._foot.addWidget(self.attach)
        self._foot.addWidget(self.reasoning)
        self._foot.addWidget(self.task)
        self._foot.addWidget(self.status, 1)
        self._foot.addWidget(self.gauge)
        self._foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 10, 10)
        column.setSpacing(2)
        column.addWidget(self.progress)
        column.addWidget(self.queue)
        column.addWidget(self.pictures)
        column.addWidget(self.field)
        column.addLayout(self._foot)

    def set_tools(self, tools: QWidget | None) -> None:
        """What a comparison adds at the left of the foot; None takes it out again."""
        if tools is self._tools:
            return
        if self._tools is not None:
            self._foot.removeWidget(self._tools)
            self._tools.setParent(None)
        self._tools = tools
        if tools is not None:
            self._foot.insertWidget(1, tools)
            tools.show()
        self._show()

    def show_reasoning(self, able: bool, mode: Reasoning) -> None:
        """What the answers' reasoning is; nothing is shown where the model is not ``able``. Panes of a comparison have
        their own."""
        self._reasons = able
        self.reasoning.show_mode(mode)
        self._show()

    @property
    def blind(self) -> str:
        """Why pictures cannot be sent; empty where they can."""
        return self._blind

    def set_blind(self, why: str) -> None:
        if why != self._blind:
            self._blind = why
            self._show()

    def set_running(self, running: bool) -> None:
        """While an answer is written Send is Stop; when it ends, what waits first is sent."""
        ended = self._running and not running
        self._running = running
        self._show()
        if ended and (text := self.queue.take()):
            self.queued.emit(text)

    def set_reading(self, reading: bool, *, whole: bool = True) -> None:
        """Files are being read into the message: what is sent meanwhile goes when they are there, all of them being
        ``whole``."""
        self._reading = reading
        eager, self._eager = self._eager and not reading, self._eager and reading and whole
        if eager and whole:
            self._submit()

    def set_status(self, words: str, fraction: float | None = None) -> None:
        """What is happening, in words; ``fraction`` 0 to 1 shows a bar, None none."""
        self._status = words
        self.progress.setVisible(fraction is not None)
        self.progress.set_fraction(fraction)
        self._show()

    def show_fill(self, fill: Fill | None) -> None:
        """How full the context is with what is written; what does not fit is not sent."""
        self.gauge.show_fill(fill)
        self._overfull = fill.sentence() if fill is not None and fill.left == 0 else ""
        self._counted = self.text()
        self._show()

    def doubt_fill(self) -> None:
        """Something else than what is written has changed: it may fit now, and is sent until the next count."""
        self._overfull = ""
        self._show()

    def text(self) -> str:
        return self.field.toPlainText()

    def draft(self) -> str:
        """What was being written, leaving aside a message under edit."""
        return self._draft if self.task.task is not None else self.text()

    # ---------------------------------------------------------------- what is written

    def edit(self, message: str, text: str, *, own: bool = True) -> None:
        """Take ``text`` of a message up again, one of one's ``own`` or an answer; the draft waits."""
        self._begin(Task("ask" if own else "change", message), text)

    def insert(self, message: str, role: Role) -> None:
        """Write a message to be put beside ``message``; the draft waits."""
        self._begin(Task("insert", message, role), "")

    def under_edit(self) -> Edit | None:
        """The message under edit as it is now; None for a new message."""
        task = self.task.task
        return Edit(task, self.text()) if task is not None else None

    def go_on(self, edit: Edit) -> None:
        """Take up again what :meth:`under_edit` gave; the draft waits."""
        self._begin(edit.task, edit.text)

    def _begin(self, task: Task, text: str) -> None:
        self._draft = self.draft()
        self.task.show_task(task)
        self._show_placeholder()
        self.set_text(text)
        self._show()
        self.task_changed.emit()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def stop_editing(self) -> bool:
        """Leave the message as it is and go back to the draft; False when none is under edit."""
        if self.task.task is None:
            return False
        self.task.show_task(None)
        self._show_placeholder()
        self.set_text(self._draft)
        self._show()
        self.task_changed.emit()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def set_text(self, text: str) -> None:
        """Replace the draft, with the cursor at its end."""
        self._eager = False
        self.field.setPlainText(text)
        cursor = self.field.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.field.setTextCursor(cursor)

    def give_back(self, text: str) -> None:
        """What was written before comes in front of the draft."""
        whole = "\n\n".join(part for part in (text, self.draft()) if part.strip())
        if self.task.task is not None:
            self._draft = whole
        else:
            self.set_text(whole)

    def add_text(self, block: str) -> None:
        """Put a block of its own where the cursor is."""
        cursor = self.field.textCursor()
        before = self.text()[: cursor.position()]
        cursor.insertText(("\n\n" if before.strip() else "") + block + "\n\n")
        self.field.setTextCursor(cursor)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_placeholder(self, text: str) -> None:
        """What stands in the empty field, while a new message is written."""
        self._placeholder = text
        self._show_placeholder()

    def _show_placeholder(self) -> None:
        task = self.task.task
        inserting = task is not None and task.kind == "insert"
        words = "Message to insert" if inserting else self._placeholder
        if self.isVisible():
            room = self.field.viewport().width() - 2 * round(self.field.document().documentMargin())
            words = self.field.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, room)
        self.field.setPlaceholderText(words)
        self.field.viewport().update()  # Qt repaints only when the placeholder comes or goes

    def hold(self) -> None:
        """Send nothing by itself: what waits comes back into the field, before what is written there."""
        waiting = "\n\n".join(self.queue.texts)
        self.queue.put(())
        if waiting:
            self.give_back(waiting)

    # ---------------------------------------------------------------- keys, mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_S and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self._save()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_placeholder()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_placeholder()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        mime = event.mimeData()
        if local_files(mime) or mime.hasImage() or mime.hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.field.insertFromMimeData(event.mimeData())
        event.setDropAction(Qt.DropAction.CopyAction)  # a move would take it away where it came from
        event.accept()

    def _choose_files(self) -> None:
        dialog = QFileDialog(self, self.attach.accessibleName())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda paths: self.files_given.emit(paths))  # a QStringList is no QVariantList
        dialog.open()

    def _typed(self) -> None:
        if not self.text().startswith(self._counted):
            self._overfull = ""  # it may fit now
        self._show()
        self.typed.emit()

    def _take_up(self, text: str) -> None:
        written = self.text()
        self.set_text("\n\n".join(part for part in (text, written) if part.strip()))
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _pressed(self) -> None:
        if self._running and self.task.task is None:
            self.hold()
            self.stopped.emit()
        else:
            self._submit()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _submit(self) -> None:
        text = self.text().strip()
        task = self.task.task
        if self._reading and task is None:
            self._eager = True
            return
        if not (text or self._has_pictures()) or (task is not None and task.kind != "change" and self._running):
            return
        if self._has_pictures() and (self.blind or self._running):
            self.refused.emit(
                self.blind or "A message with pictures does not wait in line. Send it when the answer has ended."
            )
            return
        if task is None and self._overfull and not self._running:
            self.refused.emit(self._overfull)
            return
        if task is None and self._running:
            self.field.clear()
            self.queue.add(text)
            return
        if task is not None and task.kind == "change":
            self._save()
            return
        self.field.clear()
        self.stop_editing()
        if task is not None and task.kind == "insert":
            self.inserted.emit(text, task.message, task.role, task.above)
        else:
            self.sent.emit(text, task.message if task is not None else "")

    def _has_pictures(self) -> bool:
        """Of the message that is written, not of one under edit."""
        return bool(self.pictures.shown) and self.task.task is None

    def _save(self) -> None:
        task, text = self.task.task, self.text().strip()
        if task is not None and task.kind != "insert" and text:
            self.stop_editing()
            self.saved.emit(text, task.message)

    def _show(self) -> None:
        task, some = self.task.task, bool(self.text().strip()) or self._has_pictures()
        if task is not None:
            icon, name = {
                "ask": ("send", "Ask this instead (Enter)"),
                "change": ("check", "Save (Enter)"),
                "insert": ("check", "Insert (Enter)"),
            }[task.kind]
            self.button.set_icon(icon, name)
            self.button.setEnabled(some and not (self._running and task.kind != "change"))
        elif self._running:
            self.button.set_icon("stop", "Stop the answer (Esc)")
            self.button.setEnabled(True)
        else:
            self.button.set_icon("send", "Send (Enter)")
            self.button.setEnabled(some and not self._overfull)
            self.button.setToolTip(self._overfull or self.button.toolTip())
        self.task.save.setEnabled(some)
        self.attach.setVisible(task is None)
        self.attach.set_icon("attach", ATTACH_TEXTS if self.blind else ATTACH)
        self.pictures.setVisible(self._has_pictures())
        self.reasoning.setVisible(self._reasons and task is None and self._tools is None)
        waiting = len(self.queue.texts)
        later = "Will be sent after this answer" if waiting == 1 else f"{waiting} will be sent after this answer"
        self.status.setText(later if waiting else self._status)


class DropArea(QWidget):
    """What is dropped on it goes into the message, as if it were dropped on ``composer``."""

    def __init__(self, composer: Composer) -> None:
        super().__init__()
        self._composer = composer
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._composer.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._composer.dropEvent(event)
        self._composer.field.setFocus(Qt.FocusReason.OtherFocusReason)
