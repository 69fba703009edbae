"""Conversations on disk: trees of messages in SQLite.

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

from paddock.sdk.errors import BadRequest, ChatNotFound, StorageFailed
from paddock.sdk.types import Chat, ChatMessage, ChatPatch, ChatSummary, Stats, ToolCall, Usage
from paddock.server.database import connect, storage_errors, transaction

T = TypeVar("T")


class ChatStore:
    """Runs questions to the :class:`ChatTable` on the one thread that has the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._table: ChatTable | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chats")

    async def open(self) -> None:
        """Open the database; answers that a dead host left unfinished become interrupted. Raises StorageFailed."""

        def start() -> None:
            table = ChatTable(connect(self._path), self._path)
            try:
                table.interrupt()
            except StorageFailed:
                table.close()
                raise
            self._table = table

        await asyncio.get_running_loop().run_in_executor(self._thread, start)

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


class ChatTable:
    """Chats and messages as rows. Every method may raise StorageFailed."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> int:
        """Mark answers without a writer; how many there were."""
        with transaction(self._connection, self._path) as rows:
            return rows.execute("UPDATE messages SET state='interrupted' WHERE state='generating'").rowcount

    # -------------------------------------------------------------- chats

    def summaries(self) -> list[ChatSummary]:
        """All chats, the last changed first."""
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT * FROM chats ORDER BY updated DESC, rowid DESC").fetchall()
        return [_summary(row) for row in rows]

    def summary(self, chat_id: str) -> ChatSummary:
        return _summary(self._row(chat_id))

    def add(self, chat: ChatSummary) -> None:
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "INSERT INTO chats (id, title, created, updated, model, system, pinned, private)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(chat.id, chat.title, chat.created, chat.updated, chat.model, chat.system),
                    *(chat.pinned, chat.private),
                ),
            )

    def change(self, chat_id: str, patch: ChatPatch, now: float) -> ChatSummary:
        """Raises ChatNotFound, and BadRequest when the leaf is not a message of the chat."""
        self._row(chat_id)
        given = {name: value for name in ChatPatch.__struct_fields__ if (value := getattr(patch, name)) is not None}
        if patch.leaf is not None:
            given["leaf"] = self.newest_below(chat_id, patch.leaf)
        with transaction(self._connection, self._path) as rows:
            for name, value in given.items():
                rows.execute(f"UPDATE chats SET {name}=? WHERE id=?", (value, chat_id))
            # Choosing a version, pinning and marking write nothing: the list keeps its order.
            if given.keys() - {"leaf", "pinned", "private"}:
                rows.execute("UPDATE chats SET updated=? WHERE id=?", (now, chat_id))
        return self.summary(chat_id)

    def delete(self, chat_id: str) -> None:
        self._row(chat_id)
        with transaction(self._connection, self._path) as rows:
            rows.execute("DELETE FROM chats WHERE id=?", (chat_id,))

    def chat(self, chat_id: str) -> Chat:
        """The chat with the path to its current leaf."""
        row = self._row(chat_id)
        return Chat(summary=_summary(row), messages=tuple(self.path(chat_id, row["leaf"])))

    # -------------------------------------------------------------- messages

    def path(self, chat_id: str, leaf: str | None) -> list[ChatMessage]:
        """The messages from the root to ``leaf``."""
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT * FROM messages WHERE chat_id=? ORDER BY number", (chat_id,))
            found = {row["id"]: row for row in rows}
        children: dict[str | None, list[str]] = {}
        for row in found.values():
            children.setdefault(row["parent"], []).append(row["id"])
        path: list[ChatMessage] = []
        at = leaf
        while at is not None and at in found:
            row = found[at]
            path.append(_message(row, tuple(children[row["parent"]])))
            at = row["parent"]
        return path[::-1]

    def leaf(self, chat_id: str) -> str | None:
        leaf: str | None = self._row(chat_id)["leaf"]
        return leaf

    def message(self, chat_id: str, message_id: str) -> ChatMessage:
        """Raises BadRequest when the chat has no such message."""
        with storage_errors(self._path):
            row = self._connection.execute(
                "SELECT * FROM messages WHERE id=? AND chat_id=?", (message_id, chat_id)
            ).fetchone()
            if row is None:
                raise BadRequest("This conversation has no such message.", hint="Read the conversation again.")
            siblings = self._connection.execute(
                "SELECT id FROM messages WHERE chat_id=? AND parent IS ? ORDER BY number", (chat_id, row["parent"])
            )
            return _message(row, tuple(sibling["id"] for sibling in siblings))

    def newest_below(self, chat_id: str, message_id: str) -> str:
        """The last written message of those that continue ``message_id``, or itself. Raises BadRequest."""
        self.message(chat_id, message_id)
        with storage_errors(self._path):
            # Nothing continues the last written one, so it is a leaf.
            row = self._connection.execute(
                "WITH RECURSIVE below(id, number) AS (SELECT id, number FROM messages WHERE id=? UNION ALL"
                " SELECT messages.id, messages.number FROM messages JOIN below ON messages.parent=below.id)"
                " SELECT id FROM below ORDER BY number DESC LIMIT 1",
                (message_id,),
            ).fetchone()
        return str(row["id"])

    def append(self, chat_id: str, messages: list[ChatMessage], title: str, now: float) -> None:
        """Add ``messages``, make the last one the leaf; ``title`` names a chat that has no name yet. All or nothing."""
        with transaction(self._connection, self._path) as rows:
            for message in messages:
                rows.execute(
                    "INSERT INTO messages (id, chat_id, parent, role, content, model, state, created)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(message.id, chat_id, message.parent, message.role, message.content),
                        *(message.model, message.state, message.created),
                    ),
                )
            rows.execute(
                "UPDATE chats SET leaf=?, updated=?, title=CASE title WHEN '' THEN ? ELSE title END WHERE id=?",
                (messages[-1].id, now, title, chat_id),
            )

    def save_partial(self, message_id: str, content: str, reasoning: str) -> None:
        """What has been written of an answer that is still being written."""
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "UPDATE messages SET content=?, reasoning=? WHERE id=? AND state='generating'",
                (content, reasoning, message_id),
            )

    def save(self, message: ChatMessage, now: float) -> None:
        """The whole message in its final state; nothing happens when it was deleted meanwhile."""
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "UPDATE messages SET content=?, reasoning=?, tool_calls=?, model=?, state=?, error=?, usage=?, stats=?,"
                " stop_reason=? WHERE id=?",
                (
                    *(message.content, message.reasoning, _json(message.tool_calls), message.model, message.state),
                    *(_json(message.error), _json(message.usage), _json(message.stats), message.stop_reason),
                    message.id,
                ),
            )
            rows.execute("UPDATE chats SET updated=? WHERE id=?", (now, message.chat_id))

    def _row(self, chat_id: str) -> sqlite3.Row:
        with storage_errors(self._path):
            row: sqlite3.Row | None = self._connection.execute("SELECT * FROM chats WHERE id=?", (chat_id,)).fetchone()
        if row is None:
            raise ChatNotFound("This conversation does not exist (any more).", hint="Read the list again.", id=chat_id)
        return row


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _from_json(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


def _summary(row: sqlite3.Row) -> ChatSummary:
    return ChatSummary(
        id=row["id"],
        title=row["title"],
        created=row["created"],
        updated=row["updated"],
        model=row["model"],
        system=row["system"],
        pinned=bool(row["pinned"]),
        private=bool(row["private"]),
    )


def _message(row: sqlite3.Row, siblings: tuple[str, ...]) -> ChatMessage:
    return ChatMessage(
        id=row["id"],
        chat_id=row["chat_id"],
        parent=row["parent"],
        role=row["role"],
        content=row["content"],
        reasoning=row["reasoning"],
        tool_calls=_from_json(row["tool_calls"], tuple[ToolCall, ...]) or (),
        model=row["model"],
        state=row["state"],
        error=_from_json(row["error"], dict[str, Any]),
        usage=_from_json(row["usage"], Usage),
        stats=_from_json(row["stats"], Stats),
        stop_reason=row["stop_reason"],
        created=row["created"],
        version=siblings.index(row["id"]) + 1,
        versions=len(siblings),
        siblings=siblings,
    )
