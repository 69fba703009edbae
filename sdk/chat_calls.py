"""The part of the clients that is about kept conversations beyond asking in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from urllib.parse import quote

from paddock.sdk.chats import (
    Backup,
    BranchRequest,
    ChatFolder,
    ChatHit,
    ChatImport,
    ChatSearch,
    Exported,
    ExportRequest,
    FolderPatch,
    Imported,
    MessagePatch,
    NewMessage,
    Revision,
    StoreState,
)
from paddock.sdk.pictures import Picture
from paddock.sdk.protocol import UNHURRIED_S, Call, body_of
from paddock.sdk.types import Chat, ChatSummary

T = TypeVar("T")

_CHATS = "/control/chats"
_FOLDERS = "/control/chat-folders"
_BACKUPS = "/control/backups"
_DISK_S = 600.0
"""All conversations may be written, or read."""


def _of(path: str, *names: str) -> str:
    return "/".join((path, *(quote(name, safe="") for name in names)))


def _search(request: ChatSearch | str) -> Call[list[ChatHit]]:
    asked = ChatSearch(words=request) if isinstance(request, str) else request
    return Call(method="POST", path="/control/chat-search", answer=list[ChatHit], body=body_of(asked))


def _deleted() -> Call[list[ChatSummary]]:
    return Call(method="GET", path=_CHATS + "?deleted=1", answer=list[ChatSummary])


def _restore(id: str) -> Call[Chat]:
    return Call(method="POST", path=_of(_CHATS, id) + "/restore", answer=Chat)


def _purge(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_CHATS, id) + "?forever=1")


def _branch(id: str, request: BranchRequest) -> Call[Chat]:
    return Call(method="POST", path=_of(_CHATS, id) + "/branch", answer=Chat, body=body_of(request))


def _add_message(id: str, message: NewMessage) -> Call[Chat]:
    return Call(method="POST", path=_of(_CHATS, id) + "/messages", answer=Chat, body=body_of(message))


def _patch_message(id: str, message: str, patch: MessagePatch) -> Call[Chat]:
    path = _of(_CHATS, id, "messages", message)
    return Call(method="PATCH", path=path, answer=Chat, body=body_of(patch))


def _revisions(id: str, message: str) -> Call[list[Revision]]:
    return Call(method="GET", path=_of(_CHATS, id, "messages", message, "revisions"), answer=list[Revision])


def _picture(name: str) -> Call[Picture]:
    return Call(method="GET", path=_of("/control/pictures", name), answer=Picture)


def _folders() -> Call[list[ChatFolder]]:
    return Call(method="GET", path=_FOLDERS, answer=list[ChatFolder])


def _put_folder(id: str, patch: FolderPatch) -> Call[ChatFolder]:
    if not id:
        return Call(method="POST", path=_FOLDERS, answer=ChatFolder, body=body_of(patch))
    return Call(method="PATCH", path=_of(_FOLDERS, id), answer=ChatFolder, body=body_of(patch))


def _delete_folder(id: str) -> Call[None]:
    return Call(method="DELETE", path=_of(_FOLDERS, id))


def _export(request: ExportRequest) -> Call[Exported]:
    body = body_of(request)
    return Call(method="POST", path="/control/chat-export", answer=Exported, body=body, timeout_s=UNHURRIED_S)


def _import(request: ChatImport) -> Call[Imported]:
    body = body_of(request)
    return Call(method="POST", path="/control/chat-import", answer=Imported, body=body, timeout_s=UNHURRIED_S)


def _counts() -> Call[dict[str, int]]:
    return Call(method="GET", path="/control/chat-counts", answer=dict[str, int])


def _backups() -> Call[list[Backup]]:
    return Call(method="GET", path=_BACKUPS, answer=list[Backup])


def _back_up() -> Call[Backup]:
    return Call(method="POST", path=_BACKUPS, answer=Backup, timeout_s=_DISK_S)


def _restore_backup(name: str) -> Call[Backup]:
    return Call(method="POST", path=_of(_BACKUPS, name) + "/restore", answer=Backup, timeout_s=_DISK_S)


def _store() -> Call[StoreState]:
    return Call(method="GET", path="/control/chat-store", answer=StoreState)


class ChatsClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with kept conversations beyond asking in them."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def search_chats(self, request: ChatSearch | str) -> list[ChatHit]:
        """Where words are found in titles and texts, the best first."""
        return self._ask(_search(request))

    def deleted_chats(self) -> list[ChatSummary]:
        """The conversations in the trash, the last deleted first."""
        return self._ask(_deleted())

    def restore_chat(self, id: str) -> Chat:
        """Bring a conversation back out of the trash."""
        return self._ask(_restore(id))

    def purge_chat(self, id: str) -> None:
        """Remove a conversation for good."""
        return self._ask(_purge(id))

    def branch_chat(self, id: str, message: str = "") -> Chat:
        """A new conversation that begins as this one does, up to ``message``."""
        return self._ask(_branch(id, BranchRequest(message=message)))

    def add_message(self, id: str, message: NewMessage) -> Chat:
        """Put a message into a conversation without having it answered."""
        return self._ask(_add_message(id, message))

    def patch_message(self, id: str, message: str, patch: MessagePatch) -> Chat:
        """Change, delete or bring back a message."""
        return self._ask(_patch_message(id, message, patch))

    def revisions(self, id: str, message: str) -> list[Revision]:
        """What a message said before it was changed, the latest first."""
        return self._ask(_revisions(id, message))

    def picture(self, name: str) -> Picture:
        """A picture that a kept message shows, by its hash, with its data."""
        return self._ask(_picture(name))

    def chat_folders(self) -> list[ChatFolder]:
        """The folders of conversations."""
        return self._ask(_folders())

    def put_chat_folder(self, patch: FolderPatch, id: str = "") -> ChatFolder:
        """Change a folder; without an ``id`` make one."""
        return self._ask(_put_folder(id, patch))

    def delete_chat_folder(self, id: str) -> None:
        """Remove a folder; what it holds moves to the folder above."""
        return self._ask(_delete_folder(id))

    def export_chats(self, request: ExportRequest) -> Exported:
        """Write conversations to files, or have their text."""
        return self._ask(_export(request))

    def import_chats(self, request: ChatImport) -> Imported:
        """Take over conversations from a file or folder, also those of other programs."""
        return self._ask(_import(request))

    def chat_counts(self) -> dict[str, int]:
        """How many messages each conversation has, all versions counted, by their ids."""
        return self._ask(_counts())

    def backups(self) -> list[Backup]:
        """The copies of all conversations, the latest first."""
        return self._ask(_backups())

    def back_up(self) -> Backup:
        """Make a copy of all conversations now."""
        return self._ask(_back_up())

    def restore_backup(self, name: str) -> Backup:
        """Put a copy in the place of the conversations; what is there now is copied first and told."""
        return self._ask(_restore_backup(name))

    def chat_store(self) -> StoreState:
        """Where the conversations lie, what they take, and whether their file had to be repaired."""
        return self._ask(_store())


class AsyncChatsClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does with kept conversations, as :class:`ChatsClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def search_chats(self, request: ChatSearch | str) -> list[ChatHit]:
        """Where words are found in titles and texts, the best first."""
        return await self._ask(_search(request))

    async def deleted_chats(self) -> list[ChatSummary]:
        """The conversations in the trash, the last deleted first."""
        return await self._ask(_deleted())

    async def restore_chat(self, id: str) -> Chat:
        """Bring a conversation back out of the trash."""
        return await self._ask(_restore(id))

    async def purge_chat(self, id: str) -> None:
        """Remove a conversation for good."""
        return await self._ask(_purge(id))

    async def branch_chat(self, id: str, message: str = "") -> Chat:
        """A new conversation that begins as this one does, up to ``message``."""
        return await self._ask(_branch(id, BranchRequest(message=message)))

    async def add_message(self, id: str, message: NewMessage) -> Chat:
        """Put a message into a conversation without having it answered."""
        return await self._ask(_add_message(id, message))

    async def patch_message(self, id: str, message: str, patch: MessagePatch) -> Chat:
        """Change, delete or bring back a message."""
        return await self._ask(_patch_message(id, message, patch))

    async def revisions(self, id: str, message: str) -> list[Revision]:
        """What a message said before it was changed, the latest first."""
        return await self._ask(_revisions(id, message))

    async def picture(self, name: str) -> Picture:
        """A picture that a kept message shows, by its hash, with its data."""
        return await self._ask(_picture(name))

    async def chat_folders(self) -> list[ChatFolder]:
        """The folders of conversations."""
        return await self._ask(_folders())

    async def put_chat_folder(self, patch: FolderPatch, id: str = "") -> ChatFolder:
        """Change a folder; without an ``id`` make one."""
        return await self._ask(_put_folder(id, patch))

    async def delete_chat_folder(self, id: str) -> None:
        """Remove a folder; what it holds moves to the folder above."""
        return await self._ask(_delete_folder(id))

    async def export_chats(self, request: ExportRequest) -> Exported:
        """Write conversations to files, or have their text."""
        return await self._ask(_export(request))

    async def import_chats(self, request: ChatImport) -> Imported:
        """Take over conversations from a file or folder, also those of other programs."""
        return await self._ask(_import(request))

    async def chat_counts(self) -> dict[str, int]:
        """How many messages each conversation has, all versions counted, by their ids."""
        return await self._ask(_counts())

    async def backups(self) -> list[Backup]:
        """The copies of all conversations, the latest first."""
        return await self._ask(_backups())

    async def back_up(self) -> Backup:
        """Make a copy of all conversations now."""
        return await self._ask(_back_up())

    async def restore_backup(self, name: str) -> Backup:
        """Put a copy in the place of the conversations; what is there now is copied first and told."""
        return await self._ask(_restore_backup(name))

    async def chat_store(self) -> StoreState:
        """Where the conversations lie, what they take, and whether their file had to be repaired."""
        return await self._ask(_store())
