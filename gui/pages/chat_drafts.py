"""What is being written in each conversation: its words and pictures come and go with what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from paddock.gui.host_state import HostState
from paddock.gui.window_state import WindowState
from paddock.sdk.pictures import Picture

if TYPE_CHECKING:
    from paddock.gui.pages.chat import ChatPage


class ChatDrafts:
    """``texts`` are by the ids of conversations, empty for a new one; the pictures are ``page.pictures``'."""

    def __init__(self, page: ChatPage, host: HostState, state: WindowState) -> None:
        self._page, self._host = page, host
        self.texts = dict(state.drafts)

    def keep(self) -> None:
        """Note what is being written in the conversation that is shown."""
        self.texts[self._page.chat] = self._page.composer.draft()

    def show(self, chat: str) -> None:
        """What was being written in a conversation."""
        self._page.composer.set_text(self.texts.get(chat, ""))
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
        )
