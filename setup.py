"""Maps the top-level folders to the namespace package ``paddock``: ``gui/`` installs as ``paddock.gui``."""

import runpy
import sys
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
NAMESPACE = runpy.run_path(str(ROOT / "tools" / "namespace.py"))
VERSION = runpy.run_path(str(ROOT / "sdk" / "version.py"))["VERSION"]


def packages() -> dict[str, str]:
    """Dotted package name to folder, for every folder of a room that holds Python files."""
    found = {}
    for room in NAMESPACE["ROOMS"]:
        for folder in (ROOT / room, *sorted(path for path in (ROOT / room).rglob("*") if path.is_dir())):
            parts = folder.relative_to(ROOT).parts
            if "__pycache__" not in parts and any(folder.glob("*.py")):
                found[".".join(("paddock", *parts))] = "/".join(parts)
    return found


if "editable_wheel" in sys.argv:  # one static path instead of setuptools' import hook: see tools/namespace.py
    NAMESPACE["link_rooms"](ROOT)
    names, folders = ["paddock"], {"": ".namespace"}
else:
    folders = packages()
    names = list(folders)

setup(version=VERSION, packages=names, package_dir=folders, options={"egg_info": {"egg_base": "."}})
