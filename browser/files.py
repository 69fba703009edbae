"""Which model files lie below a folder, with as few questions to the file system as it takes: one for each file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEEPEST = 6
"""Levels of folders that are read."""

Identity = tuple[int, int] | str
"""What tells two names of one file: device and number, or the path where the file system has no numbers."""


@dataclass(frozen=True)
class ModelFile:
    """A file, or a name that leads to none: then ``error`` says why. Times are nanoseconds since 1970.

    What the store of another program tells: ``name`` is the proper file name where ``path`` has none (Ollama's blobs),
    ``base`` the PUBLISHER/REPO and ``label`` what the store calls this variant (Ollama's tag). Empty: by the path.
    """

    path: Path
    identity: Identity
    size: int = 0
    changed_ns: int = 0
    error: str = ""
    name: str = ""
    base: str = ""
    label: str = ""

    @property
    def proper_name(self) -> str:
        return self.name or self.path.name


def look_at(path: Path) -> ModelFile | None:
    """The file at ``path``; None for what is no plain file (a pipe would never end)."""
    try:
        status = path.stat()
    except OSError as error:
        return ModelFile(path, str(path), error=f"{path.name} cannot be read: {error.strerror}.")
    if not stat.S_ISREG(status.st_mode):
        return None
    return ModelFile(path, _identity(status, path), status.st_size, status.st_mtime_ns)


def folders_below(
    root: Path, wanted: Callable[[str], bool], failed: Callable[[str], None]
) -> Iterator[list[ModelFile]]:
    """The files with ``wanted`` names, folder by folder in the order of their names. Links to folders are followed,
    each folder is read once, hidden names are left out. ``failed`` hears a sentence about
    each name that cannot be read."""
    entered: set[Identity] = set()
    waiting = [(str(root), 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            identity = _identity(os.stat(folder), Path(folder))
            if identity in entered:
                continue
            entered.add(identity)
            with os.scandir(folder) as listing:
                entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=_name)
        except FileNotFoundError:
            continue
        except OSError as error:
            failed(f"{folder} cannot be read: {error.strerror}.")
            continue
        for entry in entries:
            if not _is_text(entry.name):
                failed(f"{_shown(entry.path)} is left out: its name is not valid text.")
        entries = [entry for entry in entries if _is_text(entry.name)]
        below = [entry.path for entry in entries if _is_folder(entry)]
        if depth + 1 < DEEPEST:
            waiting += [(path, depth + 1) for path in reversed(below)]
        named = [entry.path for entry in entries if wanted(entry.name) and not _is_folder(entry)]
        files = [file for path in named if (file := look_at(Path(path))) is not None]
        if files:
            yield files


def _identity(status: os.stat_result, path: Path) -> Identity:
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _is_text(name: str) -> bool:
    """On Linux a name is any bytes; those that are not UTF-8 could not be sent to a client."""
    return _shown(name) == name


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
