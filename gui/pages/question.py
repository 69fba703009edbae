"""One question on its way: what a dialogue knows of it, and how it is asked."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, assert_never

from paddock.gui.bridge import Task
from paddock.sdk.chats import Revision
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.events import (
    Cancelled,
    Failed,
    Finished,
    GenerationEvent,
    LoadProgress,
    PromptProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, NewChat, SendRequest
from paddock.sdk.units import counted

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

Phase = Literal["sending", "queued", "loading", "prompt", "answering"]
PATIENCE_S = 0.5
"""A prompt that takes longer to read is counted in the answer's place."""


Piece = Chat | GenerationEvent | Revision
"""What is heard of an answer: the conversation made for it, its events, and what it said before it was continued."""


class View(Protocol):
    """What the conversation view can do, as far as a dialogue needs it."""

    def set_messages(self, messages: list[ChatMessage]) -> None: ...
    def append_message(self, message: ChatMessage) -> None: ...
    def stream_text(self, message_id: str, text: str) -> None: ...
    def stream_reasoning(self, message_id: str, text: str) -> None: ...
    def set_progress(self, message_id: str, words: str) -> None: ...
    def finish(self, message: ChatMessage) -> None: ...


@dataclass
class Run:
    """A question on its way, or an answer being written. ``answer`` is empty until the host has named it.

    ``base`` is what an answer said before it was continued. ``read`` and ``to_read`` count tokens of the prompt;
    ``reading_since`` is when the first count came (monotonic).
    """

    chat: str
    request: SendRequest | None = None
    question: ChatMessage | None = None
    answer: str = ""
    base: str = ""
    phase: Phase = "sending"
    fraction: float = 0.0
    position: int = 0
    read: int = 0
    to_read: int = 0
    reading_since: float | None = None
    shown: bool = False
    job: Task | None = None
    error: ErrorInfo | None = None
    ended: bool = False

    def taken(self, answer: str) -> None:
        """The host has the question, though no event of the answer may have come yet."""
        self.answer = self.answer or answer
        if self.phase == "sending":
            self.phase = "queued"

    def hear(self, event: GenerationEvent | Revision) -> tuple[str, str]:
        """Take note of an event, or of what was there before; returns the text and the reasoning it adds."""
        if isinstance(event, Revision):
            self.base = event.content
            return "", ""
        self.answer = self.answer or event.id
        match event:
            case Queued(position=position):
                self.phase, self.position = "queued", position
            case LoadProgress(fraction=fraction):
                self.phase, self.fraction = "loading", fraction
            case PromptProgress(done=done, total=total):
                self.phase, self.read, self.to_read = "prompt", done, total
                self.reading_since = time.monotonic() if self.reading_since is None else self.reading_since
            case TextDelta(text=piece):
                self.phase = "answering"
                return piece, ""
            case ReasoningDelta(text=piece):
                self.phase = "answering"
                return "", piece
            case ToolCallDelta():
                pass  # no tools are offered from the window yet
            case Failed(error=error):
                self.error = error
            case Finished() | Cancelled():
                pass  # the stream's end follows
            case _:
                assert_never(event)
        return "", ""

    def progress(self) -> str:
        """What the answer shows before its first word: nothing, unless reading the prompt takes its time."""
        if self.phase != "prompt" or self.reading_since is None or not self.to_read:
            return ""
        if time.monotonic() - self.reading_since < PATIENCE_S:
            return ""
        return f"Reading the prompt, {self.read:,} of {counted(self.to_read, 'token')}"


async def ask(
    client: AsyncClient, chat: str, new: NewChat, request: SendRequest, patch: ChatPatch | None
) -> AsyncGenerator[Piece, None]:
    """Send a message; the chat is made first where there is none yet. ``patch`` may not be stored yet."""
    if chat and patch is not None:
        await client.patch_chat(chat, patch)
    if not chat:
        made = await client.create_chat(new)
        yield made
        chat = made.summary.id
    async with aclosing(client.send(chat, request)) as events:
        async for event in events:
            yield event


async def follow(
    client: AsyncClient, chat: str, answer: str, *, continued: bool
) -> AsyncGenerator[GenerationEvent | Revision, None]:
    """An answer that is being written, from its beginning; of one that was ``continued`` first what it said before."""
    if continued:
        yield (await client.revisions(chat, answer))[0]
    async with aclosing(client.attach(answer)) as events:
        async for event in events:
            yield event
