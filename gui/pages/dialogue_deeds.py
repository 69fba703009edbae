"""What is done to stored messages of the open conversation: changed, put in, deleted, brought back, branched off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.pages.dialogue import Dialogue
from paddock.gui.widgets.menu import Menu
from paddock.sdk.chats import MessagePatch, NewMessage, Revision
from paddock.sdk.types import Chat, ChatMessage, Role

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

UNDO_S = 20
"""A deleted message can be brought back for so long with one click; the host keeps it with the conversation."""


class MessageDeeds(QObject):
    """Asks the host, and shows what came of it. GUI thread only."""

    edit_wanted = Signal(object)
    insert_wanted = Signal(object)
    """The ChatMessage that the new one stands beside."""
    continue_wanted = Signal(str)
    returned = Signal(str, str)
    """A conversation's id, and what it did not take."""
    branched = Signal(str)
    """The new conversation."""

    def __init__(self, host: HostState, messages: Messages, dialogue: Dialogue, view: QWidget) -> None:
        super().__init__()
        self._host, self._messages, self._dialogue, self._view = host, messages, dialogue, view

    def act(self, action: str, message: str) -> None:
        """What the view was asked to do with a stored message, by the action's name."""
        place = self._dialogue.place(message)
        if place is None or message.startswith("local-"):
            return
        item = self._dialogue.messages[place]
        match action:
            case "edit":
                self.edit_wanted.emit(item)
            case "insert":
                self.insert_wanted.emit(item)
            case "continue":
                self.continue_wanted.emit(message)
            case "branch":
                self.branch(message)
            case "role":
                self.change_role(item)
            case "revisions":
                self.show_revisions(message)
            case "delete":
                self.ask_delete(message)

    # ---------------------------------------------------------------- each of them

    def change(self, message: str, text: str) -> None:
        """Another text; what it said before is kept as an earlier wording. Nothing is asked again."""
        if self._dialogue.place(message) is None:
            self._messages.info("The message is no longer there. What you wrote is below.", key="gone")
            self._give_back(self._dialogue.chat, text)
            return
        self._patch(message, MessagePatch(content=text), text)

    def change_role(self, message: ChatMessage) -> None:
        """What the user said becomes an answer, and the other way round."""
        role: Role = "assistant" if message.role == "user" else "user"
        self._patch(message.id, MessagePatch(role=role))

    def insert(self, text: str, beside: str, role: Role, *, above: bool) -> None:
        """Put a message below another one, or above it."""
        place = self._dialogue.place(beside)
        if place is None:
            self._messages.info("The message beside it is no longer there. Yours is below again.", key="gone")
            self._give_back(self._dialogue.chat, text)
            return
        before = self._dialogue.messages[place - 1].id if place else ""
        new = NewMessage(role=role, content=text, after=before if above else beside)
        chat = self._dialogue.chat
        self._ask(lambda client: client.add_message(chat, new), self._dialogue.show, text)

    def branch(self, message: str) -> None:
        """A new conversation that begins as this one does, up to ``message``."""
        chat = self._dialogue.chat
        self._ask(lambda client: client.branch_chat(chat, message), self._branched)

    def _branched(self, chat: Chat) -> None:
        self._host.learn_chat(chat.summary)
        self.branched.emit(chat.summary.id)

    def ask_delete(self, message: str) -> None:
        """Delete the last message at once; for another one ask whether what follows goes too."""
        place = self._dialogue.place(message)
        if place is None:
            return
        follow = len(self._dialogue.messages) - 1 - place
        if not follow:
            self.delete(message, below=False)
            return
        menu = Menu(self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        versions = self._dialogue.messages[place].versions > 1
        words = "Delete this version and what follows it" if versions else f"Delete it and the {follow} below"
        if not versions:
            menu.addAction("Delete this message", partial(self.delete, message, below=False))
        menu.addAction(words, partial(self.delete, message, below=True))
        inside = self._view.rect().contains(self._view.mapFromGlobal(QCursor.pos()))
        menu.popup(QCursor.pos() if inside else self._view.mapToGlobal(QPoint(24, 24)))

    def delete(self, message: str, *, below: bool) -> None:
        """Take a message out of the conversation, with all that follows it where ``below``; it can come back."""
        chat = self._dialogue.chat
        patch = MessagePatch(deleted=True, below=below)
        self._ask(lambda client: client.patch_message(chat, message, patch), partial(self._deleted, message))

    def _deleted(self, message: str, chat: Chat) -> None:
        self._dialogue.show(chat)
        undo = Action("Undo", partial(self._bring_back, chat.summary.id, message))
        self._messages.info("The message was deleted.", undo, seconds=UNDO_S, key=f"message-{message}")

    def _bring_back(self, chat: str, message: str) -> None:
        back = MessagePatch(deleted=False)
        self._ask(lambda client: client.patch_message(chat, message, back), self._dialogue.show)

    def show_revisions(self, message: str) -> None:
        """What a message said before, to be put back."""
        chat = self._dialogue.chat
        self._ask(lambda client: client.revisions(chat, message), partial(self._show_revisions, message))

    def _show_revisions(self, message: str, found: list[Revision]) -> None:
        from paddock.gui.pages.dialogue_revisions import RevisionsDialog

        if found:
            dialog = RevisionsDialog(found, self._view)
            dialog.chosen.connect(partial(self._put_back, message))
            dialog.open()

    def _put_back(self, message: str, revision: Revision) -> None:
        self._patch(message, MessagePatch(content=revision.content, role=revision.role))

    # ---------------------------------------------------------------- asking the host

    def _patch(self, message: str, patch: MessagePatch, text: str = "") -> None:
        chat = self._dialogue.chat
        self._ask(lambda client: client.patch_message(chat, message, patch), self._dialogue.show, text)

    def _ask(
        self, job: Callable[[AsyncClient], Awaitable[Chat | list[Revision]]], then: Callable[..., None], text: str = ""
    ) -> None:
        """``text`` comes back where it is refused."""
        chat = self._dialogue.chat

        def refused(error: BaseException) -> None:
            self._messages.error(error)
            self._give_back(chat, text)

        self._host.call(job, then, refused, self)

    def _give_back(self, chat: str, text: str) -> None:
        if text:
            self.returned.emit(chat, text)
