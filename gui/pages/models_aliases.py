"""The line in which a model gets further names."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import sentence
from paddock.gui.widgets import Label, LineField
from paddock.sdk.errors import PaddockError
from paddock.sdk.types import ModelInfo


class ModelAliases(QWidget):
    """Names that requests may use beside the model's id, with commas between them. They are saved when the line is
    left; what is wrong with one stands below it."""

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
        for part in (Label("Further names", 13, 600), self.line, self.trouble):
            column.addWidget(part)
        self.line.editingFinished.connect(self.flush)
        self.line.textEdited.connect(self.trouble.hide)

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
        """Save what was written."""
        model, names = self._model, tuple(filter(None, map(str.strip, self.line.text().split(","))))
        if not self.line.isModified() or names == self._asked:
            return
        self._asked = names

        def ended(info: ModelInfo | None, error: BaseException | None) -> None:
            if (model, names) == (self._model, self._asked):
                self._asked = None
                self._show_answer(info, error)

        self._host.call(
            lambda client: client.patch_model(model, aliases=names),
            lambda info: ended(info, None),
            lambda error: ended(None, error),
            self,
        )

    def _show_answer(self, info: ModelInfo | None, error: BaseException | None) -> None:
        if info is not None:
            self.trouble.hide()
            self.line.setText(", ".join(info.aliases))
        elif error is not None:
            self.trouble.setText(error.sentence() if isinstance(error, PaddockError) else sentence(error))
            self.trouble.show()
