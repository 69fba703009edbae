"""What this machine gives to an engine: processor cores and memory, the limits of a container included."""

from __future__ import annotations

import os
from pathlib import Path

from paddock.sdk.errors import OutOfMemory
from paddock.sdk.units import bytes_text

_CGROUP = Path("/sys/fs/cgroup")


def physical_cores(cgroup: Path = _CGROUP) -> int:
    """Physical cores that this process may use, at least 1."""
    import psutil

    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        cores = min(cores, -(-int(quota) // int(period)))
    return max(cores, 1)


def available_bytes(cgroup: Path = _CGROUP) -> int:
    """Memory that can be had without swapping, reclaimable file cache included."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = _read(cgroup / "memory.max"), _read(cgroup / "memory.current")
    if limit.isdecimal() and used.isdecimal():
        cache = next(
            (int(line.split()[1]) for line in _read(cgroup / "memory.stat").splitlines() if line.startswith("file ")), 0
        )
        free = min(free, max(int(limit) - int(used) + cache, 0))
    return free


def check_memory(name: str, needed: int, available: int) -> None:
    """Refuse a load that would make the machine swap. Raises OutOfMemory with both numbers."""
    if needed > available:
        raise OutOfMemory(
            f"{name} needs about {bytes_text(needed)} of memory and {bytes_text(available)} is free.",
            hint="Close other programs and models, use a shorter context or choose a smaller quant.",
            needed_bytes=needed,
            available_bytes=available,
        )


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
