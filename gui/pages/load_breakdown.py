"""What a load would take: a bar for each device, the verdict in a sentence, the remedy as a button."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.messages import sentence
from paddock.gui.models.memory import device_title, estimated_segments, explained_segments, source_words
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import ElidedLabel, Label, Notice
from paddock.gui.widgets.memory_bar import MemoryBar, MemoryLegend
from paddock.gui.widgets.notice import Severity
from paddock.sdk.errors import PaddockError
from paddock.sdk.memory import MACHINE_MEMORY, DeviceState, Estimate, EstimatedDevice, MemoryState, Remedy, Verdict
from paddock.sdk.units import bytes_text

SEVERITIES: dict[Verdict, Severity] = {
    "fits": "ok",
    "fits_if_unloaded": "warn",
    "fits_with": "warn",
    "does_not_fit": "bad",
    "cannot_tell": "info",
}
REFUSED: tuple[Verdict, ...] = ("fits_with", "does_not_fit")
"""A quick estimate looks for no remedy, so of these it knows only the second."""


class DeviceUseRow(QWidget):
    """One device: “needs 6.2 of 7.2 GB free”, bar, parts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = ElidedLabel("", 13, 500)
        self.need = Label("", 12, 400, "text2", tabular=True)
        self.bar = MemoryBar("", apart=True)
        self.legend = MemoryLegend()
        top = self._top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.name, 1)
        top.addWidget(self.need)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addWidget(self.legend)

    def show_device(self, device: EstimatedDevice, now: DeviceState | None, leaving: Collection[str]) -> None:
        segments, limit = estimated_segments(device, now, leaving)
        title = device_title(now.device) if now is not None else device.name
        free = device.total if device.free is None else device.free
        self.name.setText(title)
        self.need.setText(f"needs {bytes_text(device.bytes)} of {bytes_text(free)} free")
        self.bar.show_segments(segments, device.total, title, limit)
        self.legend.show_segments(explained_segments(device, segments))
        self.legend.keep_lines()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Name and need beside each other where both have room, else below each other."""
        needed = self.name.sizeHint().width() + self.need.sizeHint().width() + 8
        beside = needed <= self.width()
        direction = QHBoxLayout.Direction
        self._top.setDirection(direction.LeftToRight if beside else direction.TopToBottom)
        self._top.setSpacing(8 if beside else 2)


class Breakdown(QFrame):
    """``remedy_wanted`` carries the Remedy that was pressed."""

    remedy_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.estimate: Estimate | None = None
        self.remedy: Remedy | None = None
        self.devices: list[DeviceUseRow] = []
        self.waiting = Label("Asking what it takes…", 13, 400, "text2")
        self.notice = Notice(action_kind="primary")
        self.source = Label("", 12, 400, "text2", wrap=True, tabular=True)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(10)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addWidget(self.waiting)
        column.addLayout(self._rows)
        column.addWidget(self.notice)
        column.addWidget(self.source)
        self.source.hide()
        self.notice.action_triggered.connect(self._remedy_pressed)
        self._measure()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._measure()

    def show_estimate(
        self, estimate: Estimate, memory: MemoryState, replacing: Collection[str] = (), *, full: bool
    ) -> None:
        """``memory`` now, and the instances that the load takes the place of. A quick estimate says that a better one
        is on its way."""
        blocked = estimate.verdict in REFUSED
        still = not full and blocked and self.estimate is not None and self.estimate.verdict in REFUSED
        remedy = estimate.remedy or (self.remedy if still else None)  # it stays until the full answer
        self.estimate, self.remedy = estimate, remedy
        self.waiting.hide()
        used = [device for device in estimate.devices if device.bytes or device.name == MACHINE_MEMORY]
        used.sort(key=lambda device: device.name == MACHINE_MEMORY)
        states = {item.device.name: item for item in memory.devices}
        while len(self.devices) < len(used):
            self.devices.append(DeviceUseRow())
            self._rows.addWidget(self.devices[-1])
        for number, row in enumerate(self.devices):
            row.setVisible(number < len(used))
        for row, device in zip(self.devices, used, strict=False):
            row.show_device(device, states.get(device.name), replacing)
        action = remedy.sentence if remedy is not None and estimate.verdict != "fits" else ""
        looking = blocked and not full
        self.notice.show_message("warn" if looking else SEVERITIES[estimate.verdict], estimate.sentence, "", action)
        self._show_source(estimate, full=full)

    def set_busy(self, busy: bool) -> None:
        """Whether something is under way, so that the remedy cannot be pressed."""
        self.notice.set_action_enabled(not busy)

    def show_pending(self) -> None:
        """A better answer is on its way."""
        if self.estimate is not None:
            self._show_source(self.estimate, full=False)

    def show_failure(self, error: BaseException) -> None:
        """There is no estimate, and why. What was drawn before does not hold any more."""
        self.estimate = self.remedy = None
        self.waiting.hide()
        self.source.hide()
        for row in self.devices:
            row.hide()
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.notice.show_message("warn", f"What it takes cannot be told. {message}", hint)

    def _measure(self) -> None:
        """The notice is as high as with a button, so that nothing moves when that comes."""
        self.notice.setMinimumHeight(current().px(52))

    def _show_source(self, estimate: Estimate, *, full: bool) -> None:
        words = [source_words(estimate)]
        if not full and estimate.source != "simulated":
            words[0] += ", the engine is being asked…"
        if full:
            words += estimate.notes
        self.source.setText(" · ".join(words))
        self.source.show()

    def _remedy_pressed(self) -> None:
        if self.remedy is not None:
            self.remedy_wanted.emit(self.remedy)
