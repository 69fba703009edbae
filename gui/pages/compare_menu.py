"""What can be done with one pane, as a menu."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QWidget


@dataclass(frozen=True)
class PaneDeeds:
    """What the entries do; each is called with the pane's id."""

    model: Callable[[str], None]
    settings: Callable[[str], None]
    duplicate: Callable[[str], None]
    move: Callable[[str, int], None]
    again: Callable[[str], None]
    copy: Callable[[str], None]
    adopt: Callable[[str], None]
    alone: Callable[[str], None]
    remove: Callable[[str], None]


def open_pane_menu(
    anchor: QWidget, pane: str, deeds: PaneDeeds, *, at: int, count: int, most: int, answered: bool, veiled: bool
) -> QMenu:
    """Below ``anchor``, for the pane in place ``at`` of ``count``; ``most``: so many there may be. ``veiled``: who
    answers is hidden."""
    menu = QMenu(anchor)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if not veiled:
        menu.addAction("Change the model…", lambda: deeds.model(pane))
        menu.addAction("Settings of this pane", lambda: deeds.settings(pane))
        twice = menu.addAction("Duplicate with other settings", lambda: deeds.duplicate(pane))
        twice.setEnabled(count < most)
        menu.addSeparator()
    copy = menu.addAction("Copy the answer", lambda: deeds.copy(pane))
    again = menu.addAction("Regenerate the answer", lambda: deeds.again(pane))
    for entry in (copy, again):
        entry.setEnabled(answered)
    menu.addSeparator()
    adopt = menu.addAction("Go on from here in all panes", lambda: deeds.adopt(pane))
    adopt.setEnabled(answered)
    menu.addAction("Go on in this pane alone", lambda: deeds.alone(pane))
    if not veiled:
        menu.addSeparator()
        left = menu.addAction("Move left", lambda: deeds.move(pane, -1))
        right = menu.addAction("Move right", lambda: deeds.move(pane, 1))
        left.setEnabled(at > 0)
        right.setEnabled(at < count - 1)
        menu.addAction("Remove this pane", lambda: deeds.remove(pane))
    left_edge = anchor.width() - menu.sizeHint().width()
    menu.popup(anchor.mapToGlobal(QPoint(left_edge, anchor.height() + 2)))
    return menu
