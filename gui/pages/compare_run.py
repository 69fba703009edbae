"""An answer being written in a pane, and where it is shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from paddock.gui.models.panes import Figures
from paddock.gui.pages.question import Run
from paddock.sdk.types import ChatMessage


class Screens(Protocol):
    """Where the panes' conversations are shown; ``pane`` is an id."""

    def show_path(self, pane: str, messages: Sequence[ChatMessage]) -> None: ...
    def stream(self, pane: str, message: str, text: str, reasoning: str) -> None: ...
    def finish(self, pane: str, message: ChatMessage) -> None: ...


@dataclass
class PaneRun(Run):
    """An answer being written in ``pane``. ``pieces`` came so far, the first at ``first`` (monotonic); they count as
    tokens where they were followed from the ``start``. ``before`` of them came with the first, and took no time that
    could be measured."""

    pane: str = ""
    start: float | None = None
    first: float | None = None
    last: float = 0.0
    pieces: int = 0
    before: int = 0

    def count(self, pieces: int) -> None:
        self.last = time.monotonic()
        if self.first is None:
            self.first, self.before = self.last, pieces
        self.pieces += pieces

    def figures(self, memory: int | None) -> Figures:
        """What can be told while it is written."""
        if self.start is None or self.first is None:
            return Figures(memory=memory)
        span = self.last - self.first
        timed = self.pieces - self.before
        speed = timed / span if timed > 0 and span > 0 else None
        return Figures(speed=speed, ttft=self.first - self.start, tokens=self.pieces, memory=memory)
