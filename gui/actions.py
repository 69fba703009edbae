"""What the window can be told to do, under names: shortcuts, the command palette and the list of shortcuts are drawn
from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

Group = Literal["Go to", "Chat", "Compare", "Models", "View", "Window"]


def _always() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Action:
    """``keys`` are shortcuts as Qt writes them (“Ctrl+N”), the first one is shown. ``words`` are further words under
    which it is found. An action without ``keys`` is in the palette alone; ``listed`` False keeps one out of it."""

    title: str
    group: Group
    run: Callable[[], None]
    keys: tuple[str, ...] = ()
    words: str = ""
    enabled: Callable[[], bool] = _always
    listed: bool = True


class Actions:
    """The actions of one window, in the order they were added. GUI thread only."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._actions: list[Action] = []

    def add(self, actions: Iterable[Action]) -> None:
        """Take actions in, and listen to their keys wherever the focus is."""
        for action in actions:
            self._actions.append(action)
            for key in action.keys:
                QShortcut(QKeySequence(key), self._window).activated.connect(lambda run=action: _run(run))

    def all(self) -> tuple[Action, ...]:
        return tuple(self._actions)


def _run(action: Action) -> None:
    if action.enabled():
        action.run()
