"""One file on its way: its bytes, and beside them the record of which are there.

Data reach the disk before the record that tells of them, so that a power cut leaves no record of bytes that are not
there. A second record tells at short intervals of what the system has taken: it holds as long as the system runs, so
that a killed process loses next to nothing. Everything here blocks and may be called from several threads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from paddock.sdk.downloads import DownloadFile
from paddock.sdk.errors import StorageFailed
from paddock.sdk.paths import boot_id

SUFFIX = ".part"
_READ = 4 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)

Span = tuple[int, int]
"""From the first byte up to, and without, the last."""


class Spans:
    """Disjoint spans of bytes."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for start, end in spans:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        if start >= end:
            return
        first = bisect_left(self._spans, start, key=lambda span: span[1])
        last = first
        while last < len(self._spans) and self._spans[last][0] <= end:
            start, end = min(start, self._spans[last][0]), max(end, self._spans[last][1])
            last += 1
        self._spans[first:last] = [(start, end)]

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    @property
    def size(self) -> int:
        return sum(end - start for start, end in self._spans)

    def gaps(self, size: int) -> list[Span]:
        """What is missing of ``size`` bytes."""
        edges = [0, *(edge for span in self._spans for edge in span), size]
        return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    size: int
    sha256: str
    have: tuple[Span, ...]
    checked: tuple[Span, ...] | None = None
    verified: bool = False
    version: int = 1


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    boot: str
    size: int
    sha256: str
    have: tuple[Span, ...]


