"""What lies where downloads are made and belongs to none of them. Everything here blocks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from paddock.browser.download_item import STAGING
from paddock.browser.download_part import SUFFIX, disk_failed
from paddock.sdk.downloads import DownloadRemains
from paddock.sdk.errors import NotFound


def remains(models: Path, known: Collection[str]) -> list[DownloadRemains]:
    """What is there beside the downloads with the ids ``known``, the largest first. Raises StorageFailed."""
    try:
        names = os.listdir(models / STAGING)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise disk_failed(models, error) from error
    found = [_look(models / STAGING / name) for name in names if name not in known]
    return sorted(found, key=lambda one: one.size_bytes, reverse=True)


def remove(models: Path, known: Collection[str], id: str) -> None:
    """Raises NotFound for what is not there or is one of the ``known``, StorageFailed."""
    found = next((one for one in remains(models, known) if one.id == id), None)
    if found is None:
        raise NotFound(f"Nothing is left of a download “{id[:120]}”.", hint="Read the list again.")
    path = Path(found.path)
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise disk_failed(models, error) from error


def _look(path: Path) -> DownloadRemains:
    files = [file for file in _files(path) if not file.is_symlink()]
    size, changed = 0, 0.0
    for file in files:
        with suppress(OSError):  # it is gone, or nobody may look
            status = file.stat()
            # room is kept for a file before its bytes come: what it takes is less than its size
            size += getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
            changed = max(changed, status.st_mtime)
    names = sorted({file.name.partition(SUFFIX)[0] for file in files})
    return DownloadRemains(id=path.name, path=str(path), files=tuple(names), size_bytes=size, changed=changed)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir() or path.is_symlink():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)
