"""Messages that wait for the end of an answer in conversations that are not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.sdk.types import SendRequest

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient


class Waiting(QObject):
    """The queues of the conversations behind; each goes on by itself when an answer ends. GUI thread only."""

    def __init__(self, host: HostState, messages: Messages, parent: QObject) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self._texts: dict[str, tuple[str, ...]] = {}
        host.generation_ended.connect(self._ended)

    def keep(self, chat: str, texts: tuple[str, ...]) -> None:
        """The conversation is left; what waits in it."""
        if texts and chat:
            self._texts[chat] = texts

    def take(self, chat: str) -> tuple[str, ...]:
        """The conversation is shown again."""
        return self._texts.pop(chat, ())

    def drafts(self) -> dict[str, str]:
        """What waits as drafts, for the case that the window is not there when the answer ends."""
        return {chat: "\n\n".join(texts) for chat, texts in self._texts.items()}

    def _ended(self, generation: str, chat: str) -> None:
        texts = self._texts.get(chat, ())
        if not texts:
            return
        if len(texts) > 1:
            self._texts[chat] = texts[1:]
        else:
            del self._texts[chat]
        request = SendRequest(content=texts[0])
        self._host.call(lambda client: _begin(client, chat, request), None, self._messages.error, self)


async def _begin(client: AsyncClient, chat: str, request: SendRequest) -> None:
    """Ask without listening: the answer goes on in the host."""
    async for _ in client.send(chat, request):
        return
