"""Taking an answer out of a pane, and bringing it back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.pages.compare_session import Comparison
from paddock.sdk.chats import MessagePatch
from paddock.sdk.types import Chat

UNDO_S = 20
"""It can be brought back for so long with one click; the host keeps it with the conversation."""


def ask_delete(
    host: HostState, messages: Messages, session: Comparison, pane: str, message: str, view: QWidget
) -> None:
    """Delete an answer of ``pane``; where something follows it there, ask in ``view`` whether that goes too."""
    path = session.paths.get(pane, [])
    place = next((at for at, item in enumerate(path) if item.id == message), None)
    if place is None:
        return
    if not _own(session, pane, message):
        messages.info("Several panes go on from this answer. It stays.", key="shared")
        return
    delete = partial(_delete, host, messages, session, message)
    follow = len(path) - 1 - place
    if not follow:
        delete(below=False)
        return
    menu = QMenu(view)
    versions = path[place].versions > 1
    if not versions:
        menu.addAction("Delete this answer", partial(delete, below=False))
    words = "Delete this version and what follows it" if versions else f"Delete it and the {follow} below"
    menu.addAction(words, partial(delete, below=True))
    inside = view.rect().contains(view.mapFromGlobal(QCursor.pos()))
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(QCursor.pos() if inside else view.mapToGlobal(QPoint(24, 24)))


def _own(session: Comparison, pane: str, message: str) -> bool:
    """Whether it is in the path of this pane alone."""
    return all(other == pane or all(item.id != message for item in path) for other, path in session.paths.items())


def _delete(host: HostState, messages: Messages, session: Comparison, message: str, *, below: bool) -> None:
    chat = session.chat

    def change(patch: MessagePatch, then: Callable[[Chat], None]) -> None:
        host.call(lambda client: client.patch_message(chat, message, patch), then, messages.error, session)

    def deleted(after: Chat) -> None:
        session.show(after)
        undo = Action("Undo", lambda: change(MessagePatch(deleted=False), session.show))
        messages.info("The answer was deleted.", undo, seconds=UNDO_S, key=f"message-{message}")

    change(MessagePatch(deleted=True, below=below), deleted)
