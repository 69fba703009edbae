"""Pages printed as PDF by a child process that has Qt; the host itself never loads it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from paddock.sdk.errors import BadRequest, PaddockError

LIMIT_S = 300.0
"""For one call, which prints a few documents."""
_LOOK_S = 0.1


def check_printer() -> None:
    """Raises BadRequest where PDFs cannot be made."""
    if importlib.util.find_spec("PySide6") is None:
        raise BadRequest(
            "A PDF needs the parts of Paddock’s window (PySide6), which are not installed here.",
            hint="Export as HTML and print that from a browser, or install them: pip install PySide6-Essentials.",
        )


def print_pages(
    pages: Sequence[tuple[Path, Iterable[str]]],
    stop: threading.Event,
    *,
    landscape: bool = False,
    limit_s: float = LIMIT_S,
) -> None:
    """Print each HTML text to the file that stands before it. To be called off the loop; ends early with ``stop``.
    Raises PaddockError, OSError."""
    with tempfile.TemporaryDirectory(prefix="paddock-pdf-") as folder:
        files = ["--landscape"] if landscape else []
        for number, (target, pieces) in enumerate(pages):
            source = Path(folder, f"{number}.html")
            with open(source, "w", encoding="utf-8", errors="replace") as file:
                file.writelines(pieces)
            files += (str(source), str(target))
        _run([sys.executable, "-P", "-m", "paddock.gui.print_pdf", *files], stop, limit_s)


def _run(command: list[str], stop: threading.Event, limit_s: float) -> None:
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        end = time.monotonic() + limit_s
        try:
            while child.poll() is None and time.monotonic() < end and not stop.is_set():
                with suppress(subprocess.TimeoutExpired):
                    child.wait(_LOOK_S)
        finally:
            late = child.poll() is None
            if late:
                child.kill()
                child.wait()
        if late and not stop.is_set():
            raise PaddockError(
                f"The PDF was not ready after {limit_s:.0f} s.", hint="Export fewer conversations, or HTML."
            )
        if child.returncode and not stop.is_set():
            said.seek(0)
            last = said.read()[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
            raise PaddockError(f"The PDF could not be made: {last[:300] or 'the printer ended'}.", hint="Export HTML.")
