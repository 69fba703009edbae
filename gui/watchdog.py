"""For ``--debug``: writes down where the GUI thread stands when it has not come back to its loop in time."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer

BEAT_MS = 10
LATE_S = 0.05


class Watchdog(QObject):
    """``report`` gets the stack, on the watchdog's thread, once per stall."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        super().__init__()
        self._report = report
        self._beat = threading.Event()
        self._over = threading.Event()
        self._gui = threading.get_ident()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat.set)
        self._timer.start()
        self._thread = threading.Thread(target=self._watch, name="paddock-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._beat.set()
        self._timer.stop()
        self._thread.join(1)

    def _watch(self) -> None:
        while not self._over.is_set():
            self._beat.clear()
            if not self._beat.wait(LATE_S):
                frame = sys._current_frames().get(self._gui)
                if frame is not None:
                    self._report("stall", "".join(traceback.format_stack(frame)))
                self._beat.wait()
