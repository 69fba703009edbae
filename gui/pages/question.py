"""One question on its way: what a dialogue knows of it, and how it is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from paddock.gui.bridge import Job
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.events import GenerationEvent
from paddock.sdk.types import Chat, ChatMessage, NewChat, SendRequest

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

Phase = Literal["sending", "queued", "loading", "prompt", "answering"]


class View(Protocol):
    """What the conversation view can do, as far as a dialogue needs it."""

    def set_messages(self, messages: list[ChatMessage]) -> None: ...
    def append_message(self, message: ChatMessage) -> None: ...
    def stream_text(self, message_id: str, text: str) -> None: ...
    def stream_reasoning(self, message_id: str, text: str) -> None: ...
    def finish(self, message: ChatMessage) -> None: ...


@dataclass
class Run:
    """A question on its way, or an answer being written. ``answer`` is empty until the host has named it."""

    chat: str
    request: SendRequest | None = None
    question: ChatMessage | None = None
    answer: str = ""
    phase: Phase = "sending"
    fraction: float = 0.0
    position: int = 0
    shown: bool = False
    job: Job | None = None
    error: ErrorInfo | None = None
    ended: bool = False


async def ask(
    client: AsyncClient, chat: str, new: NewChat, request: SendRequest
) -> AsyncGenerator[Chat | GenerationEvent, None]:
    """Send a message; the chat is made first where there is none yet."""
    if not chat:
        made = await client.create_chat(new)
        yield made
        chat = made.summary.id
    async with aclosing(client.send(chat, request)) as events:
        async for event in events:
            yield event
