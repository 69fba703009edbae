"""What in the folders is no usable model: a strip above the table, with the remedy for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, assert_never

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.bridge import Latest
from paddock.gui.host_state import HostState
from paddock.gui.icons import pixmap
from paddock.gui.messages import Action, Messages
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Label
from paddock.sdk.library import LibraryProblem, ProblemAction, Trashed
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

WORDS: dict[ProblemAction, str] = {
    "none": "",
    "resume": "Resume",
    "download": "Download again",
    "delete": "Delete",
}
COMING = "Downloading…"
LOWEST, TALLEST = 60, 220
"""Of what is unfolded, in pixels of the theme: the rest scrolls."""


class ProblemRow(QWidget):
    """What is wrong, what to do, and the button that does it."""

    pressed = Signal()

    def __init__(self, problem: LibraryProblem, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        size = f"It takes {bytes_text(problem.size_bytes)} on the disk." if problem.size_bytes else ""
        remedy = f"{problem.remedy} {size}".strip()
        self.text = Label(problem.sentence, 13, 500, wrap=True, tabular=True)
        self.text.setToolTip(problem.path)
        self.remedy = Label(remedy, 12, 400, "text2", wrap=True, tabular=True)
        self.remedy.setVisible(bool(remedy))
        self.button = Button(WORDS[problem.action])
        self.button.setAccessibleDescription(problem.sentence)
        self.button.setVisible(problem.action != "none")
        self.button.clicked.connect(self.pressed)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.text)
        words.addWidget(self.remedy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)


class ProblemStrip(QWidget):
    """Hidden while nothing is wrong; folded until it is opened."""

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self.problems: tuple[LibraryProblem, ...] = ()
        self._asking = Latest()
        self.rows: list[ProblemRow] = []
        self.text = Label("", 13, 500, wrap=True)
        self.unfold = Button("Show", "link", "chevron-down")
        self.unfold.clicked.connect(self._fold)
        head = QHBoxLayout()
        self._head = head
        head.addWidget(self.text, 1)
        head.addWidget(self.unfold)
        body = QWidget()
        self._column = QVBoxLayout(body)
        self._column.setSpacing(10)
        self._column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        self._body = QScrollArea()
        self._body.setWidgetResizable(True)
        self._body.setFrameShape(QFrame.Shape.NoFrame)
        self._body.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._body.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._body.setWidget(body)
        self._body.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 9, 12, 9)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self._body)
        self.hide()
        host.downloads_changed.connect(self._show_downloads)

    def refresh(self) -> None:
        """Ask what is wrong now."""
        self._asking.replace(
            self._host.call(lambda client: client.model_problems(), self.show_problems, lambda error: None, self)
        )

    def show_problems(self, problems: Sequence[LibraryProblem]) -> None:
        """Show these."""
        if tuple(problems) == self.problems:
            return
        self.problems = tuple(problems)
        for row in self.rows:
            row.hide()
            row.deleteLater()
        self.rows = []
        for problem in problems:
            row = ProblemRow(problem)
            row.pressed.connect(partial(self._do, problem))
            self._column.addWidget(row)
            self.rows.append(row)
        number = len(problems)
        one = "One thing in your folders needs attention."
        self.text.setText(one if number == 1 else f"{number} things in your folders need attention.")
        self.unfold.setAccessibleDescription(self.text.text())
        self.setVisible(bool(problems))
        self._show_downloads()
        self._fit()

    def _show_downloads(self) -> None:
        """What is on its way already is not asked for again."""
        coming = [item for item in self._host.downloads.values() if item.state in ("queued", "running")]
        names = {name.casefold() for item in coming for name in (item.model, item.repo)}
        for problem, row in zip(self.problems, self.rows, strict=True):
            if problem.action == "download":
                asked = problem.target.casefold() in names
                row.button.setText(COMING if asked else WORDS["download"])
                row.button.setEnabled(not asked)

    def _fold(self) -> None:
        shown = self._body.isHidden()
        self._body.setVisible(shown)
        self.unfold.setText("Hide" if shown else "Show")
        self.unfold.set_icon("chevron-up" if shown else "chevron-down")
        self._fit()

    def _fit(self) -> None:
        left = current().px(26)
        self._head.setContentsMargins(left, 0, 0, 0)
        self._column.setContentsMargins(left, 4, 4, 4)
        body = self._body.widget()
        if body is not None:
            needed = self._column.totalHeightForWidth(max(200, self.width() - 28))
            self._body.setMaximumHeight(max(0, min(current().px(TALLEST), needed)))
            self._body.setMinimumHeight(min(current().px(LOWEST), self._body.maximumHeight()))

    def resizeEvent(self, event: object) -> None:
        self._fit()

    def _do(self, problem: LibraryProblem) -> None:
        target, path = problem.target, problem.path
        match problem.action:
            case "none":
                return
            case "resume":
                self._ask(lambda client: client.resume_download(target))
            case "download":
                self._ask(lambda client: client.download(target))
            case "delete":
                self._host.call(lambda client: client.delete_model(path), self._deleted, self._messages.error, self)
            case _:
                assert_never(problem.action)

    def _ask(self, job: Callable[[AsyncClient], Awaitable[object]]) -> None:
        self._host.call(job, lambda _: self.refresh(), self._messages.error, self)

    def _deleted(self, trashed: Trashed) -> None:
        self.refresh()
        back = Action("Undo", lambda: self._restore(trashed.id))
        self._messages.info(f"“{trashed.name}” was deleted.", back, seconds=10, key=f"trash-{trashed.id}")

    def _restore(self, trashed: str) -> None:
        self._ask(lambda client: client.restore_model(trashed))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("warn_soft"))
        painter.drawRoundedRect(QRectF(self.rect()), CARD_RADIUS, CARD_RADIUS)
        side = theme.px(16)
        mark = pixmap("alert", theme.palette.warn, side, ratio=self.devicePixelRatioF())
        top = self.text.y() + (self.text.height() - side) / 2
        painter.drawPixmap(12, int(top), mark)
