"""The card “Q4_K_M on this machine”: what the chosen file takes, for a context, a type of KV cache and a machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.models.hub_files import FileRow, main_device
from paddock.gui.models.memory import estimated_segments, explained_segments, source_words
from paddock.gui.pages.discover_files import THIS_MACHINE
from paddock.gui.pages.discover_filters import Choice, Filter, FilterChip
from paddock.gui.pages.discover_machine import MachineChip
from paddock.gui.pages.form import silently
from paddock.gui.pages.load_breakdown import DeviceUseRow
from paddock.gui.pages.load_estimate import TwoSteps
from paddock.gui.pages.load_sliders import UNKNOWN_CONTEXT, USUAL_CONTEXT, context_stops
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, ElidedLabel, Label, NumberBox, StopSlider
from paddock.gui.widgets.memory_bar import MemoryBar, MemoryLegend
from paddock.sdk.hub import FitsRequest
from paddock.sdk.memory import MACHINE_MEMORY, DeviceState, Estimate, EstimatedDevice, MemoryState
from paddock.sdk.types import Options
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

NARROW = 620
"""Below so many logical pixels the controls stand in two lines."""
WORTH_A_ROW = 10**9
"""Bytes that a second device must take to be shown."""
KV = Filter(
    "KV cache",
    [
        Choice("KV cache f16", {}),
        Choice("KV cache q8_0", {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}),
        Choice("KV cache q4_0", {"cache_type_k": "q4_0", "cache_type_v": "q4_0"}),
    ],
)


class FitsAsker(TwoSteps):
    """Asks whether the quants of a repository fit; ``arrived`` carries a RepoFits."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(host, parent)
        self._request = FitsRequest(repo="")

    @property
    def repo(self) -> str:
        return self._request.repo

    def ask(self, request: FitsRequest) -> None:
        """The file, the settings or the machine changed."""
        self._request = request
        self.moved()

    def look_at(self, label: str) -> None:
        """Nothing suits best: the full answer is to be about this file, which is the one that is shown."""
        if not self._request.quant:
            self._request = msgspec.structs.replace(self._request, quant=label)

    def _question(self, *, quick: bool) -> Callable[[AsyncClient], Awaitable[Any]]:
        asked = self._request
        request = msgspec.structs.replace(asked, quick=quick)
        return lambda client: client.hub_fits(request)


