"""Which models have the same content: by size first, then by the ends of their files, at last by all their bytes."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from paddock.browser.library_index import LibraryIndex, Stamp, Sum
from paddock.sdk.types import ModelInfo

_END = 64 * 1024
_PIECE = 4 * 2**20
_WAIT_S = 1.0
_BLOB = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")
"""Stores that name a file by its content: Ollama and the Hugging Face cache."""


def duplicates_of(models: Sequence[ModelInfo], sums: Mapping[str, Sum]) -> dict[str, tuple[str, ...]]:
    """The ids of the other models with the same content, by id; ``sums`` by path."""
    contents: dict[tuple[str, ...], list[str]] = {}
    for model in models:
        content = tuple(sums[path].sha256 if path in sums else "" for path in model.files)
        if content and all(content):
            contents.setdefault(content, []).append(model.id)
    return {id: tuple(other for other in alike if other != id) for alike in contents.values() for id in alike}


class Comparer:
    """Computes the checksums that tell models of the same content. Blocks; raises nothing.

    Args:
        index: Where checksums are kept.
        known: Checksums that downloads have verified, by path.
        quiet: Whether nobody waits for this machine: only then whole files are read, at half speed.
    """

    def __init__(
        self,
        index: LibraryIndex,
        *,
        known: Mapping[str, str] | None = None,
        quiet: Callable[[], bool] = lambda: True,
    ) -> None:
        self._index = index
        self._known = known or {}
        self._quiet = quiet

    def kept(self, models: Sequence[ModelInfo]) -> dict[str, Sum]:
        """What was computed before of the files of those ``models`` that may be the same, by path."""
        return {path: sum for path, (_, sum) in self._look(_of_one_size(models)).items()}

    def compute(self, models: Sequence[ModelInfo], stop: threading.Event) -> dict[str, Sum]:
        """As :meth:`kept`, with all that is missing; this may read for hours. ``stop`` ends it where it is."""
        alike = _of_one_size(models)
        found = self._look(alike)
        for model in alike:
            self._complete(model, found, stop, whole=False)
        ends: dict[tuple[bytes, ...], list[ModelInfo]] = {}
        for model in alike:
            if all(path in found for path in model.files):
                ends.setdefault(tuple(found[path][1].quick for path in model.files), []).append(model)
        for group in ends.values():
            for model in group if len(group) > 1 else ():
                self._complete(model, found, stop, whole=True)
        return {path: sum for path, (_, sum) in found.items()}

    def _look(self, models: Iterable[ModelInfo]) -> dict[str, tuple[Stamp, Sum]]:
        """The files' stamps now, and their checksums where these were computed since their last change."""
        kept = self._index.sums()
        found = {}
        for path in (path for model in models for path in model.files):
            try:
                status = os.stat(path)
            except OSError:
                continue
            stamp = Stamp(status.st_size, status.st_mtime_ns)
            found[path] = kept[path] if path in kept and kept[path][0] == stamp else (stamp, Sum())
        return found

    def _complete(
        self, model: ModelInfo, found: dict[str, tuple[Stamp, Sum]], stop: threading.Event, *, whole: bool
    ) -> None:
        for path in model.files:
            if stop.is_set() or path not in found:
                return
            stamp, sum = found[path]
            try:
                if not sum.quick:
                    sum = sum._replace(quick=ends_of(path))
                if whole and not sum.sha256:
                    sum = sum._replace(sha256=self._known_sum(path) or self._whole(path, stop))
                status = os.stat(path)
            except OSError:
                del found[path]
                return
            if stamp == (status.st_size, status.st_mtime_ns) and sum != found[path][1]:
                found[path] = stamp, sum
                self._index.put_sum(path, stamp, sum)

    def _known_sum(self, path: str) -> str:
        blob = _BLOB.fullmatch(Path(os.path.realpath(path)).name)
        return blob[1] if blob else self._known.get(path, "")

    def _whole(self, path: str, stop: threading.Event) -> str:
        """The SHA-256 of a file; empty when it was stopped. Raises OSError."""
        digest = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:
            while not stop.is_set():
                if not self._quiet():
                    stop.wait(_WAIT_S)
                    continue
                began = time.monotonic()
                piece = file.read(_PIECE)
                if not piece:
                    return digest.hexdigest()
                digest.update(piece)
                stop.wait(time.monotonic() - began)
        return ""


def _of_one_size(models: Sequence[ModelInfo]) -> list[ModelInfo]:
    """Those that share their size with another one; broken files are left out."""
    sizes: dict[tuple[str, int, int], list[ModelInfo]] = {}
    for model in models:
        if model.size_bytes and (model.error is None or model.format == "mlx"):
            sizes.setdefault((model.format, model.size_bytes, len(model.files)), []).append(model)
    return [model for alike in sizes.values() if len(alike) > 1 for model in alike]


def ends_of(path: str) -> bytes:
    """A checksum of the ends of a file, which tells most files apart. Blocks; raises OSError."""
    with open(path, "rb", buffering=0) as file:
        digest = hashlib.sha256(file.read(_END))
        file.seek(-min(_END, os.fstat(file.fileno()).st_size), os.SEEK_END)
        digest.update(file.read(_END))
    return digest.digest()
