"""GGUF headers of models that are elsewhere, each in a sparse file as long as the model's own.

Such a file costs the disk its header, and engines take it for the model as long as they read no weights. One folder per
model and version, made aside and renamed into place, so that several processes may share the cache. Everything here
blocks.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.sdk.errors import StorageFailed

MOST_BYTES = 256 * 10**6
MOST_MODELS = 500
_PREFIX = ".new-"
_ABANDONED_S = 3600
_PROBE = 16 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


def cache_key(*identity: str) -> str:
    """A folder's name for what ``identity`` says: where the model is, and which version of it."""
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]


class HeaderCache:
    """The headers below ``folder``. The least recently used leave when there are more than ``most_models`` or they take
    more than ``most_bytes`` of the disk."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES, most_models: int = MOST_MODELS) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_models = most_models

    def find(self, key: str, names: Sequence[str]) -> tuple[Path, ...] | None:
        """The files ``names`` that were kept as ``key``."""
        paths = tuple(self._folder / key / name for name in names)
        try:
            if not all(path.is_file() for path in paths):
                return None
            os.utime(self._folder / key)
        except OSError:  # another process has just thrown it out
            return None
        return paths

    def stage(self) -> Path:
        """A fresh folder for the files of one model, to be handed to :meth:`keep` or :meth:`drop`.

        Raises StorageFailed.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._folder))
        except OSError as error:
            raise storage_failed(self._folder, error) from error

    def keep(self, key: str, staged: Path, sizes: Mapping[str, int]) -> tuple[Path, ...]:
        """Makes each staged file as long as ``sizes`` (by name) says, and keeps them as ``key``.

        Returns nothing, and keeps nothing, where the file system has no sparse files (FAT, exFAT, HFS+): there the
        files would take the room of the whole model. Raises StorageFailed.
        """
        try:
            if not _lengthen(staged, sizes):
                return ()
            target = self._folder / key
            try:
                staged.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
                # another process was quicker, or a part is missing there
                if self.find(key, tuple(sizes)) is None:
                    self.forget(key)
                    staged.rename(target)
        except OSError as error:
            raise storage_failed(self._folder, error) from error
        finally:
            self.drop(staged)
        self._shrink(key)
        return tuple(self._folder / key / name for name in sizes)

    def drop(self, staged: Path) -> None:
        shutil.rmtree(staged, ignore_errors=True)

    def forget(self, key: str) -> None:
        """Renamed first, so that nobody finds half a model."""
        with contextlib.suppress(OSError):
            gone = tempfile.mkdtemp(prefix=_PREFIX, dir=self._folder)
            (self._folder / key).rename(Path(gone) / key)
            shutil.rmtree(gone, ignore_errors=True)

    def _shrink(self, newest: str) -> None:
        models: list[tuple[float, str, int]] = []
        now = time.time()
        with contextlib.suppress(OSError), os.scandir(self._folder) as listing:
            for entry in listing:
                with contextlib.suppress(OSError):
                    used = entry.stat().st_mtime
                    if not entry.name.startswith(_PREFIX):
                        models.append((used, entry.name, _bytes_of(Path(entry.path))))
                    elif now - used > _ABANDONED_S:
                        self.drop(Path(entry.path))
        models.sort(key=lambda model: (model[1] != newest, -model[0]))
        taken = 0
        for number, (_, name, size) in enumerate(models):
            taken += size
            if number and (number >= self._most_models or taken > self._most_bytes):
                self.forget(name)


def _lengthen(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Whether the files in ``folder`` could be made as long as ``sizes`` says without taking that room."""
    probe = folder / "probe"
    _extend(probe, _PROBE)
    if _on_disk(probe) > _PROBE // 2:
        return False
    probe.unlink()
    try:
        for name, size in sizes.items():
            _extend(folder / name, size)
    except OSError as error:
        if error.errno not in (errno.EFBIG, errno.EINVAL):
            raise
        return False  # no file may be as long here (FAT: 4 GiB)
    return True


def _extend(path: Path, size: int) -> None:
    with path.open("ab") as file:
        if sys.platform == "win32":
            _make_sparse(file.fileno())
        file.truncate(max(size, file.tell()))


def _make_sparse(descriptor: int) -> None:  # pragma: no cover - Windows
    """On NTFS files are sparse only when somebody says so. Where it is refused, the probe notices."""
    import ctypes
    import msvcrt

    kernel32 = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))  # type: ignore[attr-defined,unused-ignore]
    returned = ctypes.c_ulong()
    set_sparse = 0x900C4
    kernel32.DeviceIoControl(handle, set_sparse, None, 0, None, 0, ctypes.byref(returned), None)


def _on_disk(path: Path) -> int:
    """Bytes that the file takes of the disk."""
    if sys.platform == "win32":  # pragma: no cover - Windows
        import ctypes

        high = ctypes.c_ulong()
        low: int = ctypes.WinDLL("kernel32").GetCompressedFileSizeW(str(path), ctypes.byref(high)) & 0xFFFFFFFF
        return (high.value << 32) + low
    return path.stat().st_blocks * 512


def _bytes_of(folder: Path) -> int:
    return sum(_on_disk(path) for path in folder.iterdir())


def storage_failed(folder: Path, error: OSError) -> StorageFailed:
    """For what writing below ``folder`` raised."""
    hint = "Free some space on that disk." if error.errno in _FULL else "Check that Paddock may write there."
    return StorageFailed(f"Headers of models cannot be kept in {folder}: {error.strerror or error}.", hint=hint)
