"""The one way to tell the user something that has no place of its own.

Usable before a window exists: what is said then is shown as soon as a bar listens.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Signal

from paddock.sdk.errors import HostUnavailable, PaddockError

Severity = Literal["info", "warn", "error"]
LONGEST_BUG = 200
"""Characters of an exception's own text; all of it is in the crash log."""
_THROUGH_QT = re.compile(r"Error calling Python override of [\w:]+\(\): ")
"""PySide puts it before an exception for every Qt call that it went through."""


@dataclass(frozen=True)
class Action:
    """A button in a message."""

    label: str
    run: Callable[[], None]


@dataclass(frozen=True)
class Notice:
    """``seconds``: how long it stays, None until it is closed. ``key``: a later notice with it takes its place.
    ``on_gone`` runs when it goes without an action having been taken; ``second`` is another way to go on."""

    severity: Severity
    text: str
    action: Action | None = None
    seconds: float | None = None
    key: str = ""
    on_gone: Callable[[], None] | None = None
    second: Action | None = None


class Messages(QObject):
    """Collects notices and hands them to whoever shows them. GUI thread only."""

    posted = Signal(object)
    withdrawn = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._early: list[Notice] = []
        self._listening = False

    def listen(self, show: Callable[[Notice], None], withdraw: Callable[[str], None]) -> None:
        """Show every notice from now on, and first those that came before."""
        self.posted.connect(show)
        self.withdrawn.connect(withdraw)
        self._listening = True
        early, self._early = self._early, []
        for notice in early:
            show(notice)

    def info(
        self,
        text: str,
        action: Action | None = None,
        *,
        seconds: float | None = 6,
        key: str = "",
        on_gone: Callable[[], None] | None = None,
        second: Action | None = None,
    ) -> None:
        self._post(Notice("info", text, action, seconds, key, on_gone, second))

    def warn(self, text: str, action: Action | None = None, *, key: str = "") -> None:
        self._post(Notice("warn", text, action, None, key))

    def error(self, error: BaseException | str, action: Action | None = None, *, key: str = "") -> None:
        """Say what went wrong: a PaddockError in its own words, anything else as a bug.

        That the host is away is one notice (key ``host``), however many requests fail for it.
        """
        if isinstance(error, HostUnavailable):
            key = "host"
        self._post(Notice("error", sentence(error), action, None, key))

    def withdraw(self, key: str) -> None:
        """Take back the notice with this key, if it is still there."""
        self._early = [notice for notice in self._early if notice.key != key]
        self.withdrawn.emit(key)

    def _post(self, notice: Notice) -> None:
        if self._listening:
            self.posted.emit(notice)
        else:
            self._early.append(notice)


def sentence(error: BaseException | str) -> str:
    """Words for a person."""
    if isinstance(error, PaddockError):
        return error.sentence()
    if isinstance(error, str):
        return error
    text = _THROUGH_QT.sub("", str(error))
    if len(text) > LONGEST_BUG:
        text = text[:LONGEST_BUG].rstrip() + "…"
    return f"Something in Paddock went wrong: {type(error).__name__}: {text}. The details are in the crash log."
