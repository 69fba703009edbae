"""The row that asks which answer is best, and says what was voted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.pages.compare_blind import LETTERS
from paddock.gui.widgets import Button, Chip, Label
from paddock.gui.widgets.clicks import SingleClicks
from paddock.sdk.compare import Outcome, Vote


class Choice(NamedTuple):
    """A pane that can be voted for: its id, the number or letter it goes by, its colour, and its words."""

    pane: str
    mark: str
    color: str
    words: str


class VerdictRow(QWidget):
    """``voted`` carries an outcome and a pane's id. With the focus in it, 1 to 6, T and B vote too."""

    voted = Signal(str, str)
    taken_back = Signal()
    adopt_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Vote")
        self._choices: tuple[Choice, ...] = ()
        self.words = Label("", 13, 500, "text2")
        self.chips: list[Chip] = []
        self.tie = self._chip("Tie", "All answers are equally good (Alt+T)", "tie")
        self.bad = self._chip("All bad", "No answer is good (Alt+B)", "both_bad")
        self.back = Button("Take back", "quiet")
        self.adopt = Button("", "quiet", "branch")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 8, 16, 8)
        self._row.setSpacing(6)
        self._row.addStretch(1)
        for part in (self.words, self.tie, self.bad, self.back, self.adopt):
            self._row.addWidget(part)
        self._row.addStretch(1)
        self._row.insertSpacing(2, 4)
        self.back.clicked.connect(self.taken_back)
        self.adopt.clicked.connect(self.adopt_wanted)
        self.hide()

    def _chip(self, text: str, tip: str, outcome: Outcome, pane: str = "") -> Chip:
        chip = Chip(text)
        chip.setCheckable(True)
        chip.setToolTip(tip)
        SingleClicks(chip)  # the same vote again takes it back
        chip.clicked.connect(lambda: self.choose(outcome, pane))
        return chip

    def choose(self, outcome: Outcome, pane: str = "") -> None:
        """As a click on it; a second one on the same takes the vote back."""
        chip = self._of(outcome, pane)
        if chip is None or not self.isVisible() or chip.isHidden():
            return
        chip.setChecked(False)  # it is shown as chosen when the vote is stored
        self.voted.emit(outcome, pane)

    def choose_number(self, number: int) -> None:
        """The pane with a number; where they have letters, 1 is A. One that cannot be voted for is nothing."""
        marks = {choice.mark: choice.pane for choice in self._choices}
        pane = marks.get(str(number)) or marks.get(LETTERS[number - 1 : number])
        if pane is not None:
            self.choose("pane", pane)

    def _of(self, outcome: Outcome, pane: str) -> Chip | None:
        places = {choice.pane: chip for choice, chip in zip(self._choices, self.chips, strict=True)}
        return {"tie": self.tie, "both_bad": self.bad}.get(outcome) or places.get(pane)

    def show_waiting(self, words: str) -> None:
        """There is nothing to vote on yet."""
        self._make(())
        self.words.setText(words)
        for part in (self.tie, self.bad, self.back, self.adopt):
            part.hide()
        self.show()

    def show_nothing(self) -> None:
        """There is nothing to vote on."""
        self._make(())
        self.hide()

    def show_choices(
        self, choices: Sequence[Choice], vote: Vote | None, *, adoptable: bool, votable: bool = True
    ) -> None:
        """Ask, or say what was voted; ``adoptable``: all panes could go on from the best answer; not ``votable``: the
        vote can only be taken back."""
        self._make(tuple(choices))
        mark = next((choice.mark for choice in choices if vote is not None and choice.pane == vote.pane), "")
        self.words.setText("Which is best?" if vote is None else "Your vote")
        self.bad.set(text="Both bad" if len(choices) == 2 else "All bad")
        for choice, chip in zip(choices, self.chips, strict=True):
            chip.setChecked(vote is not None and vote.outcome == "pane" and vote.pane == choice.pane)
            chip.show()
        self.tie.setChecked(vote is not None and vote.outcome == "tie")
        self.bad.setChecked(vote is not None and vote.outcome == "both_bad")
        for part in (self.tie, self.bad):
            part.setVisible(votable or part.isChecked())
        self.back.setVisible(vote is not None)
        self.adopt.setText(f"Go on with {mark} in all panes")
        self.adopt.setVisible(adoptable and bool(mark))
        self.show()

    def _make(self, choices: tuple[Choice, ...]) -> None:
        if choices == self._choices:
            return
        held = next((number for number, chip in enumerate(self.chips) if chip.hasFocus()), None)
        for chip in self.chips:
            self._row.removeWidget(chip)
            chip.setParent(None)
            chip.deleteLater()
        self._choices = choices
        self.chips = []
        before: QWidget = self.words
        for number, (pane, mark, color, words) in enumerate(choices, 1):
            key = mark if mark.isdecimal() else number
            chip = self._chip(mark, f"{words} is best (Alt+{key})", "pane", pane)
            chip.set(dot=color)
            chip.setAccessibleName(f"{words} is best")
            self.chips.append(chip)
            self._row.insertWidget(self._row.indexOf(before) + 1, chip)
            QWidget.setTabOrder(before, chip)
            before = chip
        QWidget.setTabOrder(before, self.tie)
        if held is not None and held < len(self.chips):
            self.chips[held].setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.text().lower()
        if key.isdecimal():
            self.choose_number(int(key))
        elif key in ("t", "b"):
            self.choose("tie" if key == "t" else "both_bad")
        else:
            super().keyPressEvent(event)
