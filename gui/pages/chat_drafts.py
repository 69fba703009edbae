"""What is being written in each conversation: its words and pictures come and go with what is shown. A question is kept
with them until the host has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.pages.dialogue_answers import has
from paddock.gui.window_state import Sent, WindowState
from paddock.sdk.errors import NotFound
from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatSummary

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage
    from paddock.sdk.aclient import AsyncClient


class ChatDrafts(QObject):
    """``texts`` are by the ids of conversations, empty for a new one; the pictures are ``page.pictures``'."""

    def __init__(self, page: ChatPage, host: HostState, state: WindowState) -> None:
        super().__init__(page)
        self._page, self._host = page, host
        self.texts = dict(state.drafts)
        self._edits = dict(state.edits)
        self._before = state.sent
        self._looking: Task | None = None
        self._perhaps_gone = {*self.texts, *self._edits} - {""}
        """Conversations of the last time that may be gone by now."""
        self._asking: Task | None = None
        self._hold()
        page.composer.set_text(self.texts.get("", ""))  # what is shown is kept before anything else is
        host.chats_changed.connect(self._look)
        host.chats_changed.connect(self._look_for_gone)

    def keep(self) -> None:
        """Note what is being written in the conversation that is shown."""
        chat, composer = self._page.chat, self._page.composer
        self.texts[chat] = composer.draft()
        self._edits.pop(chat, None)
        if (edit := composer.under_edit()) is not None:
            self._edits[chat] = edit

    def show(self, chat: str) -> None:
        """What was being written in a conversation."""
        self._page.composer.stop_editing()
        self._page.composer.set_text(self.texts.get(chat, ""))
        if (edit := self._edits.get(chat)) is not None:
            self._page.composer.go_on(edit)
        self._page.pictures.come(chat)
        self._page.state_changed.emit()

    def leave(self) -> None:
        """The dialogue is about to be another one: its draft and what waits in it are kept."""
        page, chat = self._page, self._page.dialogue.chat
        for question in page.dialogue.take_unsent():
            page.give_back(question.content, question.pictures)
        self.keep()
        answering = any(one.chat_id == chat for one in self._host.generations.values())
        if page.dialogue.run is None and not answering:  # nothing would send it
            page.composer.hold()
            self.keep()
        else:
            page.waiting.keep(chat, page.composer.queue.texts)
        page.composer.queue.put(())
        page.composer.set_running(False)
        page.pictures.leave(chat)

    def give_back(self, chat: str, text: str, pictures: tuple[Picture, ...] = ()) -> None:
        """What was refused is to be written on in its conversation, whichever is shown."""
        page = self._page
        if chat == page.chat:
            page.give_back(text, pictures)
            return
        self.texts[chat] = "\n\n".join(part for part in (text, self.texts.get(chat, "")) if part)
        page.pictures.put_aside(pictures, chat)
        page.state_changed.emit()

    # ---------------------------------------------------------------- questions on their way

    def sent(self) -> list[Sent]:
        """The questions that the host is not known to have, in whatever conversation."""
        page = self._page
        return [*self._before, *page.dialogue.sent(), *page.waiting.sent(), *page.compare.sent()]

    def sent_changed(self) -> None:
        """Have :meth:`sent` stored."""
        self._hold()
        self._page.state_changed.emit()

    def _hold(self) -> None:
        self._page.pictures.drafts.hold([picture for one in self.sent() for picture in one.pictures])

    def _look(self) -> None:
        """Once the conversations are known: what of the last time never came to the host is a draft again."""
        before = self._before
        if before and self._host.chats_known and self._looking is None:
            self._looking = self._host.call(lambda client: _not_kept(client, before), self._found, self._unknown, self)

    def _unknown(self, error: BaseException) -> None:
        self._looking = None  # the next change of the conversations asks again

    def _found(self, lost: list[Sent]) -> None:
        page = self._page
        self._before = ()
        for one in reversed(lost):
            chat = one.chat if one.chat in self._host.chats else ""
            page.pictures.drafts.put_stored(chat, one.pictures)
            self.give_back(chat, one.text)
            if chat == page.chat:
                page.pictures.come_stored(chat)
        self.sent_changed()

    # ---------------------------------------------------------------- conversations that are gone

    def _look_for_gone(self) -> None:
        """Once the conversations are known: one that is in the trash may come back, and so may its draft."""
        if not self._host.chats_known or self._asking is not None:
            return
        missing = self._perhaps_gone - self._host.chats.keys()
        self._perhaps_gone = missing
        if missing:
            self._asking = self._host.call(
                lambda client: client.deleted_chats(), self._forget_gone, self._not_told, self
            )

    def _not_told(self, error: BaseException) -> None:
        self._asking = None  # the next change of the conversations asks again

    def _forget_gone(self, deleted: list[ChatSummary]) -> None:
        self._asking = None
        gone = self._perhaps_gone - self._host.chats.keys() - {chat.id for chat in deleted} - {self._page.chat}
        self._perhaps_gone = set()
        for chat in gone:
            self.texts.pop(chat, None)
            self._edits.pop(chat, None)
        if gone:
            self._page.state_changed.emit()

    def remember(self, state: WindowState) -> WindowState:
        """``state`` with what is wanted back at the next start."""
        self.keep()
        page = self._page
        texts = {**self.texts, **page.waiting.drafts()}
        texts[page.chat] = "\n\n".join(text for text in (*page.composer.queue.texts, page.composer.draft()) if text)
        return msgspec.structs.replace(
            state,
            drafts={chat: text for chat, text in texts.items() if text},
            draft_pictures=page.pictures.drafts.names(page.chat),
            edits=self._edits,
            sent=tuple(map(_without_data, self.sent())),
        )


def _without_data(sent: Sent) -> Sent:
    pictures = tuple(msgspec.structs.replace(picture, data=None) for picture in sent.pictures)
    return msgspec.structs.replace(sent, pictures=pictures)


async def _not_kept(client: AsyncClient, sent: Sequence[Sent]) -> list[Sent]:
    """Those that no conversation has; one of a new conversation is looked for in all that have been made since."""
    known = await client.chats()
    lost = []
    for one in sent:
        places = [one.chat] if one.chat else [chat.id for chat in known if chat.created >= one.at]
        if not any([await _kept(client, chat, one) for chat in places]):
            lost.append(one)
    return lost


async def _kept(client: AsyncClient, chat: str, sent: Sent) -> bool:
    try:
        return has(await client.chat(chat), sent.text, sent.at)
    except NotFound:
        return False
