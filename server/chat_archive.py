"""Whole conversations, with all their versions, panes and votes, out of the database and into it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from paddock.sdk.chats import Revision
from paddock.sdk.compare import Vote
from paddock.sdk.errors import BadRequest, ChatNotFound
from paddock.sdk.pictures import Picture, picture_of
from paddock.sdk.types import ChatMessage, ChatSummary, Pane, Value
from paddock.server.chat_pictures import PictureTable
from paddock.server.chat_values import (
    MESSAGES,
    SUMMARIES,
    insert_chat,
    keep_pictures,
    message_of,
    summary_of,
    to_json,
)
from paddock.server.database import storage_errors, transaction
from paddock.server.panes import PaneTable

OWN = "paddock:"
"""What the origin of our own conversations begins with; then comes the id they had where they were begun."""
Present = Literal["there", "in the trash"]


class ChatRecord(Value, frozen=True, kw_only=True):
    """A conversation with all its ``messages``, in the order in which they were written; deleted ones are left out.

    ``folder`` are the names of the folders that hold it, the outermost first; ``leaves`` are the panes' last messages
    by the panes' ids; ``origin`` tells it apart from every other, in whatever program it was begun. ``leaf`` None means
    the message that was written last. ``lost`` says what could not be brought along from elsewhere.
    """

    summary: ChatSummary
    origin: str
    folder: tuple[str, ...] = ()
    leaf: str | None = None
    messages: tuple[ChatMessage, ...] = ()
    revisions: dict[str, tuple[Revision, ...]] = msgspec.field(default_factory=dict)
    panes: tuple[Pane, ...] = ()
    leaves: dict[str, str] = msgspec.field(default_factory=dict)
    votes: tuple[Vote, ...] = ()
    lost: str = ""

    def path(self, leaf: str | None) -> list[ChatMessage]:
        """From the first message to ``leaf``."""
        found = {message.id: message for message in self.messages}
        path: list[ChatMessage] = []
        while leaf is not None and (message := found.get(leaf)) is not None:
            path.append(message)
            leaf = message.parent
        return path[::-1]


class ArchiveTable:
    """Every method may raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._panes = PaneTable(connection, path)
        self._pictures = PictureTable(connection, path)

    def read(self, chat_id: str, folder: tuple[str, ...] = ()) -> ChatRecord:
        """``folder`` are the names of its folders. Raises ChatNotFound."""
        with storage_errors(self._path):
            chat = self._connection.execute(f"{SUMMARIES} WHERE id=?", (chat_id,)).fetchone()
            if chat is None:
                raise ChatNotFound("This conversation does not exist (any more).", hint="Read the list again.")
            rows = self._connection.execute(f"{MESSAGES} WHERE chat_id=? ORDER BY number", (chat_id,)).fetchall()
            revisions: dict[str, list[Revision]] = {}
            for row in self._connection.execute(
                "SELECT revisions.* FROM revisions JOIN messages ON messages.id=revisions.message"
                " WHERE messages.chat_id=? AND messages.deleted IS NULL ORDER BY revisions.number",
                (chat_id,),
            ):
                revision = Revision(role=row["role"], content=row["content"], replaced=row["replaced"])
                revisions.setdefault(row["message"], []).append(revision)
        above = _Above(rows)
        panes = self._panes.of(chat_id)
        return ChatRecord(
            summary=summary_of(chat),
            origin=chat["origin"] or OWN + chat_id,
            folder=folder,
            leaf=above.nearest(chat["leaf"]),
            messages=self._pictures.shown(above.messages()),
            revisions={message: tuple(found) for message, found in revisions.items()},
            panes=tuple(pane for pane, _ in panes),
            leaves={pane.id: leaf for pane, last in panes if (leaf := above.nearest(last)) is not None},
            votes=tuple(self._panes.votes(chat_id)),
        )

    def counts(self) -> dict[str, int]:
        """How many messages each chat has, all versions counted."""
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT chat_id, count(*) AS number FROM messages WHERE deleted IS NULL GROUP BY chat_id"
            )
            return {row["chat_id"]: row["number"] for row in rows}

    def there(self, origin: str) -> Present | None:
        """Whether a conversation of this origin is kept already."""
        with storage_errors(self._path):
            row = self._connection.execute(
                "SELECT deleted FROM chats WHERE origin=? OR id=?", (origin, origin.removeprefix(OWN))
            ).fetchone()
        if row is None:
            return None
        return "there" if row["deleted"] is None else "in the trash"

    def write(self, records: Sequence[ChatRecord]) -> list[str]:
        """Store ``records``, none of which is there, under new ids; all or none. ``summary.folder`` is where they
        come. Returns the ids of the conversations."""
        with transaction(self._connection, self._path) as rows:
            rows.execute("PRAGMA defer_foreign_keys=ON")  # a message that was put in comes before what follows it
            return [self._write(rows, record) for record in records]

    def _write(self, rows: sqlite3.Connection, record: ChatRecord) -> str:
        chat = msgspec.structs.replace(record.summary, id=uuid.uuid4().hex, deleted=None, generating=None)
        ids = {message.id: uuid.uuid4().hex for message in record.messages}
        panes = {pane.id: uuid.uuid4().hex[:12] for pane in record.panes}
        insert_chat(rows, chat, record.origin)
        for message in record.messages:
            _insert(rows, message, chat.id, ids, panes)
        for message_id, revisions in record.revisions.items():
            rows.executemany(
                "INSERT INTO revisions (message, role, content, replaced) VALUES (?, ?, ?, ?)",
                [(ids[message_id], one.role, one.content, one.replaced) for one in revisions if message_id in ids],
            )
        last = record.messages[-1].id if record.messages else ""
        leaf = ids.get(record.leaf or last)
        rows.execute("UPDATE chats SET leaf=? WHERE id=?", (leaf, chat.id))
        for position, pane in enumerate(record.panes):
            settings = to_json(msgspec.structs.replace(pane, id=panes[pane.id]))
            end = ids.get(record.leaves.get(pane.id, ""))
            rows.execute(
                "INSERT INTO panes (id, chat_id, position, settings, leaf) VALUES (?, ?, ?, ?, ?)",
                (panes[pane.id], chat.id, position, settings, end),
            )
        for vote in record.votes:
            _insert_vote(rows, vote, chat.id, ids, panes)
        return chat.id


