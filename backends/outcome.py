"""Why a worker process ended, in words."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from paddock.backends.faults import Shortage, lost_device, shortage
from paddock.backends.pressure import level_of, read_sample
from paddock.backends.process_memory import resident_bytes
from paddock.sdk.errors import EngineDied, OutOfMemory

_CRASHES = {
    "SIGSEGV": "it touched memory that is not its own",
    "SIGBUS": "a memory-mapped file could not be read",
    "SIGILL": "it used an instruction that this processor does not have",
    "SIGFPE": "it divided by zero",
    "SIGABRT": "it gave up by itself",
}
_WINDOWS = {0xC0000005: "SIGSEGV", 0xC0000006: "SIGBUS", 0xC000001D: "SIGILL", 0xC0000409: "SIGABRT"}
_WINDOWS_NO_MEMORY = (0xC0000017, 0xC000009A, 0xC000012D)
"""STATUS_NO_MEMORY, STATUS_INSUFFICIENT_RESOURCES, STATUS_COMMITMENT_LIMIT."""
_KILLERS = ("SIGKILL", "SIGTERM")
"""Signals that somebody else sends: the kernel, earlyoom and systemd-oomd, when memory ran out, and people."""
_SENT = (*_KILLERS, "SIGINT", "SIGHUP", "SIGQUIT")
_KILLED = re.compile(r"Killed process (\d+) .*anon-rss:(\d+)kB")
_REMEMBERED_S = 16.0
_NEARLY_FULL = 0.1
"""Of all memory still available: where earlyoom begins to kill."""
_KERNEL_S = 60.0
_MOST_RECORDS = 100_000
_DUMP = ("Fatal Python error: ", '  File "', "Thread 0x", "Current thread 0x", "Extension modules: ", "  <")
_LINES = 20
_TAIL_BYTES = 32 * 1024
_SHOWN = 300


class Blame(msgspec.Struct, frozen=True, kw_only=True):
    """What the system says about memory at the time of a death. ``counted``: it has killed something for memory;
    ``nearly_full``: there was hardly any left; ``resident_bytes`` is what the process had."""

    counted: bool = False
    nearly_full: bool = False
    resident_bytes: int = 0


class ProcessOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended. ``asked``: we told it to; ``shortage``: what memory ran out for, where that was the reason;
    ``resident_bytes``: the most memory of its own that it was seen with; ``cause``: what was seen besides the exit
    status."""

    exit_code: int | None
    signal: str | None
    asked: bool = False
    shortage: Shortage | None = None
    killed_by_kernel: bool = False
    lost_device: bool = False
    resident_bytes: int = 0
    log_tail: tuple[str, ...] = ()
    cause: str = ""

    @property
    def out_of_memory(self) -> bool:
        return self.shortage is not None

    def error(self, title: str) -> EngineDied:
        """The error for a person; ``title`` is the engine's."""
        details: dict[str, Any] = {"signal": self.signal, "exit_code": self.exit_code, "log_tail": list(self.log_tail)}
        if self.shortage is not None:
            if self.resident_bytes and not self.shortage.device:
                details["limit_bytes"] = self.resident_bytes
            return OutOfMemory(
                self._shortage(title, self.shortage),
                hint="Choose a smaller quant or a shorter context, or unload other models.",
                **details,
                **self.shortage.details(),
            )
        if self.lost_device:
            details["lost_device"] = True
        return EngineDied(self._sentence(title), hint=self._hint(), **details)

    def _shortage(self, title: str, short: Shortage) -> str:
        if self.killed_by_kernel:
            return f"The system killed the {title} engine because memory ran out ({self.signal})."
        if self.signal in _KILLERS:
            return f"The {title} engine was killed with {self.signal} when hardly any memory was left."
        return short.sentence(f"Memory ran out in the {title} engine{_in_brackets(self.signal)}")

    def _sentence(self, title: str) -> str:
        if self.cause:
            return f"The {title} engine was stopped: {self.cause}"
        if self.lost_device:
            return f"The {title} engine lost the device that it computes on{_in_brackets(self.signal)}."
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
    returncode: int, *, asked: bool, blame: Blame, log_tail: tuple[str, ...], cause: str = ""
) -> ProcessOutcome:
    """``returncode`` as :mod:`subprocess` gives it: negative for a signal."""
    name = _signal_name(returncode)
    short, lost = None, False
    by_kernel = blame.counted and name == "SIGKILL"
    if name in _KILLERS:
        short = Shortage() if by_kernel or blame.nearly_full else None
    elif returncode != 0 and name not in _SENT:
        short = shortage(log_tail) or (Shortage() if returncode in _WINDOWS_NO_MEMORY else None)
        lost = lost_device(log_tail)
    return ProcessOutcome(
        exit_code=returncode if returncode >= 0 else None,
        signal=name,
        asked=asked,
        shortage=None if asked or cause else short,
        killed_by_kernel=by_kernel,
        lost_device=lost and not asked,
        resident_bytes=blame.resident_bytes,
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
    """Watches one process and the machine's memory, so that its death can be explained. On one thread.

    Args:
        count: How often the kernel has killed something for memory.
        nearly_full: Whether hardly any memory can still be had.
        resident: Bytes that a process has of its own.
        told: What the kernel says about the killed process with a number: its bytes, or None.
        clock: Seconds.
    """

    def __init__(
        self,
        count: Callable[[], int] | None = None,
        *,
        nearly_full: Callable[[], bool] | None = None,
        resident: Callable[[int], int] = resident_bytes,
        told: Callable[[int], int | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count or count_oom_kills
        self._nearly_full = nearly_full or _nearly_full
        self._resident = resident
        self._told = told or kernel_killed
        self._clock = clock
        self._most = 0
        self._samples: deque[tuple[float, int, bool]] = deque([(clock(), self._count(), False)])

    def sample(self, pid: int | None) -> None:
        """Call every few seconds; ``pid`` is the process, None when it is gone."""
        if pid is not None:
            self._most = max(self._most, self._resident(pid))
        self._samples.append((self._clock(), self._count(), self._nearly_full()))
        # The end of a large process takes the kernel many seconds after it has counted the kill.
        while self._samples[0][0] < self._clock() - _REMEMBERED_S and len(self._samples) > 1:
            self._samples.popleft()

    def blame(self, pid: int | None) -> Blame:
        """What to think of the death of the process that was ``pid``."""
        told = self._told(pid) if pid is not None else None
        return Blame(
            counted=told is not None or self._count() > self._samples[0][1],
            nearly_full=any(full for _, _, full in self._samples),
            resident_bytes=told or self._most,
        )


def kernel_killed(pid: int, log: Path = Path("/dev/kmsg")) -> int | None:
    """Bytes of its own that the process ``pid`` had when the kernel killed it for memory in the last minute; None when
    it did not, or where its log cannot be read."""
    if sys.platform != "linux":
        return None
    try:
        records = _records(log)
    except OSError:
        return None
    since = time.clock_gettime(time.CLOCK_MONOTONIC) - _KERNEL_S
    for record in reversed(records):
        head, _, text = record.partition(";")
        found = _KILLED.search(text)
        if found is not None and int(found[1]) == pid and int(head.split(",")[2]) / 1e6 > since:
            return int(found[2]) * 1024
    return None


def _records(log: Path) -> list[str]:
    """Each read gives one record; a pipe that is empty says so instead of waiting."""
    handle = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    records: list[str] = []
    try:
        while len(records) < _MOST_RECORDS and (data := os.read(handle, 8192)):
            records += data.decode("utf-8", "replace").splitlines()
    except (BlockingIOError, BrokenPipeError):
        pass  # The end, or the kernel writes faster than we read.
    finally:
        os.close(handle)
    return records


def _nearly_full() -> bool:
    sample = read_sample()
    return sample.available < _NEARLY_FULL * sample.total or level_of(sample) == "critical"


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
