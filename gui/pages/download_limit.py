"""How much of the line downloads may take."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.pages.form import silently
from paddock.gui.widgets import Label, NumberBox, Switch
from paddock.sdk.host import SettingsPatch

MB = 10**6
MOST_MB = 10_000
FIRST_MB = 5.0
"""What is offered when a limit is switched on for the first time."""


class LimitBox(QWidget):
    """A switch and a number in MB per second; shows what the host has stored."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._last = FIRST_MB
        self.label = Label("Limit", 13, 400, "text2")
        self.switch = Switch("Limit the speed of downloads")
        self.box = NumberBox("Most MB per second", 0.1, MOST_MB, decimals=1, step=0.5, widest=72)
        self.unit = Label("MB/s", 13, 400, "text2")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for widget in (self.label, self.box, self.unit, self.switch):
            row.addWidget(widget)
        self.switch.clicked.connect(self._switched)
        self.box.editingFinished.connect(self._edited)
        for signal in (host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is stored."""
        limit = self._host.settings.download_limit
        connected = self._host.connection == "connected"
        self._last = limit / MB if limit else self._last
        silently(self.switch, lambda: self.switch.setChecked(limit > 0))
        self.switch.setEnabled(connected)
        self.box.setEnabled(connected)
        for widget in (self.box, self.unit):
            widget.setVisible(limit > 0)
        if not self.box.hasFocus():
            silently(self.box, lambda: self.box.setValue(self._last))

    def _switched(self, on: bool) -> None:
        self._host.change_settings(SettingsPatch(download_limit=round(self._last * MB) if on else 0))

    def _edited(self) -> None:
        limit = round(self.box.value() * MB)
        if self._host.settings.download_limit not in (0, limit):
            self._host.change_settings(SettingsPatch(download_limit=limit))
