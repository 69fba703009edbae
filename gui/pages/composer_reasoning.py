"""The reasoning of the open conversation's answers, beside where a message is written."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QWidget

from paddock.gui.pages.inspector_answer import MODES, REASONING_HELP, Reasoning
from paddock.gui.widgets import Chip
from paddock.gui.widgets.menu import Menu

WORDS = {None: "Reasoning", True: "Reasoning on", False: "Reasoning off"}


class ReasoningChip(Chip):
    """The same choice as the inspector's, as a menu; hidden where the model has none. ``chosen`` carries it."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(WORDS[None], parent, icon="bulb")
        self._mode: Reasoning = None
        self.setCheckable(True)
        self.setToolTip(REASONING_HELP)
        menu, group = Menu(self), QActionGroup(self)
        self.entries = {mode: menu.addAction(words, partial(self._choose, mode)) for words, mode in MODES}
        for entry in self.entries.values():
            entry.setCheckable(True)
            group.addAction(entry)
        self.setMenu(menu)
        self.clicked.connect(lambda: self.show_mode(self._mode))  # what is chosen tells, not the click
        self.show_mode(None)
        self.hide()

    def _choose(self, mode: Reasoning, checked: bool = False) -> None:
        self.chosen.emit(mode)

    def show_mode(self, mode: Reasoning) -> None:
        """Whether answers are reasoned: None is as the model has it."""
        self._mode = mode
        self.setChecked(mode is True)
        self.entries[mode].setChecked(True)
        self.set(text=WORDS[mode])
        self.setAccessibleDescription(next(words for words, each in MODES if each is mode))
