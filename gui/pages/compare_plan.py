"""Whether the panes of a comparison run side by side, asked anew when panes, models or memory have changed."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from paddock.gui.host_state import HostState
from paddock.gui.pages.compare_session import Comparison
from paddock.sdk.compare import ComparePlan
from paddock.sdk.types import Pane

SOON_MS, LATER_MS = 400, 5_000
"""It is asked for so long after panes or models have changed, and after memory has."""


class Planner(QObject):
    """``plan`` is None until the host has said it. While answers are written it stays what it was."""

    changed = Signal()

    def __init__(self, host: HostState, session: Comparison) -> None:
        super().__init__(session)
        self._host, self._session = host, session
        self.plan: ComparePlan | None = None
        self._asked: tuple[str, tuple[Pane, ...]] = ("", ())
        self._soon, self._later = self._timer(SOON_MS), self._timer(LATER_MS)
        session.changed.connect(self._panes_changed)
        session.settled.connect(self._soon.start)
        host.models_changed.connect(self._soon.start)
        host.memory_changed.connect(self._memory_changed)

    def _timer(self, pause: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(pause)
        timer.timeout.connect(self._ask)
        return timer

    def _panes_changed(self) -> None:
        now = (self._session.chat, self._session.panes)
        if now != self._asked:
            if now[0] != self._asked[0]:
                self.plan = None
            self._asked = now
            self._soon.start()

    def _memory_changed(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _ask(self) -> None:
        session, chat = self._session, self._session.chat
        if session.panes and not session.running and self._host.connection == "connected":
            self._host.call(
                lambda client: client.compare_plan(chat),
                lambda plan: self._planned(chat, plan),
                lambda error: None,  # without a plan nothing is claimed
                self,
            )

    def _planned(self, chat: str, plan: ComparePlan) -> None:
        if chat == self._session.chat and plan != self.plan:
            self.plan = plan
            self.changed.emit()
