"""One prefix on disk: how its file is laid out, written and read. No engine library is needed.

Layout: magic, version, length and SHA-256 of the header; the header as msgpack (identity, model, token ids, and length
and CRC-32 of every part); the parts one after the other: first the sequence's state, then its checkpoints. CRC-32
because it is the quickest check of the standard library (``tests/perf/kv_disk.py`` prints the rates).
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
import struct
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from ctypes import Array, c_uint8
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeAlias

import msgspec

VERSION = 1
SUFFIX = ".kv"
TEMPORARY = ".part"

_MAGIC = b"PaddkKV\n"
_HEAD = struct.Struct("<8sII32s")
_LONGEST_HEADER = 256 * 2**20

Buffer: TypeAlias = "bytes | bytearray | memoryview | Array[c_uint8]"
"""Contiguous bytes."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """``size`` bytes with their checksum; ``position`` is the number of tokens they hold the state of."""

    position: int
    size: int
    crc: int


class Header(msgspec.Struct, frozen=True):
    """What a file says of itself. ``tokens`` are little-endian int32."""

    identity: str
    model: str
    tokens: bytes
    parts: tuple[Part, ...]


class Unreadable(Exception):
    """The file is damaged, foreign or of another version; the text says which."""


def key_of(tokens: array[int]) -> str:
    """The name of a prefix inside its identity."""
    return hashlib.sha256(_packed(tokens)).hexdigest()


class Loaded:
    """A stored prefix in memory; close it when it has been copied. ``state`` and ``checkpoints`` (by position) are
    writable views that never change the file: ``(c_uint8 * n).from_buffer(view)`` gives their address."""

    def __init__(
        self, tokens: array[int], state: memoryview, checkpoints: Mapping[int, memoryview], source: mmap.mmap | None
    ) -> None:
        self.tokens = tokens
        self.state = state
        self.checkpoints = checkpoints
        self._source = source

    def close(self) -> None:
        # Somebody who still has an address into the map keeps it alive until he lets go.
        for held in (self.state, *self.checkpoints.values()):
            with contextlib.suppress(BufferError):
                held.release()
        if self._source is not None:
            with contextlib.suppress(BufferError):
                self._source.close()

    def __enter__(self) -> Loaded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_header(path: Path) -> Header:
    """The header of a whole file. Raises Unreadable, OSError."""
    with path.open("rb") as file:
        return _header(file)[0]


def read(path: Path, identity: str) -> Loaded:
    """The file mapped into memory, every checksum compared. Raises Unreadable, OSError."""
    with path.open("rb") as file:
        header, start = _header(file)
        if header.identity != identity:
            raise Unreadable("it belongs to another model or other settings")
        source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if hasattr(mmap, "MADV_WILLNEED"):
        source.madvise(mmap.MADV_WILLNEED)
    with memoryview(source) as whole:
        views = []
        for part in header.parts:
            views.append(whole[start : start + part.size])
            start += part.size
    checkpoints = {part.position: view for part, view in zip(header.parts[1:], views[1:], strict=True)}
    loaded = Loaded(tokens_of(header), views[0], checkpoints, source)
    if any(zlib.crc32(view) != part.crc for part, view in zip(header.parts, views, strict=True)):
        loaded.close()
        raise Unreadable("its contents do not match their checksum")
    return loaded


def write(
    path: Path,
    identity: str,
    model: str,
    tokens: array[int],
    state: Buffer,
    checkpoints: Mapping[int, Buffer],
    used_ns: int,
) -> None:
    """Write the file so that it is there whole or not at all, also after a power cut. Raises OSError."""
    data = [memoryview(state), *(memoryview(checkpoints[at]) for at in sorted(checkpoints))]
    positions = (len(tokens), *sorted(checkpoints))
    parts = tuple(Part(at, view.nbytes, zlib.crc32(view)) for at, view in zip(positions, data, strict=True))
    header = msgspec.msgpack.encode(Header(identity, model, _packed(tokens), parts))
    head = _HEAD.pack(_MAGIC, VERSION, len(header), hashlib.sha256(header).digest())
    pieces: tuple[Buffer, ...] = (head, header, *data)
    temporary = path.with_name(f"{path.stem}-{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with open(temporary, "xb", opener=_private) as file:
            with contextlib.suppress(OSError):  # a file system without locks; see abandoned()
                _lock(file.fileno())
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.utime(temporary, ns=(used_ns, used_ns))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def abandoned(temporary: Path, oldest_s: float) -> bool:
    """Whether nobody writes ``temporary`` any more: its writer's lock is gone, or, where the file system knows no
    locks, it was last written before ``oldest_s``. On Windows a file being written cannot be removed anyway."""
    if sys.platform == "win32":
        return True
    try:
        with temporary.open("rb") as file:
            _lock(file.fileno())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        with contextlib.suppress(OSError):
            return temporary.stat().st_mtime < oldest_s
        return False
    return True


def tokens_of(header: Header) -> array[int]:
    tokens = array("i", header.tokens)
    if sys.byteorder == "big":
        tokens.byteswap()
    return tokens


def as_tokens(tokens: Sequence[int]) -> array[int]:
    """A copy of token ids as int32. Raises OverflowError."""
    return array("i", tokens)


def _packed(tokens: array[int]) -> bytes:
    if sys.byteorder == "big":
        tokens = tokens[:]
        tokens.byteswap()
    return tokens.tobytes()


def _header(file: BinaryIO) -> tuple[Header, int]:
    """The header, and where the parts begin."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        raise Unreadable("it is no file of the KV store")
    _, version, length, digest = _HEAD.unpack(head)
    if version != VERSION:
        raise Unreadable(f"its version is {version}, and this program knows {VERSION}")
    data = file.read(length) if length <= min(size, _LONGEST_HEADER) else b""
    if len(data) != length or hashlib.sha256(data).digest() != digest:
        raise Unreadable("its header is damaged")
    try:
        header = msgspec.msgpack.decode(data, type=Header)
    except msgspec.DecodeError as error:
        raise Unreadable(f"its header does not fit: {error}") from error
    start = _HEAD.size + length
    sizes = [part.size for part in header.parts]
    if not sizes or min(sizes) < 0 or len(header.tokens) % 4 or size != start + sum(sizes):
        raise Unreadable("it is not whole")
    return header, start


def _private(path: str, flags: int) -> int:
    """What somebody asked a model is nobody else's business."""
    return os.open(path, flags, 0o600)


def _lock(descriptor: int) -> None:
    """Hold the file until it is closed. Raises BlockingIOError when somebody else does, OSError without locks."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: Path) -> None:
    """A renamed file survives a power cut only when its folder has reached the disk (not needed on Windows)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
