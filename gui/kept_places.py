"""Where scrolled pages stand, kept over a change of theme: restyling lays them out anew through shorter and longer
states, and the shorter ones cut off the place of a page that stands near its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QScrollArea

Restore = Callable[[], None]

_PASSES = 16
"""More than any page nests layouts; a pass with nothing to do costs next to nothing."""


@runtime_checkable
class KeepsItsPlace(Protocol):
    """A scroll area that knows its place better than by pixels from the top."""

    def hold_place(self) -> Restore:
        """Remember the place; what is returned goes back to it, once the new layout stands."""
        ...


def hold_places(app: QApplication, *, same_measures: bool) -> Restore:
    """Remember where scroll areas stand, those of hidden pages too; call the outcome after the restyle. GUI thread.

    ``same_measures``: only colours change, so that each page goes back to the same pixel. Else those alone go back
    that know how.
    """
    restores: list[Restore] = []
    for window in app.topLevelWidgets():
        for area in window.findChildren(QAbstractScrollArea):
            if isinstance(area, KeepsItsPlace) and area.isVisible():
                restores.append(area.hold_place())
            elif same_measures and isinstance(area, QScrollArea) and area.verticalScrollBar().value():
                restores.append(_hold_pixels(area))
    return lambda: _settle(restores)


def _hold_pixels(area: QScrollArea) -> Restore:
    bar = area.verticalScrollBar()
    value = bar.value()

    def restore() -> None:
        if not area.isVisible():
            _measure_hidden(area)
        bar.setValue(value)

    return restore


def _measure_hidden(area: QScrollArea) -> None:
    """Find out how far it scrolls: Qt does that when it is shown, which is too late for its place."""
    sheet = area.widget()
    layout = sheet.layout() if sheet is not None else None
    if layout is not None:
        layout.invalidate()
    QCoreApplication.sendEvent(area, QEvent(QEvent.Type.LayoutRequest))


def lay_out_now() -> None:
    """Do every layout that waits for its turn. GUI thread."""
    for _ in range(_PASSES):  # Qt sends what waits, and leaves what that asks for to the next call
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)


def _settle(restores: list[Restore]) -> None:
    lay_out_now()
    for restore in restores:
        restore()
