"""The inspector: system prompt and sampling of the open conversation."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.pages.sampling import SamplerControl
from paddock.gui.widgets import Button, Divider, IconButton, Label, TextArea
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.types import Options, OptionValue

SHOWN = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
SYSTEM_PAUSE_MS = 700
"""The system prompt is handed on after so long without a key."""


class Inspector(QWidget):
    """``sampling()`` is what goes with every message. ``system_changed`` follows a pause in typing."""

    system_changed = Signal(str)
    sampling_changed = Signal()
    close_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        specs = {spec.name: spec for spec in SAMPLING}
        self.samplers = {name: SamplerControl(specs[name]) for name in SHOWN if name in specs}
        self.system = TextArea("System prompt", "How the model should behave", rows=5)
        self.count = Label("", 12, 500, "accent")
        self.reset_all = Button("Reset all", "quiet", "reset")
        self.close_button = IconButton("close", "Close the inspector (Ctrl+I)")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(SYSTEM_PAUSE_MS)
        self._pause.timeout.connect(self.flush)
        self._told = ""
        self._lay_out()
        self.system.textChanged.connect(self._pause.start)
        self.close_button.clicked.connect(self.close_wanted)
        self.reset_all.clicked.connect(self._reset_all)
        for control in self.samplers.values():
            control.changed.connect(self._changed)
        self._align()
        self._changed()

    def _lay_out(self) -> None:
        head = QWidget()
        head.setFixedHeight(52)
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 0, 10, 0)
        row.addWidget(Label("Inspector", 15, 600))
        row.addStretch(1)
        row.addWidget(self.close_button)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 14, 16, 16)
        column.setSpacing(8)
        column.addWidget(Label("System prompt", 12, 600, "text2"))
        column.addWidget(self.system)
        column.addSpacing(8)
        column.addWidget(Divider())
        column.addSpacing(8)
        title = QHBoxLayout()
        title.addWidget(Label("Sampling", 12, 600, "text2"))
        title.addStretch(1)
        title.addWidget(self.count)
        column.addLayout(title)
        for control in self.samplers.values():
            column.addWidget(control)
            column.addSpacing(2)
        column.addWidget(self.reset_all, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(body)
        scroll.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(head)
        outer.addWidget(Divider())
        outer.addWidget(scroll, 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationFontChange:
            self._align()

    def _align(self) -> None:
        """Number boxes of one width, whatever their ranges."""
        boxes = [control.box for control in self.samplers.values()]
        width = max((box.sizeHint().width() for box in boxes), default=58)
        for box in boxes:
            box.setFixedWidth(width)

    def show_system(self, text: str) -> None:
        """The open chat's system prompt; what is being typed is not overwritten."""
        if self._pause.isActive() or text == self.system.toPlainText():
            self._told = text if not self._pause.isActive() else self._told
            return
        self.system.blockSignals(True)
        self.system.setPlainText(text)
        self.system.blockSignals(False)
        self._told = text

    def flush(self) -> None:
        """Hand on what was typed, now."""
        self._pause.stop()
        text = self.system.toPlainText()
        if text != self._told:
            self._told = text
            self.system_changed.emit(text)

    def sampling(self) -> Options:
        """The values that differ from the model's defaults."""
        return {name: control.value() for name, control in self.samplers.items() if control.differs()}

    def set_sampling(self, values: Mapping[str, OptionValue]) -> None:
        """Restore values; names that are not shown and values that are no numbers are ignored."""
        for name, control in self.samplers.items():
            value = values.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                control.set_value(float(value))
        self._show_count()

    def set_defaults(self, defaults: Mapping[str, OptionValue]) -> None:
        """The model's own defaults, where it brings some."""
        for name, control in self.samplers.items():
            value = defaults.get(name, control.spec.default)
            if isinstance(value, (int, float)):
                control.set_default(float(value))
        self._show_count()

    def _reset_all(self) -> None:
        for control in self.samplers.values():
            control.set_value(None)
        self._changed()

    def _changed(self) -> None:
        self._show_count()
        self.sampling_changed.emit()

    def _show_count(self) -> None:
        number = len(self.sampling())
        self.count.setText(f"{number} changed" if number else "")
        self.reset_all.setVisible(number > 0)
