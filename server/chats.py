"""Conversations on disk, in SQLite.

:class:`ChatTable` is synchronous and lives on one thread; :class:`ChatStore` owns that thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from paddock.sdk.chats import Revision
from paddock.sdk.compare import BatchCell, BatchPrompt, Contestant, Vote
from paddock.sdk.errors import ChatNotFound, StorageFailed
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, ChatSummary, Pane, Stats, ToolCall, Usage
from paddock.server.batch_table import BatchTable
from paddock.server.chat_archive import ArchiveTable
from paddock.server.chat_folders import FolderTable
from paddock.server.chat_messages import MessageTable
from paddock.server.chat_pictures import PictureTable
from paddock.server.chat_rescue import rebuild_words
from paddock.server.chat_search import ChatWords
from paddock.server.chat_values import SUMMARIES, change_sampling, insert_chat, summary_of, to_json
from paddock.server.database import connect, storage_errors, transaction
from paddock.server.panes import PaneTable

T = TypeVar("T")

_STORED = (BatchCell, BatchPrompt, ChatMessage, ChatSummary, Contestant, Pane, Revision, Stats, ToolCall, Usage, Vote)
"""What is kept as JSON in rows or files, and read from requests on another thread."""


class ChatStore:
    """Runs questions to the :class:`ChatTable` on the one thread that has the database. ``connect`` opens it."""

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection] = connect) -> None:
        for kind in _STORED:  # two threads that use a Struct for the first time at once bring msgspec down
            msgspec.json.Decoder(kind)
        self._path = path
        self._connect = connect
        self._table: ChatTable | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chats")

    async def open(self) -> None:
        """Open the database; answers that a dead host left unfinished become interrupted. Raises StorageFailed."""

        await asyncio.get_running_loop().run_in_executor(self._thread, self._start)

    async def reopen(self, repair: Callable[[], None]) -> None:
        """Close the database, ``repair`` its file, and open it again; what is asked meanwhile waits. Raises
        StorageFailed."""

        def run() -> None:
            if self._table is not None:
                self._table.close()
                self._table = None
            try:
                repair()
            finally:
                self._start()

        await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def _start(self) -> None:
        table = ChatTable(self._connect(self._path), self._path)
        try:
            table.interrupt()
        except StorageFailed:
            table.close()
            raise
        self._table = table

    async def ask(self, question: Callable[[ChatTable], T]) -> T:
        """``question`` answered on the database's thread. Raises what it raises."""

        def run() -> T:
            if self._table is None:
                raise StorageFailed("The conversations are closed.", hint="Start Paddock again.")
            return question(self._table)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def close(self) -> None:
        def end() -> None:
            if self._table is not None:
                self._table.close()
                self._table = None

        await asyncio.get_running_loop().run_in_executor(self._thread, end)
        self._thread.shutdown(wait=False)


