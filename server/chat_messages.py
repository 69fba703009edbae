"""The messages of conversations as rows: trees whose paths from root to leaf are what people see.

A message that was deleted keeps its place in the tree and is left out of every path, so that it can come back. What is
deleted together carries the same moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from paddock.sdk.chats import MessagePatch, Revision
from paddock.sdk.errors import BadRequest
from paddock.sdk.types import ChatMessage
from paddock.server.chat_values import MESSAGES, keep_pictures, message_of, to_json
from paddock.server.database import storage_errors, transaction

_BELOW = (
    "WITH RECURSIVE below(id, number) AS (SELECT id, number FROM messages WHERE id=:id UNION ALL"
    " SELECT messages.id, messages.number FROM messages JOIN below ON messages.parent=below.id)"
)

_ENDS = """
WITH RECURSIVE below(id, number) AS (
    SELECT id, number FROM messages WHERE id=:id
    UNION ALL
    SELECT m.id, m.number FROM messages AS m JOIN below ON m.parent=below.id
    WHERE :pane='' OR m.pane IN ('', :pane, :whose) AND (m.role<>'user'
        OR EXISTS (SELECT 1 FROM messages WHERE parent=m.id AND deleted IS NULL AND pane IN ('', :pane, :whose))
        OR NOT EXISTS (SELECT 1 FROM messages WHERE parent=m.id AND deleted IS NULL))
)
SELECT m.id FROM below JOIN messages AS m ON m.id=below.id
WHERE m.deleted IS NULL AND NOT EXISTS (
    SELECT 1 FROM messages WHERE parent=m.id AND deleted IS NULL AND id IN (SELECT id FROM below)
)
ORDER BY m.number DESC LIMIT 1
"""
"""A question that only other panes have answered is left out. What was put in by hand is younger than what follows
it, so that the youngest is no end of itself."""
_FIRST_LEAF = "(SELECT leaf FROM panes WHERE chat_id=:chat ORDER BY position LIMIT 1)"
"""Where a comparison's first pane is; the conversation is there too."""


