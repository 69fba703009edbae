"""The memory that a container, or a limit on a group of programs, leaves to us (control groups of Linux)."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def memory_limit(root: Path = _ROOT, own: Path = _OWN) -> tuple[int, int] | None:
    """Bytes in all and bytes free, file cache included, under the tightest limits of our groups; None without any."""
    found = [limit for folder in _folders(root, own) if (limit := _limit(folder)) is not None]
    return (min(total for total, _ in found), min(free for _, free in found)) if found else None


def _folders(root: Path, own: Path) -> list[Path]:
    """Our groups in both versions of the hierarchy, outermost last. Inside a container the path may name the
    machine's groups, which cannot be seen from there; the root is then the container's own."""
    folders: list[Path] = []
    for line in _read(own).splitlines():
        _, kinds, path = [*line.split(":", 2), "", ""][:3]
        tops = [root, root / "unified"] if not kinds else [root / "memory"] if "memory" in kinds.split(",") else []
        for top in tops:
            group = Path(path.lstrip("/"))
            folders += [top / part for part in (group, *group.parents)]
    return folders


def _limit(folder: Path) -> tuple[int, int] | None:
    for limit_name, used_name in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        limit, used = _read(folder / limit_name), _read(folder / used_name)
        if limit.isdecimal() and used.isdecimal():
            return int(limit), max(int(limit) - int(used) + _cache(folder), 0)
    return None


def _cache(folder: Path) -> int:
    """Pages of files, which are given up when memory is wanted."""
    names = dict(line.split()[:2] for line in _read(folder / "memory.stat").splitlines() if " " in line)
    return sum(int(names.get(f"total_{kind}_file", names.get(f"{kind}_file", 0))) for kind in ("active", "inactive"))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
