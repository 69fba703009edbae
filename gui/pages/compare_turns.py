"""Which question the panes of a comparison show, and how they keep together while one of them is scrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Signal

from paddock.gui.widgets.pane_view import PaneView


class TurnFollower(QObject):
    """``turn`` is the question in view; ``together``: every pane shows the same one. ``panes`` gives those of now."""

    changed = Signal(str)

    def __init__(self, panes: Callable[[], Iterable[PaneView]], parent: QObject) -> None:
        super().__init__(parent)
        self._panes = panes
        self.turns: list[str] = []
        self.turn = ""
        self.together = True

    def watch(self, pane: PaneView) -> None:
        """Follow a pane from now on."""
        pane.view.scrolled_by_user.connect(lambda: self._scrolled(pane))

    def set_turns(self, turns: list[str]) -> None:
        """All questions there are; a new one comes into view."""
        new = turns[-1:] != self.turns[-1:] or self.turn not in turns
        self.turns = turns
        if new:
            self._set(turns[-1] if turns else "")

    def place(self) -> tuple[int, int]:
        """Which question it is, counted from 1, and of how many."""
        return (self.turns.index(self.turn) + 1 if self.turn in self.turns else 0), len(self.turns)

    def step(self, step: int) -> None:
        """The question before (-1) or the next (1), in all panes."""
        at = self.place()[0] - 1 + step
        if 0 <= at < len(self.turns):
            self._set(self.turns[at])
            for pane in self._panes():
                pane.view.scroll_to_turn(self.turn)

    def set_together(self, on: bool) -> None:
        self.together = on
        if on and self.turn:
            for pane in self._panes():
                pane.view.scroll_to_turn(self.turn)

    def _scrolled(self, pane: PaneView) -> None:
        turn, fraction = pane.view.turn_at_top()
        if self.together and turn:
            for other in self._panes():
                if other is not pane:
                    other.view.scroll_to_turn(turn, fraction)
        if turn in self.turns:
            self._set(turn)

    def _set(self, turn: str) -> None:
        if turn != self.turn:
            self.turn = turn
            self.changed.emit(turn)