class ChatTable(MessageTable):
    """Chats and, by its base, their messages as rows; ``folders``, ``panes``, ``words``, ``archive`` and
    ``pictures`` are what belongs to them. Every method may raise StorageFailed."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        self.folders = FolderTable(connection, path)
        self.panes = PaneTable(connection, path)
        self.words = ChatWords(connection, path)
        self.batches = BatchTable(connection, path)
        self.archive = ArchiveTable(connection, path)
        self.pictures = PictureTable(connection, path)

    def close(self) -> None:
        self._connection.close()

    def take_over(self, other: Path) -> None:
        """Put what the database ``other`` of this version holds in the place of everything. All or nothing."""
        with storage_errors(self._path):
            source = sqlite3.connect(other, isolation_level=None)
            try:
                source.backup(self._connection)
            finally:
                source.close()
        self.interrupt()
        self.batches.pause()

    def rebuild_words(self) -> None:
        """Make the search index anew."""
        with storage_errors(self._path):
            rebuild_words(self._connection)

    def summaries(self, *, deleted: bool = False) -> list[ChatSummary]:
        """All chats, the last changed first; with ``deleted`` those in the trash, the last deleted first."""
        which, order = ("deleted IS NOT NULL", "deleted") if deleted else ("deleted IS NULL", "updated")
        with storage_errors(self._path):
            rows = self._connection.execute(f"{SUMMARIES} WHERE {which} ORDER BY {order} DESC, rowid DESC").fetchall()
        return [summary_of(row) for row in rows]

    def summary(self, chat_id: str) -> ChatSummary:
        return summary_of(self._row(chat_id))

    def add(self, chat: ChatSummary, origin: str | None = None) -> bool:
        """False when a chat of this ``origin``, the name another program has for it, is there already."""
        with transaction(self._connection, self._path) as rows:
            return insert_chat(rows, chat, origin)

    def change(self, chat_id: str, patch: ChatPatch, now: float) -> ChatSummary:
        """Raises ChatNotFound, and BadRequest for a leaf that is no message of the chat, a pane or folder that there
        is not."""
        self._row(chat_id)
        names = (name for name in ChatPatch.__struct_fields__ if name not in ("pane", "sampling_changes"))
        given: dict[str, Any] = {name: value for name in names if (value := getattr(patch, name)) is not None}
        for name in given.keys() & {"tags", "sampling", "stop"}:
            given[name] = to_json(given[name])
        if patch.reasoning == "auto":
            given["reasoning"] = None
        if patch.max_tokens == 0:
            given["max_tokens"] = None
        if patch.folder:
            self.folders.get(patch.folder)
        if patch.leaf is not None:
            given["leaf"] = self.newest_below(chat_id, patch.leaf, patch.pane)
        with transaction(self._connection, self._path) as rows:
            if patch.pane and patch.leaf is not None:
                self.panes.move(rows, chat_id, patch.pane, given.pop("leaf"))
            for name, value in given.items():
                rows.execute(f"UPDATE chats SET {name}=? WHERE id=?", (value, chat_id))
            if patch.sampling_changes:
                change_sampling(rows, chat_id, patch.sampling_changes)
            rows.execute("UPDATE chats SET revision=revision+1 WHERE id=?", (chat_id,))
            # What writes nothing into the chat leaves the order of the list as it is.
            if given.keys() & {"title", "model", "system"}:
                rows.execute("UPDATE chats SET updated=? WHERE id=?", (now, chat_id))
        return self.summary(chat_id)

    def rename(self, chat_id: str, before: str, title: str) -> bool:
        """Name a chat that is still called ``before``; it keeps its place in the list."""
        with transaction(self._connection, self._path) as rows:
            return (
                rows.execute("UPDATE chats SET title=? WHERE id=? AND title=?", (title, chat_id, before)).rowcount == 1
            )

    def delete(self, chat_id: str, now: float) -> int:
        """Into the trash; the revision that it has there."""
        self._row(chat_id)
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "UPDATE chats SET deleted=?, revision=revision+1 WHERE id=? AND deleted IS NULL", (now, chat_id)
            )
        return self.summary(chat_id).revision

    def restore(self, chat_id: str) -> None:
        """Out of the trash; at the top when its folder has gone."""
        self._row(chat_id)
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "UPDATE chats SET deleted=NULL, revision=revision+1, folder=CASE"
                " WHEN folder IN (SELECT id FROM folders) THEN folder ELSE '' END WHERE id=?",
                (chat_id,),
            )

    def purge(self, chat_id: str) -> int:
        """For good; the revision that it would have now."""
        revision = self.summary(chat_id).revision + 1
        with transaction(self._connection, self._path) as rows:
            rows.execute("DELETE FROM chats WHERE id=?", (chat_id,))
        return revision

    def purge_before(self, moment: float) -> int:
        """Remove for good what came into the trash before ``moment``; how many there were."""
        with transaction(self._connection, self._path) as rows:
            return rows.execute("DELETE FROM chats WHERE deleted < ?", (moment,)).rowcount

    def chat(self, chat_id: str) -> Chat:
        """The chat with the path to its current leaf, and those of its panes."""
        row = self._row(chat_id)
        panes = self.panes.of(chat_id)
        if not panes:
            return Chat(summary=summary_of(row), messages=tuple(self.path(chat_id, row["leaf"])))
        shown = tuple(pane for pane, _ in panes)
        paths = [tuple(path) for path in self.paths(chat_id, [leaf for _, leaf in panes], [pane.id for pane in shown])]
        by_pane = {pane.id: path for pane, path in zip(shown, paths, strict=True)}
        return Chat(summary=summary_of(row), messages=paths[0], panes=shown, paths=by_pane)

    def leaf(self, chat_id: str) -> str | None:
        leaf: str | None = self._row(chat_id)["leaf"]
        return leaf

    def _row(self, chat_id: str) -> sqlite3.Row:
        with storage_errors(self._path):
            row: sqlite3.Row | None = self._connection.execute(f"{SUMMARIES} WHERE id=?", (chat_id,)).fetchone()
        if row is None:
            raise ChatNotFound("This conversation does not exist (any more).", hint="Read the list again.", id=chat_id)
        return row
