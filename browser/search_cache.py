"""The hub's last answers on disk, for when it cannot be asked."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import TypeVar

import msgspec

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)
_MOST = 64
_VERSION = 1


class SearchCache:
    """Up to 64 answers in ``folder``, those that were not stored for the longest time go first. Blocks; a file that
    cannot be read or written only means that nothing is remembered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, kind: type[T]) -> T | None:
        try:
            return msgspec.json.decode(self._path(key, kind).read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("a kept answer of the hub cannot be read: %s", type(error).__name__)
            return None

    def put(self, key: str, answer: msgspec.Struct) -> None:
        path = self._path(key, type(answer))
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(answer))
            new.replace(path)
            kept = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
            for old in kept[_MOST:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("an answer of the hub is not kept: %s", error)

    def clear(self) -> None:
        for path in self._folder.glob("*.json"):
            path.unlink(missing_ok=True)

    def _path(self, key: str, kind: type[msgspec.Struct]) -> Path:
        digest = hashlib.sha256(f"{_VERSION}|{kind.__name__}|{key}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"
