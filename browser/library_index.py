"""What was read out of model files, in an SQLite file, so that each header is read once.

A cache: it can be thrown away, and is where it is damaged or of another version. What the user wrote is elsewhere
(:mod:`paddock.browser.library_notes`).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from paddock.browser.files import ModelFile
from paddock.browser.library_facts import Facts
from paddock.sdk.library import LibraryProblem
from paddock.sdk.types import ModelInfo

logger = logging.getLogger(__name__)

VERSION = 1
"""Of the tables and of what is read out of a file: with another number everything is read again."""
_APPLICATION = 0x50616449
"""“PadI”: SQLite's application_id."""
_TABLES = """
CREATE TABLE facts (path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, facts BLOB) WITHOUT ROWID;
CREATE TABLE sums (path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, quick BLOB, sha256 TEXT) WITHOUT ROWID;
CREATE TABLE list (number INTEGER PRIMARY KEY, found BLOB);
"""


class Stamp(NamedTuple):
    """Size in bytes and time of the last change in nanoseconds: as long as they hold, a file is taken for the same."""

    size: int
    changed_ns: int


class Sum(NamedTuple):
    """``quick`` is a checksum of the file's ends, ``sha256`` (hexadecimal) of all of it; empty where not computed."""

    quick: bytes = b""
    sha256: str = ""


class Found(msgspec.Struct, frozen=True):
    """What a look at the ``places`` gave."""

    places: tuple[str, ...] = ()
    models: tuple[ModelInfo, ...] = ()
    problems: tuple[LibraryProblem, ...] = ()


def stamp_of(file: ModelFile) -> Stamp:
    return Stamp(file.size, file.changed_ns)


class LibraryIndex:
    """Thread-safe; every method blocks and none raises: without the file everything is read anew.

    Args:
        path: The SQLite file, made when it is not there; None keeps the index in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = _opened(path)
        self._pack = msgspec.msgpack.Encoder().encode
        self._facts = msgspec.msgpack.Decoder(Facts).decode

    def facts(self) -> dict[str, tuple[Stamp, Facts]]:
        """All that is known, by path."""
        rows = self._ask("SELECT path, size, changed_ns, facts FROM facts")
        try:
            return {path: (Stamp(size, changed), self._facts(data)) for path, size, changed, data in rows}
        except msgspec.DecodeError as error:
            logger.warning("the library's index cannot be read (%s): every header is read again", error)
            return {}

    def put_facts(self, read: Iterable[tuple[ModelFile, Facts]]) -> None:
        rows = [(str(file.path), *stamp_of(file), self._pack(facts)) for file, facts in read]
        self._write("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)", rows)

    def forget(self, paths: Iterable[str]) -> None:
        """Files that are not there any more."""
        gone = [(path,) for path in paths]
        self._write("DELETE FROM facts WHERE path = ?", gone)
        self._write("DELETE FROM sums WHERE path = ?", gone)

    def sums(self) -> dict[str, tuple[Stamp, Sum]]:
        """All that were computed, by path."""
        rows = self._ask("SELECT path, size, changed_ns, quick, sha256 FROM sums")
        return {path: (Stamp(size, changed), Sum(quick, sha256)) for path, size, changed, quick, sha256 in rows}

    def put_sum(self, path: str, stamp: Stamp, sum: Sum) -> None:
        self._write("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?, ?)", [(path, *stamp, *sum)])

    def found(self) -> Found | None:
        """What the last look gave; None where there was none."""
        for (data,) in self._ask("SELECT found FROM list"):
            try:
                return msgspec.msgpack.decode(data, type=Found)
            except msgspec.DecodeError as error:
                logger.warning("the list of models cannot be read (%s): the folders are", error)
        return None

    def put_found(self, found: Found) -> None:
        self._write("INSERT OR REPLACE INTO list VALUES (1, ?)", [(self._pack(found),)])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _ask(self, question: str) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(question).fetchall()
            except sqlite3.Error as error:
                self._failed(error)
                return []

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        with self._lock:
            try:
                with self._connection:
                    self._connection.executemany(statement, rows)
            except sqlite3.Error as error:
                self._failed(error)

    def _failed(self, error: sqlite3.Error) -> None:
        logger.warning("the library's index: %s", error)
        if not isinstance(error, sqlite3.OperationalError | sqlite3.ProgrammingError):  # damaged
            self._connection.close()
            self._connection = _opened(self._path)


def _opened(path: Path | None) -> sqlite3.Connection:
    """The index at ``path``, empty where it is damaged or of another version; in memory where it cannot be written."""
    if path is not None:
        for _ in range(2):
            try:
                return _connected(path)
            except (sqlite3.Error, OSError) as error:
                logger.warning("the library's index is made anew: %s", error)
            try:
                _remove(path)
            except OSError as error:
                logger.warning("the library's index cannot be written, every start reads all headers: %s", error)
                break
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(_TABLES)
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        if (_number(connection, "application_id"), _number(connection, "user_version")) != (_APPLICATION, VERSION):
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise sqlite3.DatabaseError("it is of another version")
            connection.executescript(
                f"BEGIN; {_TABLES} PRAGMA application_id={_APPLICATION}; PRAGMA user_version={VERSION}; COMMIT;"
            )
        # a power cut may cost what was written last, but does not damage it
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _number(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
