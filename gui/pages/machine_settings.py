"""The computers that the user plans for among the settings: Discover shows what would fit them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.pages.form import Card, Stack
from paddock.gui.widgets import Button, ElidedLabel, IconButton, Label, LineField, Notice
from paddock.sdk.errors import PaddockError
from paddock.sdk.host import Settings, SettingsPatch

ABOUT = "Computers you think of buying or have elsewhere, in a few words: 24GB, 2x16GB, 64GB mac, 24GB + 64GB ram."


class MachinesCard(Card):
    """Shows what the host has stored."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._shown: tuple[str, ...] | None = None
        self.remove_buttons: list[IconButton] = []
        self.words = LineField("A computer to plan for", "24GB + 64GB ram")
        self.add_button = Button("Add")
        self.notice = Notice()
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 4, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.add_button)
        self.add(Stack("Add a computer", Label(ABOUT, 12, 400, "text2", wrap=True), line))
        self.column.addWidget(self.notice)
        self.column.addLayout(self._list)
        self.words.textChanged.connect(self.refresh)
        self.words.returnPressed.connect(self._add)
        self.add_button.clicked.connect(self._add)
        for signal in (host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is stored."""
        connected = self._host.connection == "connected"
        self.words.setEnabled(connected)
        self.add_button.setEnabled(connected and bool(self.words.text().strip()))
        machines = self._host.settings.planned_machines
        if machines == self._shown:
            return
        self._shown = machines
        for button in self.remove_buttons:
            line = button.parentWidget()
            if line is not None:
                line.hide()
                line.deleteLater()
        self.remove_buttons = [self._line(machine) for machine in machines]

    def _line(self, machine: str) -> IconButton:
        line = QWidget()
        remove = IconButton("close", f"Remove {machine}", size=28, glyph=15)
        remove.clicked.connect(lambda: self._remove(machine))
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 2, 0, 2)
        row.addWidget(ElidedLabel(machine, 13, 400, tabular=True, verbatim=True), 1)
        row.addWidget(remove)
        self._list.addWidget(line)
        return remove

    def _add(self) -> None:
        machine = self.words.text().strip()
        machines = self._host.settings.planned_machines
        if not machine or machine in machines:
            return
        self.notice.hide()
        patch = SettingsPatch(planned_machines=(*machines, machine))
        self._host.change_settings(patch, self._added, self._failed, self)

    def _added(self, settings: Settings) -> None:
        self.words.clear()

    def _failed(self, error: BaseException) -> None:
        known = isinstance(error, PaddockError) and bool(error.hint)
        self.notice.show_message("bad", error.hint if known and isinstance(error, PaddockError) else sentence(error))

    def _remove(self, machine: str) -> None:
        left = tuple(other for other in self._host.settings.planned_machines if other != machine)
        self._host.change_settings(SettingsPatch(planned_machines=left))
        self.words.setFocus(Qt.FocusReason.OtherFocusReason)
