"""The file of the conversations, kept safe: copied daily and before updates, looked through, repaired, restored."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.chats import Backup, StoreRepair, StoreState
from paddock.sdk.errors import HostBusy, PaddockError, StorageFailed
from paddock.sdk.events import ChatsReplaced
from paddock.server.backups import BackupFolder
from paddock.server.chat_rescue import Rescued, problem, rescue
from paddock.server.database import connect, storage_errors
from paddock.server.instance import write_private

if TYPE_CHECKING:
    from paddock.sdk.paths import Home
    from paddock.server.bus import Bus
    from paddock.server.chats import ChatStore, ChatTable

logger = logging.getLogger(__name__)

FIRST_S = 5.0
"""So long after the start the file is looked through: nobody waits for it."""
EVERY_S = 1800.0


class ChatSafety:
    """Lives on the host's loop; :meth:`connect` is called on the database's thread. ``answering``: whether answers are
    being written; ``clock`` gives Unix seconds."""

    def __init__(
        self,
        home: Home,
        bus: Bus,
        *,
        answering: Callable[[], bool],
        clock: Callable[[], float],
        first_s: float = FIRST_S,
    ) -> None:
        self._path = home.chats_file
        self._folder = home.backups
        self._record = home.backups / "repair.json"
        self._backups = BackupFolder(home.backups, home.chats_file)
        self._bus = bus
        self._answering = answering
        self._clock = clock
        self._first_s = first_s
        self._full = False
        self._checked: float | None = None
        self._repair: StoreRepair | None = None
        self._copying = asyncio.Lock()
        self._stopped = threading.Event()
        self._watching: asyncio.Task[None] | None = None

    # -------------------------------------------------------------- opening

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open the conversations; a damaged file is repaired first. Raises StorageFailed."""
        _finish_swap(path)
        self._full = Path(f"{path}-wal").exists()  # SQLite removes it when it is closed as it should be
        self._repair = self._recorded()
        try:
            if path.exists() and not path.stat().st_size and self._backups.newest_good():
                raise _damaged(path, "it is empty")
            return self._open(path)
        except StorageFailed as error:
            if not error.details.get("damaged"):
                raise
            self._rescue(path, error.message)
        return self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection:
        connection = connect(path, before_migration=lambda: self._backups.make("update", self._clock()))
        try:
            with storage_errors(path):
                connection.execute("SELECT 1 FROM messages WHERE state='generating' LIMIT 1").fetchone()
                connection.execute("SELECT max(number) FROM messages").fetchone()
        except StorageFailed:
            connection.close()
            raise
        return connection

    def start(self, store: ChatStore) -> None:
        """Begin to look after the file of ``store``."""
        self._watching = asyncio.get_running_loop().create_task(self._watch(store))

    async def close(self) -> None:
        self._stopped.set()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    # -------------------------------------------------------------- copies

    async def backups(self) -> list[Backup]:
        """The latest first."""
        return await asyncio.to_thread(self._backups.all)

    async def back_up(self) -> Backup:
        """Copy everything now. Raises StorageFailed."""
        return await self._make(partial(self._backups.make, "manual", self._clock()))

    async def restore(self, store: ChatStore, name: str) -> Backup:
        """Put a copy in the place of the conversations, which are copied first. Raises NotFound, HostBusy while answers
        are being written or a batch runs, and StorageFailed; the conversations are as they were then."""
        self._look_whether_free()
        path = await asyncio.to_thread(self._backups.find, name)
        work = self._folder / f".{name}.work"
        try:
            await asyncio.to_thread(_brought_up_to_date, path, work)
            async with self._copying:
                self._look_whether_free()
                before = await store.ask(lambda table: self._replaced(table, work))
        finally:
            for end in ("", "-wal", "-shm"):
                Path(f"{work}{end}").unlink(missing_ok=True)
        logger.info("the conversations are those of the backup %s", name)
        self._bus.publish(ChatsReplaced(id="chats"))
        return before

    def _look_whether_free(self) -> None:
        if self._answering():
            raise HostBusy(
                "An answer is being written.",
                hint="Stop it, or pause the list of prompts that is running; then restore the backup.",
            )

    def _replaced(self, table: ChatTable, work: Path) -> Backup:
        # Both on the database's thread: what is written in between would be in neither.
        before = self._backups.make("restore", self._clock())
        table.take_over(work)
        return before

    async def _make(self, copy: Callable[[], Backup]) -> Backup:
        async with self._copying:
            return await asyncio.to_thread(copy)

    # -------------------------------------------------------------- looking after the file

    async def state(self) -> StoreState:
        """Where everything lies and what it takes."""
        sizes = await asyncio.to_thread(_sizes, self._path, self._folder)
        return StoreState(
            path=str(self._path),
            size_bytes=sizes[0],
            backups_path=str(self._folder),
            backups_bytes=sizes[1],
            checked=self._checked,
            repair=self._repair,
        )

    def untold(self) -> StoreRepair | None:
        """A repair that no window has shown; to be called when one is going to."""
        repair = self._repair
        if repair is None or repair.told:
            return None
        self._remember(msgspec.structs.replace(repair, told=True))
        return repair

    async def check(self, store: ChatStore) -> None:
        """Look through the file, thoroughly when it was not closed as it should be, and repair it."""
        found = await asyncio.to_thread(problem, self._path, full=self._full, stopped=self._stopped.is_set)
        self._full = False
        if found == "words":
            logger.warning("the search index of the conversations is damaged; it is made anew")
            found = await self._index_anew(store)
        if found:
            await store.reopen(lambda: self._rescue(self._path, found))
            told = self._repair if self._bus.attached("window") else None
            self._bus.publish(ChatsReplaced(id="chats", repair=told))
            if told is not None:
                self.untold()
        self._checked = self._clock()

    async def _index_anew(self, store: ChatStore) -> str:
        """What keeps the search index from being made anew; empty when nothing does."""
        try:
            await store.ask(lambda table: table.rebuild_words())
        except StorageFailed as error:
            if not error.details.get("damaged"):
                raise
            return error.message
        return ""

    async def _watch(self, store: ChatStore) -> None:
        await asyncio.sleep(self._first_s)
        await self._guarded(self.check(store))
        while True:
            if await asyncio.to_thread(self._backups.due, self._clock()):
                await self._guarded(self._make(partial(self._backups.make, "daily", self._clock())))
            await asyncio.sleep(EVERY_S)

    async def _guarded(self, work: Awaitable[object]) -> None:
        try:
            await work
        except PaddockError as error:
            logger.warning("%s", error.sentence())

    # -------------------------------------------------------------- repair, on the database's thread

    def _rescue(self, path: Path, found: str) -> None:
        logger.error("%s is damaged: %s", path, found)
        now = self._clock()
        new, ready = Path(f"{path}.new"), _ready(path)
        for end in ("", "-wal", "-shm"):
            Path(f"{new}{end}").unlink(missing_ok=True)
        backup = self._backups.newest_good()
        try:
            rescued = rescue(path, backup, new)
            os.replace(new, ready)
        except (OSError, sqlite3.Error) as error:
            raise StorageFailed(
                f"The file of the conversations is damaged and could not be repaired: {error}.",
                hint="Make room on the disk, then start Paddock again.",
                path=str(path),
            ) from error
        kept = _finish_swap(path, now)
        self._remember(StoreRepair(when=now, text=_told(rescued, backup, kept), kept=str(kept)))
        logger.warning("%s", self._repair.text if self._repair else "")

    def _remember(self, repair: StoreRepair) -> None:
        self._repair = repair
        with suppress(OSError):  # then it is told once more
            self._folder.mkdir(parents=True, exist_ok=True)
            write_private(self._record, msgspec.json.encode(repair))

    def _recorded(self) -> StoreRepair | None:
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=StoreRepair)
        except (OSError, msgspec.DecodeError):
            return None


