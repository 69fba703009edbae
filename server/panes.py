"""The panes of comparisons and the votes on them as rows."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paddock.sdk.compare import MOST_PANES, Contestant, Vote
from paddock.sdk.errors import BadRequest, NotFound
from paddock.sdk.types import Pane
from paddock.server.chat_values import to_json
from paddock.server.database import storage_errors, transaction


class PaneTable:
    """Every method may raise StorageFailed. Lives on the thread of ``connection``."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def of(self, chat_id: str) -> list[tuple[Pane, str | None]]:
        """The panes of a chat with their leaves, in their order."""
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT * FROM panes WHERE chat_id=? ORDER BY position", (chat_id,))
            return [(msgspec.json.decode(row["settings"], type=Pane), row["leaf"]) for row in rows]

    def put(self, chat_id: str, panes: Sequence[Pane]) -> None:
        """The panes from now on. A new one begins where the first one is, or the conversation; without panes the
        conversation goes on where the first one was. Raises BadRequest for one pane alone, for more than there may be,
        and for ids that are not the chat's."""
        if len(panes) == 1 or len(panes) > MOST_PANES:
            count = "One pane" if len(panes) == 1 else f"{len(panes)} panes"
            raise BadRequest(f"{count} cannot be compared.", hint=f"Compare two to {MOST_PANES}.")
        before = {pane.id: leaf for pane, leaf in self.of(chat_id)}
        named = [pane.id for pane in panes if pane.id]
        if len(set(named)) < len(named) or not set(named) <= before.keys():
            raise BadRequest("This conversation has no such pane.", hint="Read the conversation again.")
        with transaction(self._connection, self._path) as rows:
            chat = rows.execute("SELECT leaf FROM chats WHERE id=?", (chat_id,)).fetchone()
            rows.execute("DELETE FROM panes WHERE chat_id=?", (chat_id,))
            for position, pane in enumerate(panes):
                made = pane if pane.id else msgspec.structs.replace(pane, id=uuid.uuid4().hex[:12])
                leaf = before.get(pane.id, chat["leaf"])
                rows.execute(
                    "INSERT INTO panes (id, chat_id, position, settings, leaf) VALUES (?, ?, ?, ?, ?)",
                    (made.id, chat_id, position, to_json(made), leaf),
                )
                if position == 0:
                    rows.execute("UPDATE chats SET leaf=? WHERE id=?", (leaf, chat_id))

    def move(self, rows: sqlite3.Connection, chat_id: str, pane: str, leaf: str) -> None:
        """Another leaf for a pane, inside the caller's transaction. Raises BadRequest."""
        changed = rows.execute("UPDATE panes SET leaf=? WHERE id=? AND chat_id=?", (leaf, pane, chat_id)).rowcount
        if not changed:
            raise BadRequest("This conversation has no such pane.", hint="Read the conversation again.")
        rows.execute(
            "UPDATE chats SET leaf=(SELECT leaf FROM panes WHERE chat_id=:chat ORDER BY position LIMIT 1)"
            " WHERE id=:chat",
            {"chat": chat_id},
        )

    def adopt(self, chat_id: str, pane: str) -> None:
        """All panes go on from where ``pane`` is. Raises BadRequest."""
        leaves = {item.id: leaf for item, leaf in self.of(chat_id)}
        if pane not in leaves:
            raise BadRequest("This conversation has no such pane.", hint="Read the conversation again.")
        with transaction(self._connection, self._path) as rows:
            rows.execute("UPDATE panes SET leaf=? WHERE chat_id=?", (leaves[pane], chat_id))
            rows.execute("UPDATE chats SET leaf=? WHERE id=?", (leaves[pane], chat_id))

    # -------------------------------------------------------------- votes

    def vote(self, vote: Vote) -> Vote:
        """Keep ``vote`` in place of an earlier one on the same question."""
        with transaction(self._connection, self._path) as rows:
            rows.execute("DELETE FROM votes WHERE chat_id=? AND turn=?", (vote.chat, vote.turn))
            rows.execute(
                "INSERT INTO votes (id, chat_id, turn, outcome, pane, blind, contestants, tags, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(vote.id, vote.chat, vote.turn, vote.outcome, vote.pane, vote.blind),
                    *(to_json(vote.contestants), to_json(vote.tags), vote.created),
                ),
            )
        return vote

    def votes(self, chat_id: str = "") -> list[Vote]:
        """The latest first; those on conversations that were removed count on."""
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT * FROM votes WHERE :chat='' OR chat_id=:chat ORDER BY created DESC, rowid DESC",
                {"chat": chat_id},
            )
            return [_vote(row) for row in rows]

    def take_back(self, vote_id: str) -> None:
        """Raises NotFound."""
        with transaction(self._connection, self._path) as rows:
            if not rows.execute("DELETE FROM votes WHERE id=?", (vote_id,)).rowcount:
                raise NotFound("There is no such vote.", hint="It may have been replaced by a later one.")


def _vote(row: sqlite3.Row) -> Vote:
    return Vote(
        id=row["id"],
        chat=row["chat_id"],
        turn=row["turn"],
        outcome=row["outcome"],
        pane=row["pane"],
        blind=bool(row["blind"]),
        contestants=msgspec.json.decode(row["contestants"], type=tuple[Contestant, ...]),
        tags=msgspec.json.decode(row["tags"], type=tuple[str, ...]),
        created=row["created"],
    )
