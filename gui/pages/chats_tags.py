"""Tags of one or several conversations: those they have, to be taken off, and a field for another one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets import Button, Chip, Label, LineField
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.list_sheet import lay_out_sheet

LONGEST = 40
WIDTH = 400


class TagsDialog(QDialog):
    """``changed`` carries the tags to add and those to take off, one at a time, as soon as they are given."""

    changed = Signal(list, list)

    def __init__(self, tags: Sequence[str], known: Sequence[str], about: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.tags = list(tags)
        self.setWindowTitle("Tags")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self.field = LineField("Add a tag", "Add a tag, then Enter")
        self.field.setMaxLength(LONGEST)
        completer = QCompleter(list(known), self.field)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.field.setCompleter(completer)
        self.none = Label("No tags yet.", 12, 400, "muted")
        self.chips: list[Chip] = []
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        self.field.returnPressed.connect(self.add)
        done = Button("Done", "primary")
        done.clicked.connect(self._finish)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(done)
        column = QVBoxLayout()
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        column.addWidget(Label("Tags", 18, 600))
        column.addWidget(Label(about, 13, 400, "text2", wrap=True))
        column.addWidget(self.field)
        column.addWidget(self._chips)
        column.addWidget(self.none)
        column.addStretch(1)
        lay_out_sheet(self, column, foot)
        self.resize(min(current().px(WIDTH), parent.window().width() - 48), current().px(240))
        self._show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):  # the field has taken it
            super().keyPressEvent(event)

    def add(self) -> None:
        """Take the tag in the field."""
        tag = " ".join(self.field.text().split())
        self.field.clear()
        if tag and tag not in self.tags:
            self.tags.append(tag)
            self.changed.emit([tag], [])
            self._show()

    def _remove(self, tag: str) -> None:
        self.tags.remove(tag)
        self.changed.emit([], [tag])
        self._show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _finish(self) -> None:
        self.add()
        self.accept()

    def _show(self) -> None:
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for tag in self.tags:
            chip = Chip(tag, icon="close")
            chip.setToolTip(f"Take off “{tag}”")
            chip.setAccessibleName(f"Take off the tag {tag}")
            chip.clicked.connect(lambda _=False, tag=tag: self._remove(tag))
            self._flow.addWidget(chip)
            self.chips.append(chip)
        self.none.setVisible(not self.tags)
        self._chips.setVisible(bool(self.tags))