class MessageTable:
    """Every method may raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    # -------------------------------------------------------------- reading

    def path(self, chat_id: str, leaf: str | None) -> list[ChatMessage]:
        """The messages from the root to ``leaf``, without those that were deleted."""
        return self.paths(chat_id, [leaf])[0]

    def paths(self, chat_id: str, leaves: Sequence[str | None], panes: Sequence[str] = ()) -> list[list[ChatMessage]]:
        """As :meth:`path`, for several leaves of one chat, those of its ``panes``: answers that a pane has made again
        are versions of what all had before."""
        with storage_errors(self._path):
            rows = self._connection.execute(f"{MESSAGES} WHERE chat_id=? ORDER BY number", (chat_id,))
            found = {row["id"]: row for row in rows}
        versions: dict[tuple[str | None, str], list[str]] = {}
        for row in found.values():
            if row["deleted"] is None:
                versions.setdefault((row["parent"], row["pane"]), []).append(row["id"])
        return [
            _upwards(found, versions, leaf, pane)
            for leaf, pane in zip(leaves, panes or [""] * len(leaves), strict=True)
        ]

    def message(self, chat_id: str, message_id: str) -> ChatMessage:
        """Raises BadRequest when the chat has no such message."""
        row = self._row_of(chat_id, message_id)
        with storage_errors(self._path):
            siblings = self._connection.execute(
                "SELECT id FROM messages WHERE chat_id=? AND parent IS ? AND pane IN ('', ?)"
                " AND (deleted IS NULL OR id=?) ORDER BY number",
                (chat_id, row["parent"], row["pane"], message_id),
            )
            return message_of(row, tuple(sibling["id"] for sibling in siblings))

    def newest_below(self, chat_id: str, message_id: str, pane: str = "") -> str:
        """Where what continues ``message_id`` ends, by the last written message of those that end it, or itself; for a
        ``pane`` without what only others have said. Raises BadRequest."""
        whose = self._row_of(chat_id, message_id)["pane"]
        with storage_errors(self._path):
            row = self._connection.execute(_ENDS, {"id": message_id, "pane": pane, "whose": whose}).fetchone()
        return str(row["id"]) if row is not None else message_id

    def revisions(self, chat_id: str, message_id: str) -> list[Revision]:
        """What the message said before, the latest first. Raises BadRequest."""
        self._row_of(chat_id, message_id)
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT role, content, replaced FROM revisions WHERE message=? ORDER BY number DESC", (message_id,)
            )
            return [Revision(role=row["role"], content=row["content"], replaced=row["replaced"]) for row in rows]

    # -------------------------------------------------------------- writing

    def append(self, chat_id: str, messages: Sequence[ChatMessage], title: str, now: float) -> None:
        """Add ``messages``, make the last one the leaf; ``title`` names a chat that has no name yet. All or nothing."""
        with transaction(self._connection, self._path) as rows:
            _insert(rows, messages)
            rows.execute(
                "UPDATE chats SET leaf=?, updated=?, title=CASE title WHEN '' THEN ? ELSE title END WHERE id=?",
                (messages[-1].id, now, title, chat_id),
            )

    def append_to_panes(
        self, chat_id: str, messages: Sequence[ChatMessage], leaves: dict[str, str], title: str, now: float
    ) -> None:
        """As :meth:`append`; ``leaves`` are the new ones of panes, by the panes' ids."""
        with transaction(self._connection, self._path) as rows:
            _insert(rows, messages)
            for pane, leaf in leaves.items():
                rows.execute("UPDATE panes SET leaf=? WHERE id=? AND chat_id=?", (leaf, pane, chat_id))
            rows.execute(
                "UPDATE chats SET updated=?, title=CASE title WHEN '' THEN ? ELSE title END,"
                " leaf=(SELECT leaf FROM panes WHERE chat_id=? ORDER BY position LIMIT 1) WHERE id=?",
                (now, title, chat_id, chat_id),
            )

    def insert(self, message: ChatMessage, after: str | None, now: float) -> None:
        """Put ``message`` behind ``after``, a message of the current path of the chat, or of the message's pane, before
        what follows there; an empty ``after`` puts it first, None last. Raises BadRequest."""
        chat_id, pane = message.chat_id, message.pane
        leaf = self._leaf_of(chat_id, pane)
        chain = [item.id for item in self.path(chat_id, leaf)]
        if after and after not in chain:
            raise BadRequest(
                "This message is not on the conversation’s current path.", hint="Choose its version first."
            )
        at = len(chain) if after is None else chain.index(after) + 1 if after else 0
        parent = leaf if at == len(chain) else self._row_of(chat_id, chain[at])["parent"]
        with transaction(self._connection, self._path) as rows:
            _insert(rows, [msgspec.structs.replace(message, parent=parent)])
            if at < len(chain):
                rows.execute("UPDATE messages SET parent=? WHERE id=?", (message.id, chain[at]))
            elif pane:
                rows.execute("UPDATE panes SET leaf=? WHERE id=? AND chat_id=?", (message.id, pane, chat_id))
                rows.execute(f"UPDATE chats SET leaf={_FIRST_LEAF} WHERE id=:chat", {"chat": chat_id})
            else:
                rows.execute("UPDATE chats SET leaf=? WHERE id=?", (message.id, chat_id))
            rows.execute("UPDATE chats SET updated=? WHERE id=?", (now, chat_id))

    def change_message(self, chat_id: str, message_id: str, patch: MessagePatch, now: float) -> None:
        """Raises BadRequest for a message that the chat lacks or that is being written."""
        row = self._row_of(chat_id, message_id)
        if row["state"] == "generating":
            raise BadRequest("This answer is being written.", hint="Stop it, or wait for its end.")
        content, role = patch.content, patch.role
        with transaction(self._connection, self._path) as rows:
            if (content not in (None, row["content"])) or (role not in (None, row["role"])):
                rows.execute(
                    "INSERT INTO revisions (message, role, content, replaced) VALUES (?, ?, ?, ?)",
                    (message_id, row["role"], row["content"], now),
                )
                role = role or row["role"]
                rows.execute(
                    "UPDATE messages SET content=?, role=?, turn=?, edited=? WHERE id=?",
                    (row["content"] if content is None else content, role, self._turn(row, role), now, message_id),
                )
            if patch.deleted is True and row["deleted"] is None:
                self._delete(rows, row, below=patch.below, now=now)
            elif patch.deleted is False and row["deleted"] is not None:
                self._bring_back(rows, row)
            rows.execute("UPDATE chats SET updated=? WHERE id=?", (now, chat_id))

    def _turn(self, row: sqlite3.Row, role: str) -> str:
        """The turn of a message as ``role``: what is made of an answer is a question of its own, and what is made an
        answer answers the question above it."""
        above = self._connection.execute("SELECT id, turn FROM messages WHERE id=?", (row["parent"],)).fetchone()
        if role == row["role"] or not row["pane"] or above is None:
            return str(row["turn"])
        asked = str(above["turn"] or above["id"])
        if role == "user":
            return "" if row["turn"] == asked else str(row["turn"])
        return str(row["turn"] or asked)

    def copy(self, path: Iterable[ChatMessage], new_id: str, ids: dict[str, str], now: float) -> None:
        """``path`` as the messages of the chat ``new_id``; ``ids`` are the copies' ids by the originals'."""
        parent: str | None = None
        copies = []
        for message in path:
            turn = ids.get(message.turn, "")
            copies.append(
                msgspec.structs.replace(message, id=ids[message.id], chat_id=new_id, parent=parent, turn=turn, pane="")
            )
            parent = ids[message.id]
        with transaction(self._connection, self._path) as rows:
            _insert(rows, copies)
            for copied in copies:
                _save(rows, copied)
            rows.execute("UPDATE chats SET leaf=?, updated=? WHERE id=?", (parent, now, new_id))

    def save_partial(self, message_id: str, content: str, reasoning: str) -> None:
        """What has been written of an answer that is still being written."""
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "UPDATE messages SET content=?, reasoning=? WHERE id=? AND state='generating'",
                (content, reasoning, message_id),
            )

    def go_on(self, message_id: str, before: ChatMessage, now: float) -> None:
        """Write on at an answer that has ended; what it said is kept as a revision."""
        with transaction(self._connection, self._path) as rows:
            rows.execute(
                "INSERT INTO revisions (message, role, content, replaced) VALUES (?, ?, ?, ?)",
                (message_id, before.role, before.content, now),
            )
            rows.execute("UPDATE messages SET state='generating', error=NULL WHERE id=?", (message_id,))

    def save(self, message: ChatMessage, now: float) -> None:
        """The whole message in its final state; nothing happens when it was deleted meanwhile."""
        with transaction(self._connection, self._path) as rows:
            _save(rows, message)
            rows.execute("UPDATE chats SET updated=? WHERE id=?", (now, message.chat_id))

    def interrupt(self) -> int:
        """Mark answers without a writer; how many there were."""
        with transaction(self._connection, self._path) as rows:
            return rows.execute("UPDATE messages SET state='interrupted' WHERE state='generating'").rowcount

    # -------------------------------------------------------------- deleting

    def _delete(self, rows: sqlite3.Connection, row: sqlite3.Row, *, below: bool, now: float) -> None:
        """A version goes with all that continues it; the only one alone, unless ``below``."""
        versions = self.message(row["chat_id"], row["id"]).siblings
        alone = len(versions) == 1
        if alone and not below:
            rows.execute("UPDATE messages SET deleted=? WHERE id=?", (now, row["id"]))
            return
        gone = f"{_BELOW} UPDATE messages SET deleted=:now WHERE deleted IS NULL AND id IN (SELECT id FROM below)"
        rows.execute(gone, {"id": row["id"], "now": now})
        at = versions.index(row["id"])
        near = None if alone else versions[at - 1] if at else versions[1]
        leaf = row["parent"] if near is None else self.newest_below(row["chat_id"], near, row["pane"])
        self._move_leaves(rows, row, leaf)

    def _bring_back(self, rows: sqlite3.Connection, row: sqlite3.Row) -> None:
        together = f"{_BELOW} UPDATE messages SET deleted=NULL WHERE deleted=:at AND id IN (SELECT id FROM below)"
        rows.execute(together, {"id": row["id"], "at": row["deleted"]})
        chat_id, of_pane = row["chat_id"], "panes WHERE id=:pane AND chat_id=:chat"
        values = {"pane": row["pane"], "chat": chat_id, "leaf": self.newest_below(chat_id, row["id"], row["pane"])}
        pane = rows.execute(f"SELECT leaf FROM {of_pane}", values).fetchone()
        at = pane or rows.execute("SELECT leaf FROM chats WHERE id=:chat", values).fetchone()
        if row["id"] in [item.id for item in self.path(chat_id, at["leaf"])]:
            return
        if pane is None:
            rows.execute("UPDATE chats SET leaf=:leaf WHERE id=:chat", values)
            return
        rows.execute("UPDATE panes SET leaf=:leaf WHERE id=:pane AND chat_id=:chat", values)
        rows.execute(f"UPDATE chats SET leaf={_FIRST_LEAF} WHERE id=:chat", values)

    def _move_leaves(self, rows: sqlite3.Connection, row: sqlite3.Row, leaf: str | None) -> None:
        """Whatever ended below the deleted ``row`` ends at ``leaf`` now."""
        for table, key in (("chats", "id"), ("panes", "chat_id")):
            rows.execute(
                f"{_BELOW} UPDATE {table} SET leaf=:leaf WHERE {key}=:chat AND leaf IN (SELECT id FROM below)",
                {"id": row["id"], "leaf": leaf, "chat": row["chat_id"]},
            )

    def _leaf_of(self, chat_id: str, pane: str) -> str | None:
        """Where the chat is, or a pane of it. Raises BadRequest."""
        table, key = ("panes", "chat_id=? AND id=?") if pane else ("chats", "id=?")
        with storage_errors(self._path):
            row = self._connection.execute(
                f"SELECT leaf FROM {table} WHERE {key}", (chat_id, pane)[: 1 + bool(pane)]
            ).fetchone()
        if row is None:
            raise BadRequest("This conversation has no such pane.", hint="Read the conversation again.")
        leaf: str | None = row["leaf"]
        return leaf

    def _row_of(self, chat_id: str, message_id: str) -> sqlite3.Row:
        with storage_errors(self._path):
            row: sqlite3.Row | None = self._connection.execute(
                f"{MESSAGES} WHERE id=? AND chat_id=?", (message_id, chat_id)
            ).fetchone()
        if row is None:
            raise BadRequest("This conversation has no such message.", hint="Read the conversation again.")
        return row


