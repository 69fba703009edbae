"""Names of conversations by the model that answered them, while it has nothing else to do."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import msgspec

from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Finished, TextDelta
from paddock.sdk.types import Chat, ChatMessage, GenerateRequest, Message
from paddock.server.chat_texts import TITLE_LENGTH, prompt, title_of

if TYPE_CHECKING:
    from paddock.sdk.events import GenerationEvent
    from paddock.server.chats import ChatStore
    from paddock.server.conversations import Conversations
    from paddock.server.generations import Generations, Run
    from paddock.server.models import Models

logger = logging.getLogger(__name__)

ASK = (
    "Give this conversation a title of two to six words in its own language. Answer with the title alone, without"
    " quotation marks."
)
MOST_TOKENS = 24
MOST_WORDS = 9
IDLE_S = 0.5
"""So long nothing may have been asked."""
_ANSWERED = re.compile(
    r"^(sure|certainly|of course|here (is|are|'s)|here’s|i |i'm|i’m|as an|sorry|yes\b|no\b|okay\b)", re.I
)
_LABEL = re.compile(r"^(the )?(conversation )?(title|titel|titre|título|titolo)\s*(is)?\s*[:：]\s*", re.I)
_AROUND = " \t#*_`\"'“”„‘’«»「」.。"


class Titles:
    """Lives on the host's loop. ``wanted``: whether the user has it on; ``done`` is called when the
    models are free again."""

    def __init__(
        self,
        store: ChatStore,
        conversations: Conversations,
        generations: Generations,
        models: Models,
        *,
        wanted: Callable[[], bool],
        done: Callable[[], None],
        idle_s: float = IDLE_S,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._generations = generations
        self._models = models
        self._wanted = wanted
        self._done = done
        self._idle_s = idle_s
        self._waiting: dict[str, Run] = {}
        self._put_off: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def started(self, _: object = None) -> None:
        """Something was asked: it goes first."""
        if self._task is not None:
            self._task.cancel()
        self._put_off.update(self._waiting)

    def ended(self, run: Run) -> None:
        """An answer ended; name its conversation when that is its first."""
        chat = run.generation.chat_id
        if self._wanted() and chat is not None and not run.generation.pane and isinstance(run.ending, Finished):
            self._waiting[chat] = run
        if self._waiting and not self._generations.running() and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._name_all())

    async def close(self) -> None:
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _name_all(self) -> None:
        await asyncio.sleep(self._idle_s)
        for chat, run in list(self._waiting.items()):
            try:
                await self._name(chat, run)
            except PaddockError as error:
                logger.info("a conversation keeps its first words as its title: %s", error)
            self._waiting.pop(chat, None)  # what is put off is tried again after the next answer
            self._put_off.discard(chat)
        self._done()

    async def _name(self, chat_id: str, run: Run) -> None:
        chat = await self._store.ask(lambda table: table.chat(chat_id))
        first = len(chat.messages) == 2 or chat_id in self._put_off
        if not first or not _is_unnamed(chat) or not self._is_idle(run.generation.model):
            return
        question, answer = chat.messages[:2]
        title = clean(await self._asked(chat, run), question.content, answer.content)
        before = chat.summary.title
        if title:
            renamed = await self._store.ask(lambda table: table.rename(chat_id, before, title))
            if renamed:
                await self._conversations.told(chat_id)

    async def _asked(self, chat: Chat, run: Run) -> str:
        request = GenerateRequest(
            id=f"title-{uuid.uuid4().hex}",
            model=run.generation.model,
            messages=(*prompt(_in_words(chat), chat.summary.system), Message(role="user", content=ASK)),
            sampling={"temperature": 0.0},
            max_tokens=MOST_TOKENS,
            reasoning=False,
            priority="batch",
        )
        model = await self._models.find(request.model)
        events = self._models.generate(model, request, run.generation.client)
        text = ""
        async with aclosing(cast("AsyncGenerator[GenerationEvent, None]", events)) as heard:
            async for event in heard:
                if isinstance(event, TextDelta):
                    text += event.text
        return text

    def _is_idle(self, model: str) -> bool:
        """Whether ``model`` is loaded, and nothing is asked of it."""
        loaded = [item for item in self._models.loaded() if model in (item.model, item.id, item.identifier)]
        return any(item.state == "ready" for item in loaded) and not any(item.active + item.queued for item in loaded)


def _is_unnamed(chat: Chat) -> bool:
    """Whether it begins with a question and its answer, under a title that nobody gave."""
    summary, messages = chat.summary, chat.messages
    if summary.private or summary.panes or summary.deleted is not None or len(messages) < 2:
        return False
    question, answer = messages[:2]
    return answer.role == "assistant" and answer.state == "done" and summary.title == title_of(question.content)


def clean(text: str, question: str, answer: str) -> str:
    """A model's ``text`` as a title; empty when it is none: too long, an answer instead of a title, or about nothing
    that was said."""
    line = next((line for line in map(str.strip, text.splitlines()) if line.strip(_AROUND)), "")
    title = " ".join(_LABEL.sub("", line.strip(_AROUND)).strip(_AROUND).split())
    words = title.split()
    if not title or len(title) > TITLE_LENGTH or len(words) > MOST_WORDS or title.endswith((":", ",", "?")):
        return ""
    if (
        _ANSWERED.match(title)
        or len(title) < 3
        or title.casefold() in " ".join(answer.split()).casefold()[: len(title) + 8]
    ):
        return ""
    said = _stems(f"{question} {answer}")
    return title if _stems(title) & said else ""


def _stems(text: str) -> set[str]:
    """The beginnings of the longer words, and every sign of a script without spaces."""
    folded = text.casefold()
    return {word[:4] for word in re.findall(r"\w{4,}", folded)} | set(
        re.findall(r"[\u3040-\u9fff\uac00-\ud7af]", folded)
    )


def _in_words(chat: Chat) -> list[ChatMessage]:
    return [msgspec.structs.replace(message, pictures=()) for message in chat.messages]
