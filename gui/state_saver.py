"""When the state of the window is stored."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

PAUSE_MS = 600


class StateSaver(QTimer):
    """Calls ``store`` ``PAUSE_MS`` after the first of some changes, which may go on: ``changed`` for each."""

    def __init__(self, store: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setInterval(PAUSE_MS)
        self.timeout.connect(store)

    def changed(self) -> None:
        if not self.isActive():
            self.start()
