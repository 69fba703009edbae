"""Taking an answer out of a pane, and bringing it back."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.messages import Action, Messages
from paddock.gui.pages.compare_session import Comparison
from paddock.sdk.chats import MessagePatch

UNDO_S = 20
"""It can be brought back for so long with one click; the host keeps it with the conversation."""


def ask_delete(messages: Messages, session: Comparison, pane: str, message: str, view: QWidget) -> None:
    """Delete an answer of ``pane``; where something follows it there, ask in ``view`` whether that goes too."""
    path = session.paths.get(pane, [])
    place = next((at for at, item in enumerate(path) if item.id == message), None)
    if place is None:
        return
    if not _own(session, pane, message):
        messages.info("Several panes go on from this answer. It stays.", key="shared")
        return
    follow = len(path) - 1 - place
    if not follow:
        _delete(messages, session, message, below=False)
        return
    menu = QMenu(view)
    versions = path[place].versions > 1
    if not versions:
        menu.addAction("Delete this answer", partial(_delete, messages, session, message, below=False))
    words = "Delete this version and what follows it" if versions else f"Delete it and the {follow} below"
    menu.addAction(words, partial(_delete, messages, session, message, below=True))
    inside = view.rect().contains(view.mapFromGlobal(QCursor.pos()))
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(QCursor.pos() if inside else view.mapToGlobal(QPoint(24, 24)))


def _own(session: Comparison, pane: str, message: str) -> bool:
    """Whether it is in the path of this pane alone."""
    return all(other == pane or all(item.id != message for item in path) for other, path in session.paths.items())


def _delete(messages: Messages, session: Comparison, message: str, *, below: bool) -> None:
    chat = session.chat
    back = MessagePatch(deleted=False)

    def bring_back() -> None:
        session.change(lambda client: client.patch_message(chat, message, back))

    gone = MessagePatch(deleted=True, below=below)
    session.change(lambda client: client.patch_message(chat, message, gone))
    messages.info("The answer was deleted.", Action("Undo", bring_back), seconds=UNDO_S, key=f"message-{message}")
