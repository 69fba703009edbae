"""A batch before it starts: prompts, panes, how often, checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages, sentence
from paddock.gui.pages.batch_checks import CheckRows
from paddock.gui.pages.batch_pane import PaneCard
from paddock.gui.pages.batch_prompts import PromptSource
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, Divider, Label, Notice, NumberBox
from paddock.sdk.compare import MOST_PANES, Batch, BatchRequest
from paddock.sdk.errors import PaddockError
from paddock.sdk.types import Pane
from paddock.sdk.units import counted

WIDEST, MOST_REPEATS = 760, 1000


class BatchSetup(QWidget):
    """``started`` carries the batch that runs now."""

    started = Signal(object)

    def __init__(self, host: HostState, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._starting = False
        self._prompts: Mapping[str, str] = {}
        self.source = PromptSource(host, messages)
        self.cards: list[PaneCard] = []
        self.add = Button("Add a pane", icon="plus")
        self.repeat = NumberBox("Times each prompt is asked", 1, MOST_REPEATS, decimals=0, step=1)
        self.repeat.setValue(1)
        self.checks = CheckRows(host)
        self.trouble = Notice()
        self.count = Label("", 13, 400, "text2", tabular=True, wrap=True)
        self.start = Button("Start", "primary")
        self._form, self._panes = QWidget(), QVBoxLayout()
        self._panes.setSpacing(8)
        self._lay_out()
        self.source.changed.connect(self._show)
        self.repeat.valueChanged.connect(lambda _: self._show())
        self.add.clicked.connect(lambda: self._add(self._last()))
        self.start.clicked.connect(self.begin)
        self._show()

    def _lay_out(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(20, 8, 20, 20)
        column.setSpacing(10)
        repeat = QHBoxLayout()
        repeat.setSpacing(8)
        repeat.addWidget(self.repeat)
        repeat.addWidget(
            Label("how many times each prompt is asked, each time with another seed", 13, 400, "text2", wrap=True), 1
        )
        for title, part in (("Prompts", self.source), ("Panes", self._panes), ("Repeat", repeat)):
            column.addWidget(Label(title, 15, 600))
            column.addWidget(part) if isinstance(part, QWidget) else column.addLayout(part)
            if part is self._panes:
                column.addWidget(self.add)
            column.addSpacing(8)
        column.addWidget(Label("Checks on every answer", 15, 600))
        column.addWidget(self.checks)
        column.addStretch(1)
        self._form.setLayout(column)
        self._fit()
        middle = QWidget()
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._form, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(middle)
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 10, 20, 14)
        foot.setSpacing(8)
        foot.addWidget(self.count, 1)
        foot.addWidget(self.start)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addWidget(self.trouble)
        outer.addWidget(Divider())
        outer.addLayout(foot)

    def _fit(self) -> None:
        self._form.setMaximumWidth(current().px(WIDEST))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    # ---------------------------------------------------------------- panes

    def set_panes(self, panes: Sequence[Pane]) -> None:
        """Begin with these; with none, one of the default model."""
        for card in list(self.cards):
            self._drop(card)
        for pane in panes or (Pane(model=self._host.settings.default_model),):
            self._add(pane)

    def name_prompts(self, names: Mapping[str, str]) -> None:
        """The names of system prompts, by their texts."""
        self._prompts = names
        for card in self.cards:
            card.name_prompts(names)

    def _add(self, pane: Pane) -> None:
        card = PaneCard(self._host, pane, len(self.cards))
        card.name_prompts(self._prompts)
        card.changed.connect(self._show)
        card.removed.connect(lambda: self._remove(card))
        self.cards.append(card)
        self._panes.addWidget(card)
        self._number()

    def _remove(self, card: PaneCard) -> None:
        self._drop(card)
        self._number()
        self.add.setFocus()

    def _drop(self, card: PaneCard) -> None:
        self.cards.remove(card)
        card.hide()
        card.deleteLater()

    def _number(self) -> None:
        for number, card in enumerate(self.cards):
            card.set_number(number, alone=len(self.cards) == 1)
        self.add.setEnabled(len(self.cards) < MOST_PANES)
        self._show()

    def _last(self) -> Pane:
        """A further pane begins as the last one is."""
        try:
            return self.cards[-1].pane()
        except (PaddockError, ValueError):
            return Pane(model=str(self.cards[-1].model.currentData() or ""))

    # ---------------------------------------------------------------- starting

    def _show(self) -> None:
        prompts, times = self.source.prompts, round(self.repeat.value())
        ready = prompts is not None and bool(self.cards) and not self._starting
        self.start.setEnabled(ready)
        if prompts is None:
            self.count.setText(self.source.missing())
            return
        number = len(prompts.prompts)
        parts = [counted(number, "prompt"), counted(len(self.cards), "pane")]
        parts += [f"{times:,} times"] if times > 1 else []
        self.count.setText(f"{' × '.join(parts)} = {counted(number * len(self.cards) * times, 'answer')}")

    def begin(self) -> None:
        """Ask the host to run it; what is wrong is said in place."""
        prompts = self.source.prompts
        if prompts is None or self._starting:
            return
        try:
            panes = tuple(card.pane() for card in self.cards)
        except (PaddockError, ValueError) as error:
            self._refuse(error)
            return
        checks = self.checks.checks()
        asked = tuple(msgspec.structs.replace(p, checks=(*p.checks, *checks)) for p in prompts.prompts)
        request = BatchRequest(name=prompts.name, prompts=asked, panes=panes, repeat=round(self.repeat.value()))
        self._starting = True
        self._show()
        self._host.call(lambda client: client.start_batch(request), self._runs, self._refuse, self)

    def _runs(self, batch: Batch) -> None:
        self._starting = False
        self.trouble.hide()
        self._show()
        self.started.emit(batch)

    def _refuse(self, error: BaseException) -> None:
        self._starting = False
        known = isinstance(error, PaddockError)
        message, hint = (error.message, error.hint) if isinstance(error, PaddockError) else (sentence(error), "")
        self.trouble.show_message("bad", message if known or not isinstance(error, ValueError) else str(error), hint)
        self._show()
