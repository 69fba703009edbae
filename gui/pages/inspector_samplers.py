"""The samplers of the inspector: the five that are used most, all others behind a fold, their order behind another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.inspector_fold import Fold
from paddock.gui.pages.sampling import SamplerControl
from paddock.gui.pages.sampling_order import OrderControl
from paddock.gui.pages.sampling_other import OtherControl
from paddock.gui.widgets import Button, IconButton, Label, SearchField
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import Options, OptionValue

Control = SamplerControl | OtherControl | OrderControl
SHOWN = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
ORDER = "samplers"
ELSEWHERE = ("seed",)
"""Has its place with the answer."""


def control_of(spec: OptionSpec, *, roomy: bool = False) -> Control:
    """The control that fits ``spec``."""
    if spec.name == ORDER:
        return OrderControl(spec)
    return SamplerControl(spec, roomy=roomy) if spec.kind in ("int", "float") else OtherControl(spec)


class SamplerSection(QWidget):
    """Controls drawn from OptionSpecs. Values of controls that are not built yet are kept beside them. ``changed``
    follows every change by the user."""

    changed = Signal()

    def __init__(self, specs: Iterable[OptionSpec], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.specs = {spec.name: spec for spec in specs}
        self.controls: dict[str, Control] = {}
        self._defaults: Options = {}
        self._waiting: Options = {}
        self._foreign: Options = {}
        self._groups: list[tuple[Label, list[Control]]] = []
        self.count = Label("", 12, 500, "accent")
        self.filter = SearchField("Find a sampler")
        self.nothing = Label("No sampler is called so.", 12, 400, "text2")
        self.order = Fold("Sampler order", self._build_order)
        self.more = Fold("More samplers", self._build_more)
        self.foreign = _Foreign()
        self.reset_all = Button("Reset all", "link")
        keep = self.reset_all.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # nothing moves under the slider
        self.reset_all.setSizePolicy(keep)
        self._lay_out()
        self.foreign.removed.connect(self._forget)
        self.reset_all.clicked.connect(self._reset_all)
        self._show()

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.addWidget(Label("Sampling", 12, 600, "text2"))
        title.addStretch(1)
        title.addWidget(self.count)
        title.addSpacing(8)
        title.addWidget(self.reset_all)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addLayout(title)
        for name in SHOWN:
            if name in self.specs:
                self._column.addWidget(self._add(control_of(self.specs[name])))
        self._column.addWidget(self.more)
        if ORDER in self.specs:
            self._column.addWidget(self.order)
        self._column.addWidget(self.foreign)

    def _add(self, control: Control) -> Control:
        name = control.spec.name
        self.controls[name] = control
        control.set_default(self.default(name))
        if name in self._waiting:
            control.set_value(self._waiting.pop(name))
        control.changed.connect(self._edited)
        return control

    def _build_more(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(8)
        column.addWidget(self.filter)
        rest = [spec for spec in self.specs.values() if spec.name not in (*SHOWN, *ELSEWHERE, ORDER)]
        for group in dict.fromkeys(spec.group for spec in rest):
            title = Label(group, 12, 600, "muted")
            column.addSpacing(4)
            column.addWidget(title)
            controls = [self._add(control_of(spec, roomy=True)) for spec in rest if spec.group == group]
            for control in controls:
                column.addWidget(control)
            self._groups.append((title, controls))
        column.addWidget(self.nothing)
        self.nothing.hide()
        self.filter.textChanged.connect(self._filter)
        return body

    def _build_order(self) -> QWidget:
        control = self._add(control_of(self.specs[ORDER]))
        self._show()
        return control

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        any_shown = False
        for title, controls in self._groups:
            shown = False
            for control in controls:
                spec = control.spec
                place = " ".join((spec.label, spec.name, *spec.aliases, spec.group)).casefold()
                fits = all(word in place for word in words)
                control.setVisible(fits)
                shown |= fits
            title.setVisible(shown)
            any_shown |= shown
        self.nothing.setVisible(not any_shown)

    # ---------------------------------------------------------------- values

    def sampling(self) -> Options:
        """What differs from the model's defaults, of what the engine has."""
        built = {name: control.value() for name, control in self.controls.items() if control.differs()}
        waiting = {name: value for name, value in self._waiting.items() if value != self.default(name)}
        return {**waiting, **built}

    def foreign_sampling(self) -> Options:
        """Values that the engine has no option for; kept, but not sent."""
        return dict(self._foreign)

    def options(self, given: Options | None = None) -> Options:
        """All options of the engine, as they are in force: with what is set, or with what is ``given`` in its place."""
        values = self.sampling() if given is None else given
        return {name: self.default(name) if values.get(name) is None else values[name] for name in self.specs}

    def set_sampling(self, values: Mapping[str, OptionValue]) -> None:
        """Show ``values``, and the defaults of all others, without saying so."""
        given = self._take(values)
        for name, control in self.controls.items():
            control.set_value(given.get(name))
        self._show()

    def follow(self, values: Mapping[str, OptionValue]) -> bool:
        """As :meth:`set_sampling`; a control that shows its value already, or is in hand, stays untouched. True where
        one in hand shows another value."""
        given = self._take(values)
        others = [c for name, c in self.controls.items() if c.value() != given.get(name, self.default(name))]
        held = [control for control in others if control.in_hand()]
        for control in others:
            if control not in held:
                control.set_value(given.get(control.spec.name))
        self._show()
        return bool(held)

    def _take(self, values: Mapping[str, OptionValue]) -> Options:
        """``values`` under their proper names; those that have no control are kept."""
        proper = {alias: spec.name for spec in self.specs.values() for alias in spec.aliases}
        given: Options = {proper.get(name, name): value for name, value in values.items() if value is not None}
        self._foreign = {n: v for n, v in given.items() if n not in self.specs}
        self._waiting = {n: v for n, v in given.items() if n in self.specs and n not in (*self.controls, *ELSEWHERE)}
        return given

    def set_defaults(self, defaults: Mapping[str, OptionValue]) -> bool:
        """The model's own defaults, where it brings some; False where they are the same as before."""
        if dict(defaults) == self._defaults:
            return False
        self._defaults = dict(defaults)
        for name, control in self.controls.items():
            control.set_default(self.default(name))
        self._show()
        return True

    def default(self, name: str) -> OptionValue:
        return self._defaults.get(name, self.specs[name].default)

    def align(self) -> None:
        """Number boxes of one width, whatever their ranges."""
        boxes = [control.box for control in self.controls.values() if isinstance(control, SamplerControl)]
        width = max((box.sizeHint().width() for box in boxes), default=58)
        for box in boxes:
            box.setFixedWidth(width)

    def _reset_all(self) -> None:
        self.set_sampling({})
        self.changed.emit()

    def _forget(self, name: str) -> None:
        self._foreign.pop(name, None)
        self._edited()

    def _edited(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        changed = self.sampling()
        self.count.setText(f"{len(changed)} changed" if changed else "")
        self.count.setToolTip("\n".join(self._difference(name, value) for name, value in changed.items()))
        hidden = sum(name not in (*SHOWN, ORDER) for name in changed)
        self.more.head.set_note(f"{hidden} changed" if hidden else "")
        self.order.head.set_note("changed" if ORDER in changed else "")
        self.reset_all.setVisible(bool(changed))
        self.foreign.show_values(self._foreign)
        order = self.controls.get(ORDER)
        if isinstance(order, OrderControl):
            order.show_options(self.options())

    def _difference(self, name: str, value: OptionValue) -> str:
        return f"{self.specs[name].label}: {_words(value)} (the model’s default: {_words(self.default(name))})"


class _Foreign(QWidget):
    """Values that the engine of this model has no option for. ``removed`` carries the name of one to forget."""

    removed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Options = {}
        self._rows: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(Label("Not offered by this engine, and not sent:", 12, 400, "text2", wrap=True))
        self.hide()

    def show_values(self, values: Options) -> None:
        if values != self._shown:
            for row in self._rows:
                row.hide()
                row.deleteLater()
            self._rows = [self._row(name, value) for name, value in values.items()]
            self._shown = dict(values)
        self.setVisible(bool(values))

    def _row(self, name: str, value: OptionValue) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(Label(f"{name} = {_words(value)}", 13, 400, wrap=True), 1)
        remove = IconButton("close", f"Forget {name}", size=24, glyph=14)
        remove.clicked.connect(lambda: self.removed.emit(name))
        line.addWidget(remove)
        self._column.addWidget(row)
        return row


def _words(value: OptionValue) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {weight:g}" for key, weight in value.items()) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
