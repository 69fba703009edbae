"""Whose turn it is: streaming panes are brought up to date one per event-loop turn, so that no turn is long."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer

TURN_MS = 8


class Turns(QObject):
    """Runs waiting callables one at a time, ``TURN_MS`` from the end of one to the next, so that the thread is free in
    between however long they take. Give all panes of a window the same one. GUI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: OrderedDict[int, tuple[QObject, Callable[[], None]]] = OrderedDict()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next)

    def ask(self, owner: QObject, run: Callable[[], None]) -> None:
        """Run ``run`` in a coming turn; an ``owner`` that waits already keeps its place."""
        self._waiting.setdefault(id(owner), (owner, run))
        if not self._timer.isActive():
            self._timer.start(TURN_MS)

    def _next(self) -> None:
        _, (owner, run) = self._waiting.popitem(last=False)
        # A pane may have been closed while it waited.
        try:
            if shiboken6.isValid(owner):
                run()
        finally:
            if self._waiting:
                self._timer.start(TURN_MS)
