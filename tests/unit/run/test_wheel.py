"""What ``pip install paddock`` brings: built once from a copy of the checkout, looked at, and imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.namespace import ROOMS


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(__file__).resolve().parents[3]
    place = tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "constraints.txt"):
        shutil.copy(root / name, place / name)
    ignored = shutil.ignore_patterns("__pycache__", "starter-F16.gguf")
    for folder in (*ROOMS, "tools"):
        shutil.copytree(root / folder, place / folder, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", str(place / "dist"), str(place)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((place / "dist").glob("paddock-*.whl"))


def test_it_holds_every_module_and_every_resource(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.startswith("paddock-")}
    expected = {
        f"paddock/{file.relative_to(root).as_posix()}"
        for room in ROOMS
        for file in (root / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert packed == expected


def test_it_brings_the_command_the_engines_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        meta = {
            name.split("/", 1)[1]: archive.read(name).decode() for name in archive.namelist() if "dist-info/" in name
        }

    assert "paddock = paddock.sdk.cli.main:main" in meta["entry_points.txt"]
    assert "llamacpp = paddock.backends.llamacpp:DESCRIPTOR" in meta["entry_points.txt"]
    assert meta["top_level.txt"].split() == ["paddock"]
    assert meta["licenses/LICENSE"].startswith("MIT License")


def test_installed_no_bare_room_can_be_imported(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "import sys, importlib.util\n"
        "sys.path[:] = [sys.argv[1], *(path for path in sys.path if '.namespace' not in path)]\n"
        "from paddock.resources import FOLDER\n"
        "assert str(FOLDER).startswith(sys.argv[1]), FOLDER\n"
        f"print([name for name in {ROOMS!r} if importlib.util.find_spec(name)])\n"
        f"print(all(importlib.util.find_spec('paddock.' + name) for name in {ROOMS!r}))\n"
    )
    command = [sys.executable, "-I", "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    assert done.stdout.split("\n")[:2] == ["[]", "True"], done.stderr
