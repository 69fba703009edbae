"""The list of downloads on disk. Everything here blocks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paddock.browser.download_part import write_durably
from paddock.sdk.downloads import Download
from paddock.sdk.errors import StorageFailed

logger = logging.getLogger(__name__)

_VERSION = 1


class _Numbered(msgspec.Struct):
    version: int


class _List(msgspec.Struct, frozen=True):
    version: int
    downloads: tuple[Download, ...]


def read_list(path: Path) -> list[Download]:
    """What :func:`write_list` kept. A damaged list is set aside as NAME.bad.

    Raises StorageFailed where it cannot be read, or was written by a newer version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        text = f"The list of downloads cannot be read: {error.strerror or error}."
        raise StorageFailed(text, hint=f"Check that Paddock may read {path}.") from error
    try:
        if msgspec.json.decode(content, type=_Numbered).version > _VERSION:
            raise StorageFailed(
                "The list of downloads was written by a newer Paddock.", hint="Start the newer version."
            )
        return list(msgspec.json.decode(content, type=_List).downloads)
    except msgspec.DecodeError as error:
        logger.warning("%s cannot be read (%s); it is kept as %s.bad", path, error, path.name)
        path.replace(path.with_name(path.name + ".bad"))
        return []


def write_list(path: Path, downloads: Sequence[Download]) -> None:
    """Raises StorageFailed."""
    kept = tuple(still(download) for download in downloads)
    try:
        write_durably(path, msgspec.json.format(msgspec.json.encode(_List(_VERSION, kept))))
    except OSError as error:
        text = f"The list of downloads cannot be saved: {error.strerror or error}."
        raise StorageFailed(text, hint="Free some space on the disk.") from error


def still(download: Download) -> Download:
    """Without what only holds while it runs."""
    return msgspec.structs.replace(download, verifying=False, verified_bytes=0, speed=None, seconds_left=None, note="")
