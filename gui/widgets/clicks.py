"""A double click where the second click would undo what the first one did."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget


class SingleClicks(QObject):
    """The second click of a double click on ``button`` counts for nothing. Belongs to the button."""

    def __init__(self, button: QWidget) -> None:
        super().__init__(button)
        button.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        return event.type() == QEvent.Type.MouseButtonDblClick or super().eventFilter(watched, event)
