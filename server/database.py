"""The SQLite file of the conversations: opening, migrations, and errors in words.

WAL with ``synchronous=FULL``: a commit is on the disk before it is reported, so a power cut costs at most the second
since the last partial save.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paddock.sdk.errors import BadRequest, StorageFailed

APPLICATION = 0x5061646B
"""“Padk”: SQLite's application_id, so that a foreign database is not taken for ours."""

MIGRATIONS = (
    """
    CREATE TABLE chats (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        model TEXT NOT NULL,
        system TEXT NOT NULL,
        pinned INTEGER NOT NULL DEFAULT 0,
        leaf TEXT
    );
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        chat_id TEXT NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
        parent TEXT REFERENCES messages(id) ON DELETE CASCADE,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        reasoning TEXT NOT NULL DEFAULT '',
        tool_calls TEXT NOT NULL DEFAULT '[]',
        model TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'done',
        error TEXT,
        usage TEXT,
        stats TEXT,
        stop_reason TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL
    );
    CREATE INDEX messages_of_chat ON messages(chat_id, parent);
    CREATE INDEX messages_of_parent ON messages(parent);
    CREATE INDEX messages_generating ON messages(state) WHERE state = 'generating';
    """,
    "ALTER TABLE chats ADD COLUMN private INTEGER NOT NULL DEFAULT 0",
    """
    ALTER TABLE chats ADD COLUMN folder TEXT NOT NULL DEFAULT '';
    ALTER TABLE chats ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE chats ADD COLUMN sampling TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE chats ADD COLUMN reasoning INTEGER;
    ALTER TABLE chats ADD COLUMN deleted REAL;
    ALTER TABLE chats ADD COLUMN origin TEXT;
    ALTER TABLE messages ADD COLUMN pane TEXT NOT NULL DEFAULT '';
    ALTER TABLE messages ADD COLUMN turn TEXT NOT NULL DEFAULT '';
    ALTER TABLE messages ADD COLUMN edited REAL;
    ALTER TABLE messages ADD COLUMN deleted REAL;
    CREATE UNIQUE INDEX chats_of_origin ON chats(origin) WHERE origin IS NOT NULL;
    CREATE TABLE folders (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        parent TEXT NOT NULL DEFAULT '',
        position INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE revisions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        message TEXT NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        replaced REAL NOT NULL
    );
    CREATE INDEX revisions_of_message ON revisions(message);
    CREATE TABLE panes (
        id TEXT PRIMARY KEY,
        chat_id TEXT NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        settings TEXT NOT NULL,
        leaf TEXT
    );
    CREATE INDEX panes_of_chat ON panes(chat_id, position);
    CREATE TABLE votes (
        id TEXT PRIMARY KEY,
        chat_id TEXT NOT NULL,
        turn TEXT NOT NULL,
        outcome TEXT NOT NULL,
        pane TEXT NOT NULL,
        blind INTEGER NOT NULL,
        contestants TEXT NOT NULL,
        tags TEXT NOT NULL,
        created REAL NOT NULL,
        UNIQUE (chat_id, turn)
    );
    CREATE VIRTUAL TABLE words USING fts5(
        content, content='messages', content_rowid='number', tokenize='unicode61 remove_diacritics 2', prefix='2 3'
    );
    INSERT INTO words(rowid, content) SELECT number, content FROM messages WHERE state <> 'generating';
    CREATE TRIGGER words_added AFTER INSERT ON messages WHEN new.state <> 'generating' BEGIN
        INSERT INTO words(rowid, content) VALUES (new.number, new.content);
    END;
    CREATE TRIGGER words_removed AFTER DELETE ON messages WHEN old.state <> 'generating' BEGIN
        INSERT INTO words(words, rowid, content) VALUES ('delete', old.number, old.content);
    END;
    CREATE TRIGGER words_changed AFTER UPDATE OF content, state ON messages BEGIN
        INSERT INTO words(words, rowid, content)
            SELECT 'delete', old.number, old.content WHERE old.state <> 'generating';
        INSERT INTO words(rowid, content)
            SELECT new.number, new.content WHERE new.state <> 'generating';
    END;
    """,
    """
    CREATE TABLE batches (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        panes TEXT NOT NULL,
        repeat INTEGER NOT NULL,
        created REAL NOT NULL
    );
    CREATE TABLE batch_prompts (
        batch TEXT NOT NULL REFERENCES batches(id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        PRIMARY KEY (batch, number)
    );
    CREATE TABLE cells (
        change INTEGER PRIMARY KEY AUTOINCREMENT,
        batch TEXT NOT NULL REFERENCES batches(id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        judging INTEGER NOT NULL DEFAULT 0,
        cell TEXT NOT NULL,
        UNIQUE (batch, number)
    );
    CREATE INDEX cells_of_batch ON cells(batch, change);
    CREATE TABLE prompt_sets (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        prompts TEXT NOT NULL,
        changed REAL NOT NULL
    );
    """,
    """
    ALTER TABLE chats ADD COLUMN stop TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE chats ADD COLUMN max_tokens INTEGER;
    """,
    # a cell's row is long: counting without reading them keeps the database free for chats
    "CREATE INDEX cells_counted ON cells(batch, state, judging, number);",
    # a picture goes with the last message that shows it
    """
    ALTER TABLE messages ADD COLUMN pictures TEXT NOT NULL DEFAULT '[]';
    CREATE INDEX messages_with_pictures ON messages(pictures) WHERE pictures <> '[]';
    CREATE TABLE pictures (
        hash TEXT PRIMARY KEY,
        data BLOB NOT NULL
    );
    CREATE TRIGGER pictures_removed AFTER DELETE ON messages WHEN old.pictures <> '[]' BEGIN
        DELETE FROM pictures WHERE hash IN (
            SELECT json_extract(value, '$.hash') FROM json_each(old.pictures)
        ) AND hash NOT IN (
            SELECT json_extract(shown.value, '$.hash') FROM messages AS other, json_each(other.pictures) AS shown
            WHERE other.pictures <> '[]'
        );
    END;
    """,
    "ALTER TABLE chats ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE batches ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
)
"""One script per schema version, applied in order; a script is never changed once released."""


