"""The head of a model on the Discover page: its title, whose it is, its facts, what stands in the way."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.models.hub import BADGES, age_words, clock_text, licence_text, open_words, parameters_text, title_of
from paddock.gui.pages.form import copy
from paddock.gui.theme import current, new_measures
from paddock.gui.widgets import Button, ElidedLabel, Label, Notice
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.layouts import empty
from paddock.gui.widgets.tag import Tag
from paddock.sdk.hub import HubModel, HubResult

NARROW = 640
"""Below so many logical pixels the buttons stand under the title."""
SIGN_IN = "Sign in to Hugging Face"


class ModelHead(QWidget):
    """``card_wanted``: the model card is to be shown; ``sign_in_wanted``: the account among the settings."""

    card_wanted = Signal()
    sign_in_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._repo = self._address = ""
        self.title = ElidedLabel("", 24, 600, middle=True)
        self.owner = ElidedLabel("", 13, 400, "text2")
        self.copy_button = Button("Copy name", "secondary", "copy")
        self.card_button = Button("Model card", "secondary", "file")
        self.open_button = Button("Open on Hugging Face", "secondary", "external")
        self.gate = Notice()
        self.notes = Label("", 12, 400, "text2", wrap=True)
        self._facts = QWidget()
        self._flow = FlowLayout(self._facts)
        self._lay_out()
        self.copy_button.clicked.connect(lambda: copy(self._repo))
        self.card_button.clicked.connect(self.card_wanted)
        self.open_button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(self._address)))
        self.gate.action_triggered.connect(lambda: QDesktopServices.openUrl(QUrl(self._address)))
        self.gate.second_triggered.connect(self.sign_in_wanted)

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.owner)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.copy_button, self.card_button, self.open_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(12)
        self._top.addLayout(words, 1)
        self._top.addLayout(buttons)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._top)
        column.addWidget(self._facts)
        column.addWidget(self.gate)
        column.addWidget(self.notes)

    def show_name(self, repo: str) -> None:
        """All that is known before the hub answers."""
        owner, _, name = repo.partition("/")
        self._repo, self._address = repo, ""
        self.open_button.setEnabled(False)
        self.title.setText(title_of(name))
        self.title.setAccessibleDescription(repo)
        self.owner.setText(f"by {owner}")
        self.card_button.setEnabled(False)
        for part in (self._facts, self.gate, self.notes):
            part.hide()

    def show_model(self, model: HubModel) -> None:
        """What the hub says of it."""
        self.show_name(model.result.id)
        self._address = model.page
        self.open_button.setText(open_words(model.page))
        self.open_button.setEnabled(True)
        age = age_words(model.result.updated, time.time())
        self.owner.setText(" · ".join(part for part in (f"by {model.result.author}", age) if part))
        self.card_button.setEnabled(bool(model.card))
        self._show_facts(model.result)
        if model.obstacle:
            said, stop, hint = model.obstacle.partition(". ")
            page = "Open licence page" if model.result.gated else ""
            self.gate.show_message("warn", said + stop.strip(), hint, page, SIGN_IN)
        stale = f"The hub cannot be reached. This is what it said at {clock_text(model.fetched)}."
        notes = [stale] if model.stale else list(model.notes)
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))

    def _show_facts(self, result: HubResult) -> None:
        empty(self._flow)
        for words in _facts(result):
            self._flow.addWidget(Tag(words))
        self._facts.show()
        self._facts.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self._fit()

    def _fit(self) -> None:
        ways = QBoxLayout.Direction
        way = ways.TopToBottom if self.width() < current().px(NARROW) else ways.LeftToRight
        if self._top.direction() != way:
            self._top.setDirection(way)
            self._column.invalidate()  # the whole head is of another height at once
            self.updateGeometry()


def _facts(result: HubResult) -> list[str]:
    parameters = parameters_text(result.parameters)
    found = [
        f"{parameters} parameters" if parameters else "",
        f"{result.context_length:,} context" if result.context_length else "",
        *(BADGES[badge].capitalize() for badge in result.badges),
        licence_text(result.licence),
        {"": "", "auto": "Gated", "manual": "Gated, a person decides"}[result.gated],
        "Private" if result.private else "",
    ]
    return [words for words in found if words]
