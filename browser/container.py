"""The memory that a container, or a limit on a group of programs, leaves to us (control groups of Linux)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_NO_LIMIT = 2**62
"""The first version of the hierarchy says "none" with the largest number of whole pages."""


def memory_limit(root: Path = _ROOT, own: Path = _OWN) -> tuple[int, int] | None:
    """Bytes in all and bytes free, file cache included, under the tightest limits of our groups; None without any.
    Some tenths of a millisecond, any thread."""
    found = [limit for names in _limiting(root, _read(own)) if (limit := _limit(*names)) is not None]
    return (min(total for total, _ in found), min(free for _, free in found)) if found else None


@lru_cache(maxsize=4)
def _limiting(root: Path, groups: str) -> tuple[tuple[str, str, str], ...]:
    """The files of limit, use and statistics of each of ``groups`` that has them, in both versions of the hierarchy.
    Inside a container their paths may name the machine's groups, which cannot be seen from there; the root is then
    the container's own."""
    folders: list[Path] = []
    for line in groups.splitlines():
        _, kinds, path = [*line.split(":", 2), "", ""][:3]
        tops = [root, root / "unified"] if not kinds else [root / "memory"] if "memory" in kinds.split(",") else []
        for top in tops:
            group = Path(path.lstrip("/"))
            folders += [top / part for part in (group, *group.parents)]
    kinds_of_file = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    return tuple(
        (str(folder / limit), str(folder / used), str(folder / "memory.stat"))
        for folder in folders
        for limit, used in kinds_of_file
        if (folder / limit).exists()
    )


def _limit(limit_file: str, used_file: str, statistics_file: str) -> tuple[int, int] | None:
    limit = _read(limit_file)
    if not limit.isdecimal() or int(limit) >= _NO_LIMIT:
        return None
    used = _read(used_file)
    if not used.isdecimal():
        return None
    return int(limit), max(int(limit) - int(used) + _cache(statistics_file), 0)


def _cache(statistics_file: str) -> int:
    """Pages of files, which are given up when memory is wanted."""
    names = dict(line.split()[:2] for line in _read(statistics_file).splitlines() if " " in line)
    return sum(int(names.get(f"total_{kind}_file", names.get(f"{kind}_file", 0))) for kind in ("active", "inactive"))


def _read(path: str | Path) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""
