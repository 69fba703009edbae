"""What the conversation needs that takes long to make: lexers and drawn formulas.

One :class:`Workshop` per application. With a way to run jobs elsewhere (the window gives its bridge) nothing is made on
the GUI thread: what is missing is shown plain until ``ready``. Without one, as in a script, it is made when asked for.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from paddock.gui.widgets.conversation.highlight import find_lexer

_PROPERTY = "paddock_workshop"
SIZE = 16
"""Pixels for which formulas are drawn; they are lines, and painted at any size."""
KEPT = 2_000
"""Formulas kept; the oldest leave."""
_VIEW = re.compile(r'viewBox="(\S+) (\S+) (\S+) (\S+)"')
Submit = Callable[[Callable[[], Awaitable[Any]], Callable[[Any], None], Callable[[BaseException], None]], object]


@dataclass(frozen=True)
class Formula:
    """A drawn formula, in pixels for letters of ``SIZE``. ``svg`` is black."""

    svg: str
    width: float
    ascent: float
    descent: float


def draw(source: str, display: bool) -> Formula | None:
    """Draw LaTeX; None where it is broken. Slow (10 to 30 ms, 300 the first time), any thread but one at a time."""
    try:
        from ziamath.config import config
        from ziamath.zmath import Latex

        config.svg2 = False  # QtSvg knows no symbols
        svg = Latex(source, size=SIZE, inline=not display).svg()
    except (Exception, RecursionError):  # noqa: BLE001  what a model writes breaks the library in any way it likes
        return None
    found = _VIEW.search(svg)
    if found is None:
        return None
    _, top, width, height = (float(part) for part in found.groups())
    return Formula(svg, width, -top, height + top)


class Workshop(QObject):
    """Keeps lexers and formulas. GUI thread; ``ready`` says that something which was missing is there now."""

    ready = Signal()

    def __init__(self, submit: Submit | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._submit = submit
        self._formulas: dict[tuple[str, bool], Formula | None] = {}
        self._lexers: dict[str, Any | None] = {}
        self._asked: set[object] = set()

    def install(self, application: QApplication) -> None:
        """Be the one that :func:`workshop` finds."""
        application.setProperty(_PROPERTY, self)

    def remove(self, application: QApplication) -> None:
        """Be it no longer."""
        if application.property(_PROPERTY) is self:
            application.setProperty(_PROPERTY, None)

    def formula(self, source: str, display: bool) -> Formula | None:
        """The drawing; None while there is none, or never where the formula is broken."""
        key = (source, display)
        if key not in self._formulas:
            self._make(self._formulas, key, lambda: draw(source, display))
            while len(self._formulas) > KEPT:
                del self._formulas[next(iter(self._formulas))]
        return self._formulas.get(key)

    def lexer(self, language: str) -> Any | None:
        """The lexer of a language; None while it is being loaded, or where there is none."""
        if language not in self._lexers:
            self._make(self._lexers, language, lambda: _ready_lexer(language))
        return self._lexers.get(language)

    def waiting(self) -> bool:
        """Whether something that was asked for is still being made."""
        return bool(self._asked)

    def _make(self, kept: dict[Any, Any], key: object, make: Callable[[], Any]) -> None:
        if self._submit is None:
            kept[key] = make()
        elif key not in self._asked:
            self._asked.add(key)

            async def made() -> Any:
                import asyncio

                await asyncio.sleep(0)  # one formula after the other, and what the host says in between
                return make()

            self._submit(made, lambda value: self._take(kept, key, value), lambda error: self._take(kept, key, None))

    def _take(self, kept: dict[Any, Any], key: object, value: Any) -> None:
        self._asked.discard(key)
        kept[key] = value
        self.ready.emit()


def _ready_lexer(language: str) -> Any | None:
    lexer = find_lexer(language)
    if lexer is not None:
        list(lexer.get_tokens_unprocessed("x = 1\n"))  # its tables are made at the first use
    return lexer


def workshop() -> Workshop:
    """The application's."""
    application = QApplication.instance()
    found = application.property(_PROPERTY) if application is not None else None
    if isinstance(found, Workshop):
        return found
    made = Workshop(None, application)
    if isinstance(application, QApplication):
        made.install(application)
    return made