def _ready(path: Path) -> Path:
    return Path(f"{path}.rescued")


def _finish_swap(path: Path, now: float | None = None) -> Path | None:
    """Put a rescued database in its place and the damaged one aside; also what a dead host had begun. Where the damaged
    one lies."""
    ready = _ready(path)
    if not ready.exists():
        return None
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    kept = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    for end in ("-wal", ""):  # a log that stayed would be taken for the new file's
        with suppress(FileNotFoundError):
            os.replace(f"{path}{end}", f"{kept}{end}")
    Path(f"{path}-shm").unlink(missing_ok=True)
    os.replace(ready, path)
    return kept


def _brought_up_to_date(backup: Path, work: Path) -> None:
    try:
        shutil.copyfile(backup, work)
    except OSError as error:
        raise StorageFailed(
            f"The backup could not be read: {error.strerror or error}.",
            hint="Make room on the disk; the conversations are as they were.",
            path=str(backup),
        ) from error
    connection = connect(work)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


def _sizes(path: Path, folder: Path) -> tuple[int, int]:
    files = [file for end in ("", "-wal") if (file := Path(f"{path}{end}")).exists()]
    copies = list(folder.glob("chats-*.db")) if folder.is_dir() else []
    return sum(file.stat().st_size for file in files), sum(file.stat().st_size for file in copies)


def _damaged(path: Path, why: str) -> StorageFailed:
    return StorageFailed(f"The file of the conversations, {path}, is damaged: {why}.", path=str(path), damaged=True)


def _told(rescued: Rescued, backup: Path | None, kept: Path | None) -> str:
    messages = "1 message" if rescued.messages == 1 else f"{rescued.messages:,} messages"
    chats = "1 conversation" if rescued.chats == 1 else f"{rescued.chats:,} conversations"
    text = f"The file of the conversations was damaged. It was repaired: {messages} in {chats} are there."
    if rescued.added and backup is not None:
        day = time.strftime("%d %B %Y", time.strptime(backup.name[6:14], "%Y%m%d")).lstrip("0")
        text += f" What could not be read was taken from the backup of {day}."
    elif rescued.lost:
        text += " Some of it could not be read."
    return f"{text} The damaged file is kept as {kept.name if kept else 'it was'}."
