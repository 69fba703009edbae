"""The host's log: ``logs/host.log``, rotated at 2 MB, five files in all. No secret is ever passed to a logger."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 2 * 1024 * 1024
BACKUPS = 4
MAX_LINES = 10_000


class _Format(logging.Formatter):
    default_msec_format = "%s.%03d"


class HostLog:
    """Owns the root logger's handler while it is open."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "host.log"
        self._output = folder / "host-output.log"
        self._handler: logging.Handler | None = None

    def open(self, *, echo: bool = False) -> None:
        """Send all log records to the file; with ``echo`` warnings also to stderr. Raises OSError."""
        handler = RotatingFileHandler(self.path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
        handler.setFormatter(_Format("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        # A full disk must not turn every log line into a traceback on stderr.
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        for noisy in ("uvicorn", "httpx2"):  # addresses of files on the hub are signed: they open them
            logging.getLogger(noisy).setLevel(logging.WARNING)
        self._handler = handler
        if echo:
            screen = logging.StreamHandler(sys.stderr)
            screen.setLevel(logging.WARNING)
            root.addHandler(screen)

    def take_output(self) -> None:
        """Send stdout and stderr (also of C code and of a crash) to ``logs/host-output.log``; the starter's pipe may
        close now. A file of its own, because a rotated file cannot be renamed under an open handle on Windows."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        mode = os.O_TRUNC if self._output.exists() and self._output.stat().st_size > MAX_BYTES else os.O_APPEND
        descriptor = os.open(self._output, os.O_WRONLY | os.O_CREAT | mode, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)

    def tail(self, lines: int) -> list[str]:
        """The last ``lines`` lines, oldest first; empty when there is no log. Blocks shortly."""
        wanted = max(0, min(lines, MAX_LINES))
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - MAX_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return text.splitlines()[-wanted:] if wanted else []

    def close(self) -> None:
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()
            self._handler = None
