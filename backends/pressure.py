"""Whether the machine is short of memory now: looked at every two seconds while models are loaded.

Linux says how long its programs waited for memory (PSI), macOS has a level of its own, and where nobody says anything,
what is available tells. A group that we are confined to (a container) counts as the machine.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import msgspec

Level = Literal["none", "some", "critical"]

PERIOD_S = 2.0
AGAIN_S = {"some": 10.0, "critical": 2.0}
"""So long a level lasts until more is done about it."""

_log = logging.getLogger(__name__)
_LEVELS: tuple[Level, ...] = ("none", "some", "critical")
_RISING, _FALLING = 2, 5
"""Samples in a row that raise or lower the level."""
_STALLED = {"some": 10.0, "full": 10.0}
"""Percent of the last ten seconds in which some, or all, programs waited for memory."""
_FLOORS = ((0.02, 1 << 30), (0.01, 512 << 20))
"""Available memory, as a share of all and at most so many bytes, below which the level is ``some`` or ``critical``."""
_FLOORS_UNTOLD = ((0.05, 1 << 30), (0.02, 512 << 20))
"""The same where the system does not say whether anybody waits."""
_MAC_LEVELS = {1: 0, 2: 1, 4: 2}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look. Bytes; ``some`` and ``full`` are PSI's averages over ten seconds in percent, ``reported`` is macOS's
    level (1, 2 or 4); None where the system does not tell."""

    available: int
    total: int
    some: float | None = None
    full: float | None = None
    reported: int | None = None


def level_of(sample: Sample) -> Level:
    """What one sample says by itself."""
    if sample.reported is not None:
        return _LEVELS[_MAC_LEVELS.get(sample.reported, 0)]
    floors = _FLOORS if sample.some is not None else _FLOORS_UNTOLD
    short = [sample.available < min(share * sample.total, most) for share, most in floors]
    if short[1] or (sample.full or 0.0) >= _STALLED["full"]:
        return "critical"
    if short[0] or (sample.some or 0.0) >= _STALLED["some"]:
        return "some"
    return "none"


class Trend:
    """The level over time: two samples raise it, five lower it."""

    def __init__(self) -> None:
        self.level: Level = "none"
        self._recent: deque[int] = deque([0] * _FALLING, maxlen=_FALLING)

    def add(self, level: Level) -> Level:
        """The level, with one more sample."""
        self._recent.append(_LEVELS.index(level))
        now = _LEVELS.index(self.level)
        rising, falling = min(list(self._recent)[-_RISING:]), max(self._recent)
        self.level = _LEVELS[max(rising, min(now, falling))]
        return self.level


class PressureMonitor:
    """Tells ``relieve`` of pressure: of every rise at once, again every :data:`AGAIN_S` seconds as long as it lasts,
    and of its end with ``none``. On the host's loop; one call at a time.

    Args:
        relieve: Does something about it.
        active: Whether there is anything that could be given up; nothing is looked at otherwise.
        read: Takes a sample.
        pause: Waits so many seconds.
    """

    def __init__(
        self,
        relieve: Callable[[Level], Awaitable[None]],
        active: Callable[[], bool],
        *,
        read: Callable[[], Sample] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._relieve = relieve
        self._active = active
        self._read = read or read_sample
        self._pause = pause
        self._trend = Trend()
        self._waited = 0.0

    @property
    def level(self) -> Level:
        return self._trend.level

    async def run(self) -> None:
        """For ever; cancel it."""
        while True:
            await self._pause(PERIOD_S)
            await self.look()

    async def look(self) -> None:
        """Take a sample and do what follows from it."""
        before = self.level
        if self._active():
            now = self._trend.add(level_of(self._read()))
        else:
            self._trend = Trend()
            now = self.level
        self._waited += PERIOD_S
        rose = _LEVELS.index(now) > _LEVELS.index(before)
        if rose or (now == "none" != before) or self._waited >= AGAIN_S.get(now, float("inf")):
            self._waited = 0.0
            try:
                await self._relieve(now)
            except Exception:  # noqa: BLE001 - a bug there must not end the watch: the next look may help
                _log.exception("memory pressure (%s) could not be relieved", now)


# ---------------------------------------------------------------- reading


def read_sample(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> Sample:
    """What the system says now; a fraction of a millisecond."""
    import psutil

    memory = psutil.virtual_memory()
    sample = Sample(available=int(memory.available), total=int(memory.total))
    if sys.platform == "darwin":
        return msgspec.structs.replace(sample, reported=_mac_level())
    if sys.platform == "linux":
        return linux_sample(sample, proc, cgroups)
    return sample


def linux_sample(machine: Sample, proc: Path, cgroups: Path) -> Sample:
    """``machine`` with what PSI says, or our own control group where that is narrower."""
    stalls = _stalls(proc / "pressure" / "memory")
    sample = msgspec.structs.replace(machine, some=stalls.get("some"), full=stalls.get("full"))
    for group, limit, used, prefix in _groups(proc, cgroups):
        most, taken = _number(group / limit), _number(group / used)
        if most is None or taken is None or most >= machine.total:
            continue
        cache = sum(_field(group / "memory.stat", f"{prefix}{kind}_file") for kind in ("active", "inactive"))
        available = min(max(most - taken + cache, 0), machine.available)
        inside = _stalls(group / "memory.pressure")
        stalls = {name: max(value, stalls.get(name, 0.0)) for name, value in inside.items()} or stalls
        sample = Sample(available=available, total=most, some=stalls.get("some"), full=stalls.get("full"))
    return sample


def _groups(proc: Path, cgroups: Path) -> list[tuple[Path, str, str, str]]:
    """Our control groups of memory, each with the names of its limit and use and the prefix of what else it counts, of
    both generations."""
    found: list[tuple[Path, str, str, str]] = []
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            found.append((cgroups / group.lstrip("/"), "memory.max", "memory.current", ""))
        elif "memory" in controllers.split(","):
            folder = cgroups / "memory" / group.lstrip("/")
            found.append((folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"))
    return found


def _stalls(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in _text(path).splitlines():
        name, _, rest = line.partition(" ")
        average = next((part[6:] for part in rest.split() if part.startswith("avg10=")), "")
        try:
            found[name] = float(average)
        except ValueError:
            continue
    return found


def _field(path: Path, name: str) -> int:
    pairs = (line.split() for line in _text(path).splitlines())
    return next((int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] == name and pair[1].isdecimal()), 0)


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _mac_level() -> int | None:  # pragma: no cover - macOS
    value, size = ctypes.c_int(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
    name = b"kern.memorystatus_vm_pressure_level"
    failed = ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, 0)
    return None if failed else value.value
