"""The folder of the KV store: which files lie there, what they take, and how they go. Free of engine libraries: the
host shows and clears the store by it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paddock.backends.llamacpp import kv_file
from paddock.backends.llamacpp.kv_file import Unreadable

ABANDONED_S = 3600.0


@dataclass(frozen=True)
class Kept:
    """What the store holds of one identity. ``model`` is the path of the model's file; ``used`` as in Stored."""

    identity: str
    model: str
    files: int
    n_bytes: int
    used: float


@dataclass(frozen=True)
class File:
    """One prefix on disk; ``used_ns`` is its last use in nanoseconds since the epoch."""

    path: Path
    n_bytes: int
    used_ns: int


def name_of(identity: str) -> str:
    """The folder of an identity inside the store's."""
    return identity[:32]


def usage(folder: Path) -> list[Kept]:
    """What is kept in ``folder``, per identity, most recently used first. Reads the disk."""
    found = []
    for own in _folders(folder):
        files = sorted(files_of(own), key=lambda file: file.used_ns, reverse=True)
        if files:
            used = min(files[0].used_ns / 1e9, time.time())
            n_bytes = sum(file.n_bytes for file in files)
            found.append(Kept(own.name, _model(files), len(files), n_bytes, used))
    return sorted(found, key=lambda kept: kept.used, reverse=True)


def clear(folder: Path, identity: str | None = None) -> int:
    """Remove everything, or what belongs to ``identity``; how many prefixes could not be removed. Workers that read one
    go on with what they have (on Windows it stays). Writes to the disk."""
    left = 0
    sweep(folder)
    for own in _folders(folder):
        if identity is None or own.name == name_of(identity):
            left += sum(not unlink(file.path) for file in files_of(own))
            with contextlib.suppress(OSError):  # somebody writes into it
                own.rmdir()
    return left


def _model(files: list[File]) -> str:
    for file in files:
        with contextlib.suppress(Unreadable, OSError):
            return kv_file.read_header(file.path).model
    return ""


def _folders(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()]
    except OSError:
        return []


def files_of(own: Path, suffix: str = kv_file.SUFFIX) -> Iterator[File]:
    try:
        entries = list(os.scandir(own))
    except OSError:
        return
    for entry in entries:
        with contextlib.suppress(OSError):
            if entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                yield File(Path(entry.path), stat.st_size, stat.st_mtime_ns)


def all_files(folder: Path) -> Iterator[File]:
    for own in _folders(folder):
        yield from files_of(own)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left."""
    for own in _folders(folder):
        for file in files_of(own, kv_file.TEMPORARY):
            if kv_file.abandoned(file.path, time.time() - ABANDONED_S):
                unlink(file.path)


def unlink(path: Path) -> bool:
    """Whether the file is gone now; Windows keeps one that is mapped."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
