"""One sampling option as a control, drawn from its OptionSpec."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.sampling_name import OptionName
from paddock.gui.theme import current
from paddock.gui.widgets import IconButton, NumberBox, Slider, Switch
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import OptionValue

SUGGESTED = {
    "repeat_penalty": 1.1, "frequency_penalty": 0.2, "presence_penalty": 0.2, "dry_multiplier": 0.8, "min_keep": 1,
    "top_k": 40, "top_p": 0.95, "min_p": 0.05, "typical_p": 0.95, "top_n_sigma": 1.0, "xtc_probability": 0.5,
    "dynatemp_range": 0.5, "mirostat": 2, "adaptive_target": 0.5,
}  # fmt: skip
"""What an option that is off by default shows, and takes when it is switched on."""
LARGEST = 9_999


class ChangedDot(QWidget):
    """Says that a value differs from its default."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown = False
        self.setFixedSize(QSize(8, 8))

    def show_changed(self, changed: bool) -> None:
        self.shown = changed
        self.setToolTip("Differs from the default" if changed else "")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.shown:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current().color("accent"))
            painter.drawEllipse(QRectF(1, 1, 6, 6))


class SamplerControl(QWidget):
    """Name, number, off switch, reset and slider. ``changed`` follows every change by the user. ``roomy``: the number
    stands beside the slider, which leaves the line above to a long name."""

    changed = Signal()

    def __init__(self, spec: OptionSpec, parent: QWidget | None = None, *, roomy: bool = False) -> None:
        super().__init__(parent)
        self.spec = spec
        low = float(spec.minimum or 0.0)
        high = float(spec.soft_maximum or spec.maximum or 1.0)
        step = float(spec.step or 0.01)
        self._default = _number(spec.default)
        self._exact: float | None = None
        decimals = 0 if spec.kind == "int" else 2
        self.name = OptionName(spec.label, spec.help)
        self.dot = ChangedDot()
        self.box = NumberBox(spec.label, low, min(LARGEST, float(spec.maximum or high)), decimals=decimals, step=step)
        self.box.setAccessibleDescription(spec.help)
        self.reset = IconButton("reset", f"Reset {spec.label}", size=24, glyph=14)
        self.switch = Switch(f"{spec.label} on")
        self.slider = Slider(f"{spec.label} slider", low, high, default=self._default, step=step)
        self._lay_out(roomy)
        self.slider.value_changed.connect(self._slid)
        self.box.valueChanged.connect(self._typed)
        self.switch.toggled.connect(self._switched)
        self.reset.clicked.connect(self.reset_value)
        self.set_value(None)

    def _lay_out(self, roomy: bool) -> None:
        top, below = QHBoxLayout(), QHBoxLayout()
        for row in (top, below):
            row.setSpacing(6)
        top.addWidget(self.name)
        top.addWidget(self.dot, 0, Qt.AlignmentFlag.AlignVCenter)
        top.addStretch(1)
        top.addWidget(self.reset)
        below.addWidget(self.slider, 1)
        for side in (self.box, self.switch):
            (below if roomy else top).addWidget(side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addLayout(below)
        self.switch.setVisible(self.spec.off is not None)
        for control in (self.reset, self.switch):
            policy = control.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            control.setSizePolicy(policy)

    def set_default(self, value: OptionValue) -> None:
        """The model's own default; a value that was the old default follows."""
        default = _number(value)
        if default == self._default:
            return
        unchanged = not self.differs()
        self._default = default
        self.slider.set_default(default)
        if unchanged:
            self.set_value(None)
        self._show()

    def set_value(self, value: OptionValue) -> None:
        """Show ``value`` (None: the default) without saying so."""
        number = self._default if value is None else _number(value)
        off = self._is_off(number)
        for control in (self.slider, self.box, self.switch):
            control.blockSignals(True)
        if not off or self.box.value() == self.box.minimum():
            shown = SUGGESTED.get(self.spec.name, number) if off else number
            self._exact = shown  # the box may round it
            self.box.setValue(shown)
            self.slider.set_number(shown)
        self.switch.setChecked(not off)
        for control in (self.slider, self.box, self.switch):
            control.blockSignals(False)
        self._show()

    def value(self) -> float | int:
        """The number in force; the option's off value when it is switched off."""
        if not self.switch.isChecked() and self.spec.off is not None:
            return int(_number(self.spec.off)) if self.spec.kind == "int" else _number(self.spec.off)
        number = self.box.value() if self._exact is None else self._exact
        return int(number) if self.spec.kind == "int" else round(number, 6)

    def differs(self) -> bool:
        """Whether it is not the default."""
        return abs(self.value() - self._default) > 1e-9

    def in_hand(self) -> bool:
        """Whether it is being dragged or typed in."""
        return self.slider.isSliderDown() or self.box.typing()

    def reset_value(self) -> None:
        self.set_value(None)
        self.changed.emit()

    def _is_off(self, number: float) -> bool:
        return self.spec.off is not None and number == _number(self.spec.off)

    def _slid(self, number: float) -> None:
        self._exact = None
        self.box.blockSignals(True)
        self.box.setValue(number)
        self.box.blockSignals(False)
        self._user_changed()

    def _typed(self, number: float) -> None:
        self._exact = None
        self.slider.blockSignals(True)
        self.slider.set_number(number)
        self.slider.blockSignals(False)
        self._user_changed()

    def _switched(self, on: bool) -> None:
        if on and self._is_off(self.box.value()):
            self._typed(self._default)
        self._user_changed()

    def _user_changed(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        on = self.switch.isChecked() or self.spec.off is None
        self.slider.setEnabled(on)
        self.box.setEnabled(on)
        self.name.set_off(not on)
        self.dot.show_changed(self.differs())
        self.reset.setVisible(self.differs())
        self.slider.update()


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
