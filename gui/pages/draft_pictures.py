"""The pictures of messages that are being written: kept for their conversations, and as files for the next start."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from msgspec import structs
from PySide6.QtCore import QObject, Signal

from paddock.gui.host_state import HostState
from paddock.gui.pages.composer_pictures import Shown, shown_of
from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import Picture

_HASH = re.compile(r"[0-9a-f]{64}")


class PictureDrafts(QObject):
    """Pictures by their conversations (empty: a new one), as files in ``folder`` that are named by their hashes.

    GUI thread; files are written and read on another one, and removed when no draft has them.

    Args:
        stored: Of the last time; their files are read when they are wanted.
    """

    failed = Signal(str)
    """Why they will not be there at the next start."""

    def __init__(
        self, host: HostState, folder: Path, stored: Mapping[str, tuple[Picture, ...]], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._host, self._folder = host, folder
        self._stored = {chat: pictures for chat, pictures in stored.items() if pictures}
        self._aside: dict[str, tuple[Shown, ...]] = {}
        self._here: tuple[Shown, ...] = ()
        self._held: tuple[Picture, ...] = ()
        self._written: set[str] | None = None
        self._writing = False
        host.snapshot.connect(self._write)  # what could not be written while the host was away

    def show(self, shown: tuple[Shown, ...]) -> None:
        """These are in the message on show from now on."""
        self._here = shown
        self._write()

    def hold(self, pictures: Iterable[Picture]) -> None:
        """Keep the files of these, and of no others but drafts: of questions that the host is not known to have."""
        self._held = tuple(pictures)
        self._write()

    def put_stored(self, chat: str, pictures: tuple[Picture, ...]) -> None:
        """These, whose files are there, are to be sent in ``chat``, in front of others."""
        if pictures:
            self._stored[chat] = (*pictures, *self._stored.get(chat, ()))

    def put(self, chat: str, shown: tuple[Shown, ...]) -> None:
        """Keep these, and no others, for when ``chat`` is shown again."""
        self._aside.pop(chat, None)
        if shown:
            self._aside[chat] = shown
        self._write()

    def take(self, chat: str) -> tuple[Shown, ...]:
        """Those that are kept for ``chat``, which is shown now."""
        return self._aside.pop(chat, ())

    def stored(self, chat: str) -> tuple[Picture, ...]:
        """Those of the last time that have not been read yet."""
        return self._stored.get(chat, ())

    def forget_stored(self, chat: str, read: tuple[Picture, ...]) -> bool:
        """These of the last time have been read; False where they had been before, or there are others by now."""
        return self._stored.get(chat) == read and bool(self._stored.pop(chat))

    def read(self, pictures: Collection[Picture]) -> tuple[Shown, ...]:
        """Files of the last time; a lost or damaged one is left out. Waits for the disk: no job for the GUI thread."""
        return tuple(shown for picture in pictures if (shown := _read(self._folder / picture.hash)) is not None)

    def keep_only(self, chats: Collection[str]) -> None:
        """Forget what was kept at the last time for conversations that there are no longer."""
        for gone in self._stored.keys() - {"", *chats}:
            del self._stored[gone]
        self._write()

    def names(self, chat: str) -> dict[str, tuple[Picture, ...]]:
        """All of them without their data, while ``chat`` is shown."""
        shown = {**self._aside, chat: (*self._aside.get(chat, ()), *self._here)}
        found = dict(self._stored)
        for name, some in shown.items():
            found[name] = (*found.get(name, ()), *(structs.replace(one.picture, data=None) for one in some))
        return {name: pictures for name, pictures in found.items() if pictures}

    def _write(self) -> None:
        """Make the folder hold what is kept, one time after the other."""
        kept: dict[str, bytes | None] = {one.hash: None for some in self._stored.values() for one in some}
        for some in (self._here, *self._aside.values()):
            kept |= {one.picture.hash: one.picture.data for one in some}
        kept |= {one.hash: one.data or kept.get(one.hash) for one in self._held}
        if self._writing or kept.keys() == self._written:
            return
        self._writing, self._written = True, set(kept)
        folder = self._folder

        async def write(client: object) -> None:
            import asyncio

            await asyncio.to_thread(write_files, folder, kept)

        self._host.call(write, self._ended, self._failed, self)

    def _ended(self, _: None) -> None:
        self._writing = False
        self._write()  # what has changed meanwhile

    def _failed(self, error: BaseException) -> None:
        self._writing, self._written = False, None
        if isinstance(error, OSError):
            self.failed.emit(f"The pictures of your draft are not kept for the next start: {error.strerror or error}.")


def write_files(folder: Path, kept: Mapping[str, bytes | None]) -> None:
    """Write the files that ``folder`` lacks, by their hashes; remove those that are not ``kept``. Raises OSError."""
    there = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    for name, data in kept.items():
        if name not in there and data is not None:
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f".{name}.{os.getpid()}.tmp"
            draft.write_bytes(data)
            os.replace(draft, folder / name)
    for name in there - kept.keys():
        if _HASH.search(name):
            (folder / name).unlink(missing_ok=True)


def _read(path: Path) -> Shown | None:
    try:
        return shown_of(path.read_bytes())
    except (OSError, BadRequest):
        return None
