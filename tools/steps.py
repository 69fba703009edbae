"""The steps of a set-up: a command, a line that shows that it lives, a log, and the last lines when it fails.

Everything goes to standard error, so that ``run.py chat --json`` prints nothing but its answer.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL = 15
"""How many lines of a failed command are shown."""
SILENCE_S = 30.0
"""Without a terminal, a step that lasts says so this often."""

_COUNTED = re.compile(r"^\s*\[(\d+)/(\d+)\]")
_NAMED = re.compile(
    r"^\s*(?:Collecting|Downloading|Building wheels? for|Installing collected|Unpacking|Setting up) \S+"
)


class StepFailed(Exception):
    """A command of the set-up failed; ``lines`` holds its last ones."""

    def __init__(self, title: str, code: int, lines: Sequence[str]) -> None:
        super().__init__(title)
        self.code = code
        self.lines = tuple(lines)


def detail_of(line: str) -> str | None:
    """What a line of pip or ninja output tells about progress, None when nothing.

    ``[57/136] Building ...`` counts, ``Collecting msgspec`` names.
    """
    counted = _COUNTED.match(line)
    if counted:
        return f"{counted[1]} of {counted[2]}"
    named = _NAMED.match(line)
    return named[0].strip(" :") if named else None


def duration(seconds: float) -> str:
    """``8 s``, ``2 min 5 s``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Steps:
    """Runs commands one after the other. Used by one thread. ``inherited`` are open files that the commands keep open:
    a lock's file stays locked while a command runs on whose start was killed (not on Windows)."""

    def __init__(self, log: Path, inherited: Sequence[int] = ()) -> None:
        self.log = log
        self._inherited = () if sys.platform == "win32" else tuple(inherited)
        self._terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """One line for the person who waits."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def run(
        self,
        title: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        show_failure: bool = True,
    ) -> None:
        """Run a command to its end. Raises StepFailed, by default after showing its last lines. Ctrl+C ends
        the command too."""
        began = time.monotonic()
        tail: deque[str] = deque(maxlen=200)
        with open(self.log, "a", encoding="utf-8", errors="replace") as log:
            log.write(f"\n== {title}\n$ {' '.join(command)}\n")
            code = self._follow(title, command, dict(os.environ if env is None else env), log.write, tail, began)
            log.write(f"== exit code {code}\n")
        took = duration(time.monotonic() - began)
        if code == 0:
            self._line(f"  {title}: done in {took}", final=True)
            return
        self._line(f"  {title}: failed after {took}", final=True)
        last = [line for line in tail if line.strip()][-TAIL:]
        if show_failure:
            for line in last:
                self.say(f"    {line}")
            self.say(f"  The whole log: {self.log}")
        raise StepFailed(title, code, tuple(tail))

    def _follow(
        self,
        title: str,
        command: Sequence[str],
        env: dict[str, str],
        write: Callable[[str], object],
        tail: deque[str],
        began: float,
    ) -> int:
        lines: queue.Queue[str | None] = queue.Queue()
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            pass_fds=self._inherited,
        )
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        detail, told = "", began if not self._terminal else 0.0
        if not self._terminal:
            self.say(f"  {title} ...")
        try:
            while True:
                try:
                    line = lines.get(timeout=1.0)
                    if line is None:
                        return process.wait()
                    write(line)
                    tail.append(line.rstrip())
                    detail = detail_of(line) or detail
                except queue.Empty:
                    pass
                now = time.monotonic()
                if now - told >= (0.2 if self._terminal else SILENCE_S):
                    told = now
                    self._line(f"  {title}: {duration(now - began)}" + (f", {detail}" if detail else ""))
        except BaseException:
            process.terminate()
            process.wait()
            raise

    def _line(self, text: str, *, final: bool = False) -> None:
        if not self._terminal:
            self.say(text)
            return
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        sys.stderr.write("\r\x1b[K" + text[: max(width - 1, 20)] + ("\n" if final else ""))
        sys.stderr.flush()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)
