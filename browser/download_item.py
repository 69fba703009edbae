"""One model's way to this machine: room on the disk, bytes, checksums, arrival."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from paddock.browser.download_fetch import Fetcher, Tuning
from paddock.browser.download_names import folder_of
from paddock.browser.download_pace import Limiter, Speed
from paddock.browser.download_part import Part, disk_failed, disk_full, is_whole, sync_folder
from paddock.browser.hub import Hub
from paddock.sdk.downloads import Download
from paddock.sdk.errors import RemoteFailed
from paddock.sdk.units import bytes_text

STAGING = ".downloads"
"""Below the models folder, so that a file arrives by renaming; hidden, so that no library reads it."""

_COMPARED = 4 * 2**20

T = TypeVar("T")


def staging_of(models: Path, download: Download) -> Path:
    return models / STAGING / download.id


def places_of(models: Path, download: Download) -> tuple[Path, ...]:
    """Where its files go. Raises ModelUnusable for a repository that cannot be a folder."""
    owner, name = folder_of(download.repo)
    return tuple(models / owner / name / file.name for file in download.files)


class Item:
    """One download while it runs. Lives on one asyncio loop; everything that blocks is done in threads.

    ``have``, ``verified``, ``verifying`` and ``note`` tell how far it is.
    """

    def __init__(
        self,
        download: Download,
        models: Path,
        hub: Hub,
        *,
        tuning: Tuning,
        limiter: Limiter,
        speed: Speed,
    ) -> None:
        self._models = models
        self._download = download
        self._tuning = tuning
        self._speed = speed
        self._staging = staging_of(models, download)
        self._places = places_of(models, download)
        self._parts = [Part(self._staging, file) for file in download.files]
        self._waiting = list(self._parts)
        """Without those that are in their place already."""
        self._stop = threading.Event()
        self._fetcher = Fetcher(
            tuning, hub, download.repo, download.revision, limiter=limiter, told=speed.add, noted=self._noted
        )
        self.verified = 0
        self.verifying = False
        self.note = ""

    @property
    def have(self) -> int:
        there = sum(part.file.size for part in self._parts if part not in self._waiting)
        return there + sum(part.have for part in self._waiting)

    def _noted(self, text: str) -> None:
        self.note = text

    async def run(self) -> Path:
        """The first of the files, all of them in their place.

        Raises StorageFailed (``full`` in its details where the disk is), ModelNotFound, AccessDenied, RemoteFailed.
        """
        try:
            await self._off_loop(self._prepare)
            await self._fetcher.run(self._waiting)
            for part in self._waiting:
                await self._verify(part)
            await self._off_loop(self._arrive)
        except OSError as error:
            raise disk_failed(self._models, error) from error
        finally:
            self.verifying = False
            for part in self._parts:
                part.close()
        return self._places[0]

    async def _off_loop(self, work: Callable[[], T]) -> T:
        """In a thread, which is waited for even when this is cancelled: files are closed afterwards."""
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait([task])
            raise

    def _prepare(self) -> None:
        self._staging.mkdir(parents=True, exist_ok=True)
        places = zip(list(self._parts), self._places, strict=True)
        for part, place in places:
            if not part.path.exists() and is_whole(place, part.file, self._stop):
                self._waiting.remove(part)
        needed = sum(part.unreserved() for part in self._waiting)
        free = shutil.disk_usage(self._staging).free - self._tuning.margin
        if needed > max(free, 0):
            raise disk_full(self._models, bytes_text(needed - free))
        for part in self._waiting:
            part.open(reserve=self._tuning.reserve)

    async def _verify(self, part: Part) -> None:
        """Compare with the hub's checksum. Where it differs, all bytes are fetched once more and compared with those
        that are there, until it fits. Raises RemoteFailed where it never does."""
        self.verifying = True
        before = self.verified
        if not part.comparing and await self._matches(part, before):
            return
        part.compare()
        following = 1
        while part.gaps():
            found = part.differing
            self.verifying = False
            self.note = f"{part.file.name} does not have the right checksum: looking for the damaged part."
            enough = partial(_differs, part, found + following)
            await self._fetcher.run([part], enough, piece=_COMPARED)
            self.verifying = True
            # reading a large file takes a while: with much damage it is read rarely
            following *= 2
            if part.differing > found and await self._matches(part, before):
                return
        if not await self._matches(part, before):
            await self._off_loop(part.drop)
            raise RemoteFailed(
                f"{part.file.name} does not have the checksum that the hub tells, also after it was fetched again.",
                hint="Try again later, or choose another repository.",
            )

    async def _matches(self, part: Part, before: int) -> bool:
        def read(count: int) -> None:
            self.verified += count

        self.verified = before
        return await self._off_loop(lambda: part.matches(read, self._stop))

    def _arrive(self) -> None:
        """The first file comes last: before it is there, nothing looks like a whole model."""
        self._places[0].parent.mkdir(parents=True, exist_ok=True)
        sync_folder(self._models)
        places = dict(zip(self._parts, self._places, strict=True))
        for part in reversed(self._waiting):
            part.arrive(places[part])
        shutil.rmtree(self._staging, ignore_errors=True)


def _differs(part: Part, times: int) -> bool:
    return part.differing >= times


def discard(models: Path, download: Download, *, but: Sequence[str] = ()) -> None:
    """Remove what came so far, except the files with the checksums ``but``. Blocks; raises StorageFailed."""
    folder = staging_of(models, download)
    try:
        for file in download.files:
            if not file.sha256 or file.sha256 not in but:
                Part(folder, file).drop()
        if not but and folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise disk_failed(models, error) from error
