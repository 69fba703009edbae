"""Files come into the models folder: copied, moved or linked to, first under a hidden name on the same disk.

Everything here blocks and raises OSError; ``stop`` ends it early.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

STAGING = ".jobs"
"""Below the models folder: what imports and quantising are making. Hidden, so that no library reads it."""
_PIECE = 16 * 2**20
_NOT_IN_KERNEL = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EBADF)

Told = Callable[[int], None]
"""Hears of bytes that are behind us."""


def copy(source: Path, target: Path, told: Told, stop: threading.Event) -> None:
    """``target`` is new. Shares the blocks of ``source`` where the file system can; on the disk when this returns."""
    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        _copy_in_kernel(reader.fileno(), writer.fileno(), told, stop)
        buffer = memoryview(bytearray(_PIECE))
        while not stop.is_set() and (count := reader.readinto(buffer)):  # what the kernel did not copy
            _write(writer.fileno(), buffer[:count])
            told(count)
        os.fsync(writer.fileno())


def same_content(one: Path, other: Path, told: Told, stop: threading.Event) -> bool:
    """Byte for byte; True where ``stop`` ended it."""
    if os.path.samefile(one, other):
        return True
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb", buffering=0) as first, other.open("rb", buffering=0) as second:
        while not stop.is_set() and (piece := first.read(_PIECE)):
            left = len(piece)
            while left:
                there = second.read(left)
                if not there or there != piece[len(piece) - left :][: len(there)]:
                    return False
                left -= len(there)
            told(len(piece))
    return True


def _copy_in_kernel(reader: int, writer: int, told: Told, stop: threading.Event) -> None:
    """As far as that goes: both files are left where it ended."""
    if not hasattr(os, "copy_file_range"):
        return
    while not stop.is_set():
        try:
            count = os.copy_file_range(reader, writer, _PIECE)
        except OSError as error:
            if error.errno in _NOT_IN_KERNEL:
                return
            raise
        if not count:
            return
        told(count)


def _write(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
