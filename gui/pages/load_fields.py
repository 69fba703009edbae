"""A load option as a row with a control, drawn from its OptionSpec."""

from __future__ import annotations

from typing import assert_never

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.form import silently
from paddock.gui.pages.sampling import ChangedDot
from paddock.gui.widgets import IconButton, Label, LineField, NumberBox, Select, Switch, TextArea
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import OptionValue

BY_DEFAULT = "Default"
WIDEST_BOX = 104
YES_NO: tuple[tuple[str, bool | None], ...] = ((BY_DEFAULT, None), ("On", True), ("Off", False))


class OptionField(QWidget):
    """Name, sentence and control. ``changed`` follows every change by the user; ``value`` None: the engine decides."""

    changed = Signal()

    def __init__(self, spec: OptionSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self.dot = ChangedDot()
        self.editor = self._make()
        self.editor.setAccessibleDescription(spec.help)
        name = Label(spec.label, 13, 500)
        name.setBuddy(self.editor)
        self.name = name
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(name)
        top.addWidget(self.dot, 0, Qt.AlignmentFlag.AlignVCenter)
        top.addStretch(1)
        about = Label(spec.help, 12, 400, "text2", wrap=True)
        self._lay_out(top, about)
        self.set_value(spec.default)

    def _lay_out(self, top: QHBoxLayout, about: Label) -> None:
        wide = isinstance(self.editor, (LineField, TextArea))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(top)
        words.addWidget(about)
        outer: QVBoxLayout | QHBoxLayout = QVBoxLayout(self) if wide else QHBoxLayout(self)
        outer.setContentsMargins(0, 4, 0, 4)
        outer.setSpacing(6 if wide else 16)
        outer.addLayout(words, 0 if wide else 1)
        if not wide:
            outer.addWidget(self.editor, 0, Qt.AlignmentFlag.AlignVCenter)
            return
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.editor, 1)
        if self.spec.files:
            browse = IconButton("folder", f"Choose a file: {self.spec.label}")
            browse.clicked.connect(self._browse)
            row.addWidget(browse, 0, Qt.AlignmentFlag.AlignTop)
        outer.addLayout(row)

    def _make(self) -> QWidget:
        spec = self.spec
        match spec.kind:
            case "bool" if spec.default is None:
                select = Select(spec.label, [word for word, _ in YES_NO])
                select.activated.connect(self._edited)
                return select
            case "bool":
                switch = Switch(spec.label)
                switch.clicked.connect(self._edited)
                return switch
            case "choice":
                select = Select(spec.label, spec.choices)
                select.activated.connect(self._edited)
                return select
            case "int" | "float":
                return self._make_box()
            case "text" if spec.name != "chat_template":
                line = LineField(spec.label)
                line.editingFinished.connect(self._edited)
                return line
            case "text" | "list" | "bias":
                area = TextArea(spec.label, "One file in each line" if spec.kind == "list" else "", rows=2)
                area.textChanged.connect(self._edited)
                return area
            case _:
                assert_never(spec.kind)

    def _make_box(self) -> NumberBox:
        spec = self.spec
        whole = spec.kind == "int"
        step = spec.step or (1.0 if whole else 0.01)
        numbers = [number for number in (spec.minimum, spec.off, spec.default) if isinstance(number, (int, float))]
        low = min(numbers, default=0.0)
        if spec.default is None:
            low -= 1 if whole else step
        high = spec.maximum if spec.maximum is not None else 1e9
        decimals = 0 if whole else 2 if step < 1 else 1
        box = NumberBox(spec.label, low, high, decimals=decimals, step=step, widest=WIDEST_BOX)
        box.setGroupSeparatorShown(True)
        if spec.default is None:
            box.setSpecialValueText(BY_DEFAULT)
        box.valueChanged.connect(self._edited)
        return box

    def _edited(self) -> None:
        self._show()
        self.changed.emit()

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self.spec.label, "", "GGUF files (*.gguf);;All files (*)")
        if path:
            self.set_value([*self._lines(), path] if self.spec.kind == "list" else path)
            self._edited()

    def _lines(self) -> list[str]:
        assert isinstance(self.editor, TextArea)
        return [line.strip() for line in self.editor.toPlainText().splitlines() if line.strip()]

    def value(self) -> OptionValue:
        """As the option takes it."""
        editor = self.editor
        if isinstance(editor, Switch):
            return editor.isChecked()
        if isinstance(editor, Select):
            return YES_NO[editor.currentIndex()][1] if self.spec.kind == "bool" else editor.currentText()
        if isinstance(editor, NumberBox):
            if self.spec.default is None and editor.value() == editor.minimum():
                return None
            return int(editor.value()) if self.spec.kind == "int" else round(editor.value(), 4)
        if isinstance(editor, LineField):
            return editor.text().strip()
        assert isinstance(editor, TextArea)
        return list(self._lines()) if self.spec.kind == "list" else editor.toPlainText()

    def differs(self) -> bool:
        """Whether it is not the default."""
        return self.value() != self.spec.default

    def explicit(self) -> OptionValue:
        """The default as a value that stands against a saved one."""
        return self.spec.default

    def set_value(self, value: OptionValue) -> None:
        """Show ``value`` without saying so; one that does not fit the control is ignored."""
        silently(self.editor, lambda: self._put(value))
        self._show()

    def _put(self, value: OptionValue) -> None:
        editor = self.editor
        if isinstance(editor, Switch):
            editor.setChecked(bool(value))
        elif isinstance(editor, Select) and self.spec.kind == "bool":
            editor.setCurrentIndex([each for _, each in YES_NO].index(value if isinstance(value, bool) else None))
        elif isinstance(editor, Select):
            editor.setCurrentIndex(max(0, editor.findText(str(value))))
        elif isinstance(editor, NumberBox):
            editor.setValue(float(value) if isinstance(value, (int, float)) else editor.minimum())
        elif isinstance(editor, LineField):
            editor.setText(str(value or ""))
        elif isinstance(editor, TextArea):
            editor.setPlainText("\n".join(map(str, value)) if isinstance(value, list) else str(value or ""))

    def _show(self) -> None:
        self.dot.show_changed(self.differs())
