"""What can be read of a damaged database of conversations, as a new one.

Rows are read by their number, without any index (“recover” of SQLite's shell does so by pages): upwards to the first
place that cannot be read, downwards to the last one, and one by one in between. What no row can be had from is left
out. A file whose beginning is broken gets the beginning of a whole one: where the tables lie is the same in both.
Blocks on the disk.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, get_args

import msgspec

from paddock.sdk.compare import BatchPrompt
from paddock.sdk.types import MessageState, Role
from paddock.server.backups import damage
from paddock.server.database import connect

logger = logging.getLogger(__name__)

_HEADER = 100
"""Bytes before the first page's own content (https://www.sqlite.org/fileformat2.html, section 1.3)."""
_INTERIOR = 5
"""The type of a page that has others below it."""
_PROBE = 100_000
"""So far behind the last readable row others are looked for when the end of a table cannot be read."""
_JSON = {
    "tool_calls": "[]",
    "pictures": "[]",
    "tags": "[]",
    "sampling": "{}",
    "stop": "[]",
    "error": None,
    "usage": None,
    "stats": None,
}
"""Columns in JSON, with what they get when theirs is broken."""
_NEEDED = {"batches": "panes", "batch_prompts": "prompt", "cells": "cell", "prompt_sets": "prompts"}
"""Columns in JSON without which their row is nothing."""
_FIRST = ("chats", "messages")
"""The tables that every version has."""
_SEARCH_ONLY = ("fts5", "words")


@dataclass(frozen=True)
class Rescued:
    """What the new database holds. ``lost``: something could not be read; ``added`` rows came from the copy."""

    chats: int
    messages: int
    lost: bool
    added: int


