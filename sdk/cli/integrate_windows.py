"""Windows: the handler of ``paddock:`` addresses and the type of ``.gguf`` files, in the user's own registry."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

_CLASSES = r"Software\Classes"
_TYPE = "Paddock.gguf"
_OURS = ("paddock", _TYPE)
_OFFERED = r".gguf\OpenWithProgids"


class WindowsDesktop:
    """The desktop of one user. ``registry`` is the module :mod:`winreg`."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._user = registry.HKEY_CURRENT_USER

    def add(self, command: Sequence[str], icon: str) -> list[str]:
        """Write the entries; their keys. ``command`` opens what is put behind it. Raises OSError."""
        run = f'{subprocess.list2cmdline(command)} "%1"'
        values = [("paddock", "", "URL:Paddock"), ("paddock", "URL Protocol", ""), (_TYPE, "", "GGUF model")]
        values += [(rf"{key}\DefaultIcon", "", icon) for key in _OURS]
        values += [(rf"{key}\shell\open\command", "", run) for key in _OURS]
        values.append((_OFFERED, _TYPE, ""))
        for key, name, value in values:
            with self._registry.CreateKey(self._user, rf"{_CLASSES}\{key}") as handle:
                self._registry.SetValueEx(handle, name, 0, self._registry.REG_SZ, value)
        return [_shown(key) for key in dict.fromkeys(key for key, _, _ in values)]

    def remove(self) -> list[str]:
        """Take the entries away again; what was there. What others wrote about ``.gguf`` stays. Raises OSError."""
        gone = [key for key in _OURS if self._delete(rf"{_CLASSES}\{key}")]
        with suppress(FileNotFoundError):
            access = self._registry.KEY_SET_VALUE
            with self._registry.OpenKey(self._user, rf"{_CLASSES}\{_OFFERED}", 0, access) as handle:
                self._registry.DeleteValue(handle, _TYPE)
                gone.append(_OFFERED)
        return [_shown(key) for key in gone]

    def _delete(self, key: str) -> bool:
        """A key with all below it; whether it was there."""
        try:
            with self._registry.OpenKey(self._user, key) as handle:
                below = [self._registry.EnumKey(handle, at) for at in range(self._registry.QueryInfoKey(handle)[0])]
        except FileNotFoundError:
            return False
        for name in below:
            self._delete(rf"{key}\{name}")
        self._registry.DeleteKey(self._user, key)
        return True


def _shown(key: str) -> str:
    return rf"HKEY_CURRENT_USER\{_CLASSES}\{key}"
