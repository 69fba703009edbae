"""The log file of one worker: its standard error, bounded in size and number."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

LIMIT_BYTES = 2 * 1024 * 1024
"""A log longer than this is cut to its last eighth."""
KEPT_FILES = 20

_log = logging.getLogger(__name__)


class WorkerLog:
    """``folder/name``. Runs on the host's loop; the files are small."""

    def __init__(self, folder: Path, name: str, *, limit: int = LIMIT_BYTES) -> None:
        self.path = folder / name
        self._limit = limit

    def open(self) -> int:
        """A descriptor to give to the worker as its standard error. Where the disk refuses, the log is lost and the
        host's own log says so: a model must still load."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._prune()
            return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            _log.warning("no log for this worker: %s", error)
            return os.open(os.devnull, os.O_WRONLY)

    def trim(self) -> None:
        """Keep the end of a log that has grown too long. The worker appends to the same file, so that its next line
        follows. Not on Windows, where a foreign append position cannot be moved."""
        if sys.platform == "win32":
            return
        try:
            if self.path.stat().st_size <= self._limit:
                return
            with self.path.open("r+b") as file:
                file.seek(-self._limit // 8, os.SEEK_END)
                end = file.read()
                file.truncate(0)
            with self.path.open("ab") as file:
                file.write(b"(earlier lines were dropped)\n" + end)
        except OSError as error:
            _log.warning("the log %s could not be shortened: %s", self.path, error)

    def _prune(self) -> None:
        logs = sorted(self.path.parent.glob("worker-*.log"), key=_modified, reverse=True)
        for old in logs[KEPT_FILES - 1 :]:
            if old != self.path:
                old.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
