"""Databases of earlier versions are brought up to date with everything in them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from paddock.sdk.types import ChatPatch
from paddock.server.chats import ChatTable
from paddock.server.database import APPLICATION, MIGRATIONS, connect


def version_1(path: Path) -> None:
    """As the version before private chats left it."""
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(f"{MIGRATIONS[0]}; PRAGMA application_id={APPLICATION}; PRAGMA user_version=1;")
    old.execute("PRAGMA journal_mode=WAL")
    old.execute("INSERT INTO chats VALUES ('c', 'Horses', 1.0, 2.0, 'm', 'be brief', 1, 'a')")
    for id, parent, role in (("q", None, "user"), ("a", "q", "assistant")):
        old.execute(
            "INSERT INTO messages (id, chat_id, parent, role, content, created) VALUES (?, 'c', ?, ?, 'x', 1.0)",
            (id, parent, role),
        )
    old.close()


def test_a_database_without_private_chats_is_migrated_once_and_nothing_is_lost(tmp_path):
    path = tmp_path / "chats.db"
    version_1(path)
    for private in (False, True):
        connection = connect(path)
        table = ChatTable(connection, path)
        (summary,) = table.summaries()
        assert (summary.title, summary.system, summary.pinned, summary.updated) == ("Horses", "be brief", True, 2.0)
        assert summary.private is private
        assert [message.id for message in table.chat("c").messages] == ["q", "a"]
        assert table.change("c", ChatPatch(private=True), 9.0).updated == 2.0
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        table.close()
