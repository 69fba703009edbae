"""What is done to conversations as a whole, one or several at once: named, pinned, moved, tagged, deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal

from paddock.gui.bridge import Task
from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.models.chats import UNTITLED
from paddock.sdk.chats import ChatFolder, FolderPatch
from paddock.sdk.types import Chat, ChatPatch, ChatSummary

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

PRIVATE_NOW = (
    "From the next question on nothing of “{title}” is kept in the prompt cache on disk. What was kept before stays"
    " until it is pushed out, or cleared in the settings."
)
PRIVATE_S = 12
UNDO_S = 12
"""A deleted chat can be brought back for so long with one click, and for 30 days from the trash."""


class ChatDeeds(QObject):
    """Asks the host, and knows the folders. GUI thread only."""

    folders_changed = Signal()
    deleted = Signal(str)
    """A chat was taken from the list."""
    restored = Signal(str)
    folder_made = Signal(str)

    def __init__(self, host: HostState, messages: Messages, parent: QObject) -> None:
        super().__init__(parent)
        self._host, self._messages = host, messages
        self.folders: tuple[ChatFolder, ...] = ()
        self.leaving: set[str] = set()
        self._wanted_back: list[tuple[str, ...]] = []
        self._reading: Task | None = None
        host.snapshot.connect(self._read_folders)
        host.folders_changed.connect(self._read_folders)

    def _read_folders(self) -> None:
        if self._reading is not None:
            self._reading.cancel()  # its answer may come after the next one
        self._reading = self._host.call(lambda client: client.chat_folders(), self._take_folders, lambda _: None, self)

    def _take_folders(self, folders: list[ChatFolder]) -> None:
        self.folders = tuple(folders)
        self.folders_changed.emit()

    # ---------------------------------------------------------------- chats

    def rename(self, chat: str, title: str) -> None:
        self._patch(chat, ChatPatch(title=title))

    def pin(self, chats: Iterable[str], pinned: bool) -> None:
        for chat in chats:
            self._patch(chat, ChatPatch(pinned=pinned))

    def set_private(self, chat: str, private: bool) -> None:
        """Keep nothing of a chat in the prompt cache on disk from its next question on, or let it be kept again."""
        self._patch(chat, ChatPatch(private=private), self._tell_private if private else None)

    def _tell_private(self, chat: ChatSummary) -> None:
        text = PRIVATE_NOW.format(title=chat.title or UNTITLED)
        self._messages.info(text, seconds=PRIVATE_S, key=f"private-{chat.id}")

    def set_tags(self, chats: Sequence[str], add: Iterable[str], remove: Iterable[str]) -> None:
        """Put tags on chats and take others off."""
        gone, new = set(remove), list(add)
        for chat in chats:
            summary = self._host.chats.get(chat)
            if summary is not None:
                tags = tuple(dict.fromkeys([tag for tag in summary.tags if tag not in gone] + new))
                if tags != summary.tags:
                    self._patch(chat, ChatPatch(tags=tags))

    def tags(self) -> list[str]:
        """All that are in use, by their alphabet."""
        return sorted({tag for chat in self._host.chats.values() for tag in chat.tags}, key=str.casefold)

    def _patch(self, chat: str, patch: ChatPatch, then: Callable[[ChatSummary], None] | None = None) -> None:
        def changed(result: Chat) -> None:
            self._host.learn_chat(result.summary)
            if then is not None:
                then(result.summary)

        self._host.change(lambda client: client.patch_chat(chat, patch), changed, self._messages.error, self)

    # ---------------------------------------------------------------- folders

    def move(self, chats: Sequence[str], folders: Sequence[str], target: str) -> None:
        """Put chats and folders into a folder; empty: out of all."""
        for chat in chats:
            self._patch(chat, ChatPatch(folder=target))
        for folder in folders:
            if folder != target:
                self._put_folder(FolderPatch(parent=target), folder)

    def rename_folder(self, folder: str, name: str) -> None:
        self._put_folder(FolderPatch(name=name), folder)

    def new_folder(self, parent: str = "", chats: Sequence[str] = ()) -> None:
        """Make a folder, with ``chats`` in it; its name is to be given next."""
        names = {folder.name for folder in self.folders}
        name = next(name for name in _numbered("New folder") if name not in names)

        def made(folder: ChatFolder) -> None:
            self._learn_folder(folder)
            self.move(chats, (), folder.id)
            self.folder_made.emit(folder.id)

        patch = FolderPatch(name=name, parent=parent)
        self._host.change(lambda client: client.put_chat_folder(patch), made, self._messages.error, self)

    def delete_folder(self, folder: str) -> None:
        """What it holds moves to the folder above; undone, it holds it again."""
        gone = next((item for item in self.folders if item.id == folder), None)
        if gone is None:
            return
        held = [chat.id for chat in self._host.chats.values() if chat.folder == folder]
        inner = [item.id for item in self.folders if item.parent == folder]
        undo = Action("Undo", partial(self._make_again, gone, held, inner))

        def done(_: None) -> None:
            self._messages.info(f"The folder “{gone.name}” was deleted.", undo, seconds=UNDO_S, key=f"folder-{folder}")

        self._host.change(lambda client: client.delete_chat_folder(folder), done, self._messages.error, self)

    def _make_again(self, gone: ChatFolder, held: Sequence[str], inner: Sequence[str]) -> None:
        patch = FolderPatch(name=gone.name, parent=gone.parent, position=gone.position)

        def made(folder: ChatFolder) -> None:
            self._learn_folder(folder)
            self.move(held, inner, folder.id)

        self._host.change(lambda client: client.put_chat_folder(patch), made, self._messages.error, self)

    def _put_folder(self, patch: FolderPatch, folder: str) -> None:
        self._host.change(
            lambda client: client.put_chat_folder(patch, folder), self._learn_folder, self._messages.error, self
        )

    def _learn_folder(self, folder: ChatFolder) -> None:
        self._take_folders([*(item for item in self.folders if item.id != folder.id), folder])
        self._read_folders()

    # ---------------------------------------------------------------- deleting

    def delete(self, chats: Sequence[str]) -> None:
        """Into the trash; for a while one click brings them back."""
        going = [chat for chat in chats if chat in self._host.chats and chat not in self.leaving]
        if not going:
            return
        title = self._host.chats[going[0]].title or UNTITLED
        self.leaving.update(going)
        for chat in going:
            self.deleted.emit(chat)
        words = f"“{title}” was deleted." if len(going) == 1 else f"{len(going)} chats were deleted."
        undo = Action("Undo", partial(self.restore, going))
        self._messages.info(words, undo, seconds=UNDO_S, key=f"deleted-{going[0]}")
        self._each(going, lambda client, chat: client.delete_chat(chat), partial(self._gone, going))

    def _gone(self, chats: Sequence[str], _: object) -> None:
        self.leaving.difference_update(chats)
        for wanted in [item for item in self._wanted_back if not self.leaving.intersection(item)]:
            self._wanted_back.remove(wanted)
            self.restore(wanted)

    def restore(self, chats: Sequence[str]) -> None:
        """Bring chats back out of the trash; the first one is shown again."""
        if self.leaving.intersection(chats):  # the host must have deleted them first
            self._wanted_back.append(tuple(chats))
            return

        def back(found: list[Chat]) -> None:
            for chat in found:
                self._host.learn_chat(msgspec.structs.replace(chat.summary, deleted=None))
            self.restored.emit(chats[0])

        self._each(chats, lambda client, chat: client.restore_chat(chat), back)

    def _each(
        self,
        chats: Sequence[str],
        job: Callable[[AsyncClient, str], Awaitable[Any]],
        then: Callable[[list[Any]], None],
    ) -> None:
        async def run(client: AsyncClient) -> list[Any]:
            return [await job(client, chat) for chat in chats]

        def failed(error: BaseException) -> None:
            self.leaving.difference_update(chats)
            self._host.refresh_chats()
            self._messages.error(error)

        self._host.call(run, then, failed, self)


def _numbered(name: str) -> Iterable[str]:
    yield name
    for number in range(2, 10_000):
        yield f"{name} {number}"
