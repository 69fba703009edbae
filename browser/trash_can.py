"""Deleted models on disk: a hidden folder below the one they were in, so that going and coming back are renames.

Each lies in a folder of its own, with a record of where its files were. The record comes before the first file and is
not ``whole`` while files are on their way, in either direction: what is found like that later is put back, so that a
kill at any moment loses nothing. Everything here blocks.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from paddock.browser.download_part import sync_folder, write_durably
from paddock.sdk.errors import HostBusy, NotFound, StorageFailed

logger = logging.getLogger(__name__)

FOLDER = ".paddock-trash"
_RECORD = "trashed.json"
_GONE = ".gone"


class TrashedFile(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` is where it was, ``name`` what it is called in the trash."""

    path: str
    name: str


class TrashRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``size_bytes`` are free once it is gone: a link frees nothing. ``deleted`` in Unix seconds."""

    id: str
    model: str
    name: str
    deleted: float
    size_bytes: int
    files: tuple[TrashedFile, ...]
    whole: bool = False
    version: int = 1


class TrashCan:
    """The trash below one folder, on one disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, file: Path, root: Path) -> TrashCan:
        """The one that ``file`` can be renamed into: below ``root``, or beside the file where a link or a mount leads
        to another disk. Raises OSError."""
        same = file.parent.stat().st_dev == root.stat().st_dev
        return cls((root if same else file.parent) / FOLDER)

    def records(self) -> list[TrashRecord]:
        """What is in it and can be had back."""
        return [record for record in self._read() if record.whole]

    def put(self, id: str, model: str, name: str, paths: Sequence[Path], now: float) -> TrashRecord:
        """Move files, or folders, into it: all, or none. Raises StorageFailed."""
        record = TrashRecord(
            id=id,
            model=model,
            name=name,
            deleted=now,
            size_bytes=sum(map(freed_by, paths)),
            files=tuple(
                TrashedFile(path=str(path), name=f"{number}{path.suffix}") for number, path in enumerate(paths)
            ),
        )
        try:
            (self.folder / id).mkdir(parents=True)
            self._write(record)
            for file in record.files:
                os.rename(file.path, self.folder / id / file.name)
            whole = msgspec.structs.replace(record, whole=True)
            self._write(whole)
        except OSError as error:
            self._put_back(record)
            raise _refused(name, self.folder.parent, error) from error
        for path in paths:
            tidy(path.parent, self.folder.parent)
        return whole

    def restore(self, id: str) -> TrashRecord:
        """Put everything back where it was. Raises NotFound, HostBusy where something else is there now,
        StorageFailed."""
        record = self._find(id)
        for file in record.files:
            if os.path.lexists(file.path):
                raise HostBusy(f"{file.path} is there again.", hint="Move or rename it, then restore the model.")
        try:
            self._write(msgspec.structs.replace(record, whole=False))
            for file in record.files:
                Path(file.path).parent.mkdir(parents=True, exist_ok=True)
                os.rename(self.folder / id / file.name, file.path)
            self._forget(id)
        except OSError as error:
            self._put_back(record)
            raise StorageFailed(
                f"{record.name} cannot be put back: {error.strerror or error}.", hint="Its files are kept."
            ) from error
        return record

    def drop(self, id: str) -> None:
        """Remove one for good. Raises NotFound, StorageFailed."""
        record = self._find(id)
        try:
            self._forget(id)
        except OSError as error:
            text = f"{record.name} cannot be removed from the trash: {error.strerror or error}."
            raise StorageFailed(text, hint=f"Look at {self.folder}.") from error

    def recover(self) -> bool:
        """Put right what an earlier program was in the middle of; whether files came back. Raises nothing."""
        for name in self._names():
            if name.endswith(_GONE):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            elif not (self.folder / name / _RECORD).exists():
                tidy(self.folder / name, self.folder)  # a kill before the record: nothing had come
        broken = [record for record in self._read() if not record.whole]
        for record in broken:
            self._put_back(record)
        return bool(broken)

    # -------------------------------------------------------------- inside

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))
        except OSError:  # there is none, or its disk is away
            return []

    def _read(self) -> Iterator[TrashRecord]:
        for name in self._names():
            path = self.folder / name / _RECORD
            try:
                record = msgspec.json.decode(path.read_bytes(), type=TrashRecord)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError) as error:
                logger.warning("%s cannot be read: %s", path, error)
                continue
            if record.id == name:
                yield record

    def _find(self, id: str) -> TrashRecord:
        found = next((record for record in self.records() if record.id == id), None)
        if found is None:
            raise NotFound(f"There is nothing “{id[:120]}” in the trash.", hint="It may have been removed for good.")
        return found

    def _write(self, record: TrashRecord) -> None:
        folder = self.folder / record.id
        write_durably(folder / _RECORD, msgspec.json.format(msgspec.json.encode(record)))
        sync_folder(folder)

    def _put_back(self, record: TrashRecord) -> None:
        """All that can be; what cannot stays in the trash, in the list."""
        folder = self.folder / record.id
        try:
            for file in record.files:
                here = folder / file.name
                if os.path.lexists(here) and not os.path.lexists(file.path):
                    Path(file.path).parent.mkdir(parents=True, exist_ok=True)
                    os.rename(here, file.path)
            left = tuple(file for file in record.files if os.path.lexists(folder / file.name))
            if left:
                self._write(msgspec.structs.replace(record, files=left, whole=True))
            elif folder.exists():
                self._forget(record.id)
        except OSError as error:
            logger.warning("%s cannot be put back: %s", record.name, error)

    def _forget(self, id: str) -> None:
        """Renamed first: half a folder must not be taken for a model that was on its way."""
        folder = self.folder / id
        gone = folder.with_name(id + _GONE)
        os.rename(folder, gone)
        shutil.rmtree(gone)
        if not self._names():
            self.folder.rmdir()


def freed_by(path: Path) -> int:
    """Bytes that are free once ``path`` is gone: none for a link, and for a file that has another name."""
    if path.is_dir() and not path.is_symlink():
        return sum(freed_by(Path(below.path)) for below in os.scandir(path))
    try:
        status = path.lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else 0


def tidy(folder: Path, root: Path) -> None:
    """Remove ``folder`` and those above it, up to ``root``, as long as they are empty."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _refused(name: str, root: Path, error: OSError) -> StorageFailed:
    text = f"{name} cannot be deleted: {error.strerror or error}."
    return StorageFailed(text, hint=f"Check that Paddock may write in {root}.")
