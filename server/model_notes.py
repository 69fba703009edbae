"""What is kept about models beyond their files, in ``model-notes.json``: notes of the user, further names, and when
each was last loaded.

A model is known again by the path of its file; where that has gone, by the size and the ends of the file (it was
moved), else by its id (it came again). A file that cannot be read is set aside, never overwritten.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from paddock.browser.library_sums import ends_of
from paddock.sdk.errors import BadRequest, StorageFailed
from paddock.sdk.types import ModelInfo
from paddock.server.instance import write_private

logger = logging.getLogger(__name__)

VERSION = 1
LONGEST = 100_000
"""Characters of one note."""
_SAME_USE_S = 60.0
"""A model that is loaded again within this time was used already."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``size`` in bytes and ``ends`` tell the file again, ``last_used`` is in Unix seconds."""

    path: str
    id: str
    size: int = 0
    ends: str = ""
    notes: str = ""
    aliases: tuple[str, ...] = ()
    last_used: float | None = None


class _File(msgspec.Struct, frozen=True):
    version: int
    models: tuple[Note, ...] = ()


class _Numbered(msgspec.Struct):
    version: int


class ModelNotes:
    """Thread-safe; the methods read or write small files: call them off the loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._notes: dict[str, Note] | None = None

    def shown(self, models: Sequence[ModelInfo]) -> tuple[ModelInfo, ...]:
        """``models`` with what is kept about them. Raises nothing."""
        with self._lock:
            try:
                notes = self._read()
            except StorageFailed as error:
                logger.warning("%s", error.sentence())
                return tuple(models)
            paths = {model.path for model in models}
            lost = [note for note in notes.values() if note.path not in paths]
            for model in models if lost else ():
                if model.path not in notes and (moved := _moved(model, lost)) is not None:
                    del notes[moved.path]
                    notes[model.path] = msgspec.structs.replace(moved, path=model.path, id=model.id)
                    lost.remove(moved)
            again = {note.id: note for note in lost}
        return tuple(_with(model, notes.get(model.path) or again.get(model.id)) for model in models)

    def owner(self, name: str) -> str:
        """The id of the model, there or not, that has ``name`` as a further name; empty where none has. Raises
        nothing."""
        with self._lock, suppress(StorageFailed):
            for note in self._read().values():
                if name.casefold() in map(str.casefold, note.aliases):
                    return note.id
        return ""

    def write(self, model: ModelInfo, notes: str | None = None, aliases: tuple[str, ...] | None = None) -> None:
        """Keep ``notes`` and ``aliases`` of a model, on the disk when this returns; None leaves them. A model that is
        not there at present loses names that are given away. Raises BadRequest, StorageFailed."""
        if notes is not None and len(notes) > LONGEST:
            raise BadRequest(f"The notes are longer than {LONGEST:,} characters.", hint="Shorten them.")
        with self._lock:
            kept = self._of(model)
            notes = kept.notes if notes is None else notes
            self._put(msgspec.structs.replace(kept, notes=notes, aliases=kept.aliases if aliases is None else aliases))

    def used(self, model: ModelInfo, now: float) -> bool:
        """It was loaded ``now`` (Unix seconds); whether that is news. Raises StorageFailed."""
        with self._lock:
            note = self._of(model)
            if note.last_used is not None and 0 <= now - note.last_used < _SAME_USE_S:
                return False
            self._put(msgspec.structs.replace(note, last_used=now))
            return True

    def _of(self, model: ModelInfo) -> Note:
        """What is kept about ``model``, as it would be written now. Raises StorageFailed."""
        kept = self._read().get(model.path) or Note(path=model.path, id=model.id)
        if kept.size != model.size_bytes or not kept.ends:
            kept = msgspec.structs.replace(kept, size=model.size_bytes, ends=_ends(model))
        return msgspec.structs.replace(
            kept,
            id=model.id,
            notes=kept.notes or model.notes,
            aliases=kept.aliases or model.aliases,
            last_used=kept.last_used or model.last_used,
        )

    def _put(self, note: Note) -> None:
        notes = {path: _without(other, note.aliases) for path, other in self._read().items()} | {note.path: note}
        kept = tuple(note for note in notes.values() if note.notes or note.aliases or note.last_used is not None)
        try:
            write_private(self._path, msgspec.json.format(msgspec.json.encode(_File(VERSION, kept))))
        except OSError as error:
            raise StorageFailed(
                f"The notes about models could not be saved: {error.strerror or error}.",
                hint="Make room on the disk, then save them again.",
                path=str(self._path),
            ) from error
        self._notes = notes

    def _read(self) -> dict[str, Note]:
        if self._notes is None:
            self._notes = {note.path: note for note in self._parsed()}
        return self._notes

    def _parsed(self) -> tuple[Note, ...]:
        name = self._path.name
        try:
            content = self._path.read_bytes()
            if msgspec.json.decode(content, type=_Numbered).version > VERSION:
                raise StorageFailed(
                    "The notes about models come from a newer version of Paddock.",
                    hint=f"Update Paddock, or move {name} out of the data folder.",
                    path=str(self._path),
                )
            return msgspec.json.decode(content, type=_File).models
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageFailed(
                f"The notes about models cannot be read: {error.strerror or error}.",
                hint=f"Check that Paddock may read {self._path}.",
                path=str(self._path),
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("%s cannot be read (%s); it is kept as %s.bad", name, error, name)
            try:
                self._path.replace(self._path.with_name(f"{name}.bad"))
            except OSError as failed:
                logger.warning("%s could not be set aside: %s", name, failed)
            return ()


def _moved(model: ModelInfo, lost: Iterable[Note]) -> Note | None:
    """The note of a file that has gone and had the same content as that of ``model``, as far as its ends tell."""
    alike = [note for note in lost if note.ends and note.size == model.size_bytes]
    ends = _ends(model) if alike else ""
    return next((note for note in alike if note.ends == ends), None)


def _ends(model: ModelInfo) -> str:
    try:
        return ends_of(model.path).hex()
    except OSError:
        return ""


def _without(note: Note, aliases: Iterable[str]) -> Note:
    taken = {alias.casefold() for alias in aliases}
    left = tuple(alias for alias in note.aliases if alias.casefold() not in taken)
    return note if left == note.aliases else msgspec.structs.replace(note, aliases=left)


def _with(model: ModelInfo, note: Note | None) -> ModelInfo:
    if note is None:
        return model
    return msgspec.structs.replace(model, notes=note.notes, aliases=note.aliases, last_used=note.last_used)
