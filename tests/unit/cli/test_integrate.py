"""The desktop integration: written below a data folder of the test's own, and gone again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paddock.sdk.cli.integrate import own_command
from paddock.sdk.cli.integrate_linux import LinuxDesktop, desktop_entry
from paddock.sdk.cli.integrate_windows import WindowsDesktop

ICONS = {"48": b"png", "scalable": b"<svg/>"}


def tree(root: Path) -> dict[str, bytes]:
    """The files of ``root``, without the caches that the desktop's own tools make."""
    names = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    caches = [name for name in names if ("/mime/" in name and "/packages/" not in name) or name.endswith(".cache")]
    return {name: path.read_bytes() for name, path in names.items() if name not in caches}


@pytest.fixture
def desktop(tmp_path: Path) -> LinuxDesktop:
    return LinuxDesktop(tmp_path / "data", tmp_path / "config")


def test_what_was_added_twice_is_removed_at_once(desktop: LinuxDesktop, tmp_path: Path) -> None:
    added = desktop.add(["/opt/paddock"], {}, ICONS)
    before = tree(tmp_path)
    assert desktop.add(["/opt/paddock"], {}, ICONS) == added
    assert tree(tmp_path) == before
    assert set(before) == {
        "data/applications/paddock.desktop",
        "data/mime/packages/paddock.xml",
        "data/icons/hicolor/48x48/apps/paddock.png",
        "data/icons/hicolor/scalable/apps/paddock.svg",
        "config/mimeapps.list",
    }
    assert sorted(desktop.remove()) == sorted(added)
    assert tree(tmp_path) == {}
    assert desktop.remove() == []


def test_what_others_wrote_into_mimeapps_stays_as_it_was(desktop: LinuxDesktop, tmp_path: Path) -> None:
    others = "# mine\n[Added Associations]\na/b=c.desktop;\n\n[Default Applications]\ntext/html=firefox.desktop\n"
    real = tmp_path / "dotfiles" / "mimeapps.list"
    real.parent.mkdir()
    real.write_text(others)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mimeapps.list").symlink_to(real)
    desktop.add(["/opt/paddock"], {}, ICONS)
    assert "[Default Applications]\nx-scheme-handler/paddock=paddock.desktop\ntext/html" in real.read_text()
    desktop.remove()
    assert real.read_text() == others
    assert (tmp_path / "config" / "mimeapps.list").is_symlink()


def test_the_entry_starts_this_installation_whatever_its_path() -> None:
    entry = desktop_entry(['/a b/100%/$x"\\paddock'], {"PADDOCK_HOME": "/data"})
    assert 'Exec="env" "PADDOCK_HOME=/data" "/a b/100%%/\\\\$x\\\\"\\\\\\\\paddock" %u' in entry
    assert own_command()[0].startswith(str(Path(sys.executable).parent))


@pytest.mark.parametrize("environment", [{}, {"PADDOCK_HOME": "/some where"}])
def test_the_tools_of_the_desktop_accept_the_files(desktop: LinuxDesktop, tmp_path: Path, environment: Any) -> None:
    desktop.add(own_command(), environment, ICONS)
    entry = tmp_path / "data/applications/paddock.desktop"
    if shutil.which("desktop-file-validate"):
        done = subprocess.run(["desktop-file-validate", str(entry)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
    if shutil.which("update-mime-database"):
        assert "application/x-gguf:*.gguf" in (tmp_path / "data/mime/globs").read_text()


def test_the_command_says_what_it_did_and_undoes_it(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    command = [sys.executable, "-m", "paddock.sdk.cli.main", "integrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    written = [line.split(": ")[0] for line in done.stdout.splitlines()]
    assert len(written) == 7
    assert all(Path(path).is_file() for path in written)
    subprocess.run([*command, "--remove"], env=environment, capture_output=True, check=True)
    assert tree(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    command = [sys.executable, "-m", "paddock.sdk.cli.main", "integrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert str(tmp_path / "data") in done.stderr


# ---------------------------------------------------------------- Windows


class Key:
    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> Key:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Registry:
    """As much of :mod:`winreg` as is used, with a dictionary behind it."""

    HKEY_CURRENT_USER, REG_SZ, KEY_SET_VALUE = "HKCU", 1, 2

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, str]] = {}

    def CreateKey(self, root: str, path: str) -> Key:
        parts = path.split("\\")
        for end in range(1, len(parts) + 1):
            self.keys.setdefault("\\".join(parts[:end]), {})
        return Key(path)

    def OpenKey(self, root: str, path: str, reserved: int = 0, access: int = 0) -> Key:
        if path not in self.keys:
            raise FileNotFoundError(path)
        return Key(path)

    def _below(self, path: str) -> list[str]:
        start = f"{path}\\"
        return [key.removeprefix(start) for key in self.keys if key.startswith(start) and "\\" not in key[len(start) :]]

    def QueryInfoKey(self, key: Key) -> tuple[int, int, int]:
        return len(self._below(key.path)), len(self.keys[key.path]), 0

    def EnumKey(self, key: Key, at: int) -> str:
        return self._below(key.path)[at]

    def SetValueEx(self, key: Key, name: str, reserved: int, kind: int, value: str) -> None:
        self.keys[key.path][name] = value

    def DeleteValue(self, key: Key, name: str) -> None:
        if self.keys[key.path].pop(name, None) is None:
            raise FileNotFoundError(name)

    def DeleteKey(self, root: str, path: str) -> None:
        if self._below(path):
            raise PermissionError(path)
        del self.keys[path]


def test_the_registry_has_our_keys_and_loses_only_them() -> None:
    registry = Registry()
    registry.CreateKey("HKCU", r"Software\Classes\.gguf\OpenWithProgids")
    registry.keys[r"Software\Classes\.gguf\OpenWithProgids"]["Other.gguf"] = ""
    before = {key: dict(values) for key, values in registry.keys.items()}
    desktop = WindowsDesktop(registry)
    added = desktop.add([r"C:\Program Files\pythonw.exe", "-m", "paddock"], r"C:\paddock.ico")
    assert registry.keys[r"Software\Classes\paddock"] == {"": "URL:Paddock", "URL Protocol": ""}
    command = registry.keys[r"Software\Classes\paddock\shell\open\command"][""]
    assert command == r'"C:\Program Files\pythonw.exe" -m paddock "%1"'
    assert len(added) == 7
    desktop.remove()
    assert registry.keys == before
    assert desktop.remove() == []
