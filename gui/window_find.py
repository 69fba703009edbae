"""Ctrl+F and F3: find in what is in front, whatever page that is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from PySide6.QtWidgets import QApplication, QWidget

from paddock.gui.widgets.conversation import ConversationView


@runtime_checkable
class Searchable(Protocol):
    """A page with a search field of its own."""

    def find_here(self) -> None: ...


def conversation(page: QWidget | None) -> ConversationView | None:
    """The conversation on ``page`` that has the focus, or the first that is seen."""
    if page is None:
        return None
    shown = [view for view in page.findChildren(ConversationView) if view.isVisible()]
    focus = QApplication.focusWidget()
    for view in shown:
        if focus is not None and (view is focus or view.isAncestorOf(focus)):
            return view
    return shown[0] if shown and not isinstance(page, Searchable) else None


def find(page: QWidget | None) -> None:
    """Open the search of what is in front."""
    view = conversation(page)
    if view is not None:
        view.open_find()
    elif isinstance(page, Searchable):
        page.find_here()


def find_next(page: QWidget | None, backwards: bool = False) -> None:
    """The next match in the conversation in front, or the one before."""
    view = conversation(page)
    if view is not None:
        view.find_next(backwards)
