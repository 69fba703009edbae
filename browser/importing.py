"""Carries out an import: everything is made under a hidden name first, then renamed into its place. What it is made of
is only removed, where that was asked, when all of it has arrived. Blocks."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from pathlib import Path

from paddock.browser.copying import copy, same_content
from paddock.browser.download_part import sync_folder
from paddock.browser.import_plan import ImportPlan, PlannedFile, free_bytes
from paddock.browser.trash_can import tidy
from paddock.sdk.errors import BadRequest, HostBusy, PaddockError, StorageFailed
from paddock.sdk.library import ImportMethod
from paddock.sdk.units import bytes_text

logger = logging.getLogger(__name__)

MARGIN_BYTES = 64 * 2**20
_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL)
_NO_RIGHT = 1314
"""Windows: only administrators may make links, and those with its developer mode."""


class Import:
    """One import. :attr:`stop` ends it before anything has arrived; :attr:`done` counts bytes of ``plan.size``."""

    def __init__(self, plan: ImportPlan, method: ImportMethod, models: Path, staging: Path) -> None:
        self._plan = plan
        self._method = method
        self._models = models
        self._staging = staging
        self._fresh: list[tuple[PlannedFile, Path]] = []
        """What is not there yet, and where it is made."""
        self._renamed: list[PlannedFile] = []
        self.stop = threading.Event()
        self.done = 0
        self.notes: list[str] = list(plan.left_out)

    def run(self) -> bool:
        """All of it, or nothing: False after a ``stop``, and nothing has changed.

        Raises HostBusy where another file has the place of one of them, BadRequest for a method that cannot be had,
        StorageFailed.
        """
        try:
            self._look()
            self._check_room()
            self._staging.mkdir(parents=True)
            for file, staged in self._fresh:
                self._make(file, staged)
            if self.stop.is_set():
                return False
            self._arrive()
            if self._method == "move":
                self._remove_sources()
            return True
        except OSError as error:
            raise _explained(self._method, self._models, error) from error
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _told(self, count: int) -> None:
        self.done += count

    def _look(self) -> None:
        for number, file in enumerate(self._plan.files):
            if not os.path.lexists(file.place):
                self._fresh.append((file, self._staging / str(number)))
            elif not same_content(file.source, file.place, self._told, self.stop):
                hint = "Import it under another name, or delete the other one first."
                raise HostBusy(f"There is another file at {file.place}.", hint=hint)
        if not self._fresh:
            self.notes.append("It was there already.")

    def _check_room(self) -> None:
        if self._method in ("hardlink", "symlink"):
            return
        there = next(folder for folder in (self._models, *self._models.parents) if folder.exists()).stat().st_dev
        moving = self._method == "move"
        coming = [file for file, _ in self._fresh if not (moving and file.source.stat().st_dev == there)]
        needed = sum(file.size for file in coming) + MARGIN_BYTES
        free = free_bytes(self._models)
        if coming and needed > free:
            raise StorageFailed(
                f"The disk of {self._models} is too full: {bytes_text(needed - free)} more are needed.",
                hint="Free some space, or make links instead of a copy.",
                full=True,
            )

    # -------------------------------------------------------------- making

    def _make(self, file: PlannedFile, staged: Path) -> None:
        if self.stop.is_set():
            return
        match self._method:
            case "symlink":
                staged.symlink_to(os.path.abspath(file.source))
            case "hardlink":
                os.link(os.path.realpath(file.source), staged)
            case "copy":
                self._copy(file, staged)
            case "move":
                self._second_name(file, staged)
        if self._method in ("symlink", "hardlink"):
            self._told(file.size)

    def _second_name(self, file: PlannedFile, staged: Path) -> None:
        """Until all have arrived, a move leaves the first name. On another disk that takes a copy; where there are no
        hard links, the file is renamed when its turn comes."""
        if file.source.is_symlink():
            raise BadRequest(f"{file.source} is only a link.", hint="Copy it, or make a link to it.")
        try:
            os.link(file.source, staged)
        except OSError as error:
            if error.errno == errno.EXDEV:
                self._copy(file, staged)
                return
            if error.errno not in _WITHOUT_LINKS:
                raise
            self._renamed.append(file)
        self._told(file.size)

    def _copy(self, file: PlannedFile, staged: Path) -> None:
        copy(file.source, staged, self._told, self.stop)
        if not self.stop.is_set() and staged.stat().st_size != file.source.stat().st_size:
            raise StorageFailed(f"{file.source} changed while it was copied.", hint="Try again when it is finished.")

    # -------------------------------------------------------------- arriving

    def _arrive(self) -> None:
        arrived: list[PlannedFile] = []
        try:
            for file, staged in self._fresh:
                file.place.parent.mkdir(parents=True, exist_ok=True)
                if os.path.lexists(file.place):
                    raise HostBusy(f"There is a file at {file.place} by now.", hint="Try again.")
                os.rename(file.source if file in self._renamed else staged, file.place)
                arrived.append(file)
            for folder in {file.place.parent for file in arrived}:
                sync_folder(folder)
        except (OSError, PaddockError):
            for file in reversed(arrived):
                self._take_back(file)
            raise

    def _take_back(self, file: PlannedFile) -> None:
        try:
            if file in self._renamed:
                os.rename(file.place, file.source)
            else:
                file.place.unlink()
            tidy(file.place.parent, self._models)
        except OSError as error:
            logger.warning("%s stays where it is: %s", file.place, error)

    def _remove_sources(self) -> None:
        """Only of what has just arrived: what was there already need not be the same file."""
        for file, _ in self._fresh:
            try:
                if file not in self._renamed:
                    file.source.unlink()
            except OSError as error:
                self.notes.append(f"{file.source} could not be removed: {error.strerror or error}.")
            tidy(file.source.parent, self._plan.root)


def _explained(method: ImportMethod, models: Path, error: OSError) -> PaddockError:
    if method == "hardlink" and error.errno == errno.EXDEV:
        return BadRequest("A hard link cannot lead to another disk.", hint="Make a symbolic link, or copy it.")
    if method == "hardlink" and error.errno in _WITHOUT_LINKS:
        return BadRequest("Hard links cannot be made there.", hint="Make a symbolic link, or copy it.")
    if method == "symlink" and (getattr(error, "winerror", None) == _NO_RIGHT or error.errno in _WITHOUT_LINKS):
        hint = "Copy it. On Windows, the developer mode allows links."
        return BadRequest("Symbolic links cannot be made there.", hint=hint)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailed(f"The disk of {models} is full.", hint="Free some space on it.", full=True)
    where = f"{error.filename}: " if error.filename else ""
    text = f"The import failed: {where}{error.strerror or error}."
    return StorageFailed(text, hint="What had come was removed; the originals are there.")
