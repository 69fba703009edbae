"""The line in which a model gets further names."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.widgets import Label, LineField
from paddock.sdk.errors import PaddockError
from paddock.sdk.types import ModelInfo


class ModelAliases(QWidget):
    """Names that requests may use beside the model's id, with commas between them. They are saved when the line is
    left; what is wrong with one stands below it."""

    failed = Signal(object)
    """Why names of a model that is not shown any more could not be saved."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._model = ""
        self._asked: tuple[str, ...] | None = None
        self.line = LineField("Further names", "my-coder, gpt-4o-mini")
        self.line.setToolTip("Names that scripts and other programs may use for this model, with commas between them")
        self.trouble = Label("", 12, 400, "bad", wrap=True)
        self.trouble.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(Label("Further names", 13, 600))
        column.addSpacing(4)
        column.addWidget(self.line)
        column.addWidget(self.trouble)
        self.line.textEdited.connect(self.trouble.hide)
        self.line.returnPressed.connect(self.trouble.hide)
        self.line.editingFinished.connect(self.flush)

    def show_model(self, info: ModelInfo) -> None:
        """Show the names of this model; what is being written about it stays."""
        if info.id != self._model:
            self.flush()
            self._model, self._asked = info.id, None
            self.trouble.hide()
        elif self.line.isModified():
            return
        self.line.setText(", ".join(info.aliases))

    def flush(self) -> None:
        """Save what was written, unless it was refused as it is."""
        model, names = self._model, self._written()
        if not self.line.isModified() or names == self._asked or not self.trouble.isHidden():
            return
        self._asked = names
        self._host.call(
            lambda client: client.patch_model(model, aliases=names),
            lambda info: self._ended(model, names, info),
            lambda error: self._ended(model, names, error),
            self,
        )

    def _written(self) -> tuple[str, ...]:
        return tuple(filter(None, map(str.strip, self.line.text().split(","))))

    def _ended(self, model: str, names: tuple[str, ...], answer: ModelInfo | BaseException) -> None:
        if model != self._model:
            if isinstance(answer, BaseException):
                self.failed.emit(answer)
            return
        self._asked = None if names == self._asked else self._asked
        if names != self._written():
            return  # more was written meanwhile
        if isinstance(answer, ModelInfo):
            self.line.setText(", ".join(answer.aliases))
            return
        self.trouble.setText(answer.sentence() if isinstance(answer, PaddockError) else sentence(answer))
        self.trouble.show()
