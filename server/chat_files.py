"""The files that conversations are written to: their names, and writing them whole or not at all."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from paddock.sdk.errors import BadRequest, StorageFailed
from paddock.sdk.pictures import SUFFIXES, Picture

LONGEST = 200
"""Characters of a file's name with its ending."""
_LONGEST_BYTES = 240
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028\u2029\u202a-\u202e\u2066-\u2069]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)


def file_name(title: str, suffix: str = "", *, number: int = 1) -> str:
    """``title`` as the name of a file that every system can have; from 2 on the ``number`` is part of it."""
    name = " ".join(_FORBIDDEN.sub(" ", unicodedata.normalize("NFC", title)).split())
    ending = f" ({number}){suffix}" if number > 1 else suffix
    name = name[: LONGEST - len(ending)]
    while len(name.encode(errors="replace")) + len(ending.encode()) > _LONGEST_BYTES:
        name = name[:-1]
    name = name.encode(errors="replace").decode().rstrip(" .").lstrip("~ .") or "Untitled conversation"
    if _DEVICES.match(name):
        name = f"_{name}"
    return name + ending


def absolute(path: str) -> Path:
    """A path that a client names. Raises BadRequest for one that depends on the folder the host was started in."""
    if not os.path.isabs(path) or "\0" in path:
        raise BadRequest(f"“{path[:120]}” is not an absolute path.", hint="Name it from the root on.")
    return Path(path)


class Names:
    """Gives each file of a folder a name of its own, whatever the case of its letters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, folder: Path, title: str, suffix: str) -> Path:
        number = 1
        while (path := folder / file_name(title, suffix, number=number)) and str(path).casefold() in self._taken:
            number += 1
        self._taken.add(str(path).casefold())
        return path


def write_file(path: Path, pieces: Iterable[str], *, replace: bool) -> None:
    """Write all of ``pieces`` (UTF-8) or nothing. To be called off the loop. Raises StorageFailed."""
    if not path.name:
        raise StorageFailed(f"{path} is no ordinary file.", hint="Name a file.", path=str(path))
    draft = path.with_name(f".paddock-{os.getpid()}-{abs(hash(path.name)):x}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        place(draft, path, replace=replace)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


class PictureFolder:
    """The pictures of a document in a folder beside it, ``NAME-pictures``, each once. Where there is one it has a
    number: a document among many must not fail half way. To be used off the loop."""

    def __init__(self, document: Path, *, replace: bool) -> None:
        self._folder = document.with_name(f"{document.stem}-pictures")
        number = 1
        while os.path.lexists(self._folder) and not (replace and self._folder.is_dir()):
            number += 1
            self._folder = document.with_name(f"{document.stem}-pictures ({number})")
        self._names: dict[str, str] = {}
        self._new: list[Path] = []
        self._made = False

    def address(self, picture: Picture) -> str:
        """Where its file lies, seen from the document. Raises OSError."""
        if picture.hash not in self._names:
            self._names[picture.hash] = self._write(picture).name
        return quote(f"{self._folder.name}/{self._names[picture.hash]}")

    def _write(self, picture: Picture) -> Path:
        """The file, under the next free number: what lies there may belong to somebody else, or to the document that is
        to be replaced."""
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True)
            self._made = True
        data, number = picture.data or b"", len(self._names)
        while True:
            number += 1
            path = self._folder / f"picture-{number}{SUFFIXES[picture.media_type]}"
            if os.path.lexists(path):
                if path.name not in self._names.values() and _holds(path, data):
                    return path  # of an earlier export
                continue
            draft = path.with_name(f".paddock-{os.getpid()}.tmp")
            try:
                draft.write_bytes(data)
                os.replace(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            self._new.append(path)
            return path

    def note(self) -> str:
        """What lies in it; empty where there were no pictures."""
        count = len(self._names)
        return f"{count} picture{'' if count == 1 else 's'} in {self._folder}." if count else ""

    def undo(self) -> None:
        """The document is not written: take what is new away again."""
        with suppress(OSError):
            for path in self._new:
                path.unlink(missing_ok=True)
            if self._made:
                self._folder.rmdir()


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def place(draft: Path, path: Path, *, replace: bool) -> None:
    """Put a file that is complete in its place. Raises OSError, StorageFailed where another or no file is there."""
    if os.path.lexists(path):
        if not replace:
            raise there(path)
        if not path.is_file():  # a device or a pipe would be gone
            raise StorageFailed(f"{path} is no ordinary file.", hint="Choose another name.", path=str(path))
    os.replace(draft, path)


def there(path: Path, more: int = 0) -> StorageFailed:
    others = f" (and {more} more)" if more else ""
    return StorageFailed(
        f"{path}{others} is there already.", hint="Choose another name, or have it replaced.", path=str(path)
    )


def unwritten(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{path} could not be written: {error.strerror or error}.",
        hint="Choose another place, or check its free space and permissions.",
        path=str(path),
    )
