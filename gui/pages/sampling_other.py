"""Sampling options that are no numbers: switches, choices, texts as chips, weights of tokens."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.form import silently
from paddock.gui.pages.sampling import ChangedDot
from paddock.gui.pages.sampling_name import OptionName
from paddock.gui.widgets import Chip, IconButton, Label, LineField, Select, Switch, TextArea
from paddock.gui.widgets.flow import FlowLayout
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import OptionValue

_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"))


def shown(text: str) -> str:
    """``text`` with line breaks and tabs to be seen."""
    for sign, escape in _ESCAPES:
        text = text.replace(sign, escape)
    return text


def meant(text: str) -> str:
    """The text that was typed, ``\\n`` as a line break."""
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r").replace("\0", "\\")


class TextChips(QWidget):
    """A few short texts: each a chip that goes when it is pressed, and a field for another one. ``changed`` follows
    every change by the user."""

    changed = Signal()

    def __init__(self, name: str, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.texts: tuple[str, ...] = ()
        self.chips: list[Chip] = []
        self.field = LineField(f"Add: {name}", placeholder)
        self.add = IconButton("plus", f"Add to: {name}", size=28)
        self._flow_host = QWidget()
        self._flow = FlowLayout(self._flow_host)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.field, 1)
        row.addWidget(self.add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._flow_host)
        column.addLayout(row)
        self.field.returnPressed.connect(self._add)
        self.add.clicked.connect(self._add)
        self._show()

    def set_texts(self, texts: Sequence[str]) -> None:
        """Show ``texts`` without saying so."""
        if tuple(texts) != self.texts:
            self.texts = tuple(texts)
            self._show()

    def _add(self) -> None:
        text = meant(self.field.text())
        self.field.clear()
        if text and text not in self.texts:
            self._change((*self.texts, text))

    def _remove(self, text: str) -> None:
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._change(tuple(one for one in self.texts if one != text))

    def _change(self, texts: tuple[str, ...]) -> None:
        self.texts = texts
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for text in self.texts:
            chip = Chip(shown(text), icon="close")
            chip.set(role="Remove")
            chip.setToolTip(f"Remove “{shown(text)}”")
            chip.clicked.connect(lambda _=False, text=text: self._remove(text))
            self._flow.addWidget(chip)
            self.chips.append(chip)
        self._flow_host.setVisible(bool(self.texts))


class OtherControl(QWidget):
    """Name, reset and the editor that fits the option's kind; used as a
    :class:`~paddock.gui.pages.sampling.SamplerControl`."""

    changed = Signal()

    def __init__(self, spec: OptionSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._default = spec.default
        self.name = OptionName(spec.label, spec.help)
        self.dot = ChangedDot()
        self.reset = IconButton("reset", f"Reset {spec.label}", size=24, glyph=14)
        self.problem = Label("", 12, 400, "bad", wrap=True)
        self.problem.hide()
        self.editor = self._make()
        self.editor.setAccessibleDescription(spec.help)
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self.name)
        top.addWidget(self.dot, 0, Qt.AlignmentFlag.AlignVCenter)
        top.addStretch(1)
        top.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(top)
        if isinstance(self.editor, (Switch, Select)):
            top.addWidget(self.editor)
        else:
            column.addWidget(self.editor)
        column.addWidget(self.problem)
        self.reset.clicked.connect(self.reset_value)
        self.set_value(None)

    def _make(self) -> QWidget:
        spec = self.spec
        if spec.kind == "bool":
            switch = Switch(spec.label)
            switch.clicked.connect(self._edited)
            return switch
        if spec.kind == "choice":
            select = Select(spec.label, spec.choices)
            select.activated.connect(self._edited)
            return select
        if spec.kind == "list":
            chips = TextChips(spec.label, "Text, \\n is a line break")
            chips.changed.connect(self._edited)
            return chips
        if spec.kind == "bias":
            example = "0 = 0.5" if spec.name == "lora_scales" else "42 = -100"
            area = TextArea(spec.label, f"One in each line: {example}", rows=2)
            area.textChanged.connect(self._edited)
            return area
        line = LineField(spec.label)
        line.editingFinished.connect(self._edited)
        return line

    def set_default(self, value: OptionValue) -> None:
        """The model's own default; a value that was the old default follows."""
        unchanged = not self.differs()
        self._default = value
        if unchanged:
            self.set_value(None)
        self._show()

    def set_value(self, value: OptionValue) -> None:
        """Show ``value`` (None: the default) without saying so."""
        wanted = self._default if value is None else value
        silently(self.editor, lambda: self._put(wanted))
        self._show()

    def _put(self, value: OptionValue) -> None:
        editor = self.editor
        if isinstance(editor, Switch):
            editor.setChecked(bool(value))
        elif isinstance(editor, Select):
            editor.setCurrentIndex(max(0, editor.findText(str(value))))
        elif isinstance(editor, TextChips):
            editor.set_texts([str(item) for item in value] if isinstance(value, list) else [])
        elif isinstance(editor, TextArea):
            weights = value if isinstance(value, dict) else {}
            editor.setPlainText("\n".join(f"{shown(key)} = {weight:g}" for key, weight in weights.items()))
        elif isinstance(editor, LineField):
            editor.setText(str(value or ""))

    def value(self) -> OptionValue:
        """As the option takes it."""
        editor = self.editor
        if isinstance(editor, Switch):
            return editor.isChecked()
        if isinstance(editor, Select):
            return editor.currentText()
        if isinstance(editor, TextChips):
            return list(editor.texts)
        if isinstance(editor, TextArea):
            return weights_of(editor.toPlainText())[0]
        assert isinstance(editor, LineField)
        return editor.text()

    def differs(self) -> bool:
        """Whether it is not the default."""
        return (self.value() or None) != (self._default or None)

    def in_hand(self) -> bool:
        """Whether something is being typed that is taken at its end."""
        return isinstance(self.editor, LineField) and self.editor.hasFocus()

    def reset_value(self) -> None:
        self.set_value(None)
        self.changed.emit()

    def _edited(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.dot.show_changed(self.differs())
        self.reset.setVisible(self.differs())
        wrong = weights_of(self.editor.toPlainText())[1] if isinstance(self.editor, TextArea) else ""
        self.problem.setText(f"“{wrong}” is no token with a number, as in 42 = -100." if wrong else "")
        self.problem.setVisible(bool(wrong))


def weights_of(text: str) -> tuple[dict[str, float], str]:
    """What the lines say, and the first that says nothing."""
    weights: dict[str, float] = {}
    wrong = ""
    for line in filter(str.strip, text.splitlines()):
        token, _, number = line.rpartition("=")
        try:
            weights[meant(token.strip())] = float(number)
        except ValueError:
            wrong = wrong or line.strip()
    weights.pop("", None)
    return weights, wrong
