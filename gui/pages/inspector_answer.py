"""What else shapes an answer: reasoning, its longest length, stop strings, seed."""

from __future__ import annotations

import secrets
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.pages.form import silently
from paddock.gui.pages.sampling_name import OptionName
from paddock.gui.pages.sampling_other import TextChips
from paddock.gui.widgets import IconButton, Label, NumberBox, Select, Switch
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import OptionValue

Reasoning = bool | None
LARGEST_LIMIT = 1_000_000
USUAL_LIMIT = 512
WIDEST_BOX = 96
MODES: tuple[tuple[str, Reasoning], ...] = (("As the model has it", None), ("On", True), ("Off", False))
_SEEDS = 2**31
REASONING_HELP = "Whether the model thinks before it answers. Not every model can be told."
LIMIT_HELP = "The answer ends after so many tokens, thinking included; otherwise when the model ends it."
STOP_HELP = "The answer ends before any of these texts would be written."


class SwitchedNumber(QWidget):
    """A name, a number and a switch; what is off has no number. ``changed`` follows every change by the user."""

    changed = Signal()

    def __init__(self, name: str, help: str, low: int, high: int, usual: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = NumberBox(name, low, high, decimals=0, step=1, widest=WIDEST_BOX)
        self.box.setAccessibleDescription(help)
        self.box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        silently(self.box, lambda: self.box.setValue(usual))
        self.switch = Switch(f"{name} on")
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(6)
        self.row.addWidget(OptionName(name, help))
        self.row.addStretch(1)
        self.row.addWidget(self.box)
        self.row.addWidget(self.switch)
        self.box.valueChanged.connect(self._edited)
        self.switch.clicked.connect(self._edited)
        self.set_number(None)

    def number(self) -> int | None:
        """None where it is off."""
        return int(self.box.value()) if self.switch.isChecked() else None

    def follow(self, number: int | None) -> bool:
        """As :meth:`set_number`, but not while another one is being typed; True then."""
        if number != self.number() and not self.box.typing():
            self.set_number(number)
        return number != self.number()

    def set_number(self, number: int | None) -> None:
        """Show ``number`` (None: off) without saying so."""
        if number is not None:
            silently(self.box, lambda: self.box.setValue(number))
        self.switch.setChecked(number is not None)
        self.box.setEnabled(number is not None)

    def _edited(self) -> None:
        self.box.setEnabled(self.switch.isChecked())
        self.changed.emit()


class AnswerSection(QWidget):
    """``changed`` follows every change by the user."""

    changed = Signal()

    def __init__(self, seed: OptionSpec | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reasoning = Select("Reasoning", [words for words, _ in MODES])
        self.reasoning.setAccessibleDescription(REASONING_HELP)
        self.reasoning_row = QWidget()
        row = QHBoxLayout(self.reasoning_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(OptionName("Reasoning", REASONING_HELP))
        row.addStretch(1)
        row.addWidget(self.reasoning)
        self.limit = SwitchedNumber("Longest answer", LIMIT_HELP, 1, LARGEST_LIMIT, USUAL_LIMIT)
        help = seed.help if seed is not None else ""
        self.seed = SwitchedNumber("Seed", help, 0, _SEEDS - 1, 42)
        self.dice = IconButton("refresh", "Another seed", size=26, glyph=15)
        self.seed.row.insertWidget(2, self.dice)
        self.stop = TextChips("Stop strings", "Text, \\n is a line break")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(Label("Answer", 12, 600, "text2"))
        for part in (self.reasoning_row, self.limit, self.seed):
            column.addWidget(part)
        column.addWidget(OptionName("Stop strings", STOP_HELP), 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.stop)
        self.seed.setVisible(seed is not None)
        self.reasoning.activated.connect(lambda _: self.changed.emit())
        for control in (self.limit, self.seed, self.stop):
            control.changed.connect(self.changed)
        self.dice.clicked.connect(self._throw)

    def show_reasoning(self, able: bool) -> None:
        """Whether the model's template knows of reasoning; else nothing is offered."""
        self.reasoning_row.setVisible(able)

    def choose_reasoning(self, mode: Reasoning) -> None:
        """The user has chosen it in another place."""
        self.reasoning.setCurrentIndex([each for _, each in MODES].index(mode))
        self.changed.emit()

    def values(self) -> tuple[tuple[str, ...], int | None, Reasoning]:
        """Stop strings, longest length in tokens (None: no limit), reasoning (None: as the model has it)."""
        mode = MODES[self.reasoning.currentIndex()][1] if not self.reasoning_row.isHidden() else None
        return self.stop.texts, self.limit.number(), mode

    def set_values(self, stop: tuple[str, ...], limit: int | None, reasoning: Reasoning | Literal["auto"]) -> None:
        """Show them without saying so."""
        self.stop.set_texts(stop)
        self.limit.set_number(limit or None)
        mode = reasoning if isinstance(reasoning, bool) else None
        silently(self.reasoning, lambda: self.reasoning.setCurrentIndex([each for _, each in MODES].index(mode)))

    def follow(self, stop: tuple[str, ...], limit: int | None, reasoning: Reasoning, seed: OptionValue) -> bool:
        """Show what another program has set without saying so; what is the same, or being typed, stays untouched. True
        where a number that is being typed is another one."""
        self.stop.set_texts(stop)
        held = [self.limit.follow(limit or None), self.seed.follow(_fixed(seed))]
        silently(self.reasoning, lambda: self.reasoning.setCurrentIndex([each for _, each in MODES].index(reasoning)))
        return any(held)

    def fixed_seed(self) -> int | None:
        return self.seed.number()

    def set_seed(self, seed: OptionValue) -> None:
        """Show a seed (None or negative: a new one each time) without saying so."""
        self.seed.set_number(_fixed(seed))

    def _throw(self) -> None:
        self.seed.set_number(secrets.randbelow(_SEEDS))
        self.changed.emit()


def _fixed(seed: OptionValue) -> int | None:
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 else None
