"""Whatever goes wrong unseen is written down: exceptions of every kind, Qt's warnings, fatal signals."""

from __future__ import annotations

import faulthandler
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler, qVersion

from paddock.sdk.version import VERSION

LARGEST = 1_000_000
"""Bytes; a larger log starts anew."""


class CrashLog:
    """Appends to one file; made before the application. ``told`` hears of every exception, on its own thread."""

    def __init__(self, path: Path, told: Callable[[BaseException], None]) -> None:
        self.path = path
        self._told = told
        self._file: TextIO | None = None

    def install(self) -> None:
        """Take over Python's hooks, Qt's messages and fatal signals. Where no file can be written, stderr serves."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.exists() and self.path.stat().st_size > LARGEST
            self._file = self.path.open("w" if fresh else "a", encoding="utf-8", buffering=1)
            faulthandler.enable(self._file)
        except OSError as error:
            print(f"The crash log cannot be written: {error}", file=sys.stderr)  # noqa: T201  no log to say it in
            faulthandler.enable()
        sys.excepthook = self._exception
        sys.unraisablehook = lambda event: self._caught("unraisable", event.exc_value)
        threading.excepthook = lambda event: self._caught(
            f"thread {event.thread.name if event.thread else '?'}", event.exc_value
        )
        qInstallMessageHandler(self._qt_message)

    def write(self, where: str, text: str) -> None:
        """One entry, with time and versions."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        versions = f"Paddock {VERSION}, Python {platform.python_version()}, Qt {qVersion()}, {sys.platform}"
        entry = f"{stamp} [{where}] {versions}\n{text.rstrip()}\n\n"
        for target in (self._file, sys.stderr):
            if target is not None:
                target.write(entry)
                target.flush()

    def report(self, where: str, error: BaseException) -> None:
        """An exception with its stack."""
        self.write(where, "".join(traceback.format_exception(error)))

    def _exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._caught("window", error)

    def _caught(self, where: str, error: BaseException | None) -> None:
        if error is not None:
            self.report(where, error)
            self._told(error)

    def _qt_message(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and kind != QtMsgType.QtInfoMsg:
            self.write("Qt", f"{kind.name}: {text} ({context.category or 'default'})")