class _Above:
    """The messages of a chat without the deleted ones: what followed those follows what was before them."""

    def __init__(self, rows: Sequence[sqlite3.Row]) -> None:
        self._rows = rows
        self._parents = {row["id"]: row["parent"] for row in rows}
        self._deleted = {row["id"] for row in rows if row["deleted"] is not None}

    def nearest(self, message_id: str | None) -> str | None:
        """``message_id``, or the nearest above it that is not deleted."""
        while message_id in self._deleted:
            message_id = self._parents[message_id]
        return message_id

    def messages(self) -> tuple[ChatMessage, ...]:
        versions: dict[tuple[str | None, str], list[str]] = {}
        kept = [row for row in self._rows if row["id"] not in self._deleted]
        for row in kept:
            versions.setdefault((self.nearest(row["parent"]), row["pane"]), []).append(row["id"])
        found = []
        for row in kept:
            parent = self.nearest(row["parent"])
            message = message_of(row, tuple(versions[parent, row["pane"]]))
            found.append(msgspec.structs.replace(message, parent=parent))
        return tuple(found)


def _insert(
    rows: sqlite3.Connection, message: ChatMessage, chat_id: str, ids: dict[str, str], panes: dict[str, str]
) -> None:
    state = "interrupted" if message.state == "generating" else message.state
    rows.execute(
        "INSERT INTO messages (id, chat_id, parent, role, content, reasoning, tool_calls, model, state, error, usage,"
        " stats, stop_reason, created, pane, turn, edited, pictures)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(ids[message.id], chat_id, ids.get(message.parent or ""), message.role, message.content),
            *(message.reasoning, to_json(message.tool_calls), message.model, state, to_json(message.error)),
            *(to_json(message.usage), to_json(message.stats), message.stop_reason, message.created),
            *(panes.get(message.pane, ""), ids.get(message.turn, ""), message.edited),
            keep_pictures(rows, _whole(message.pictures)),
        ),
    )


def _whole(pictures: Sequence[Picture]) -> Iterator[Picture]:
    """Those that came with their files, and these are what they say; a file of conversations can be changed by hand."""
    for picture in pictures:
        with suppress(BadRequest):
            yield picture_of(picture.data or b"", at=picture.at)


def _insert_vote(
    rows: sqlite3.Connection, vote: Vote, chat_id: str, ids: dict[str, str], panes: dict[str, str]
) -> None:
    """A vote outlives its conversation: it moves to the one that has come back, and counts once."""
    contestants = [msgspec.structs.replace(one, pane=panes.get(one.pane, one.pane)) for one in vote.contestants]
    rows.execute(
        "INSERT INTO votes (id, chat_id, turn, outcome, pane, blind, contestants, tags, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET chat_id=excluded.chat_id,"
        " turn=excluded.turn, pane=excluded.pane, contestants=excluded.contestants"
        " WHERE votes.chat_id NOT IN (SELECT id FROM chats)",
        (
            *(vote.id, chat_id, ids.get(vote.turn, vote.turn), vote.outcome, panes.get(vote.pane, vote.pane)),
            *(vote.blind, to_json(contestants), to_json(vote.tags), vote.created),
        ),
    )