def connect(path: Path, *, before_migration: Callable[[], object] | None = None) -> sqlite3.Connection:
    """Open or create the database and bring it to this version's schema. To be called on the thread that uses it.

    ``before_migration`` is called when there is something to migrate. Raises StorageFailed: not a database, damaged,
    newer than the program, or not writable.
    """
    with storage_errors(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA busy_timeout=30000")  # the check after a crash may take seconds
            _migrate(connection, path, before_migration)
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            if mode != "wal":
                raise StorageFailed(
                    f"The disk of {path} does not allow the database's write-ahead log.",
                    hint="Set PADDOCK_HOME to a folder on a disk of this machine.",
                    path=str(path),
                )
            connection.execute("PRAGMA synchronous=FULL")
        except BaseException:
            connection.close()
            raise
        return connection


def _migrate(connection: sqlite3.Connection, path: Path, first: Callable[[], object] | None) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION:
        raise StorageFailed(
            f"{path} is a database of another program.", hint="Move it to another place.", path=str(path)
        )
    if version > len(MIGRATIONS):
        raise StorageFailed(
            f"The conversations in {path} were written by a newer Paddock (format {version}; this one knows up to"
            f" {len(MIGRATIONS)}).",
            hint="Update Paddock, or set PADDOCK_HOME to another folder.",
            path=str(path),
            found=version,
            known=len(MIGRATIONS),
        )
    if tables and version < len(MIGRATIONS) and first is not None:
        first()
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        # One transaction a step: a crash in the middle leaves the old schema whole.
        connection.executescript(
            f"BEGIN; {script}; PRAGMA application_id={APPLICATION}; PRAGMA user_version={number}; COMMIT;"
        )


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """All or nothing. Raises StorageFailed."""
    with storage_errors(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """SQLite's errors about the disk and the file as StorageFailed, numbers beyond its 64 bits as BadRequest; errors in
    our own SQL stay what they are."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "no such" in text or "syntax" in text:
            raise
        raise _in_words(text, path) from error
    except OverflowError as error:
        raise BadRequest("A number is too large to be stored.", hint="Give a smaller one.") from error


def _in_words(text: str, path: Path) -> StorageFailed:
    if "full" in text:
        return StorageFailed(
            "The disk is full; it could not be saved.",
            hint="Make room, then try again; an answer is saved by itself.",
            path=str(path),
        )
    if "not a database" in text or "malformed" in text:
        return StorageFailed(
            f"The file of the conversations, {path}, is damaged.",
            hint="Start Paddock again: it is looked through and repaired.",
            path=str(path),
            damaged=True,
        )
    if "readonly" in text or "unable to open" in text:
        return StorageFailed(
            f"The file of the conversations, {path}, cannot be written.",
            hint="Check the permissions of the folder.",
            path=str(path),
        )
    return StorageFailed(
        f"It could not be saved ({text}).",
        hint="Check the free space and the health of the disk, then try again; an answer is saved by itself.",
        path=str(path),
    )
