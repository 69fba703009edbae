"""What the answers of a comparison do not have in common: marked in the panes, and explained in words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.models.differences import Answer, Kind, Mark, against, only_here
from paddock.gui.theme import current
from paddock.gui.widgets import Label, Select

if TYPE_CHECKING:
    from paddock.gui.pages.compare import CompareView

EACH = "each other"
ROOMY = 400
"""In a lower view the answers need the room of the legend, in logical pixels."""
TOKENS: dict[Kind, str] = {"added": "ok", "removed": "bad", "changed": "warn"}


class Swatch(QLabel):
    """A word marked as the answers are, which is also its explanation."""

    def __init__(self, kind: Kind, words: str, parent: QWidget | None = None) -> None:
        super().__init__(words, parent)
        self.kind: Kind = kind
        self.words = words
        self.setAccessibleName(words)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(current().font(12, 500))
        return QSize(metrics.horizontalAdvance(self.words) + 10, metrics.height() + 4)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        font = theme.font(12, 500)
        font.setStrikeOut(self.kind == "removed")
        area = QRectF(self.rect())
        painter.fillRect(area, theme.color(f"{TOKENS[self.kind]}_soft"))
        painter.setFont(font)
        painter.setPen(theme.color(TOKENS[self.kind]))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self.words)
        if self.kind != "removed":
            dash = Qt.PenStyle.DashLine if self.kind == "changed" else Qt.PenStyle.SolidLine
            painter.setPen(QPen(theme.color(TOKENS[self.kind]), 1.4, dash))
            y = area.center().y() + QFontMetrics(font).height() / 2 - 1
            painter.drawLine(round(area.left()) + 5, round(y), round(area.right()) - 5, round(y))


class Legend(QWidget):
    """What the marks mean, and what the answers are compared with. ``chosen`` carries a pane's id, or none."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[str, ...] = ("",)
        self.reference = Select("Compared with", [EACH])
        self.only = Swatch("added", "only in this answer")
        self.kinds = [
            Swatch("added", "added"),
            Swatch("changed", "said otherwise"),
            Swatch("removed", "in no other answer"),
        ]
        self.note = Label("", 12, 400, "text2")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 0)
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(Label("Compared with", 13, 400, "text2"))
        for part in (self.reference, self.only, *self.kinds, self.note):
            row.addWidget(part)
        row.addStretch(1)
        self.reference.activated.connect(lambda at: self.chosen.emit(self._ids[at]))
        self.hide()

    def show_panes(self, panes: Sequence[tuple[str, str]], reference: str) -> None:
        """The panes by their ids and words."""
        ids = ("", *(pane for pane, _ in panes))
        words = [EACH, *(name for _, name in panes)]
        if words != [self.reference.itemText(at) for at in range(self.reference.count())]:
            self.reference.clear()
            self.reference.addItems(words)
        self._ids = ids
        self.reference.setCurrentIndex(ids.index(reference))
        self.only.setVisible(not reference)
        for swatch in self.kinds:
            swatch.setVisible(bool(reference))

    def show_note(self, words: str) -> None:
        """Why nothing is marked."""
        self.note.setText(words)
        self.note.setVisible(bool(words))


class Differences:
    """Marks the answers to the question in view; ``look`` brings that up to date. GUI thread only."""

    def __init__(self, view: CompareView, host: HostState, *, on: bool) -> None:
        self._view, self._host = view, host
        self._task: Task | None = None
        self._shown: tuple[object, ...] = ()
        self._marked: set[tuple[str, str]] = set()
        self.reference = ""
        self.legend = Legend()
        self.toggle = view.head_tools.add_toggle("Differences", "diff", "Marks what the answers do not have in common")
        self.toggle.set(on)
        self.legend.chosen.connect(self._choose)

    @property
    def marked(self) -> bool:
        """What is shown has its marks."""
        return self._task is None and bool(self._marked)

    def look(self, readable: bool) -> None:
        """Mark what is there now; ``readable``: the answers are over, and shown."""
        view = self._view
        panes = [(shown.pane, f"pane {shown.mark}") for shown in view.grid.panes]
        if self.reference not in dict(panes):
            self.reference = ""
        on = self.toggle.on and bool(panes)
        self.fit()
        if on:
            self.legend.show_panes(panes, self.reference)
        found = [(pane, view.answer(pane, view.turn)) for pane, _ in panes] if on and readable else []
        answers = [(pane, message) for pane, message in found if message is not None and message.content]
        wanted = (self.reference, tuple((pane, message.id, message.content) for pane, message in answers))
        if wanted == self._shown:
            return
        self._shown = wanted
        if self._task is not None:
            self._task.cancel()
        self._clear()
        self.legend.show_note("" if len(answers) > 1 or not on else "Two answers are needed.")
        if len(answers) > 1:
            self._compare([(pane, message.id, message.content) for pane, message in answers])

    def fit(self) -> None:
        """Show the legend where it is wanted and has room."""
        roomy = self._view.height() >= current().px(ROOMY)
        self.legend.setVisible(self.toggle.on and bool(self._view.panes) and roomy)

    def _compare(self, answers: list[tuple[str, str, str]]) -> None:
        texts = [Answer(content, self._view.panes[pane].view.plain_text(id)) for pane, id, content in answers]
        panes = [pane for pane, _, _ in answers]
        reference = panes.index(self.reference) if self.reference in panes else None
        self._task = self._host.call(
            lambda client: asyncio.to_thread(_marks, texts, reference),
            partial(self._mark, [(pane, id) for pane, id, _ in answers]),
            owner=self._view,
        )

    def _mark(self, places: list[tuple[str, str]], marks: list[list[Mark]]) -> None:
        self._task = None
        for (pane, message), found in zip(places, marks, strict=True):
            shown = self._view.panes.get(pane)
            if shown is not None:
                shown.view.set_marks(message, found)
                self._marked.add((pane, message))
        if not any(marks):
            self.legend.show_note("The answers are the same, word for word.")

    def _clear(self) -> None:
        for pane, message in self._marked:
            shown = self._view.panes.get(pane)
            if shown is not None:
                shown.view.set_marks(message, ())
        self._marked.clear()

    def _choose(self, pane: str) -> None:
        self.reference = pane
        self._view.judging.look()


def _marks(answers: list[Answer], reference: int | None) -> list[list[Mark]]:
    return only_here(answers) if reference is None else against(answers, reference)
