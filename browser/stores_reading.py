"""What the stores of other programs have in common: where a user's programs keep things, and small files that may hold
anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

_SMALL = 1 << 20
"""Bytes; the settings and manifests of these programs are a hundredth of it."""


@dataclass(frozen=True)
class UserFolders:
    """The folders of one user. ``platform`` is named as in :data:`sys.platform`."""

    environ: Mapping[str, str]
    home: Path
    platform: str

    def named(self, variable: str) -> Path | None:
        """The absolute path in an environment variable; None where it has none."""
        return self.path(self.environ.get(variable, ""))

    def path(self, text: str) -> Path | None:
        """``text`` as another program writes an absolute path; None for anything else."""
        if text == "~" or text.startswith(("~/", "~\\")):
            return self.home / text[2:]
        return Path(text) if os.path.isabs(text) and "\0" not in text else None

    @property
    def data(self) -> Path:
        return self._of("XDG_DATA_HOME", ".local/share", "APPDATA", "AppData/Roaming")

    @property
    def config(self) -> Path:
        return self._of("XDG_CONFIG_HOME", ".config", "APPDATA", "AppData/Roaming")

    @property
    def cache(self) -> Path:
        if self.platform == "darwin":
            return self.home / "Library" / "Caches"
        return self._of("XDG_CACHE_HOME", ".cache", "LOCALAPPDATA", "AppData/Local")

    def _of(self, linux: str, below_home: str, windows: str, windows_below: str) -> Path:
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.named(windows) or self.home / windows_below
        return self.named(linux) or self.home / below_home


def small_file(path: Path, most: int = _SMALL) -> bytes:
    """The content of a file of ``most`` bytes. Raises OSError, also for one that is larger or no plain file."""
    if not path.is_file() or path.stat().st_size > most:
        raise OSError(f"{path} is no small file")
    with path.open("rb") as file:
        return file.read(most)


def setting_of(path: Path, key: str) -> str:
    """The text under ``key`` in a file of JSON settings; empty where there is none."""
    try:
        settings = msgspec.json.decode(small_file(path))
    except (OSError, msgspec.DecodeError, RecursionError):
        return ""
    value = settings.get(key) if isinstance(settings, dict) else None
    return value if isinstance(value, str) else ""
