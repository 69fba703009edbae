"""What is being written when it is no new message: another wording of a stored one, or one to put between others."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.widgets import Button, Chip
from paddock.gui.window_state import Task
from paddock.sdk.types import Role


class TaskBar(QWidget):
    """Says what is being written, and leaves it; hidden for a new message."""

    left = Signal()
    save_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.task: Task | None = None
        self.chip = Chip("Editing", icon="pencil")
        self.chip.setAccessibleDescription("Leaves the message as it is.")
        self.chip.setToolTip("Leave the message as it is (Esc)")
        self.save = Button("Save only")
        self.save.setToolTip("Change the text without asking again (Ctrl+S)")
        self.role = Chip("As you")
        self.place = Chip("Below")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for part in (self.chip, self.role, self.place, self.save):
            row.addWidget(part)
        self.chip.clicked.connect(self.left)
        self.save.clicked.connect(self.save_wanted)
        self.role.clicked.connect(self._turn_role)
        self.place.clicked.connect(self._turn_place)
        self.hide()

    def show_task(self, task: Task | None) -> None:
        """What is being written; None: a new message."""
        self.task = task
        self.setVisible(task is not None)
        if task is None:
            return
        new = task.kind == "insert"
        self.chip.set(text="Inserting" if new else "Editing", icon="plus" if new else "pencil")
        self.role.setVisible(new)
        self.place.setVisible(new)
        self.save.setVisible(task.kind == "ask")
        self.role.set(text="As you" if task.role == "user" else "As the model")
        self.place.set(text="Above" if task.above else "Below")
        self.role.setToolTip("Who says it. Click to change.")
        self.place.setToolTip("On which side of the chosen message it goes. Click to change.")

    def _turn_role(self) -> None:
        if self.task is not None:
            role: Role = "assistant" if self.task.role == "user" else "user"
            self.show_task(Task(self.task.kind, self.task.message, role, self.task.above))

    def _turn_place(self) -> None:
        if self.task is not None:
            self.show_task(Task(self.task.kind, self.task.message, self.task.role, not self.task.above))
