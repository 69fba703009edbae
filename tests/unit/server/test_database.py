"""Databases of every earlier version are brought up to date with everything in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from paddock.sdk.chats import ChatSearch
from paddock.sdk.errors import StorageFailed
from paddock.sdk.types import ChatPatch
from paddock.server.batch_table import BATCHES
from paddock.server.chat_rescue import problem
from paddock.server.chats import ChatTable
from paddock.server.database import APPLICATION, MIGRATIONS, connect

VERSIONS = range(1, len(MIGRATIONS) + 1)


def of_version(path: Path, version: int) -> None:
    """A database with rows in everything that ``version`` had, as a host of that time left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA journal_mode=WAL")
        for script in MIGRATIONS[:version]:
            old.executescript(script)
        old.executescript(f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={version};")
        old.execute(
            "INSERT INTO chats (id, title, created, updated, model, system, pinned, leaf)"
            " VALUES ('c', 'Horses', 1.0, 2.0, 'm', 'be brief', 1, 'b')"
        )
        words = {"q": "What does a pony eat?", "a": "Straw, café.", "b": "Hay.", "w": ""}
        for id, parent, role, state in (
            ("q", None, "user", "done"),
            ("a", "q", "assistant", "done"),
            ("b", "q", "assistant", "cancelled"),
            ("w", "b", "assistant", "generating"),
        ):
            old.execute(
                "INSERT INTO messages (id, chat_id, parent, role, content, state, stats, created)"
                " VALUES (?, 'c', ?, ?, ?, ?, ?, 1.0)",
                (id, parent, role, words[id], state, None if role == "user" else '{"ttft_s": 0.25}'),
            )
        if version >= 2:
            old.execute("UPDATE chats SET private=1")
        if version >= 3:
            _third(old)
        if version >= 4:
            old.execute(
                "INSERT INTO batches (id, name, state, panes, repeat, created)"
                " VALUES ('x', 'Ten', 'done', '[]', 1, 1.0)"
            )
            old.execute("INSERT INTO cells (batch, number, state, cell) VALUES ('x', 0, 'done', '{}')")
            old.execute("INSERT INTO prompt_sets VALUES ('s', 'Mine', '[]', 1.0)")


def _third(old: sqlite3.Connection) -> None:
    old.execute("UPDATE chats SET folder='f', tags='[\"zoo\"]', sampling='{\"temperature\": 0.5}', origin='lmstudio:1'")
    old.execute("INSERT INTO folders VALUES ('f', 'Animals', '', 0)")
    old.execute("INSERT INTO revisions (message, role, content, replaced) VALUES ('q', 'user', 'What?', 1.5)")
    old.execute(
        "INSERT INTO votes VALUES ('v', 'c', 'q', 'better', 'p', 1, '[]', '[\"zoo\"]', 1.0)",
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_an_earlier_version_reads_the_same(tmp_path, version):
    path = tmp_path / "chats.db"
    of_version(path, version)
    asked = []
    for _ in range(2):
        table = ChatTable(connect(path, before_migration=lambda: asked.append(version)), path)
        table.interrupt()
        (summary,) = table.summaries()
        assert (summary.title, summary.system, summary.pinned, summary.updated) == ("Horses", "be brief", True, 2.0)
        assert summary.private is (version >= 2)
        question, answer = table.chat("c").messages
        assert (question.content, answer.content, answer.state) == ("What does a pony eat?", "Hay.", "cancelled")
        assert answer.stats is not None
        assert answer.stats.ttft_s == 0.25
        assert answer.siblings == ("a", "b")
        assert [hit.message for hit in table.words.find(ChatSearch(words="cafe"), ())] == ["a"]
        assert [hit.message for hit in table.words.find(ChatSearch(words="pon"), ())] == ["q"]
        if version >= 3:
            assert (summary.folder, summary.tags, summary.sampling) == ("f", ("zoo",), {"temperature": 0.5})
            assert [revision.content for revision in table.revisions("c", "q")] == ["What?"]
            assert table.folders.get("f").name == "Animals"
        table.close()
    assert asked == ([version] if version < len(MIGRATIONS) else [])  # once, and only when there is something to do
    assert problem(path, full=True) == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_migrated_can_be_changed(tmp_path, version):
    path = tmp_path / "chats.db"
    of_version(path, version)
    table = ChatTable(connect(path), path)
    assert table.change("c", ChatPatch(private=True, tags=("a",)), 9.0).updated == 2.0
    table.purge("c")
    assert table.words.find(ChatSearch(words="cafe"), ()) == []
    table.close()
    assert problem(path, full=True) == ""


def test_a_migration_that_breaks_off_leaves_the_old_version_whole(tmp_path, monkeypatch):
    path = tmp_path / "chats.db"
    of_version(path, 2)
    with monkeypatch.context() as broken:
        broken.setattr(
            "paddock.server.database.MIGRATIONS", (*MIGRATIONS[:2], MIGRATIONS[2] + "; INSERT INTO nothing;")
        )
        with pytest.raises(sqlite3.OperationalError):
            connect(path)
    table = ChatTable(connect(path), path)
    assert len(table.chat("c").messages) == 2
    table.close()


def test_a_newer_database_is_refused_in_words(tmp_path):
    path = tmp_path / "chats.db"
    of_version(path, len(MIGRATIONS))
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    with pytest.raises(StorageFailed, match="newer Paddock"):
        connect(path)


def test_cells_are_counted_without_being_read(tmp_path):
    with closing(connect(tmp_path / "chats.db")) as database:
        plan = [row["detail"] for row in database.execute(f"EXPLAIN QUERY PLAN {BATCHES} WHERE id='x'")]
    assert sum("COVERING INDEX cells_counted" in step for step in plan) == 3
