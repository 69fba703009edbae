"""The folders of the hosts of :mod:`paddock.gui.screens`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from paddock.sdk.connect import stop_host
from paddock.sdk.errors import PaddockError
from paddock.sdk.paths import Home

_PREFIX = "paddock-screens-"
_LOCK = "lock"
_HOME = "home"
USUAL_MIB = 12


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


def put_echo(home: Home, name: str, script: dict[str, Any]) -> None:
    """A model of the echo engine, with a file about as large as the memory that it takes: both are seen."""
    folder = home.models / "demo" / name[:100]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.echo.json"
    file.write_text(json.dumps(script).ljust(script.get("take_mib", USUAL_MIB) << 20), encoding="utf-8")


def clear_remains() -> None:
    """End the hosts, and remove the folders, of processes that were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(Timeout, OSError, PaddockError), FileLock(lock, blocking=False):
            stop_host("now", lock.parent / _HOME)
            shutil.rmtree(lock.parent)
