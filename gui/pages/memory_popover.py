"""What lies behind the memory meter: the devices, the loaded models with their parts, and what can be done."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.models.library import facts
from paddock.gui.models.memory import (
    TOLD,
    device_title,
    gauge,
    leaving_words,
    part_words,
    predicted_words,
    shown_devices,
)
from paddock.gui.pages.memory_settings import GUARDS
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Divider, ElidedLabel, IconButton, Label, Notice
from paddock.gui.widgets.buttons import QUIET
from paddock.gui.widgets.memory_bar import MemoryBar, MemoryLegend
from paddock.gui.widgets.popup import RailPopup
from paddock.sdk.memory import DeviceState, Parts
from paddock.sdk.types import LoadedModel
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

WIDTH = 420
UNBROKEN = "\u00a0"
TICK_MS = 1_000


class Silk(QWidget):
    """The square in a model's colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._silk = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(current().px(10), current().px(10))

    def set_silk(self, silk: int) -> None:
        if silk != self._silk:
            self._silk = silk
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(look.silk(self._silk)))
        painter.drawRoundedRect(QRectF(self.rect()), 2.5, 2.5)


class DeviceRow(QWidget):
    """A device: who holds what."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = ElidedLabel("", 13, 500)
        self.free = Label("", 12, 400, "text2", tabular=True)
        self.bar = MemoryBar("", height=10)
        self.legend = MemoryLegend()
        self.holders = Label("", 12, 400, "text2", wrap=True, tabular=True)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.name, 1)
        top.addWidget(self.free)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addWidget(self.legend)
        column.addWidget(self.holders)

    def show_device(self, state: DeviceState, named: Callable[[str], tuple[str, int]]) -> None:
        title = device_title(state.device)
        row = gauge(title, [state], named)
        self.name.setText(title)
        self.free.setText(f"{bytes_text(row.free)} of {bytes_text(row.total)} free")
        self.bar.show_segments(row.segments, row.total, title)
        self.legend.show_segments([segment for segment in row.segments if segment.fill != "empty"])
        held = ", ".join(f"{holder.name} {bytes_text(holder.bytes)}" for holder in state.holders)
        self.holders.setText(f"The largest others: {held}")
        self.holders.setVisible(bool(held))


class ModelRow(QWidget):
    """A loaded model: what it takes, how long it stays, pin and unload."""

    pinned = Signal(bool)
    unload_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.silk = Silk()
        self.name = ElidedLabel("", 13, 500, middle=True)
        self.takes = Label("", 13, 500, tabular=True)
        self.parts = Label("", 12, 400, "text2", wrap=True, tabular=True)
        self.use = Label("", 12, 400, "text2", wrap=True, tabular=True)
        self.pin = IconButton("pin", "Pin", size=28, glyph=16)
        self.pin.setCheckable(True)
        self.unload = IconButton("eject", "Unload", size=28, glyph=16)
        self.pin.clicked.connect(self.pinned)
        self.unload.clicked.connect(self.unload_wanted)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.silk)
        top.addWidget(self.name, 1)
        for widget in (self.takes, self.pin, self.unload):
            top.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(top)
        column.addWidget(self.parts)
        column.addWidget(self.use)

    def show_model(self, model: LoadedModel, name: str, silk: int, parts: Parts, grown: int) -> None:
        takes = model.measured_bytes or model.predicted_bytes or parts.total
        for label in (self.parts, self.use):
            label.setContentsMargins(self.silk.sizeHint().width() + 8, 0, 0, 0)
        words = part_words(parts) if parts.total >= TOLD else ""
        self.silk.set_silk(silk)
        self.name.setText(f"{name} as {model.identifier}" if model.identifier else name)
        self.takes.setText(bytes_text(takes) if takes >= TOLD else "under 1 MB" if takes else "")
        self.parts.setText(words.replace(" · ", ",\n").replace(" ", UNBROKEN).replace("\n", " "))
        self.parts.setVisible(bool(words))
        since = f"{bytes_text(grown)} more since, for prompts and embeddings" if grown >= TOLD else ""
        told = (predicted_words(model), since, leaving_words(model, time.time()))
        self.use.setText("\n".join(part for part in told if part))
        ready = model.state == "ready"
        self.pin.setChecked(model.pinned)
        self.pin.setEnabled(ready)
        self.pin.set_icon("pin", f"Let {name} leave when it is idle" if model.pinned else f"Keep {name} loaded")
        self.unload.setEnabled(ready)
        self.unload.set_icon("eject", f"Unload {name}")


class MemoryPopover(RailPopup):
    """Follows the host while it is shown. ``settings_wanted``: the guard's settings."""

    settings_wanted = Signal()

    def __init__(self, host: HostState, parent: QWidget) -> None:
        super().__init__("Memory", WIDTH, parent)
        self._host = host
        self.devices: list[DeviceRow] = []
        self.models: dict[str, ModelRow] = {}
        self.pressure = Notice()
        self.trouble = Notice()
        self.guard = Button("", "quiet", "settings")
        self.none = Label("No model is loaded.", 13, 400, "text2")
        self._device_column, self._model_column = QVBoxLayout(), QVBoxLayout()
        self._lay_out()
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self.refresh)
        self.guard.clicked.connect(self._to_settings)
        for signal in (host.memory_changed, host.models_changed, host.settings_changed):
            signal.connect(self.follow)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(Label("Memory", 15, 600), 1)
        head.addWidget(self.guard)
        head.addSpacing(-QUIET)
        self._device_column.setSpacing(12)
        self._model_column.setSpacing(12)
        column = self.column
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.pressure)
        column.addWidget(self.trouble)
        column.addLayout(self._device_column)
        column.addWidget(Divider())
        column.addWidget(self.none)
        column.addLayout(self._model_column)

    def open_beside(self, anchor: QWidget) -> None:
        self.trouble.hide()
        super().open_beside(anchor)
        self._tick.start()
        self.guard.setFocus(Qt.FocusReason.PopupFocusReason)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._tick.stop()

    def refresh(self) -> None:
        """Show what the host knows now."""
        host, memory = self._host, self._host.memory
        self.guard.setText(f"Guard: {GUARDS[memory.guard].label.lower()}")
        if memory.pressure:
            self.pressure.show_message("warn", memory.pressure)
        else:
            self.pressure.hide()
        shown = shown_devices(memory)
        while len(self.devices) < len(shown):
            self.devices.append(DeviceRow())
            self._device_column.addWidget(self.devices[-1])
        for row in self.devices[len(shown) :]:
            row.deleteLater()
        del self.devices[len(shown) :]
        for row, state in zip(self.devices, shown, strict=True):
            row.show_device(state, self.named)
        self._refresh_models()
        self.none.setVisible(not host.loaded)

    def named(self, model: str) -> tuple[str, int]:
        """A model's name and silk."""
        return self._host.model_name(model), self._host.silk(model)

    def _refresh_models(self) -> None:
        for gone in set(self.models) - set(self._host.loaded):
            row = self.models.pop(gone)
            row.hide()
            row.deleteLater()
        for instance, model in self._host.loaded.items():
            if instance not in self.models:
                row = self.models[instance] = ModelRow()
                row.pinned.connect(partial(self._pin, instance))
                row.unload_wanted.connect(partial(self._unload, instance))
                self._model_column.addWidget(row)
            name, silk = self.named(model.model)
            info = self._host.models.get(model.model)
            quant = facts(info).partition(" · ")[0] if info is not None and info.quant else ""
            parts, grown = self._parts(instance)
            self.models[instance].show_model(model, f"{name} {quant}".strip(), silk, parts, grown)

    def _parts(self, instance: str) -> tuple[Parts, int]:
        parts, grown = Parts(), 0
        for device in shown_devices(self._host.memory):
            for share in device.models:
                if share.instance == instance:
                    parts, grown = parts.plus(share.predicted), grown + share.grown
        return parts, grown

    # ---------------------------------------------------------------- doing

    def _pin(self, instance: str, on: bool) -> None:
        self._ask(lambda client: client.patch_instance(instance, pinned=on))

    def _unload(self, instance: str) -> None:
        self._ask(lambda client: client.unload(instance))

    def _ask(self, job: Callable[[AsyncClient], Awaitable[object]]) -> None:
        self.trouble.hide()
        self._host.call(job, None, self._failed, self)

    def _failed(self, error: BaseException) -> None:
        self.trouble.show_message("bad", sentence(error))
        self.place()

    def _to_settings(self) -> None:
        self.hide()
        self.settings_wanted.emit()
