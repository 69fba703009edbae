"""The estimates of a load dialog: asked for as the settings move, at once and then exactly, one at a time."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.sdk.memory import Estimate
from paddock.sdk.types import Options

REST_MS = 250
"""The full estimate is asked for when nothing has moved for so long."""


class Estimator(QObject):
    """Of what is asked while an answer is on its way only the last is asked next. GUI thread.

    ``arrived`` carries the Estimate and whether it is the full one; a quick one that comes after the settings have
    moved on is told too, so that the picture follows a drag.
    """

    arrived = Signal(object, bool)
    failed = Signal(object)

    def __init__(self, host: HostState, model: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host, self._model = host, model
        self._wanted: Options = {}
        self._replacing: tuple[str, ...] = ()
        self._moved = False
        self._quick: Task | None = None
        self._full: Task | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._ask_full)

    @property
    def settled(self) -> bool:
        """Nothing is on its way."""
        return self._quick is None and self._full is None and not self._rest.isActive()

    def ask(self, options: Options, replacing: tuple[str, ...] = ()) -> None:
        """The settings moved."""
        self._wanted, self._replacing = options, replacing
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
        if self._quick is not None:
            self._quick.cancel()
            self._quick = None

    def _drop_full(self) -> None:
        if self._full is not None:
            self._full.cancel()
            self._full = None

    def _ask_quick(self) -> None:
        self._moved = False
        self._quick = self._submit(quick=True)

    def _ask_full(self) -> None:
        self._full = self._submit(quick=False)

    def _submit(self, *, quick: bool) -> Task:
        model, options, replacing = self._model, self._wanted, self._replacing
        return self._host.call(
            lambda client: client.estimate(model, options, quick=quick, replacing=replacing),
            partial(self._answered, quick),
            partial(self._failed, quick),
            self,
        )

    def _answered(self, quick: bool, estimate: Estimate) -> None:
        if quick:
            self._quick = None
            if self._moved:
                self._ask_quick()
        else:
            self._full = None
        self.arrived.emit(estimate, not quick)

    def _failed(self, quick: bool, error: BaseException) -> None:
        if quick:
            self._quick = None  # the full one says what is wrong, unless the settings have moved on
            if self._moved:
                self._ask_quick()
            return
        self._full = None
        self.failed.emit(error)
