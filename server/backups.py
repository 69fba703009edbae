"""Copies of the conversations in the folder ``backups``: made while they are in use, looked through before they count,
and few.

A copy is written beside its place by SQLite's online backup, checked, and then renamed, so that a file with a copy's
name is whole. Everything here blocks: call it off the host's loop.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import time
from calendar import timegm
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, cast

from paddock.sdk.chats import Backup
from paddock.sdk.errors import NotFound, StorageFailed
from paddock.server.database import APPLICATION, MIGRATIONS

Kind = Literal["daily", "update", "restore", "manual"]
REASONS: dict[Kind, str] = {
    "daily": "daily",
    "update": "before an update",
    "restore": "before a restore",
    "manual": "by hand",
}
DAYS, WEEKS = 7, 4
"""A copy of each of so many days is kept, and one of each of so many weeks before."""
MOST: dict[Kind, int] = {"update": 3, "restore": 3, "manual": 5}
MOST_BYTES = 8 * 1024**3
SPARE_BYTES = 16 * 1024**2
"""So much stays free on the disk behind a copy."""
_NAME = re.compile(r"chats-(\d{8}T\d{6})Z-(daily|update|restore|manual)\.db")
_DAY_S = 86_400


class BackupFolder:
    """The copies in ``folder``, of the database ``source``. May be used on any thread, on one at a time."""

    def __init__(self, folder: Path, source: Path) -> None:
        self._folder = folder
        self._source = source

    def all(self) -> list[Backup]:
        """The latest first."""
        found = [_described(path) for path in self._paths()]
        return sorted(found, key=lambda backup: backup.created, reverse=True)

    def make(self, kind: Kind, now: float) -> Backup:
        """Copy the conversations as they are at this moment, then remove what is too old. Raises StorageFailed when the
        disk is full or the conversations are damaged; nothing is left behind then."""
        with _in_words():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._look_for_room()
            path = self._free_name(kind, now)
            new = path.with_name(f".{path.name}.new")
            try:
                _copy(self._source, new)
                os.utime(new, (now, now))  # what changes from then on is not in it
                os.replace(new, path)
                _keep_folder(self._folder)
            finally:
                for end in ("", "-journal"):
                    Path(f"{new}{end}").unlink(missing_ok=True)
        self._prune()
        return _described(path)

    def due(self, now: float) -> bool:
        """Whether there are conversations that changed since the last copy, and today has none yet."""
        with suppress(OSError, sqlite3.DatabaseError):
            paths = self._paths()
            newest = max(map(_moment, paths), default=0.0)
            if newest and time.localtime(newest)[:3] == time.localtime(now)[:3]:
                return False
            copied = max((path.stat().st_mtime for path in paths), default=0.0)
            return _changed(self._source) > copied and _chats(self._source) > 0
        return False

    def find(self, name: str) -> Path:
        """A copy that can be put in the place of the conversations. Raises NotFound, and StorageFailed when it is
        damaged or newer than this program."""
        path = self._folder / name
        if _NAME.fullmatch(name) is None or not path.is_file():
            raise NotFound(f"There is no backup “{name}”.", hint="Read the list again.")
        problem = _problem(path)
        if problem:
            raise StorageFailed(
                f"The backup {name} {problem}.",
                hint="Take another one. The conversations are as they were.",
                path=str(path),
            )
        return path

    def newest_good(self) -> Path | None:
        """The latest copy that is whole."""
        return next((path for path in reversed(self._paths()) if not _problem(path)), None)

    def _paths(self) -> list[Path]:
        """The latest last."""
        if not self._folder.is_dir():
            return []
        return sorted(
            (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)), key=lambda path: path.name
        )

    def _free_name(self, kind: Kind, now: float) -> Path:
        taken = {path.name[:21] for path in self._paths()}
        while (stamp := time.strftime("chats-%Y%m%dT%H%M%S", time.gmtime(now))) in taken:
            now += 1
        return self._folder / f"{stamp}Z-{kind}.db"

    def _look_for_room(self) -> None:
        needed = sum(path.stat().st_size for path in _files(self._source))
        free = shutil.disk_usage(self._folder).free
        if free < needed + SPARE_BYTES:
            raise _full()

    def _prune(self) -> None:
        with suppress(OSError):  # what cannot be removed now is tried again with the next copy
            kept = kept_of([(path.name, path.stat().st_size) for path in self._paths()])
            for path in self._paths():
                if path.name not in kept:
                    path.unlink(missing_ok=True)


def kept_of(copies: list[tuple[str, int]], most_bytes: int = MOST_BYTES) -> set[str]:
    """Which of ``copies`` (name, bytes) stay: for each day and week its latest, of the other kinds the latest few, and
    of those as many of the latest as fit into ``most_bytes``. The newest of all always stays."""
    latest = sorted(copies, reverse=True)
    days: dict[object, str] = {}
    weeks: dict[object, str] = {}
    kept: list[str] = []
    counts = dict.fromkeys(REASONS, 0)
    for name, _ in latest:
        kind, moment = _kind(name), _moment(Path(name))
        counts[kind] += 1
        if kind != "daily":
            kept += [name] if counts[kind] <= MOST[kind] else []
            continue
        day = time.localtime(moment)
        if len(days) < DAYS:
            days.setdefault(day[:3], name)
        else:
            weeks.setdefault(int((moment - time.timezone) / _DAY_S + 3) // 7, name)
    wanted = {*kept, *days.values(), *list(weeks.values())[:WEEKS]}
    result: set[str] = set()
    total = 0
    for name, size in latest:
        total += size if name in wanted else 0
        if name in wanted and (total <= most_bytes or not result):
            result.add(name)
    return result | {name for name, _ in latest[:1]}


def damage(connection: sqlite3.Connection, *, full: bool = False) -> str:
    """What SQLite finds wrong in the structure of a database, in its words; empty when nothing is. Raises
    sqlite3.OperationalError when it cannot be read for another reason."""
    try:
        lines = [row[0] for row in connection.execute(f"PRAGMA {'integrity' if full else 'quick'}_check(20)")]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if lines == ["ok"] else "; ".join(lines)


def _copy(source: Path, target: Path) -> None:
    reader = sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, isolation_level=None)
    with closing(reader), closing(sqlite3.connect(target, isolation_level=None)) as writer:
        reader.execute("PRAGMA busy_timeout=3000")
        reader.backup(writer)  # in one step: writers go on in the write-ahead log meanwhile
        writer.execute("PRAGMA journal_mode=DELETE")  # one file that needs nothing beside it
        if problem := damage(writer):
            raise StorageFailed(
                "The conversations cannot be copied: their file is damaged.",
                hint="Start Paddock again: the file is looked through and repaired.",
                path=str(source),
                damaged=True,
                found=problem,
            )


def _described(path: Path) -> Backup:
    chats, size = -1, 0
    with suppress(OSError, sqlite3.DatabaseError):
        size = path.stat().st_size
        chats = _chats(path)
    return Backup(
        name=path.name,
        path=str(path),
        created=_moment(path),
        size_bytes=size,
        chats=max(0, chats),
        reason=REASONS[_kind(path.name)],
        damaged=chats < 0,
    )


def _problem(path: Path) -> str:
    try:
        with closing(_open(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            if application != APPLICATION:
                return "is no copy of Paddock’s conversations"
            if version > len(MIGRATIONS):
                return "was made by a newer Paddock"
            return "is damaged" if damage(connection) else ""
    except sqlite3.DatabaseError:
        return "is damaged"


def _chats(path: Path) -> int:
    """How many conversations a database holds; 0 when it cannot be read in this moment."""
    with closing(_open(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM chats").fetchone()[0])


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)


def _files(database: Path) -> list[Path]:
    return [path for end in ("", "-wal") if (path := Path(f"{database}{end}")).exists()]


def _changed(database: Path) -> float:
    return max((path.stat().st_mtime for path in _files(database)), default=0.0)


def _kind(name: str) -> Kind:
    found = _NAME.fullmatch(name)
    assert found is not None
    return cast(Kind, found[2])


def _moment(path: Path) -> float:
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return float(timegm(time.strptime(found[1], "%Y%m%dT%H%M%S")))


def _keep_folder(folder: Path) -> None:
    """Have the new name on the disk too, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        if "full" in str(error) or getattr(error, "errno", None) == errno.ENOSPC:
            raise _full() from error
        raise StorageFailed(
            f"The conversations could not be copied ({error}).",
            hint="Check the data folder and its disk.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise StorageFailed(
            "The conversations cannot be copied: their file is damaged.",
            hint="Start Paddock again: the file is looked through and repaired.",
            damaged=True,
        ) from error


def _full() -> StorageFailed:
    return StorageFailed("The disk is full; no copy of the conversations was made.", hint="Make room, then try again.")
