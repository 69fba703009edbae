"""Makes ``.namespace/paddock/<room>``, links through which the top-level folders are the package ``paddock``.

An editable install puts ``.namespace`` on the path, mypy and editors read it. One static path costs a Python start
1 ms; the import hook that setuptools writes otherwise costs 15 to 25 ms, and every worker would pay it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOMS = ("sdk", "backends", "browser", "server", "gui", "resources")


def link_rooms(root: Path) -> Path:
    """Make or mend the links of a checkout. Returns the folder to put on the path.

    Raises FileExistsError when something that is not a link stands where a link belongs.
    """
    package = root / ".namespace" / "paddock"
    package.mkdir(parents=True, exist_ok=True)
    for entry in package.iterdir():
        if entry.name not in ROOMS or not _leads_to(entry, root / entry.name):
            _remove_link(entry)
    for room in ROOMS:
        if not os.path.lexists(package / room):
            _make_link(package / room, root / room)
    return package.parent


def _leads_to(link: Path, target: Path) -> bool:
    return target.is_dir() and link.exists() and os.path.samefile(link, target)


def _remove_link(entry: Path) -> None:
    if entry.is_symlink():
        entry.unlink()
        return
    try:
        os.rmdir(entry)  # a junction, or an empty folder; never what is inside
    except OSError:
        raise FileExistsError(f"{entry} is not a link. Remove it, then start again.") from None


def _make_link(link: Path, target: Path) -> None:
    if sys.platform == "win32":  # symbolic links need a privilege there, junctions do not
        subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], check=True, stdout=subprocess.DEVNULL)
        return
    try:
        link.symlink_to(Path("..", "..", target.name), target_is_directory=True)
    except FileExistsError:
        pass  # another start made the same link a moment ago


if __name__ == "__main__":
    print(link_rooms(Path(__file__).resolve().parent.parent))
