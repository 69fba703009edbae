"""Everything that is imported is declared in pyproject.toml, and everything declared has its version pinned."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = {
    "sdk": (),
    "backends": ("host", "llamacpp"),
    "browser": ("host",),
    "server": ("host",),
    "gui": ("gui",),
    "resources": (),
    "tests": ("host", "gui", "llamacpp", "test"),
}
"""Room to the extras that may be taken for granted there."""
LOCAL = {"paddock", "tools", "gguf", "gi"}
"""Our own; ``gguf`` comes with the source of llama.cpp that the benchmarks unpack, ``gi`` is the system's and runs in a
program of its own."""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s;<>=!~\[]", name, maxsplit=1)[0]).lower()


def project(root: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def declared(root: Path, extras: tuple[str, ...]) -> set[str]:
    table = project(root)
    optional = table["optional-dependencies"]
    names = [*table["dependencies"], *(name for extra in extras for name in optional[extra])]
    return {plain(name) for name in names}


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    """Top-level module and the file that imports it, but for modules that lie beside the file."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            modules = (name.split(".")[0] for name in names)
            yield from ((module, file.name) for module in modules if not file.with_name(f"{module}.py").exists())


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_what_a_room_imports_is_declared(root: Path, room: str) -> None:
    brings = importlib.metadata.packages_distributions()
    allowed = declared(root, ROOMS[room])
    places = ("tests/*.py", "tests/*/*.py") if room == "tests" else ()
    helpers = {file.stem for place in places for file in root.glob(place)}
    missing = {
        (module, file)
        for module, file in imported(root / room)
        if module not in sys.stdlib_module_names | LOCAL | helpers
        and not {plain(name) for name in brings.get(module, [module])} & allowed
    }
    assert missing == set()


def test_what_is_declared_is_pinned(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {plain(line) for line in lines if "==" in line}
    extras = tuple(project(root)["optional-dependencies"])
    assert declared(root, extras) - pinned == set()