def _upwards(
    found: dict[str, sqlite3.Row], versions: dict[tuple[str | None, str], list[str]], leaf: str | None, pane: str
) -> list[ChatMessage]:
    path: list[ChatMessage] = []
    at = leaf
    while at is not None and at in found:
        row = found[at]
        if row["deleted"] is None:
            whose, parent = row["pane"] or pane, row["parent"]
            own, siblings = versions.get((parent, whose), []) if whose else [], versions.get((parent, ""), [])
            if own:
                siblings = sorted((*siblings, *own), key=lambda id: found[id]["number"])
            path.append(message_of(row, tuple(siblings)))
        at = row["parent"]
    return path[::-1]


def _insert(rows: sqlite3.Connection, messages: Iterable[ChatMessage]) -> None:
    for message in messages:
        rows.execute(
            "INSERT INTO messages (id, chat_id, parent, role, content, model, state, created, pane, turn, pictures)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(message.id, message.chat_id, message.parent, message.role, message.content),
                *(message.model, message.state, message.created, message.pane, message.turn),
                keep_pictures(rows, message.pictures),
            ),
        )


def _save(rows: sqlite3.Connection, message: ChatMessage) -> None:
    rows.execute(
        "UPDATE messages SET content=?, reasoning=?, tool_calls=?, model=?, state=?, error=?, usage=?, stats=?,"
        " stop_reason=? WHERE id=?",
        (
            *(message.content, message.reasoning, to_json(message.tool_calls), message.model, message.state),
            *(to_json(message.error), to_json(message.usage), to_json(message.stats), message.stop_reason),
            message.id,
        ),
    )
