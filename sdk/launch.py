"""Start the host's process and listen to it until it says how the start went."""

from __future__ import annotations

import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from paddock.sdk.errors import HostUnavailable
from paddock.sdk.paths import Home

_TAIL_LINES = 12
_PAUSE_S = 1.0


class Patience:
    """How long a start is waited for: ``within_s`` seconds, None: as long as somebody is at it. ``slow`` is called
    once, on the thread that waits, when it has taken ``slow_s``."""

    def __init__(self, within_s: float | None, slow: Callable[[], None], slow_s: float) -> None:
        now = time.monotonic()
        self.end = math.inf if within_s is None else now + within_s
        self._slow: Callable[[], None] | None = slow
        self._slow_at = now + slow_s

    def pause(self) -> float:
        """Seconds to wait until :meth:`over` is to be asked; few, for on Windows nothing interrupts a wait."""
        until = min(self.end, self._slow_at if self._slow is not None else math.inf)
        return min(_PAUSE_S, max(0.0, until - time.monotonic()))

    def over(self) -> bool:
        """Whether it is time to give up; says that it takes long, where that is so."""
        now = time.monotonic()
        if now >= self.end:
            return True
        if self._slow is not None and now >= self._slow_at:
            slow, self._slow = self._slow, None
            slow()
        return False


def launch(home: Home, patience: Patience) -> bool:
    """Start a host for ``home``: True when it is ready, False when another one is already running.

    When the ``patience`` is over the start has failed, and the process is killed. Raises HostUnavailable with the
    host's own sentence, or with the last lines it wrote.
    """
    try:
        process = _spawn(home)
    except OSError as error:
        raise HostUnavailable(
            f"Paddock’s host cannot be started ({error.strerror or error}).",
            hint="“paddock doctor” looks for what is wrong.",
        ) from error
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(process, lines), name="paddock-host", daemon=True).start()
    said: list[str] = []
    while True:
        try:
            line = lines.get(timeout=patience.pause())
        except queue.Empty:
            if not patience.over():
                continue
            process.kill()
            _outcome(process)
            raise _failed("Paddock’s host did not become ready in time.", home, said) from None
        if line is None:
            # its exit code follows the end of its output at once
            raise _failed(f"Paddock’s host ended while it was starting ({_outcome(process)}).", home, said)
        word, _, sentence = line.partition(":")
        if word == "ready" or word == "already running":
            return word == "ready"
        if word == "failed":
            raise HostUnavailable(sentence.strip() or "Paddock’s host could not start.", hint=_log_hint(home), log=said)
        said.append(line)


def _spawn(home: Home) -> subprocess.Popen[str]:
    home.root.mkdir(parents=True, exist_ok=True)
    # -P: the folder it starts in must not shadow modules
    command = [sys.executable, "-P", "-m", "paddock.server"]
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "cwd": home.root,
        "env": os.environ | {"PADDOCK_HOME": str(home.root)},
        "text": True,
        "encoding": "utf-8",
        "errors": "replace",
    }
    if sys.platform == "win32":
        quiet = subprocess.CREATE_NO_WINDOW | subprocess.DETACHED_PROCESS
        try:
            return subprocess.Popen(command, creationflags=quiet | subprocess.CREATE_BREAKAWAY_FROM_JOB, **options)
        except PermissionError:  # the job of this terminal allows no breakaway
            return subprocess.Popen(command, creationflags=quiet, **options)
    return subprocess.Popen(command, start_new_session=True, **options)


def _listen(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Pass on what the host says, until it has gone over to its log and closed the pipe; then reap it one day."""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line.rstrip())
    lines.put(None)
    process.wait()


def _outcome(process: subprocess.Popen[str]) -> str:
    try:
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return "it closed its output"
    if code >= 0:
        return f"exit code {code}"
    import signal

    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _failed(sentence: str, home: Home, said: list[str]) -> HostUnavailable:
    tail = said[-_TAIL_LINES:] or _log_tail(home)
    hint = _log_hint(home)
    if tail:
        hint = "\n".join(["It said last:", *tail, hint])
    return HostUnavailable(sentence, hint=hint, log=tail)


def _log_hint(home: Home) -> str:
    return f"Its logs are in {home.logs}; “paddock doctor” looks for what is wrong."


def _log_tail(home: Home) -> list[str]:
    try:
        newest = max(home.logs.glob("*.log"), key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            return []
        with newest.open("rb") as file:
            file.seek(max(0, newest.stat().st_size - 8192))
            return file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        return []
