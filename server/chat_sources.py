"""Files to import conversations from, read within bounds; what is wrong with one is said with its name."""

from __future__ import annotations

import codecs
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from paddock.sdk.errors import BadRequest, StorageFailed
from paddock.sdk.pictures import LARGEST_BYTES
from paddock.sdk.units import bytes_text

LARGEST = 1 << 30
"""Bytes of a file that has to be read as a whole."""
LONGEST_LINE = 512 << 20
_ZIPS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
"""What a damaged, encrypted or strangely packed archive raises."""


class Way:
    """A part of the way through what is read: it begins at ``start`` of the whole, 0 to 1, and takes ``size`` of it.
    ``told`` hears how far the whole is."""

    def __init__(self, told: Callable[[float], None], start: float = 0.0, size: float = 1.0) -> None:
        self._told, self._start, self._size = told, start, size

    def reached(self, share: float) -> None:
        """So much of this part is read, 0 to 1."""
        self._told(self._start + self._size * min(share, 1.0))

    def parts(self, sizes: Sequence[int]) -> Iterator[Way]:
        """One behind the other, by their bytes."""
        total, before = max(sum(sizes), 1), 0
        for size in sizes:
            yield Way(self._told, self._start + self._size * before / total, self._size * size / total)
            before += size


def whole(path: Path, *, largest: int = LARGEST) -> bytes:
    """The text of a file as UTF-8. Raises BadRequest, StorageFailed."""
    try:
        size = path.stat().st_size
        if size > largest:
            raise _too_large(path.name, size, largest)
        return _utf8(path.read_bytes(), path.name)
    except OSError as error:
        raise unread(path, error) from error


def lines(path: Path, *, longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty, with their numbers from 1. Raises BadRequest, StorageFailed."""
    try:
        with open(path, "rb") as file:
            head = file.read(4)
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                yield from ((number, line) for number, line in enumerate(whole(path).splitlines(), 1) if line.strip())
                return
            file.seek(3 if head.startswith(codecs.BOM_UTF8) else 0)
            number = 0
            while line := file.readline(longest + 1):
                number += 1
                if len(line) > longest:
                    raise BadRequest(
                        f"Line {number} of “{path.name}” is longer than {bytes_text(longest)}.",
                        hint="A line is one conversation; is it the right file?",
                    )
                if line.strip():
                    yield number, line
    except OSError as error:
        raise unread(path, error) from error


@contextmanager
def unpacked(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive. Raises BadRequest, StorageFailed, also in place of what its methods raise meanwhile."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _ZIPS as error:
        raise BadRequest(f"The archive “{path.name}” is damaged ({error}).", hint="Download it again.") from error
    except OSError as error:
        raise unread(path, error) from error


def texts(
    archive: zipfile.ZipFile, wanted: str, way: Way, *, largest: int = LARGEST
) -> Iterator[tuple[str, bytes, Way]]:
    """The files of an archive whose names match ``wanted``, with their texts and their parts of the ``way``, one after
    the other. Raises BadRequest, and what a damaged archive raises."""
    import re

    infos = [info for info in archive.infolist() if re.search(wanted, info.filename)]
    for info, part in zip(infos, way.parts([info.file_size for info in infos]), strict=True):
        with archive.open(info) as file:
            content = file.read(largest + 1)  # its size is only what the archive says of itself
        if len(content) > largest:
            raise _too_large(f"{info.filename}” in “{Path(archive.filename or '').name}", info.file_size, largest)
        yield info.filename, _utf8(content, info.filename), part


def pictures(opened: Mapping[str, Callable[[], IO[bytes]]]) -> Callable[[str], bytes | None]:
    """What reads a picture by its name in ``opened``; None for one that is not there, or cannot be read: that costs its
    conversation nothing else."""

    def content(name: str) -> bytes | None:
        try:
            with opened[name]() as file:
                return file.read(LARGEST_BYTES + 1)
        except (KeyError, OSError, *_ZIPS):
            return None

    return content


def json(content: bytes, name: str, kind: Any = Any) -> Any:
    """Raises BadRequest that says where ``content`` breaks."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"“{name}” is not what was expected: {error}.", hint="Is it the right file?") from None
    except RecursionError:
        raise BadRequest(f"“{name}” is nested too deeply to be read.", hint="Is it the right file?") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"“{name}” is {_broken(str(error), content)}.", hint="Export it again.") from None


def items(content: bytes, name: str, way: Way) -> Iterator[tuple[int, Any]]:
    """The elements of a list, or the one thing that ``content`` is, with their numbers from 1. Those that cannot be
    read are problems of their own: a BadRequest in its place."""
    if not content.lstrip().startswith(b"["):
        yield 1, json(content, name)
        return
    read = 0
    for number, raw in enumerate(json(content, name, list[msgspec.Raw]), 1):
        read += len(raw := bytes(raw))
        way.reached(read / len(content))
        try:
            yield number, json(raw, f"{name}, number {number}")
        except BadRequest as error:
            yield number, error


def unread(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"“{path.name}” could not be read: {error.strerror or error}.", hint="Check its permissions.", path=str(path)
    )


def _utf8(content: bytes, name: str) -> bytes:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace").encode(errors="replace")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"“{name}” is not UTF-8 text: byte {error.start:,} breaks it.", hint="Is it the right file?"
        ) from None
    return content


def _broken(text: str, content: bytes) -> str:
    if not content.strip():
        return "empty"
    if "truncated" in text:
        return "cut off: it ends in the middle"
    text = text.removeprefix("JSON is malformed: ")
    return f"no valid JSON ({text[:1].lower()}{text[1:]})"


def _too_large(name: str, size: int, largest: int) -> BadRequest:
    return BadRequest(
        f"“{name}” is too large to be read at once ({bytes_text(size)}; up to {bytes_text(largest)}).",
        hint="Export it in parts.",
    )