class Part:
    """``file`` in ``folder``, as NAME.part with the records NAME.part.json and, of this boot of the system,
    NAME.part.now.

    While it is :attr:`comparing`, :meth:`write` compares fresh bytes with what is there, and replaces what differs.
    """

    def __init__(self, folder: Path, file: DownloadFile) -> None:
        self.file = file
        self.path = folder / (file.name + SUFFIX)
        self.verified = False
        self.differing = 0
        """Writes that found other bytes than those that were there."""
        self._record = folder / (file.name + SUFFIX + ".json")
        self._taken = folder / (file.name + SUFFIX + ".now")
        self._boot = boot_id()
        self._have = Spans()
        self._checked: Spans | None = None
        self._descriptor = -1
        self._writing = threading.Lock()
        self._recording = threading.Lock()
        self._noting = threading.Lock()
        self._dirty = False

    @property
    def have(self) -> int:
        """Bytes that are there."""
        return self._have.size

    @property
    def complete(self) -> bool:
        return self.have == self.file.size

    @property
    def comparing(self) -> bool:
        return self._checked is not None

    def gaps(self) -> list[Span]:
        """What is to be fetched: what is missing, or what has not been compared yet."""
        with self._writing:
            return (self._have if self._checked is None else self._checked).gaps(self.file.size)

    def open(self, *, reserve: bool = True) -> None:
        """Take up what is there, and ``reserve`` the room for the rest. Raises OSError."""
        if self._descriptor >= 0:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        found = self._read_record()
        if found is None:
            self._unlink()
            self._dirty = True
            found = _Record(size=self.file.size, sha256=self.file.sha256, have=())
        self._have = Spans((*found.have, *self._read_taken()))
        self._checked = None if found.checked is None else Spans(found.checked)
        self.verified = found.verified
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self.path, flags, 0o666)
        try:
            (_reserve if reserve else os.ftruncate)(self._descriptor, self.file.size)
            self.checkpoint()
        except OSError:
            self.close()
            raise

    def _read_record(self) -> _Record | None:
        """What the record tells, where it is about these bytes."""
        try:
            found = msgspec.json.decode(self._record.read_bytes(), type=_Record)
            length = self.path.stat().st_size
        except (OSError, msgspec.DecodeError):
            return None
        wanted = (1, self.file.size, self.file.sha256)
        sound = _within(min(length, self.file.size), (*found.have, *(found.checked or ())))
        return found if sound and (found.version, found.size, found.sha256) == wanted else None

    def _read_taken(self) -> tuple[Span, ...]:
        try:
            found = msgspec.json.decode(self._taken.read_bytes(), type=_Taken)
        except (OSError, msgspec.DecodeError):
            return ()
        wanted = (self._boot, self.file.size, self.file.sha256)
        sound = self._boot and (found.boot, found.size, found.sha256) == wanted
        return found.have if sound and _within(self.file.size, found.have) else ()

    def close(self) -> None:
        with self._recording, self._noting, self._writing:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def drop(self) -> None:
        """Forget what is there. Raises OSError."""
        self.close()
        self._unlink()
        self._have, self._checked, self.verified = Spans(), None, False

    def _unlink(self) -> None:
        for path in (self._taken, self._record, self.path):
            path.unlink(missing_ok=True)

    def write(self, at: int, data: bytes) -> None:
        """Raises OSError; does nothing when the part is closed."""
        with self._writing:
            if self._descriptor < 0:
                return
            if self._checked is None:
                _write(self._descriptor, at, data)
                self._have.add(at, at + len(data))
            else:
                if _read(self._descriptor, at, len(data)) != data:
                    self.differing += 1
                    _write(self._descriptor, at, data)
                self._checked.add(at, at + len(data))
            self._dirty = True

    def checkpoint(self) -> None:
        """Bring the bytes to the disk, then the record of them. Raises OSError."""
        with self._recording:
            with self._writing:
                if not self._dirty or self._descriptor < 0:
                    return
                self._dirty = False
                record = _Record(
                    size=self.file.size,
                    sha256=self.file.sha256,
                    have=tuple(self._have),
                    checked=None if self._checked is None else tuple(self._checked),
                    verified=self.verified,
                )
            try:
                getattr(os, "fdatasync", os.fsync)(self._descriptor)
                write_durably(self._record, msgspec.json.encode(record))
            except OSError:
                self._dirty = True
                raise

    def note(self) -> None:
        """Tell what the system has taken, for after the end of this process. Raises OSError."""
        if not self._boot:
            return
        with self._noting:
            with self._writing:
                if not self._dirty or self._descriptor < 0:
                    return
                taken = _Taken(boot=self._boot, size=self.file.size, sha256=self.file.sha256, have=tuple(self._have))
            fresh = self._taken.with_name(self._taken.name + ".new")
            fresh.write_bytes(msgspec.json.encode(taken))
            os.replace(fresh, self._taken)

    def compare(self) -> None:
        """From now on fresh bytes are compared with those that are there."""
        with self._writing:
            self._checked, self._dirty = self._checked or Spans(), True

    def matches(self, read: Callable[[int], None], stop: threading.Event) -> bool:
        """Whether the whole has the hub's checksum; ``read`` hears of each piece, ``stop`` ends it with False. Where
        the hub tells no checksum every content is right. Raises OSError."""
        if not self.verified and self.file.sha256:
            if _sha256(self.path, read, stop) != self.file.sha256:
                return False
        else:
            read(self.file.size)
        with self._writing:
            self.verified, self._checked, self._dirty = True, None, True
        self.checkpoint()
        return True

    def arrive(self, target: Path) -> None:
        """Move the whole file to its place. Raises OSError."""
        self.close()
        os.replace(self.path, target)
        sync_folder(target.parent)
        self._unlink()

    def unreserved(self) -> int:
        """Bytes of the disk that it still takes. Raises OSError."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return self.file.size
        return max(0, self.file.size - getattr(status, "st_blocks", status.st_size // 512) * 512)


def _within(size: int, spans: Iterable[Span]) -> bool:
    return all(0 <= start <= end <= size for start, end in spans)


def is_whole(path: Path, file: DownloadFile, stop: threading.Event) -> bool:
    """Whether ``path`` is already what ``file`` is to become. Raises OSError."""
    try:
        if not file.sha256 or path.stat().st_size != file.size:
            return False
    except FileNotFoundError:
        return False
    return _sha256(path, lambda count: None, stop) == file.sha256


def write_durably(path: Path, content: bytes) -> None:
    """Replace ``path`` atomically. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def sync_folder(folder: Path) -> None:
    """After a file came or went; nothing to do on Windows."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_failed(folder: Path, error: OSError) -> StorageFailed:
    """For what writing below ``folder`` raised; ``full`` in its details where there is no room."""
    if error.errno in _FULL:
        return disk_full(folder)
    text = f"The model cannot be written into {folder}: {error.strerror or error}."
    return StorageFailed(text, hint="Check that Paddock may write there, then resume the download.")


def disk_full(folder: Path, missing: str = "") -> StorageFailed:
    text = f"The disk of {folder} is full" + (f": {missing} more are needed." if missing else ".")
    return StorageFailed(text, hint="Free some space on it, then resume the download.", full=True)


def _sha256(path: Path, read: Callable[[int], None], stop: threading.Event) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(_READ)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while not stop.is_set() and (count := file.readinto(buffer)):
            digest.update(view[:count])
            read(count)
    return "" if stop.is_set() else digest.hexdigest()


def _reserve(descriptor: int, size: int) -> None:
    """Where the file system can, so that a disk that fills up meanwhile does no harm."""
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno in (*_FULL, errno.EFBIG):
                raise
        else:
            return
    os.ftruncate(descriptor, size)


def _write(descriptor: int, at: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        if hasattr(os, "pwrite"):
            count = os.pwrite(descriptor, view, at)
        else:  # pragma: no cover - Windows
            os.lseek(descriptor, at, os.SEEK_SET)
            count = os.write(descriptor, view)
        view, at = view[count:], at + count


def _read(descriptor: int, at: int, count: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, at)
    os.lseek(descriptor, at, os.SEEK_SET)  # pragma: no cover - Windows
    return os.read(descriptor, count)  # pragma: no cover - Windows