def problem(path: Path, *, full: bool, stopped: Callable[[], bool] = lambda: False) -> str:
    """What is wrong with a database, in SQLite's words; “words” when it is the search index alone, empty when nothing
    is, when it cannot be read in this moment, and when it was ``stopped``. ``full`` also compares the indexes with the
    tables and looks into the search index, which keeps writers waiting as long."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=3000")
            connection.set_progress_handler(stopped, 100_000)
            found = damage(connection, full=full)
            if not found:
                return _search_index(connection) if full else ""
            lines = found.split("; ")
            return "words" if all(any(mark in line for mark in _SEARCH_ONLY) for line in lines) else found
    except sqlite3.OperationalError as error:
        logger.info("%s could not be looked through: %s", path, error)
        return ""
    except sqlite3.DatabaseError as error:
        return str(error)


def _search_index(connection: sqlite3.Connection) -> str:
    try:
        connection.execute("INSERT INTO words(words) VALUES ('integrity-check')")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return "words"
    return ""


def rebuild_words(connection: sqlite3.Connection) -> None:
    """Make the search index anew from the messages."""
    connection.executescript(
        "BEGIN IMMEDIATE; INSERT INTO words(words) VALUES ('delete-all');"
        " INSERT INTO words(rowid, content) SELECT number, content FROM messages WHERE state <> 'generating'; COMMIT;"
    )


def rescue(damaged: Path, backup: Path | None, target: Path) -> Rescued:
    """Write what ``damaged`` (with its write-ahead log) still holds into the new database ``target``; where something
    is lost, also what only the copy ``backup`` has. Neither source is touched. Raises StorageFailed and OSError."""
    work = target.with_name(target.name + ".work")
    try:
        with closing(connect(target)) as writer:
            writer.execute("PRAGMA foreign_keys=OFF")
            _copy_aside(damaged, work)
            lost = _read_all(work, writer)
            if _is_empty(writer):
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                _graft(work, backup or target)
                lost = _read_all(work, writer) or lost
            added = _count(writer)
            if lost and backup is not None:
                _copy_aside(backup, work)
                with suppress(sqlite3.DatabaseError):
                    connect(work).close()  # a copy may be of an earlier version
                writer.execute("CREATE TEMP TABLE known AS SELECT id FROM batches")
                _read_all(work, writer)
                # What only the copy has may have been ended or removed since.
                writer.execute("UPDATE batches SET state='paused' WHERE state='running' AND id NOT IN known")
            added = _count(writer) - added
            _mend(writer)
            _mend_batches(writer)
            chats, messages = (
                writer.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("chats", "messages")
            )
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Rescued(chats=chats, messages=messages, lost=lost, added=added)
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{work}{end}").unlink(missing_ok=True)


# ---------------------------------------------------------------- reading


def _read_all(path: Path, writer: sqlite3.Connection) -> bool:
    """Every row that can be read into ``writer``, unless it is there; whether some could not."""
    lost = False
    with closing(sqlite3.connect(path, isolation_level=None)) as source:
        source.row_factory = sqlite3.Row
        source.text_factory = lambda raw: raw.decode("utf-8", "replace")
        writer.execute("BEGIN")
        for table in _tables(writer):
            names = _columns(writer, table)
            there: set[str] = set()
            with suppress(sqlite3.DatabaseError):
                there = set(_columns(source, table))
            if not there:
                lost = lost or table in _FIRST
                continue
            reader = _Reader(source, table, [name for name in names if name in there])
            marks = ", ".join("?" * len(reader.columns))
            sql = f"INSERT OR IGNORE INTO {table} ({', '.join(reader.columns)}) VALUES ({marks})"
            for row in reader.rows():
                if (values := _sane(table, row)) is not None:
                    writer.execute(sql, values)
                else:
                    lost = True
            lost = lost or reader.lost
        writer.execute("COMMIT")
    return lost


class _Reader:
    """The rows of one table, in any order. ``lost``: there may be others."""

    def __init__(self, source: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
        self._source = source
        self.columns = columns
        self._select = f"SELECT rowid AS row_number, {', '.join(columns)} FROM {table} NOT INDEXED"
        self.lost = False

    def rows(self) -> Iterator[sqlite3.Row]:
        low, high = 0, 0
        try:
            for row in self._source.execute(f"{self._select} ORDER BY rowid"):
                low = row["row_number"]
                yield row
            return
        except sqlite3.DatabaseError:
            self.lost = True
        try:
            for row in self._source.execute(f"{self._select} WHERE rowid>? ORDER BY rowid DESC", (low,)):
                high = row["row_number"]
                yield row
            return
        except sqlite3.DatabaseError:
            high = high or low + _PROBE
        for number in range(low + 1, high):
            with suppress(sqlite3.DatabaseError):
                found = self._source.execute(f"{self._select} WHERE rowid=?", (number,)).fetchone()
                if found is not None:
                    yield found


def _sane(table: str, row: sqlite3.Row) -> list[Any] | None:
    """The values of a row without its number; None for one that is no row of ours."""
    values: dict[str, Any] = {name: row[name] for name in row.keys() if name != "row_number"}  # noqa: SIM118  a Row iterates its values
    for name in values.keys() & _JSON.keys():
        if values[name] is not None and not _is_json(values[name]):
            values[name] = _JSON[name]
    if "id" in values and not isinstance(values["id"], str):
        return None
    if table in _NEEDED and not _is_json(values[_NEEDED[table]]):
        return None
    if table == "messages" and not _is_message(values):
        return None
    if table == "chats" and not isinstance(values["updated"], float):
        return None
    return list(values.values())


def _is_message(values: Mapping[str, Any]) -> bool:
    texts = all(isinstance(values[name], str) for name in ("chat_id", "content", "reasoning"))
    return texts and values["role"] in get_args(Role) and values["state"] in get_args(MessageState)


def _is_json(text: Any) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, TypeError, UnicodeError):
        return False
    return True


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Our own tables; the search index is filled by its triggers."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'words%' AND name NOT LIKE 'sqlite_%'"
    )
    return [row["name"] for row in rows]


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]


def _count(connection: sqlite3.Connection) -> int:
    return sum(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in _tables(connection))


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM messages LIMIT 1").fetchone() is None


# ---------------------------------------------------------------- the file


def _copy_aside(database: Path, work: Path) -> None:
    for end in ("-wal", "-shm", "-journal", ""):
        Path(f"{work}{end}").unlink(missing_ok=True)
        if end in ("", "-wal") and Path(f"{database}{end}").exists():
            shutil.copyfile(f"{database}{end}", f"{work}{end}")


def _graft(work: Path, donor: Path) -> None:
    """Give ``work`` the header and the list of tables of ``donor``, whose tables begin on the same pages."""
    with donor.open("rb") as file:
        size = int.from_bytes(file.read(_HEADER)[16:18], "big")
        pages = -(-work.stat().st_size // size)
        first, more = _schema(file, size, pages)
    first[18:20] = b"\2\2"  # the write-ahead log counts
    first[24:28] = first[92:96]  # so that the number of pages is believed
    first[28:32] = (pages + len(more)).to_bytes(4, "big")
    first[32:40] = bytes(8)  # no free pages
    with work.open("r+b") as file:
        file.truncate(pages * size)
        file.write(first)
        file.seek(pages * size)
        file.writelines(more)


def _schema(file: BinaryIO, size: int, pages: int) -> tuple[bytearray, list[bytes]]:
    """The first page of a database and those below it, which are to come behind ``pages`` others (section 1.6)."""

    def page(number: int) -> bytes:
        file.seek((number - 1) * size)
        return file.read(size)

    first = bytearray(page(1))
    if first[_HEADER] != _INTERIOR:
        return first, []
    cells = int.from_bytes(first[_HEADER + 3 : _HEADER + 5], "big")
    pointers = (_HEADER + 12 + 2 * cell for cell in range(cells))
    places = [int.from_bytes(first[at : at + 2], "big") for at in pointers] + [_HEADER + 8]
    more = []
    for number, place in enumerate(places, pages + 1):
        more.append(page(int.from_bytes(first[place : place + 4], "big")))
        first[place : place + 4] = number.to_bytes(4, "big")
    return first, more


def _mend(writer: sqlite3.Connection) -> None:
    """Put right what refers to rows that are lost: messages get back into a conversation, under the message before."""
    writer.executescript(
        """
        BEGIN;
        INSERT INTO chats (id, title, created, updated, model, system)
            SELECT chat_id, 'Rescued conversation', min(created), max(created), max(model), '' FROM messages
            WHERE chat_id NOT IN (SELECT id FROM chats) GROUP BY chat_id;
        UPDATE messages SET parent=(
            SELECT above.id FROM messages AS above WHERE above.chat_id=messages.chat_id
            AND above.number<messages.number ORDER BY above.number DESC LIMIT 1
        ) WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM messages);
        UPDATE chats SET leaf=(
            SELECT id FROM messages WHERE chat_id=chats.id AND deleted IS NULL ORDER BY number DESC LIMIT 1
        ) WHERE leaf NOT IN (SELECT id FROM messages) OR title='Rescued conversation' AND leaf IS NULL;
        UPDATE panes SET leaf=(
            SELECT id FROM messages WHERE chat_id=panes.chat_id AND pane=panes.id AND deleted IS NULL
            ORDER BY number DESC LIMIT 1
        ) WHERE leaf NOT IN (SELECT id FROM messages);
        UPDATE chats SET folder='' WHERE folder NOT IN (SELECT id FROM folders);
        COMMIT;
        """
    )
    for row in writer.execute("PRAGMA foreign_key_check").fetchall():
        writer.execute(f"DELETE FROM {row['table']} WHERE rowid=?", (row["rowid"],))


def _mend_batches(writer: sqlite3.Connection) -> None:
    """Where prompts of a batch are lost, others stand in their places: cells are counted by them. It waits then."""
    lost = msgspec.json.encode(BatchPrompt(prompt="(This prompt could not be read.)")).decode()
    for batch in writer.execute("SELECT id, panes, repeat FROM batches").fetchall():
        rows = writer.execute("SELECT number FROM batch_prompts WHERE batch=?", (batch["id"],))
        there = {row["number"] for row in rows}
        last = writer.execute("SELECT max(number) AS last FROM cells WHERE batch=?", (batch["id"],)).fetchone()["last"]
        each = len(msgspec.json.decode(batch["panes"])) * batch["repeat"]
        needed = max([number + 1 for number in there] + [(last or 0) // each + 1 if each else 0])
        missing = set(range(needed)) - there
        if missing:
            stand_ins = ((batch["id"], number, lost) for number in missing)
            writer.executemany("INSERT INTO batch_prompts (batch, number, prompt) VALUES (?, ?, ?)", stand_ins)
            writer.execute("UPDATE batches SET state='paused' WHERE id=? AND state='running'", (batch["id"],))
