"""What a person does with mouse and keys, as events to the widget itself."""

from __future__ import annotations

from PySide6.QtCore import QDeadlineTimer, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QWidget

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
PATIENCE_MS = 60_000
LOOK_MS = 10


def click(widget: QWidget, place: QPoint | None = None) -> None:
    """With the mouse, in the middle where no ``place`` is named, as soon as the widget is there to be clicked: what the
    store has may reach the window later. One that stays hidden, disabled or without a size fails the test."""
    deadline = QDeadlineTimer(PATIENCE_MS)
    while _out_of_reach(widget) and not deadline.hasExpired():
        QTest.qWait(LOOK_MS)
    assert not _out_of_reach(widget), f"{widget} “{widget.accessibleName()}” is {_out_of_reach(widget)}"
    QTest.mouseClick(widget, LEFT, PLAIN, place or widget.rect().center())


def _out_of_reach(widget: QWidget) -> str:
    """Why nobody could click it; empty where one can."""
    if not widget.isVisible():
        return "hidden"
    if not widget.isEnabled():
        return "disabled"
    return "without a size" if widget.rect().isEmpty() else ""


def type_in(widget: QWidget, text: str) -> None:
    """In place of what is there, and Enter."""
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(widget, text)
    QTest.keyClick(widget, Qt.Key.Key_Return)


def take(menu: QMenu, words: str) -> None:
    """Fill a menu as it is filled when it opens, and take an entry."""
    menu.aboutToShow.emit()
    entry = next(action for action in menu.actions() if action.text() == words)
    assert entry.isEnabled(), words
    entry.trigger()
