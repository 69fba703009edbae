"""Memory among the settings: what a load must leave free, and how long an unused model stays."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.pages.form import Card, Row, silently
from paddock.gui.widgets import NumberBox, Select
from paddock.sdk.host import SettingsPatch
from paddock.sdk.memory import MACHINE_MEMORY, Guard

MIB, GB = 2**20, 10**9
MOST_GB = 16_384
FIRST_LIMIT = 0.75
"""Share of the machine's memory that is offered when a limit of one's own is chosen."""


class GuardWords(NamedTuple):
    label: str
    about: str


GUARDS: dict[Guard, GuardWords] = {
    "off": GuardWords("Off", "No load is refused, whatever it takes. The computer may become slow, or end a program."),
    "relaxed": GuardWords("Relaxed", "A load must leave 1 % of each device free."),
    "balanced": GuardWords("Balanced", "A load must leave 5 % of each device free, at least half a gigabyte."),
    "strict": GuardWords("Strict", "A load must leave 15 % of each device free, at least a gigabyte."),
    "custom": GuardWords("Custom", "All models together take at most so much of this computer’s memory."),
}


class MemoryCard(Card):
    """Shows what the host has stored."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.guard = Select("Memory guard", [words.label for words in GUARDS.values()])
        self.limit = NumberBox("Most for all models", 0, MOST_GB, decimals=1, step=1)
        self.ttl = NumberBox("Minutes until an unused model leaves", 0, 100_000, decimals=0, step=5)
        self.guard_row = Row("Memory guard", GUARDS["balanced"].about, self.guard)
        self.limit_row = Row("Most for all models", "GB of this computer’s memory.", self.limit)
        about = "Minutes after its last use until a model that was loaded on demand leaves. 0: it stays."
        self.add(self.guard_row)
        self.add(self.limit_row)
        self.add(Row("Unused models leave after", about, self.ttl))
        self.guard.activated.connect(self._guard_chosen)
        self.limit.editingFinished.connect(self._limit_edited)
        self.ttl.editingFinished.connect(self._ttl_edited)
        for signal in (host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is stored."""
        settings = self._host.settings
        connected = self._host.connection == "connected"
        for control in (self.guard, self.limit, self.ttl):
            control.setEnabled(connected)
        guards = list(GUARDS)
        silently(self.guard, lambda: self.guard.setCurrentIndex(guards.index(settings.memory_guard)))
        self.guard_row.about.setText(GUARDS[settings.memory_guard].about)
        self.guard.setAccessibleDescription(GUARDS[settings.memory_guard].about)
        self.show_row(self.limit_row, settings.memory_guard == "custom")
        if not self.limit.hasFocus():
            silently(self.limit, lambda: self.limit.setValue(_gb(settings.memory_limit_mib)))
        if not self.ttl.hasFocus():
            silently(self.ttl, lambda: self.ttl.setValue(settings.model_ttl_minutes))

    def _guard_chosen(self, place: int) -> None:
        guard = list(GUARDS)[place]
        limit = None
        if guard == "custom" and not self._host.settings.memory_limit_mib:
            devices = self._host.memory.devices
            total = next((item.device.total for item in devices if item.device.name == MACHINE_MEMORY), 0)
            limit = round(total * FIRST_LIMIT / MIB) or None
        self._host.change_settings(SettingsPatch(memory_guard=guard, memory_limit_mib=limit))

    def _limit_edited(self) -> None:
        gb = self.limit.value()
        if gb != _gb(self._host.settings.memory_limit_mib):
            self._host.change_settings(SettingsPatch(memory_limit_mib=round(gb * GB / MIB)))

    def _ttl_edited(self) -> None:
        minutes = int(self.ttl.value())
        if minutes != self._host.settings.model_ttl_minutes:
            self._host.change_settings(SettingsPatch(model_ttl_minutes=minutes))


def _gb(mib: int) -> float:
    return round(mib * MIB / GB, 1)
