"""Why a worker process ended, in words."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from paddock.sdk.errors import EngineDied, OutOfMemory

_CRASHES = {
    "SIGSEGV": "it touched memory that is not its own",
    "SIGBUS": "a memory-mapped file could not be read",
    "SIGILL": "it used an instruction that this processor does not have",
    "SIGFPE": "it divided by zero",
    "SIGABRT": "it gave up by itself",
}
_WINDOWS = {0xC0000005: "SIGSEGV", 0xC000001D: "SIGILL", 0xC0000409: "SIGABRT"}
_NO_MEMORY = re.compile(
    r"out of memory|bad_alloc|MemoryError|[Cc]annot allocate memory"
    r"|(?:failed|unable) to allocate|OutOfMemory|ErrorOutOfDeviceMemory"
)
_DUMP = ("Fatal Python error: ", '  File "', "Thread 0x", "Current thread 0x", "Extension modules: ", "  <")
_LINES = 20
_TAIL_BYTES = 32 * 1024
_SHOWN = 300


class ProcessOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended. ``asked``: we told it to; ``cause``: what was seen besides the exit status."""

    exit_code: int | None
    signal: str | None
    asked: bool = False
    out_of_memory: bool = False
    log_tail: tuple[str, ...] = ()
    cause: str = ""

    def error(self, title: str) -> EngineDied:
        """The error for a person; ``title`` is the engine's."""
        details = {"signal": self.signal, "exit_code": self.exit_code, "log_tail": list(self.log_tail)}
        if self.out_of_memory:
            killed = "The system killed" if self.signal == "SIGKILL" else "Memory ran out in"
            because = " because memory ran out" if self.signal == "SIGKILL" else ""
            return OutOfMemory(
                f"{killed} the {title} engine{because}{_in_brackets(self.signal)}.",
                hint="Choose a smaller quant or a shorter context, or unload other models.",
                **details,
            )
        return EngineDied(self._sentence(title), hint=self._hint(), **details)

    def _sentence(self, title: str) -> str:
        if self.cause:
            return f"The {title} engine was stopped: {self.cause}"
        if self.signal is None:
            return f"The {title} engine ended by itself with exit code {self.exit_code}."
        if self.signal in _CRASHES:
            return f"The {title} engine crashed with {self.signal}: {_CRASHES[self.signal]}."
        return f"The {title} engine was killed from outside with {self.signal}."

    def _hint(self) -> str:
        again = "The next request starts it again."
        last = self.log_tail[-1] if self.log_tail else ""
        return f"{again} The last line of its log: {last[:_SHOWN]}" if last else again


def from_returncode(
    returncode: int, *, asked: bool, killed_for_memory: bool, log_tail: tuple[str, ...], cause: str = ""
) -> ProcessOutcome:
    """``returncode`` as :mod:`subprocess` gives it: negative for a signal."""
    name = _signal_name(returncode)
    by_counter = killed_for_memory and name == "SIGKILL"
    by_log = name != "SIGKILL" and returncode != 0 and any(_NO_MEMORY.search(line) for line in log_tail)
    return ProcessOutcome(
        exit_code=returncode if returncode >= 0 else None,
        signal=name,
        asked=asked,
        out_of_memory=(by_counter or by_log) and not asked,
        log_tail=log_tail,
        cause=cause,
    )


def read_tail(log: Path) -> tuple[str, ...]:
    """The last lines of a log file, without stack dumps (the file has them); empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple([line.rstrip() for line in text.splitlines() if _tells_something(line)][-_LINES:])


class OomWatch:
    """Tells whether the kernel has killed something for memory within the last two samples.

    Two, because a sample may be taken between the kernel's count and the moment we notice the death.
    """

    def __init__(self, read: Callable[[], int] | None = None) -> None:
        self._read = read or count_oom_kills
        now = self._read()
        self._before, self._last = now, now

    def sample(self) -> None:
        """Call every few seconds."""
        self._before, self._last = self._last, self._read()

    def rose(self) -> bool:
        return self._read() > self._before


def count_oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Kills for memory in our control group and on the machine; 0 where nothing counts them (not Linux)."""
    return _field(proc / "vmstat", "oom_kill") + sum(_field(path, "oom_kill") for path in _counters(proc, cgroups))


def _counters(proc: Path, cgroups: Path) -> list[Path]:
    paths: list[Path] = []
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return paths
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            paths.append(cgroups / group.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            paths.append(cgroups / "memory" / group.lstrip("/") / "memory.oom_control")
    return paths


def _field(path: Path, name: str) -> int:
    try:
        pairs = (line.split() for line in path.read_text().splitlines())
        return sum(int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] == name)
    except (OSError, ValueError):
        return 0


def _signal_name(returncode: int) -> str | None:
    if returncode >= 0:
        return _WINDOWS.get(returncode)
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def _tells_something(line: str) -> bool:
    """Not empty, and not of the dump that faulthandler writes."""
    return bool(line.strip()) and not line.startswith(_DUMP)


def _in_brackets(name: str | None) -> str:
    return f" ({name})" if name else ""
