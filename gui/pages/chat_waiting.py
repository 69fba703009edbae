"""Messages that wait for the end of an answer in conversations that are not shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.window_state import Sent
from paddock.sdk.compare import AskPanes
from paddock.sdk.types import SendRequest

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


class Waiting(QObject):
    """The queues of the conversations behind; each goes on by itself when an answer ends. GUI thread only."""

    returned = Signal(str, str)
    """A conversation's id, and what it did not take."""
    sent_changed = Signal()

    def __init__(self, host: HostState, messages: Messages, parent: QObject) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._texts: dict[str, tuple[str, ...]] = {}
        self._panes: dict[str, tuple[str, ...]] = {}
        self._going: dict[str, Sent] = {}
        self._missed: set[str] = set()
        """Conversations in which an answer ended while the host was not known to have the question before."""
        host.generation_ended.connect(self._ended)

    def keep(self, chat: str, texts: tuple[str, ...], panes: tuple[str, ...] | None = None) -> None:
        """The conversation is left; what waits in it. Of a comparison the ``panes`` that are asked, empty for all."""
        if texts and chat:
            self._texts[chat] = texts
            if panes is not None:
                self._panes[chat] = panes

    def panes(self, chat: str) -> tuple[str, ...]:
        """The panes that are going to be asked in a comparison, empty for all."""
        return self._panes.get(chat, ())

    def take(self, chat: str) -> tuple[str, ...]:
        """The conversation is shown again."""
        self._panes.pop(chat, None)
        return self._texts.pop(chat, ())

    def drafts(self) -> dict[str, str]:
        """What waits as drafts, for the case that the window is not there when the answer ends."""
        return {chat: "\n\n".join(texts) for chat, texts in self._texts.items()}

    def sent(self) -> list[Sent]:
        """What the host is not known to have yet."""
        return list(self._going.values())

    def _ended(self, generation: str, chat: str) -> None:
        if chat in self._going:
            self._missed.add(chat)
        else:
            self._go_on(chat)

    def _go_on(self, chat: str) -> None:
        """Ask what comes first of what waits, unless who is to answer is busy."""
        texts, panes = self._texts.get(chat, ()), self._panes.get(chat)
        answering = (one.pane for one in self._host.generations.values() if one.chat_id == chat)
        if not texts or (panes is not None and any(not panes or pane in panes for pane in answering)):
            return
        self.take(chat)
        self.keep(chat, texts[1:], panes)

        def taken(_: object = None) -> None:
            del self._going[chat]
            self.sent_changed.emit()
            if chat in self._missed:
                self._missed.discard(chat)
                self._go_on(chat)

        def refused(error: BaseException) -> None:
            self._messages.error(error)
            self.returned.emit(chat, "\n\n".join((texts[0], *self.take(chat))))
            taken()

        self._going[chat] = Sent(text=texts[0], at=time.time(), chat=chat)
        self.sent_changed.emit()
        self._host.call(lambda client: _begin(client, chat, texts[0], panes), taken, refused, self)


async def _begin(client: AsyncClient, chat: str, text: str, panes: tuple[str, ...] | None) -> None:
    """Ask without listening: the answer goes on in the host."""
    if panes is not None:
        await client.ask_panes(chat, AskPanes(content=text, panes=panes))
        return
    async for _ in client.send(chat, SendRequest(content=text)):
        return
