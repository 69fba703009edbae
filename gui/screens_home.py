"""The folders of the hosts of :mod:`paddock.gui.screens`."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from paddock.sdk.connect import stop_host
from paddock.sdk.errors import PaddockError
from paddock.sdk.paths import Home

_PREFIX = "paddock-screens-"
_LOCK = "lock"
_HOME = "home"


@contextlib.contextmanager
def own_home() -> Iterator[Home]:
    """A fresh folder, which the hosts that are started meanwhile use; downloads take room in it only as they come."""
    folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    with folder as place, FileLock(Path(place) / _LOCK):
        os.environ |= {"PADDOCK_HOME": str(Path(place) / _HOME), "PADDOCK_RESERVE": "off"}
        home = Home.find()
        home.root.mkdir(parents=True)
        (home.root / "settings.toml").write_text("welcomed = true\n", encoding="utf-8")
        yield home


def clear_remains() -> None:
    """End the hosts, and remove the folders, of processes that were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(Timeout, OSError, PaddockError), FileLock(lock, blocking=False):
            stop_host("now", lock.parent / _HOME)
            shutil.rmtree(lock.parent)
