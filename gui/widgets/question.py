"""A question that has to be answered before anything else."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.theme import current
from paddock.gui.widgets.buttons import Button, Kind
from paddock.gui.widgets.labels import Label
from paddock.gui.widgets.list_sheet import lay_out_sheet
from paddock.gui.widgets.values import Switch

WIDTH = 440


class Question(QDialog):
    """A sentence, what it means, and its answers beside Cancel; Enter gives the ``primary`` one, else cancels.

    ``answered`` carries the words of the answer. ``keep``: the words beside a switch; none without them.
    """

    answered = Signal(str)

    def __init__(
        self, text: str, about: str, answers: Sequence[tuple[str, Kind]], parent: QWidget, *, keep: str = ""
    ) -> None:
        super().__init__(parent)
        self.text, self.about = text, about
        self.setWindowTitle("Paddock")
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setModal(True)
        self.keep = Switch(keep)
        cancel = Button("Cancel")
        cancel.clicked.connect(self.reject)
        self.buttons, default = [cancel], cancel
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(cancel)
        for words, kind in answers:
            button = Button(words, kind)
            button.clicked.connect(lambda _=False, words=words: self._answer(words))
            foot.addWidget(button)
            self.buttons.append(button)
            default = button if kind == "primary" else default
        above = QVBoxLayout()
        above.setContentsMargins(20, 16, 20, 16)
        above.setSpacing(6)
        above.addWidget(Label(text, 15, 600, wrap=True))
        above.addWidget(Label(about, 13, 400, "text2", wrap=True))
        if keep:
            row = QHBoxLayout()
            row.addWidget(Label(keep, 13), 1)
            row.addWidget(self.keep)
            above.addSpacing(6)
            above.addLayout(row)
        outer = lay_out_sheet(self, above, foot)
        self.finished.connect(self.deleteLater)
        width = current().px(WIDTH)
        self.resize(width, outer.totalHeightForWidth(width))  # a window does not ask for the height of wrapped words
        default.setFocus(Qt.FocusReason.OtherFocusReason)

    def ask(self) -> str:
        """Wait for the answer; its words, empty where there is none."""
        given: list[str] = []
        self.answered.connect(given.append)
        self.exec()
        return given[0] if given else ""

    def _answer(self, words: str) -> None:
        self.answered.emit(words)
        self.accept()
