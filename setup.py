"""Maps the top-level folders to the namespace package ``paddock``: ``gui/`` installs as ``paddock.gui``."""

from pathlib import Path

from setuptools import setup

ROOMS = ("sdk", "backends", "browser", "server", "gui", "resources")
ROOT = Path(__file__).parent


def packages() -> dict[str, str]:
    """Dotted package name to folder, for every folder of a room that holds Python files, and for the resources."""
    found = {}
    for room in ROOMS:
        for folder in (ROOT / room, *sorted(path for path in (ROOT / room).rglob("*") if path.is_dir())):
            parts = folder.relative_to(ROOT).parts
            if "__pycache__" in parts or not any(folder.glob("*.py")):
                continue
            found[".".join(("paddock", *parts))] = "/".join(parts)
    return found


setup(packages=list(packages()), package_dir=packages())
