"""The estimates of a load dialog: asked for as the settings move, at once and then exactly, one at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.sdk.types import Options

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

REST_MS = 250
"""The full estimate is asked for when nothing has moved for so long."""


class TwoSteps(QObject):
    """Of what is asked while an answer is on its way only the last is asked next. GUI thread.

    ``arrived`` carries the answer and whether it is the full one; a quick one that comes after the settings have moved
    on is told too, so that the picture follows a drag.
    """

    arrived = Signal(object, bool)
    failed = Signal(object)

    def __init__(self, host: HostState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._moved = False
        self._quick: Task | None = None
        self._full: Task | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._ask_full)

    def _question(self, *, quick: bool) -> Callable[[AsyncClient], Awaitable[Any]]:
        """What is to be asked now; closes over values only."""
        raise NotImplementedError

    @property
    def settled(self) -> bool:
        """Nothing is on its way."""
        return self._quick is None and self._full is None and not self._rest.isActive()

    def moved(self) -> None:
        """Something else is to be asked now."""
        self._drop_full()
        self._moved = True
        if self._quick is None:
            self._ask_quick()
        self._rest.start(REST_MS)

    def ask_again(self, pause_ms: int = REST_MS) -> None:
        """What is free has changed: the full estimate once more, when a pause without changes has passed."""
        if self._full is None and not self._rest.isActive():
            self._rest.start(pause_ms)

    def stop(self) -> None:
        """Nothing arrives any more."""
        self._rest.stop()
        self._moved = False
        self._drop_full()
        self._drop_quick()

    def _drop_full(self) -> None:
        if self._full is not None:
            self._full.cancel()
            self._full = None

    def _drop_quick(self) -> None:
        if self._quick is not None:
            self._quick.cancel()
            self._quick = None

    def _ask_quick(self) -> None:
        self._moved = False
        self._quick = self._submit(quick=True)

    def _ask_full(self) -> None:
        self._full = self._submit(quick=False)

    def _submit(self, *, quick: bool) -> Task:
        question = self._question(quick=quick)
        return self._host.call(question, partial(self._answered, quick), partial(self._failed, quick), self)

    def _answered(self, quick: bool, answer: object) -> None:
        if quick:
            self._quick = None
            if self._moved:
                self._ask_quick()
        else:
            self._full = None
            self._drop_quick()  # one that comes later than the full one says nothing new
        self.arrived.emit(answer, not quick)

    def _failed(self, quick: bool, error: BaseException) -> None:
        if quick:
            self._quick = None  # the full one says what is wrong, unless the settings have moved on
            if self._moved:
                self._ask_quick()
            return
        self._full = None
        self._drop_quick()
        self.failed.emit(error)


class Estimator(TwoSteps):
    """The estimates of one model; ``arrived`` carries an Estimate."""

    def __init__(self, host: HostState, model: str, parent: QObject | None = None) -> None:
        super().__init__(host, parent)
        self._model = model
        self._wanted: Options = {}
        self._replacing: tuple[str, ...] = ()

    def ask(self, options: Options, replacing: tuple[str, ...] = ()) -> None:
        """The settings moved."""
        self._wanted, self._replacing = options, replacing
        self.moved()

    def _question(self, *, quick: bool) -> Callable[[AsyncClient], Awaitable[Any]]:
        model, options, replacing = self._model, self._wanted, self._replacing
        return lambda client: client.estimate(model, options, quick=quick, replacing=replacing)
