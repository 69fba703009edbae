"""A pane of a batch before it starts: its model, and settings that are folded away until they are wanted."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.theme import current
from paddock.gui.widgets import Button, IconButton, Label, LineField, Select, TextArea
from paddock.gui.widgets.silk_dot import SilkDot
from paddock.sdk.batch_lines import settings_text
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.options import OptionSpec, check_value
from paddock.sdk.types import Options, Pane

MAX_TOKENS = OptionSpec(
    name="max_tokens",
    kind="int",
    default=None,
    label="Longest answer",
    help="An answer ends there.",
    group="",
    minimum=1,
)
SHOWN = ("temperature", "top_k", "top_p", "min_p", "seed")
"""The samplers that have a field here; others that a pane of a comparison has are kept."""
COLUMNS = 3


class PaneCard(QWidget):
    """``changed``: another model or setting; ``removed``: its button was pressed."""

    changed = Signal()
    removed = Signal()

    def __init__(self, host: HostState, pane: Pane, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._pane = host, pane
        self._prompts: Mapping[str, str] = {}
        self._specs = {spec.name: spec for spec in SAMPLING if spec.name in SHOWN} | {"max_tokens": MAX_TOKENS}
        self.dot = SilkDot(number)
        self.model = Select("Model")
        self.fold = Button("Settings", icon="sliders")
        self.fold.setCheckable(True)
        self.about = Label("", 12, 400, "text2", wrap=True)
        self.remove = IconButton("close", "Remove this pane")
        self.fields: dict[str, LineField] = {}
        self.system = TextArea("System prompt", "None", rows=2)
        self.body = self._settings()
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.dot)
        head.addWidget(self.model)
        head.addWidget(self.about, 1)
        head.addWidget(self.fold)
        head.addWidget(self.remove)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(self.body)
        self.body.hide()
        self._fill()
        self.model.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.fold.toggled.connect(self.body.setVisible)
        self.fold.toggled.connect(lambda _: self._show_about())
        self.remove.clicked.connect(self.removed)
        self._show_about()

    def _settings(self) -> QWidget:
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(current().px(18), 0, 0, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        for at, (name, spec) in enumerate(self._specs.items()):
            row, column = divmod(at, COLUMNS)
            field = LineField(spec.label, "default")
            field.setToolTip(spec.help)
            field.textChanged.connect(self._typed)
            self.fields[name] = field
            grid.addWidget(Label(spec.label, 12, 400, "text2"), 2 * row, column)
            grid.addWidget(field, 2 * row + 1, column)
            grid.setColumnStretch(column, 1)
        last = grid.rowCount()
        grid.addWidget(Label("System prompt", 12, 400, "text2"), last, 0, 1, COLUMNS)
        grid.addWidget(self.system, last + 1, 0, 1, COLUMNS)
        return body

    def _fill(self) -> None:
        models = sorted(self._host.models.values(), key=lambda info: info.name.lower())
        for info in models:
            if not info.error and "embedding" not in info.capabilities:
                self.model.addItem(f"{info.name} {info.quant}".strip(), info.id)
        wanted = self._pane.model or self._host.settings.default_model
        if wanted and self.model.findData(wanted) < 0:
            self.model.addItem(self._host.model_name(wanted), wanted)
        self.model.setCurrentIndex(max(0, self.model.findData(wanted)))
        given = {**self._pane.sampling, "max_tokens": self._pane.max_tokens}
        for name, field in self.fields.items():
            value = given.get(name)
            field.setText("" if value is None else f"{value:g}" if isinstance(value, float) else str(value))
        self.system.setPlainText(self._pane.system or "")
        self.system.textChanged.connect(self._typed)

    def _typed(self) -> None:
        self._show_about()
        self.changed.emit()

    def _show_about(self) -> None:
        try:
            text = settings_text(self.pane(), prompts=self._prompts)
        except ValueError:
            text = ""
        self.about.setText("" if self.fold.isChecked() else text)

    def name_prompts(self, names: Mapping[str, str]) -> None:
        """The names of system prompts, by their texts."""
        self._prompts = names
        self._show_about()

    def set_number(self, number: int, *, alone: bool) -> None:
        """Its place among the panes; the last one cannot be removed."""
        self.dot.set_number(number)
        self.remove.setEnabled(not alone)

    def pane(self) -> Pane:
        """What is set. Raises InvalidOption, and ValueError for what is no number."""
        sampling: Options = {name: value for name, value in self._pane.sampling.items() if name not in SHOWN}
        tokens: int | None = None
        for name, field in self.fields.items():
            if not (text := field.text().strip()):
                continue
            number = check_value(self._specs[name], _number(self._specs[name], text))
            if name == "max_tokens":
                tokens = number if isinstance(number, int) else None
            else:
                sampling[name] = number
        system = self.system.toPlainText().strip()
        model = str(self.model.currentData() or "")
        own = system if system or self._pane.system is not None else None
        return msgspec.structs.replace(self._pane, id="", model=model, sampling=sampling, max_tokens=tokens, system=own)


def _number(spec: OptionSpec, text: str) -> int | float:
    try:
        return int(text) if spec.kind == "int" else float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"“{spec.label}” takes a number, not “{text}”.") from None
