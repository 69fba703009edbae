"""Chats in motion: a question is stored, answered, and the answer kept while it is being written."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.errors import BadRequest, HostBusy, PaddockError, StorageFailed
from paddock.sdk.events import Cancelled, ChatChanged, Ending, Failed, Finished
from paddock.sdk.host import Generation, Settings
from paddock.sdk.types import (
    Chat,
    ChatMessage,
    ChatPatch,
    ChatSummary,
    GenerateRequest,
    Message,
    NewChat,
    SendRequest,
)
from paddock.server.chat_pictures import received
from paddock.server.chat_texts import completed, prompt, question_title, written

if TYPE_CHECKING:
    from paddock.sdk.events import GenerationEvent
    from paddock.server.bus import Bus
    from paddock.server.chats import ChatStore
    from paddock.server.generations import Generations, Run
    from paddock.server.models import Models

logger = logging.getLogger(__name__)

SAVE_EVERY_S = 1.0
RETRY_EVERY_S = 5.0
TRASH_DAYS = 30
"""So long a deleted conversation can be had back."""


class Conversations:
    """Lives on the host's loop. ``clock`` gives Unix seconds; ``retry_s``: how often a failed save is tried again."""

    def __init__(
        self,
        store: ChatStore,
        generations: Generations,
        models: Models,
        bus: Bus,
        *,
        settings: Callable[[], Settings],
        clock: Callable[[], float],
        retry_s: float = RETRY_EVERY_S,
    ) -> None:
        self._store = store
        self._generations = generations
        self._models = models
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._retry_s = retry_s
        self._unsaved: dict[str, ChatMessage] = {}
        self._retrying: asyncio.Task[None] | None = None
        self._leaving = False
        self._sending: set[str] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._begun: dict[str, ChatMessage] = {}

    # -------------------------------------------------------------- the list

    async def summaries(self, *, deleted: bool = False) -> list[ChatSummary]:
        """The last changed first; with ``deleted`` those in the trash."""
        found = await self._store.ask(lambda table: table.summaries(deleted=deleted))
        return [self._living(summary) for summary in found]

    async def create(self, request: NewChat) -> Chat:
        now = self._clock()
        summary = ChatSummary(
            id=uuid.uuid4().hex,
            title=request.title,
            created=now,
            updated=now,
            model=self._models.kept_name(request.model),
            system=request.system,
            private=request.private,
        )
        await self._store.ask(lambda table: table.add(summary))
        self._bus.publish(ChatChanged(id=summary.id, summary=summary))
        return Chat(summary=summary)

    async def get(self, chat_id: str) -> Chat:
        """The chat with what is being written at this moment. Raises ChatNotFound."""
        chat = await self._store.ask(lambda table: table.chat(chat_id))
        paths = {pane: tuple(map(self._fresh, path)) for pane, path in chat.paths.items()}
        messages = tuple(map(self._fresh, chat.messages))
        return msgspec.structs.replace(chat, summary=self._living(chat.summary), messages=messages, paths=paths)

    async def patch(self, chat_id: str, patch: ChatPatch) -> Chat:
        now = self._clock()
        if patch.model is not None:
            patch = msgspec.structs.replace(patch, model=self._models.kept_name(patch.model))
        await self._store.ask(lambda table: table.change(chat_id, patch, now))
        return await self.told(chat_id)

    async def told(self, chat_id: str) -> Chat:
        """The chat after it has changed; everybody hears of it."""
        await self._tell(chat_id)
        return await self.get(chat_id)

    async def delete(self, chat_id: str, *, forever: bool = False) -> None:
        """Into the trash, or ``forever``; answers that are being written in it are stopped. Raises ChatNotFound."""
        now = self._clock()
        runs = self._generations.all_of_chat(chat_id)
        for run in runs:  # all at once: an engine that is stuck has seconds to answer
            run.cancel()
        for run in runs:
            await run.wait()
        gone = await self._store.ask(lambda table: table.purge(chat_id) if forever else table.delete(chat_id, now))
        self._bus.publish(ChatChanged(id=chat_id, summary=None, revision=gone))

    async def restore(self, chat_id: str) -> Chat:
        """Out of the trash. Raises ChatNotFound."""
        await self._store.ask(lambda table: table.restore(chat_id))
        return await self.told(chat_id)

    # -------------------------------------------------------------- answering

    async def send(self, chat_id: str, request: SendRequest, client: str) -> Run:
        """Store the question and begin to answer it; the run goes on whoever listens.

        A model that cannot be had is a failed answer in the conversation, so that the question is not lost.
        Raises ChatNotFound, BadRequest, HostBusy when the chat is being answered, StorageFailed.
        """
        if chat_id in self._sending or self._generations.of_chat(chat_id) is not None:
            raise HostBusy(
                "This conversation is being answered.", hint="Stop the answer or wait for its end.", busy=[chat_id]
            )
        self._sending.add(chat_id)
        try:
            return await self._send(chat_id, request, client)
        finally:
            self._sending.discard(chat_id)

    async def _send(self, chat_id: str, request: SendRequest, client: str) -> Run:
        chat = await self._store.ask(lambda table: table.summary(chat_id))
        if chat.panes:
            raise BadRequest("Models are compared in this conversation.", hint="Ask its panes.")
        if chat.deleted is not None:
            raise BadRequest("This conversation is in the trash.", hint="Bring it back first.")
        if (wanted := request.go_on) is not None:
            if request.content is not None or request.regenerate:
                raise BadRequest("This cannot be continued.", hint="Name an answer, and nothing else.")
            found = await self._store.ask(lambda table: table.message(chat_id, wanted))
            run = await self.go_on(chat, found, request, client)
            await self._tell(chat_id)
            return run
        now = self._clock()
        new = await self._question(chat_id, request, now)
        answer = ChatMessage(
            id=uuid.uuid4().hex,
            chat_id=chat_id,
            parent=new[-1].id,
            role="assistant",
            content="",
            model=self._models.kept_name(request.model or chat.model or self._settings().default_model),
            state="generating",
            created=now,
        )
        stored = [*(new if request.content is not None else []), answer]
        title = question_title(new[-1])
        await self._store.ask(lambda table: table.append(chat_id, stored, title, now))
        run = self.begin(chat, answer, request, client)
        await self._tell(chat_id)
        return run

    async def go_on(self, chat: ChatSummary, found: ChatMessage, request: SendRequest, client: str) -> Run:
        """Continue an answer that has ended, where it ends. Raises BadRequest for what is no answer in text."""
        if found.role != "assistant" or found.tool_calls:
            raise BadRequest("This cannot be continued.", hint="Name an answer in text.")
        model = self._models.kept_name(request.model) or found.model or chat.model or self._settings().default_model
        now = self._clock()
        await self._store.ask(lambda table: table.go_on(found.id, found, now))
        answer = msgspec.structs.replace(found, model=model, state="generating", error=None)
        return self.begin(chat, answer, request, client)

    def begin(self, chat: ChatSummary, answer: ChatMessage, request: SendRequest, client: str) -> Run:
        """Write ``answer``, which is stored already; what it says comes behind what it holds."""
        generation = Generation(
            id=answer.id,
            model=answer.model,
            client=client,
            started=self._clock(),
            chat_id=chat.id,
            message_id=answer.id,
            pane=answer.pane,
            sampling={**chat.sampling, **request.sampling},
        )
        saver = _Saver(self._store, answer)
        self._begun[answer.id] = answer

        def source() -> AsyncIterator[GenerationEvent]:
            return self._answer(chat, answer, request, client)

        async def finalize(run: Run, ending: Ending) -> Ending:
            saver.stop()
            ending = await self._keep(run, answer, ending)
            self._begun.pop(answer.id, None)
            return ending

        run = self._generations.start(generation, source, finalize)
        saver.watch(run)
        return run

    async def _question(self, chat_id: str, request: SendRequest, now: float) -> list[ChatMessage]:
        """The user message to answer: a new one at the end, a new version of one, or one that is there."""
        pictures = received(request.pictures)
        if request.regenerate is None:
            if request.content is None:
                raise BadRequest("There is nothing to answer.", hint="Give “content” or “regenerate”.")
            parent = await self._store.ask(lambda table: table.leaf(chat_id))
        else:
            wanted = request.regenerate
            found = await self._store.ask(lambda table: table.message(chat_id, wanted))
            if found.role == "assistant" and found.parent is not None:
                above = found.parent
                found = await self._store.ask(lambda table: table.message(chat_id, above))
            if request.content is None:
                return [found]
            parent = found.parent
            pictures = pictures or found.pictures
        return [
            ChatMessage(
                id=uuid.uuid4().hex,
                chat_id=chat_id,
                parent=parent,
                role="user",
                content=request.content,
                pictures=pictures,
                created=now,
            )
        ]

    async def _answer(
        self, chat: ChatSummary, answer: ChatMessage, request: SendRequest, client: str
    ) -> AsyncIterator[GenerationEvent]:
        try:
            model = await self._models.find(answer.model)
            kept = self._models.offered(model, chat.sampling)
            asked = await self._asked(msgspec.structs.replace(chat, sampling=kept), answer, request)
        except PaddockError as error:
            yield Failed(id=answer.id, error=error.info())
            return
        async for event in self._models.generate(model, asked, client):
            yield event

    async def _asked(self, chat: ChatSummary, answer: ChatMessage, request: SendRequest) -> GenerateRequest:
        path = await self._store.ask(lambda table: table.pictures.shown(table.path(chat.id, answer.parent)))
        messages = prompt([self._fresh(message) for message in path], chat.system or self._settings().system_prompt)
        go_on = bool(answer.content or answer.reasoning)
        reasoning = chat.reasoning if request.reasoning is None else request.reasoning
        if go_on:
            messages += (Message(role="assistant", content=answer.content, reasoning=answer.reasoning),)
        return GenerateRequest(
            id=answer.id,
            model=answer.model,
            messages=messages,
            sampling={**chat.sampling, **request.sampling},
            stop=chat.stop if request.stop is None else request.stop,
            max_tokens=(chat.max_tokens if request.max_tokens is None else request.max_tokens) or None,
            reasoning=None if reasoning == "auto" else reasoning,
            go_on=go_on,
            private=chat.private,
        )

    # -------------------------------------------------------------- keeping

    async def _keep(self, run: Run, answer: ChatMessage, ending: Ending) -> Ending:
        """Save the whole answer. Where that fails the caller hears it instead of a success, and saving goes on."""
        message = completed(answer, run, ending, leaving=self._leaving)
        try:
            await self._store.ask(lambda table: table.save(message, self._clock()))
        except StorageFailed as error:
            logger.warning("answer %s is not saved: %s", message.id, error)
            self._unsaved[message.id] = message
            self._retry()
            if isinstance(ending, Finished | Cancelled):
                ending = Failed(id=run.id, error=error.info())
        asyncio.get_running_loop().call_soon(self._tell_soon, answer.chat_id)
        return ending

    def _retry(self) -> None:
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.get_running_loop().create_task(self._save_unsaved())

    async def _save_unsaved(self) -> None:
        while self._unsaved:
            await asyncio.sleep(self._retry_s)
            await self._try_unsaved()

    async def _try_unsaved(self) -> None:
        for message in list(self._unsaved.values()):
            try:
                await self._store.ask(lambda table, message=message: table.save(message, self._clock()))  # type: ignore[misc]
            except StorageFailed:
                continue
            self._unsaved.pop(message.id, None)
            logger.info("answer %s is saved now", message.id)
            await self._tell(message.chat_id)

    def leave(self) -> None:
        """From now on an answer that is stopped counts as interrupted, not as stopped by the user."""
        self._leaving = True

    async def open(self) -> None:
        """Also empties the trash of what has been in it for long. Raises StorageFailed."""
        await self._store.open()
        old = self._clock() - TRASH_DAYS * 86_400
        try:
            gone = await self._store.ask(lambda table: table.purge_before(old))
        except StorageFailed as error:  # the next start tries again, and what is damaged is repaired first
            logger.warning("the trash is not emptied: %s", error)
            return
        if gone:
            logger.info("%d conversations have left the trash after %d days", gone, TRASH_DAYS)

    async def close(self) -> None:
        if self._retrying is not None:
            self._retrying.cancel()
        await self._try_unsaved()
        await self._store.close()

    # -------------------------------------------------------------- telling

    def _tell_soon(self, chat_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._tell(chat_id))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, chat_id: str) -> None:
        with suppress(PaddockError):  # a chat deleted or a disk failing meanwhile has been told elsewhere
            summary = await self._store.ask(lambda table: table.summary(chat_id))
            gone = summary.deleted is not None  # an answer or a title that ends as its chat goes into the trash
            told = None if gone else self._living(summary)
            self._bus.publish(ChatChanged(id=chat_id, summary=told, revision=summary.revision))

    def _living(self, summary: ChatSummary) -> ChatSummary:
        run = self._generations.of_chat(summary.id)
        return msgspec.structs.replace(summary, generating=run.id if run is not None else None)

    def _fresh(self, message: ChatMessage) -> ChatMessage:
        unsaved = self._unsaved.get(message.id)
        if unsaved is not None:
            places = {name: getattr(message, name) for name in ("version", "versions", "siblings")}
            return msgspec.structs.replace(unsaved, **places)
        run = self._generations.find(message.id)
        if run is None or message.state != "generating":
            return message
        now = written(self._begun.get(message.id, message), run)
        return msgspec.structs.replace(message, content=now.content, reasoning=now.reasoning, tool_calls=now.tool_calls)


class _Saver:
    """Writes what there is of an answer every second while it is being written."""

    def __init__(self, store: ChatStore, answer: ChatMessage) -> None:
        self._store = store
        self._answer = answer
        self._task: asyncio.Task[None] | None = None

    def watch(self, run: Run) -> None:
        self._task = asyncio.get_running_loop().create_task(self._save(run))

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _save(self, run: Run) -> None:
        saved = ("", "")
        failed = False
        while run.ending is None:
            await asyncio.sleep(SAVE_EVERY_S)
            now = (self._answer.content + run.text, self._answer.reasoning + run.reasoning)
            if now == saved:
                continue
            try:
                await self._store.ask(lambda table, now=now: table.save_partial(self._answer.id, *now))  # type: ignore[misc]
            except StorageFailed as error:
                if not failed:
                    logger.warning("answer %s: %s", self._answer.id, error)
                failed = True
                continue
            saved, failed = now, False
