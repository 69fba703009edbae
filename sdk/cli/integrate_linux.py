"""Desktop integration by the freedesktop.org rules: a menu entry, an icon, the type of ``.gguf`` files and the handler
of ``paddock://`` addresses, all below the user's own data folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_ENTRY = "paddock.desktop"
_HANDLER = "x-scheme-handler/paddock"
_DEFAULTS = "[Default Applications]"
_EMPTY = re.compile(rf"^{re.escape(_DEFAULTS)}\n+(?=\[|\Z)", re.MULTILINE)
_TOOL_S = 60.0
_TYPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/x-gguf">
    <comment>GGUF model</comment>
    <magic priority="50"><match type="string" value="GGUF" offset="0"/></magic>
    <glob pattern="*.gguf"/>
  </mime-type>
</mime-info>
"""


class LinuxDesktop:
    """The desktop of one user.

    Args:
        data: The data folder, ``~/.local/share`` unless XDG_DATA_HOME says otherwise.
        config: The folder of ``mimeapps.list``, ``~/.config`` unless XDG_CONFIG_HOME says otherwise.
    """

    def __init__(self, data: Path, config: Path) -> None:
        self._data = data
        self._applications = data / "applications"
        self._mime = data / "mime"
        self._defaults = config / "mimeapps.list"

    def add(self, command: Sequence[str], environment: Mapping[str, str], icons: Mapping[str, bytes]) -> list[str]:
        """Write everything; what was written. ``command`` opens an address that is put behind it, ``environment`` is
        what it needs set, and ``icons`` are pictures by size (``48``, ``scalable``). Raises OSError."""
        files = {
            self._applications / _ENTRY: desktop_entry(command, environment).encode(),
            self._mime / "packages" / "paddock.xml": _TYPE.encode(),
            **{self._icon(size): picture for size, picture in icons.items()},
        }
        for path, content in files.items():
            _write(path, content)
        self._set_default(_ENTRY)
        self._tell()
        return [*map(str, files), f"{self._defaults}: {_HANDLER}"]

    def remove(self) -> list[str]:
        """Take everything away again; what was there. Raises OSError."""
        icons = self._data / "icons" / "hicolor"
        files = [self._applications / _ENTRY, self._mime / "packages" / "paddock.xml"]
        files += [path for end in ("png", "svg") for path in sorted(icons.glob(f"*/apps/paddock.{end}"))]
        gone = []
        for path in files:
            with suppress(FileNotFoundError):
                path.unlink()
                gone.append(str(path))
        if self._set_default(""):
            gone.append(f"{self._defaults}: {_HANDLER}")
        self._tell()
        return gone

    def _icon(self, size: str) -> Path:
        folder, end = (size, "svg") if size == "scalable" else (f"{size}x{size}", "png")
        return self._data / "icons" / "hicolor" / folder / "apps" / f"paddock.{end}"

    def _set_default(self, entry: str) -> bool:
        """Make ``entry`` the program for our addresses, or with none take ours out; whether the file changed."""
        path = Path(os.path.realpath(self._defaults))  # it may be a link into somebody's collection of settings
        try:
            before = path.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            before = ""
        after = _with_default(before, entry)
        if after == before:
            return False
        after = _EMPTY.sub("", after)
        if after:
            _write(path, after.encode("utf-8", "surrogateescape"))
        else:
            path.unlink()
        return True

    def _tell(self) -> None:
        """Desktops look into the caches that these tools make; where they are missing, nobody has such caches."""
        for tool, folder in (("update-desktop-database", self._applications), ("update-mime-database", self._mime)):
            if shutil.which(tool) and folder.is_dir():
                subprocess.run([tool, str(folder)], capture_output=True, timeout=_TOOL_S, check=False)


def desktop_entry(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The menu entry, as the Desktop Entry Specification wants it."""
    start = ["env", *(f"{name}={value}" for name, value in environment.items())] if environment else []
    run = " ".join(map(_quoted, (*start, *command)))
    return f"""\
[Desktop Entry]
Version=1.0
Type=Application
Name=Paddock
GenericName=Local language models
Comment=Find, compare, tune and serve language models on this computer
Exec={run} %u
TryExec={_text(command[0])}
Icon=paddock
Terminal=false
StartupNotify=true
StartupWMClass=paddock
Categories=Science;ArtificialIntelligence;
Keywords=LLM;GGUF;chat;model;llama;
MimeType=application/x-gguf;{_HANDLER};
Actions=new-window;

[Desktop Action new-window]
Name=New window
Exec={run} --new-window
"""


def _quoted(argument: str) -> str:
    """For Exec: quoted as for a shell, then escaped as any text of the file, with the sign of field codes doubled."""
    inner = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in argument)
    return _text(f'"{inner}"').replace("%", "%%")


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _with_default(text: str, entry: str) -> str:
    """The content of mimeapps.list with ``entry`` before what others want; everything that is not ours as it was."""
    kept, others, section = [], [], ""
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            section = line.strip()
        key, _, value = line.partition("=")
        if section == _DEFAULTS and key.strip() == _HANDLER:
            others += [name for name in value.strip().split(";") if name not in ("", _ENTRY)]
        else:
            kept.append(line)
    names = [*([entry] if entry else []), *others]
    if names:
        start = next((at for at, line in enumerate(kept, 1) if line.strip() == _DEFAULTS), 0)
        if not start:
            kept += ["" if not kept or kept[-1].endswith("\n") else "\n", f"{_DEFAULTS}\n"]
        kept.insert(start or len(kept), f"{_HANDLER}={';'.join(names)}\n")
    return "".join(kept)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; nothing where it stands already."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        with suppress(FileNotFoundError):
            shutil.copymode(path, draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