class FitCard(QFrame):
    """``changed`` when the context, the KV type or the machine did; :meth:`options` and ``machine.on`` tell them."""

    changed = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: FileRow | None = None
        self.title = ElidedLabel("", 15, 600)
        self.need = Label("", 13, 400, "text2", tabular=True)
        self.bar = MemoryBar("Memory", apart=True)
        self.legend = MemoryLegend()
        self.more: list[DeviceUseRow] = []
        self.context = StopSlider("Context slider", context_stops(UNKNOWN_CONTEXT), default=USUAL_CONTEXT)
        self.tokens = NumberBox("Context in tokens", 256, UNKNOWN_CONTEXT, decimals=0, step=256, widest=104)
        self.tokens.setGroupSeparatorShown(True)
        self.kv = FilterChip(KV, always=True)
        self.machine = MachineChip(host)
        self.verdict = Label("", 12, 500, "text2", wrap=True, tabular=True)
        self.source = Label("", 12, 400, "text2", wrap=True, tabular=True)
        self.remedy = Button("", "link")
        self._trained = 0
        self._wanted = USUAL_CONTEXT
        self._lay_out()
        silently(self.tokens, lambda: self.tokens.setValue(USUAL_CONTEXT))
        self.context.value_changed.connect(self._take_context)
        self.tokens.valueChanged.connect(self._take_context)
        self.kv.changed.connect(self.changed)
        self.machine.changed.connect(self.changed)
        self.remedy.clicked.connect(self._take_remedy)
        self.remedy.hide()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self.title, 1)
        top.addWidget(self.need)
        context = QHBoxLayout()
        context.setSpacing(10)
        name = Label("Context", 13, 500)
        name.setBuddy(self.tokens)
        unit = Label("tokens", 13, 400, "text2")
        for part, stretch in ((name, 0), (self.context, 1), (self.tokens, 0), (unit, 0)):
            context.addWidget(part, stretch)
        self._knobs = (name, self.context, self.tokens, unit, self.kv)
        chips = QHBoxLayout()
        chips.setSpacing(8)
        chips.addWidget(self.kv)
        chips.addWidget(self.machine)
        chips.addStretch(0)
        self._controls = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._controls.setSpacing(12)
        self._controls.addLayout(context, 1)
        self._controls.addLayout(chips)
        self._devices = QVBoxLayout()
        self._devices.setSpacing(10)
        words = QHBoxLayout()
        words.setSpacing(12)
        words.addWidget(self.verdict, 1)
        words.addWidget(self.remedy, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addWidget(self.legend)
        column.addLayout(self._devices)
        column.addSpacing(2)
        column.addLayout(self._controls)
        column.addLayout(words)
        column.addWidget(self.source)

    # ---------------------------------------------------------------- what is asked

    def options(self) -> Options:
        """As the load takes them."""
        return {"n_ctx": int(self.tokens.value()), **self.kv.sets()}

    def set_trained(self, trained: int) -> None:
        """What the model was trained for, 0 where it is not known; it bounds the context that was wanted."""
        self._trained = trained
        most = trained or UNKNOWN_CONTEXT
        stops = context_stops(most)
        silently(self.context, lambda: self.context.set_stops(stops))
        self.context.set_default(min(most, USUAL_CONTEXT))
        silently(self.tokens, lambda: self.tokens.setRange(min(256, most), most))
        self._show_context(min(self._wanted, most))

    def _show_context(self, number: float) -> None:
        silently(self.tokens, lambda: self.tokens.setValue(number))
        silently(self.context, lambda: self.context.set_number(number))

    def _take_context(self, number: float) -> None:
        self._wanted = int(number)
        self._show_context(number)
        self.changed.emit()

    def _take_remedy(self) -> None:
        estimate = self._row.estimate if self._row is not None else None
        context = _remedy_context(estimate)
        if context:
            self._take_context(context)

    # ---------------------------------------------------------------- what came

    def show_row(
        self, row: FileRow, memory: MemoryState, machine: str, *, full: bool, notes: Sequence[str] = ()
    ) -> None:
        """``memory`` of this computer, empty where another is planned for; ``machine`` its name. ``notes``: what kept
        the engine from being asked."""
        self._row = row
        title = f"{row.label} on {self.machine.on or THIS_MACHINE}"
        if title != self.title.text():
            self.legend.free_lines()
        self.title.setText(title)
        self.title.setToolTip(machine)
        estimate = row.estimate
        told = estimate is not None and main_device(estimate) is not None
        for part in (self.bar, self.legend, self.need, self.source):
            part.setVisible(told)
        movable = estimate is None or told
        for knob in self._knobs:
            knob.setVisible(movable)
        self.verdict.setVisible(estimate is not None)
        if estimate is None:
            self.remedy.hide()
            return
        if not self._trained and estimate.trained_context:
            self.set_trained(estimate.trained_context)
        states = {} if self.machine.on else {item.device.name: item for item in memory.devices}
        self._show_devices(estimate, states)
        self.context.set_mark(estimate.max_context)
        change = estimate.remedy.sentence if estimate.remedy is not None and estimate.verdict != "fits" else ""
        context = _remedy_context(estimate)
        best = row.best_words()
        parts = (estimate.sentence, f"{change}." if change and not context else "", f"{best}." if best else "")
        self.verdict.setText(" ".join(filter(None, parts)))
        self.remedy.setText(change)
        self.remedy.setVisible(bool(context))
        self.source.setText(" ".join([_source_text(estimate, full=full), *(notes if full else ())]))

    def show_failure(self, text: str) -> None:
        """The exact answer did not come."""
        self.source.setText(text)
        self.source.show()

    def _show_devices(self, estimate: Estimate, states: dict[str, DeviceState]) -> None:
        first = main_device(estimate)
        if first is None:
            self._show_more((), states)
            return
        now = states.get(first.name)
        segments, limit = estimated_segments(first, now)
        name = _device_name(first, now)
        free = first.total if first.free is None else first.free
        fits = first.bytes <= free
        needs = f"{_of(first.bytes, free)} free" if fits else f"{bytes_text(first.bytes)}, {bytes_text(free)} free"
        self.need.setText(f"needs {needs} {name}")
        self.bar.show_segments(segments, first.total, name, limit)
        self.legend.show_segments(explained_segments(first, segments))
        self.legend.keep_lines()
        self._show_more([item for item in estimate.devices if item is not first and item.bytes >= WORTH_A_ROW], states)

    def _show_more(self, devices: Sequence[EstimatedDevice], states: dict[str, DeviceState]) -> None:
        while len(self.more) < len(devices):
            self.more.append(DeviceUseRow())
            self._devices.addWidget(self.more[-1])
        for number, row in enumerate(self.more):
            row.setVisible(number < len(devices))
        for row, device in zip(self.more, devices, strict=False):
            row.show_device(device, states.get(device.name), ())

    # ---------------------------------------------------------------- look

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def _fit(self) -> None:
        narrow = self.width() < current().px(NARROW)
        ways = QBoxLayout.Direction
        way = ways.TopToBottom if narrow else ways.LeftToRight
        if self._controls.direction() != way:
            self._controls.setDirection(way)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.setBrush(theme.color("window"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CARD_RADIUS, CARD_RADIUS)


def _device_name(device: EstimatedDevice, now: DeviceState | None) -> str:
    if device.name == MACHINE_MEMORY:
        return "in memory"
    return f"on {now.device.description if now is not None and now.device.description else device.name}"


def _of(size: int, whole: int) -> str:
    """“6.2 of 7.2 GB”; both with their units where these differ."""
    size_text, whole_text = bytes_text(size), bytes_text(whole)
    number, _, unit = size_text.rpartition(" ")
    return f"{number if whole_text.endswith(f' {unit}') else size_text} of {whole_text}"


def _remedy_context(estimate: Estimate | None) -> int:
    """The context that would make it fit by itself; 0 where more than that is needed."""
    remedy = estimate.remedy if estimate is not None else None
    if estimate is None or remedy is None or estimate.verdict == "fits" or remedy.unload or set(remedy.options) != {
        "n_ctx"
    }:  # fmt: skip
        return 0
    context = remedy.options["n_ctx"]
    return context if isinstance(context, int) else 0


def _source_text(estimate: Estimate, *, full: bool) -> str:
    """“Simulated by the engine from 6 MB of the file. Largest context that fits: 15,104.”"""
    words = source_words(estimate)
    if estimate.source == "simulated" and estimate.fetched_bytes:
        words += f" from {bytes_text(estimate.fetched_bytes)} of the file"
    if not full and estimate.source != "simulated":
        words += ", the engine is being asked…"
    sentences = [words if words.endswith("…") else f"{words}."]
    if estimate.max_context:
        sentences.append(f"Largest context that fits: {estimate.max_context:,}.")
    if full:
        sentences += estimate.notes
    return " ".join(sentences)
