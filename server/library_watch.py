"""Notices when the folders of models change: by the system's word where it gives one, else by looking."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sdk.library import LibraryProblem
from paddock.server.instance import filesystem

if TYPE_CHECKING:
    from paddock.server.bus import Bus

logger = logging.getLogger(__name__)

LOOK_S = 30.0
"""So often is looked where the system tells nothing."""
_QUIET_MS = 500
_BURST_MS = 10_000
"""Changes are gathered until none came for the first time, but not longer than the second: a file of 40 GB that is
being copied is looked at every ten seconds."""
_FIRST_MS = 1_000
_FAR = ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "drvfs", "fuse.sshfs", "afpfs", "davfs")
"""File systems that do not tell what another computer changes."""


class LibraryWatch:
    """Lives on the host's loop, and works only while somebody is attached to ``bus``.

    Args:
        folders: What is watched; those that are not there are watched once they are.
        wanted: Whether a file of this name, when it is written to, can change the list.
        look: Looks at the folders. Raises nothing.
        restless: Whether the last look met something that may change by itself.
        look_s: Seconds between two looks where the system tells nothing.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        folders: Callable[[], Sequence[Path]],
        wanted: Callable[[str], bool],
        look: Callable[[], Awaitable[None]],
        restless: Callable[[], bool],
        look_s: float = LOOK_S,
    ) -> None:
        self._bus = bus
        self._folders = folders
        self._wanted = wanted
        self._look = look
        self._restless = restless
        self._look_s = look_s
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._failure = ""

    def attached(self) -> None:
        """A client has come or gone."""
        if not self._bus.attached():
            self._stop()
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def hurry(self) -> None:
        """Other folders are to be watched, or one of them changed."""
        self._hurry.set()

    def problems(self) -> list[LibraryProblem]:
        """Why changes are noticed late, where they are."""
        if not self._failure:
            return []
        sentence = f"Changes in the folders of models are noticed every {self._look_s:.0f} seconds: {self._failure}."
        remedy = ""
        if "limit" in self._failure:
            remedy = "Raise the limit: “sysctl fs.inotify.max_user_watches” tells it."
        return [LibraryProblem(path="", sentence=sentence, remedy=remedy)]

    async def close(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        watcher: _Watcher | None = None
        try:
            while True:
                there = await asyncio.to_thread(_there, self._folders())
                if watcher is None or watcher.folders != there:
                    if watcher is not None:
                        watcher.stop()
                    watcher = _Watcher(there, self._wanted, self._hurry.set)
                try:
                    await asyncio.wait_for(self._hurry.wait(), self._look_s)
                except TimeoutError:
                    if not (watcher.failure or self._restless()):
                        continue
                self._hurry.clear()
                self._failure = watcher.failure
                await self._look()
        finally:
            if watcher is not None:
                watcher.stop()


class _Watcher:
    """A thread that waits for what the system tells of ``folders``. ``told`` is called on the loop when it begins to
    listen, and for every burst of changes; ``failure`` says why it does not listen."""

    def __init__(self, folders: tuple[Path, ...], wanted: Callable[[str], bool], told: Callable[[], None]) -> None:
        self.folders = folders
        self.failure = ""
        self._wanted = wanted
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="watching models", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        from watchfiles import watch

        try:
            far = sorted({kind for folder in self.folders if (kind := filesystem(folder)) in _FAR})
            if far:
                self.failure = f"a file system of the kind {', '.join(far)} does not tell of them"
                self._tell()
            listening = False
            for changes in watch(
                *self.folders,
                watch_filter=lambda change, path: self._matters(change.name, path),
                debounce=_BURST_MS,
                step=_QUIET_MS,
                rust_timeout=_FIRST_MS,
                yield_on_timeout=True,
                stop_event=self._ended,
                force_polling=False,
                ignore_permission_denied=True,
                raise_interrupt=False,
            ):
                if changes or not listening:
                    listening = True
                    self._tell()
        except (OSError, RuntimeError) as error:
            logger.warning("the folders of models cannot be watched: %s", error)
            text = str(error)
            self.failure = "the system's limit of watched files is reached" if "limit" in text else text
            self._tell()

    def _matters(self, change: str, path: str) -> bool:
        """Not what is written in hidden folders, as downloads are, or to files that are no models."""
        folder = next((str(folder) for folder in self.folders if path.startswith(f"{folder}{os.sep}")), "")
        parts = path[len(folder) :].split(os.sep)
        if any(part.startswith(".") for part in parts):
            return False
        return change != "modified" or self._wanted(parts[-1])

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the host has left
            self._loop.call_soon_threadsafe(self._told)


def _there(folders: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(folder for folder in folders if folder.is_dir())
