"""Conversations changed by hand: messages edited, put in, deleted and brought back; branches, folders, search, and
pictures."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.errors import BadRequest, HostBusy
from paddock.sdk.events import ChatChanged, FoldersChanged
from paddock.sdk.pictures import Picture
from paddock.sdk.types import Chat, ChatMessage, ChatSummary, Message

if TYPE_CHECKING:
    from paddock.sdk.chats import ChatFolder, ChatHit, ChatSearch, FolderPatch, MessagePatch, NewMessage, Revision
    from paddock.server.bus import Bus
    from paddock.server.chats import ChatStore
    from paddock.server.conversations import Conversations
    from paddock.server.generations import Generations


class ChatEditing:
    """Lives on the host's loop. ``clock`` gives Unix seconds."""

    def __init__(
        self,
        store: ChatStore,
        conversations: Conversations,
        generations: Generations,
        bus: Bus,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._generations = generations
        self._bus = bus
        self._clock = clock

    async def add_message(self, chat_id: str, new: NewMessage) -> Chat:
        """Raises ChatNotFound, BadRequest, HostBusy while the conversation is being answered."""
        chat = await self._still(chat_id)
        if bool(chat.panes) != bool(new.pane):
            if chat.panes:
                raise BadRequest("Models are compared in this conversation.", hint="Name one of its panes.")
            raise BadRequest("Nothing is compared in this conversation.", hint="Name no pane.")
        now = self._clock()
        message = ChatMessage(
            id=uuid.uuid4().hex,
            chat_id=chat_id,
            parent=None,
            role=new.role,
            content=new.content,
            created=now,
            pane=new.pane,
        )
        await self._store.ask(lambda table: table.insert(message, new.after, now))
        return await self._conversations.told(chat_id)

    async def patch_message(self, chat_id: str, message_id: str, patch: MessagePatch) -> Chat:
        """Raises ChatNotFound, BadRequest, HostBusy for a deletion while the conversation is being answered."""
        if patch.deleted is not None:
            await self._still(chat_id)
        now = self._clock()
        await self._store.ask(lambda table: table.change_message(chat_id, message_id, patch, now))
        return await self._conversations.told(chat_id)

    async def revisions(self, chat_id: str, message_id: str) -> list[Revision]:
        """Raises BadRequest."""
        return await self._store.ask(lambda table: table.revisions(chat_id, message_id))

    async def branch(self, chat_id: str, message_id: str) -> Chat:
        """A new conversation with the path up to ``message_id``, or the whole. Raises ChatNotFound, BadRequest."""
        chat = await self._conversations.get(chat_id)
        path = list(chat.messages)
        if message_id:
            leaf = await self._store.ask(lambda table: table.message(chat_id, message_id))
            path = await self._store.ask(lambda table: table.path(chat_id, leaf.id))
        if path and path[-1].state == "generating":
            path.pop()  # the answer that is being written stays with the original
        now, new_id = self._clock(), uuid.uuid4().hex
        title = chat.summary.title and f"{chat.summary.title} (branch)"
        summary = msgspec.structs.replace(
            chat.summary, id=new_id, title=title, created=now, updated=now, pinned=False, generating=None, deleted=None
        )
        ids = {message.id: uuid.uuid4().hex for message in path}
        await self._store.ask(lambda table: table.add(summary))
        await self._store.ask(lambda table: table.copy(path, new_id, ids, now))
        return await self._conversations.told(new_id)

    async def search(self, search: ChatSearch) -> list[ChatHit]:
        """Raises NotFound for a folder that there is not."""
        folder = search.folder
        folders = await self._store.ask(lambda table: table.folders.below(folder)) if folder else []
        return await self._store.ask(lambda table: table.words.find(search, folders))

    # -------------------------------------------------------------- pictures

    async def shown(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """``messages`` with the files of their pictures, as the conversations keep them."""
        if not any(message.pictures for message in messages):
            return messages
        return await self._store.ask(lambda table: table.pictures.shown(messages))

    async def picture(self, name: str) -> Picture:
        """The picture with this hash. Raises NotFound."""
        return await self._store.ask(lambda table: table.pictures.get(name))

    # -------------------------------------------------------------- folders

    async def folders(self) -> list[ChatFolder]:
        return await self._store.ask(lambda table: table.folders.all())

    async def put_folder(self, folder_id: str, patch: FolderPatch) -> ChatFolder:
        """Raises NotFound, BadRequest."""
        folder = await self._store.ask(lambda table: table.folders.put(folder_id, patch))
        self._bus.publish(FoldersChanged(id="folders"))
        return folder

    async def delete_folder(self, folder_id: str) -> None:
        """Raises NotFound."""
        held = [chat.id for chat in await self._conversations.summaries() if chat.folder == folder_id]
        await self._store.ask(lambda table: table.folders.delete(folder_id))
        self._bus.publish(FoldersChanged(id="folders"))
        for chat in await self._conversations.summaries():
            if chat.id in held:
                self._bus.publish(ChatChanged(id=chat.id, summary=chat))

    async def _still(self, chat_id: str) -> ChatSummary:
        if self._generations.of_chat(chat_id) is not None:
            raise HostBusy("This conversation is being answered.", hint="Stop the answer or wait for its end.")
        return await self._store.ask(lambda table: table.summary(chat_id))
