"""docs/architecture.md names every file of the program, each in its folder, and no file that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("sdk", "backends", "browser", "server", "gui", "resources", "tools")
UNNAMED = {"__init__.py", "py.typed"}
"""Files without a line of their own, unless an ``__init__.py`` holds code: then the folder's line speaks of it."""


def files_of_the_map() -> set[str]:
    found, folder = set(), ""
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        heading = re.match(r"^#{2,4} .*`([\w./-]+/)`", line)
        if heading:
            folder = heading[1]
        elif line.startswith("#"):
            folder = ""
        named = re.match(r"^\* `([\w.-]+)`", line)
        if named and folder:
            found.add(folder + named[1])
    return found


def files_of_the_tree() -> set[str]:
    found = set()
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".cmake", ".jinja") and file.name not in UNNAMED and file.is_file():
                found.add(file.relative_to(ROOT).as_posix())
    return found


def test_the_map_names_every_module_and_nothing_else() -> None:
    mapped = {name for name in files_of_the_map() if Path(name).suffix in (".py", ".cmake", ".jinja")}

    assert sorted(files_of_the_tree() - mapped) == [], "in the tree, not on the map"
    assert sorted(mapped - files_of_the_tree()) == [], "on the map, not in the tree"
