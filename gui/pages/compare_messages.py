"""What is done to stored messages in the panes of a comparison: changed, put in, continued, deleted, branched off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.pages import compare_jobs as jobs
from paddock.gui.pages.compare_session import Comparison
from paddock.gui.widgets.menu import Menu
from paddock.sdk.chats import MessagePatch, NewMessage, Revision
from paddock.sdk.types import Chat, ChatMessage, Role

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

UNDO_S = 20
"""It can be brought back for so long with one click; the host keeps it with the conversation."""


class PaneMessages(QWidget):
    """Hidden itself; what it opens belongs to it. A ``pane`` is an id."""

    edit_wanted = Signal(str, str)
    """A turn and the words of its question, to be asked anew or only worded anew."""
    change_wanted = Signal(str, str)
    """An answer and its words."""
    insert_wanted = Signal(str, str)
    """The message that the new one stands beside, and who says it."""
    open_wanted = Signal(str)
    """The conversation that was branched off."""

    def __init__(self, host: HostState, messages: Messages, session: Comparison, parent: QWidget) -> None:
        super().__init__(parent)
        self._host, self._messages, self._session = host, messages, session
        self._inserting = ""
        self.hide()

    def act(self, pane: str, action: str, message: str, view: QWidget) -> None:
        """What ``view`` was asked to do with a stored message of a pane, by the action's name."""
        path = self._session.paths.get(pane, [])
        item = next((item for item in path if item.id == message), None)
        chat = self._session.chat
        if item is None or not item.created:
            return
        own = item.role == "user"
        match action:
            case "edit" if own:
                self.edit_wanted.emit(item.turn or item.id, item.content)
            case "edit":
                self.change_wanted.emit(item.id, item.content)
            case "insert":
                self._inserting = pane
                self.insert_wanted.emit(item.id, "assistant" if own else "user")
            case "continue":
                self._session.go_on(pane)
            case "branch":
                self._ask(lambda client: client.branch_chat(chat, message), self._branched)
            case "role":
                self._change_role(pane, item)
            case "revisions":
                self._ask(lambda client: client.revisions(chat, message), partial(self._show_revisions, message, view))
            case "delete":
                self._ask_delete(pane, message, view)

    def _branched(self, made: Chat) -> None:
        self._host.learn_chat(made.summary)
        self.open_wanted.emit(made.summary.id)

    # ---------------------------------------------------------------- words

    def change(self, message: str, text: str) -> None:
        """Another text for an answer, or for the question of a turn in all panes that have it. Nothing is asked
        again."""
        chat, paths = self._session.chat, self._session.paths.values()
        found = {item.id for path in paths for item in path if message in (item.id, item.role == "user" and item.turn)}
        self._write(lambda client: jobs.reword(client, chat, found, text), text)

    def insert(self, text: str, beside: str, role: Role, *, above: bool) -> None:
        """Put a message below another one of the pane where that was asked for, or above it."""
        chat, pane = self._session.chat, self._inserting
        ids = [item.id for item in self._session.paths.get(pane, ())]
        if beside not in ids:
            self._messages.info("The message beside it is no longer there. Yours is below again.", key="gone")
            self._session.given_back.emit(text, ())
            return
        place = ids.index(beside)
        after = beside if not above else ids[place - 1] if place else ""
        new = NewMessage(role=role, content=text, after=after, pane=pane)
        self._write(lambda client: client.add_message(chat, new), text)

    def _show_revisions(self, message: str, view: QWidget, found: list[Revision]) -> None:
        from paddock.gui.pages.dialogue_revisions import RevisionsDialog

        if found:
            dialog = RevisionsDialog(found, view)
            dialog.chosen.connect(partial(self._put_back, message))
            dialog.open()

    def _put_back(self, message: str, revision: Revision) -> None:
        self._patch(message, MessagePatch(content=revision.content, role=revision.role), self._session.show)

    def _change_role(self, pane: str, message: ChatMessage) -> None:
        """What the user said becomes an answer, and the other way round, in this pane."""
        if not self._is_shared(pane, message.id, "question" if message.role == "user" else "answer"):
            role: Role = "assistant" if message.role == "user" else "user"
            self._patch(message.id, MessagePatch(role=role), self._session.show)

    def _is_shared(self, pane: str, message: str, what: str) -> bool:
        """Whether other panes go on from it too; then that is said."""
        others = (path for other, path in self._session.paths.items() if other != pane)
        shared = any(item.id == message for path in others for item in path)
        if shared:
            self._messages.info(f"Several panes go on from this {what}. It stays.", key="shared")
        return shared

    # ---------------------------------------------------------------- deleting

    def _ask_delete(self, pane: str, message: str, view: QWidget) -> None:
        """Where something follows it, ask whether that goes too; a question goes with its answer."""
        paths = self._session.paths
        path = paths[pane]
        place = next(at for at, item in enumerate(path) if item.id == message)
        what = "question" if path[place].role == "user" else "answer"
        if self._is_shared(pane, message, what):
            return
        delete = partial(self._delete, message, what)
        follow = len(path) - 1 - place
        if not follow:
            delete(below=False)
            return
        menu = Menu(view)
        versions = path[place].versions > 1
        if not versions and (what == "answer" or path[place + 1].role == "user"):
            menu.addAction(f"Delete this {what}", partial(delete, below=False))
        words = "Delete this version and what follows it" if versions else f"Delete it and the {follow} below"
        menu.addAction(words, partial(delete, below=True))
        inside = view.rect().contains(view.mapFromGlobal(QCursor.pos()))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(QCursor.pos() if inside else view.mapToGlobal(QPoint(24, 24)))

    def _delete(self, message: str, what: str, *, below: bool) -> None:
        def deleted(after: Chat) -> None:
            self._session.show(after)
            undo = Action("Undo", lambda: self._patch(message, MessagePatch(deleted=False), self._session.show, chat))
            self._messages.info(f"The {what} was deleted.", undo, seconds=UNDO_S, key=f"message-{message}")

        chat = self._session.chat
        self._patch(message, MessagePatch(deleted=True, below=below), deleted)

    # ---------------------------------------------------------------- asking the host

    def _patch(self, message: str, patch: MessagePatch, then: Callable[[Chat], None], chat: str = "") -> None:
        chat = chat or self._session.chat
        self._ask(lambda client: client.patch_message(chat, message, patch), then)

    def _write(self, job: Callable[[AsyncClient], Awaitable[Chat]], text: str) -> None:
        """Where it is refused, the words come back into the composer of their conversation."""
        chat = self._session.chat

        def refused(error: BaseException) -> None:
            self._messages.error(error)
            self._session.returned.emit(chat, text, ())

        self._host.call(job, self._session.show, refused, self)

    def _ask(self, job: Callable[[AsyncClient], Awaitable[Chat | list[Revision]]], then: Callable[..., None]) -> None:
        self._host.call(job, then, self._messages.error, self)
