"""The load settings that move a model’s memory most, with sliders: context, layers on the GPU, requests at once."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.form import silently
from paddock.gui.pages.load_fields import WIDEST_BOX
from paddock.gui.pages.sampling import ChangedDot
from paddock.gui.widgets import Button, Label, NumberBox, StopSlider, Switch
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import OptionValue

USUAL_CONTEXT = 8192
"""What a model is loaded with unless it was trained for less or something else is asked."""
UNKNOWN_CONTEXT = 131_072
AUTO, ALL = 0, -1


def context_stops(trained: int) -> list[int]:
    """Four steps from each doubling to the next, up to ``trained``."""
    base = 256 if trained > 1024 else max(16, trained // 16)
    stops: list[int] = []
    while base < trained:
        stops += [number for quarter in range(4) if (number := base + base * quarter // 4) < trained]
        base *= 2
    return [*stops, trained]


class SliderField(QWidget):
    """Name, number and slider for a whole number. ``changed`` follows every change by the user."""

    changed = Signal()

    def __init__(
        self, spec: OptionSpec, stops: Sequence[int], default: int, *, unit: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.spec = spec
        self._stops = tuple(stops)
        self.default = default
        low, high = float(spec.minimum or 0), float(spec.maximum or stops[-1])
        self.name = Label(spec.label, 13, 500)
        self.name.setToolTip(spec.help)
        self.dot = ChangedDot()
        self.box = NumberBox(spec.label, max(0.0, low), high, decimals=0, step=spec.step or 1, widest=WIDEST_BOX)
        self.box.setGroupSeparatorShown(True)
        self.box.setAccessibleDescription(spec.help)
        self.slider = StopSlider(f"{spec.label} slider", stops, default=default)
        self.name.setBuddy(self.box)
        self.top = QHBoxLayout()
        self.top.setSpacing(6)
        self.top.addWidget(self.name)
        self.top.addWidget(self.dot, 0, Qt.AlignmentFlag.AlignVCenter)
        self.top.addStretch(1)
        self.top.addWidget(self.box)
        if unit:
            self.top.addWidget(Label(unit, 12, 400, "text2"))
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 4, 0, 4)
        self.column.setSpacing(2)
        self.column.addLayout(self.top)
        self.column.addWidget(self.slider)
        self.slider.value_changed.connect(self._slid)
        self.box.valueChanged.connect(self._typed)
        self.set_value(None)

    def set_stops(self, stops: Sequence[int], default: int) -> None:
        """Another range; a value that was the default follows."""
        if tuple(stops) == self._stops and default == self.default:
            return
        unchanged = not self.differs()
        self._stops, self.default = tuple(stops), default
        silently(self.slider, lambda: self.slider.set_stops(self._stops))
        self.slider.set_default(default)
        self.set_value(None if unchanged else self.number())

    def number(self) -> int:
        return int(self.box.value())

    def value(self) -> OptionValue:
        """As the option takes it; None is the default."""
        return None if self.number() == self.default else self.number()

    def differs(self) -> bool:
        """Whether it is not the default."""
        return self.value() is not None

    def explicit(self) -> OptionValue:
        """The default as a value that stands against a saved one."""
        return self.default

    def set_value(self, value: OptionValue) -> None:
        """Show ``value`` (None: the default) without saying so."""
        self.show_number(value if isinstance(value, int) else self.default)

    def show_number(self, number: int) -> None:
        """Show ``number`` without saying so."""
        silently(self.box, lambda: self.box.setValue(number))
        silently(self.slider, lambda: self.slider.set_number(number))
        self._show()

    def _slid(self, number: float) -> None:
        silently(self.box, lambda: self.box.setValue(number))
        self._edited()

    def _typed(self, number: float) -> None:
        silently(self.slider, lambda: self.slider.set_number(number))
        self._edited()

    def _edited(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.dot.show_changed(self.differs())


class LayersField(SliderField):
    """At its right end: all layers."""

    def __init__(self, spec: OptionSpec, parent: QWidget | None = None) -> None:
        most = int(spec.soft_maximum or 128)
        super().__init__(spec, range(most + 1), most, parent=parent)

    def set_layers(self, layers: int) -> None:
        """How many there are."""
        if layers > 0:
            self.set_stops(range(layers + 1), layers)

    def value(self) -> OptionValue:
        return None if self.number() >= self.default else self.number()

    def explicit(self) -> OptionValue:
        return ALL

    def set_value(self, value: OptionValue) -> None:
        super().set_value(None if value == ALL else value)


class ContextField(SliderField):
    """With a switch for the largest that fits, and that marked."""

    def __init__(self, spec: OptionSpec, trained: int | None, parent: QWidget | None = None) -> None:
        self.auto = Switch("Largest context that fits")
        self.largest = Button("", "link")
        self.trained = Label("", 12, 400, "muted", tabular=True)
        most = trained or UNKNOWN_CONTEXT
        super().__init__(spec, context_stops(most), min(most, USUAL_CONTEXT), unit="tokens", parent=parent)
        label = Label("Auto", 12, 400, "text2")
        label.setToolTip("Takes the largest context that fits when the model is loaded")
        self.top.insertWidget(3, self.auto)
        self.top.insertWidget(4, label)
        self.top.insertSpacing(5, 6)
        foot = QHBoxLayout()
        foot.addWidget(self.largest)
        foot.addStretch(1)
        foot.addWidget(self.trained)
        self.column.addLayout(foot)
        self._fits: int | None = None
        self.auto.clicked.connect(self._edited)
        self.largest.clicked.connect(self._take_largest)
        keep = self.largest.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.largest.setSizePolicy(keep)
        self.show_limits(None, trained or 0)

    def show_limits(self, fits: int | None, trained: int) -> None:
        """The largest context that fits, None when it is not known, and what the model was trained for (0: unknown)."""
        self._fits = fits
        if trained:
            self.set_stops(context_stops(trained), min(trained, USUAL_CONTEXT))
        self.trained.setText(f"Trained for {trained:,}" if trained else "")
        self.slider.set_mark(fits)
        self.largest.setText(f"Largest that fits: {fits:,}" if fits else "")
        self.largest.setVisible(bool(fits))

    def show_chosen(self, number: int) -> None:
        """What the host decided where it decides."""
        if self.auto.isChecked() and number:
            self.show_number(number)

    def value(self) -> OptionValue:
        return AUTO if self.auto.isChecked() else super().value()

    def set_value(self, value: OptionValue) -> None:
        silently(self.auto, lambda: self.auto.setChecked(value == AUTO and value is not None))
        super().set_value(None if value == AUTO else value)

    def _take_largest(self) -> None:
        if self._fits:
            silently(self.auto, lambda: self.auto.setChecked(False))
            self.show_number(self._fits)
            self._edited()

    def _show(self) -> None:
        own = not self.auto.isChecked()
        self.box.setEnabled(own)
        self.slider.setEnabled(own)
        super()._show()
