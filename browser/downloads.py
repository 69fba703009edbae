"""The queue of downloads: one model after the other, kept over restarts."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from paddock.browser.download_choice import chosen
from paddock.browser.download_fetch import Tuning
from paddock.browser.download_item import Item, discard, places_of
from paddock.browser.download_names import files_here
from paddock.browser.download_pace import Limiter, Speed
from paddock.browser.download_record import read_list, still, write_list
from paddock.browser.download_remains import remains, remove
from paddock.browser.hub import Hub
from paddock.browser.quants import PREFERRED
from paddock.browser.remote import files_of, repository_of
from paddock.sdk.downloads import Download, DownloadRemains, DownloadState
from paddock.sdk.errors import BadRequest, NotFound, PaddockError, RemoteFailed

logger = logging.getLogger(__name__)

_TOLD_S = 0.5
_MOST_DONE = 50


class Downloads:
    """Lives on one asyncio loop.

    Args:
        models: The folder that models are put into, as OWNER/REPO/FILE.
        record: Where the list is kept.
        hub: Makes the hub to ask; called in a thread.
        changed: Hears of every change, at most twice a second while one only moves on; None: it left the list.
        arrived: Awaited when the files are in their place, before the download is said to be done.
        limit: Bytes per second for all; 0 for no limit.
    """

    def __init__(
        self,
        models: Path,
        record: Path,
        *,
        hub: Callable[[], Hub] = Hub.of_this_user,
        changed: Callable[[str, Download | None], None],
        arrived: Callable[[], Awaitable[object]],
        limit: Callable[[], int] = lambda: 0,
        tuning: Tuning | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._models = models
        self._record = record
        self._hub = hub
        self._changed = changed
        self._arrived = arrived
        self._limiter = Limiter(limit)
        self._tuning = tuning or Tuning()
        self._clock = clock
        self._list: list[Download] = []
        self._running = ""
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._saving = asyncio.Lock()

    async def open(self) -> None:
        """Take up what was there, and go on with it. Raises StorageFailed."""
        found = await asyncio.to_thread(read_list, self._record)
        self._list = [_with(download, "queued") if download.state == "running" else download for download in found]
        self._look()

    async def close(self) -> None:
        """What is under way stops, and goes on at the next :meth:`open`."""
        async with self._lock:
            task, self._task = self._task, None
            await _ended(task)

    def all(self) -> tuple[Download, ...]:
        """In the order of the queue, then what is done."""
        return tuple(sorted(self._list, key=lambda download: download.state == "done"))

    def busy(self) -> bool:
        """Whether something is fetched or waits for its turn."""
        return any(download.state in ("queued", "running") for download in self._list)

    # -------------------------------------------------------------- changes

    async def add(self, source: str) -> Download:
        """Put a model (OWNER/REPO[:QUANT], or its address) into the queue; one that is there already goes on. The
        ``note`` of a fresh one is what should be known before it is waited for.

        Raises BadRequest, ModelNotFound, ModelUnusable, AccessDenied, RemoteFailed, StorageFailed.
        """
        hub = await asyncio.to_thread(self._hub)
        repo, quant = repository_of(source.strip(), hub)
        known = self._find(_id(f"{repo}:{quant or PREFERRED}")) or (None if quant else self._find(_id(repo)))
        if known is not None and known.state in ("queued", "running", "paused"):
            return await self._go_on(known)
        listing = await files_of(repo, hub, self._tuning.retry_s)
        choice = chosen(listing, quant)
        fresh = Download(
            id=_id(choice.name), model=choice.name, repo=repo, revision=listing.revision,
            files=files_here(listing, choice.files), added=self._clock(),
        )  # fmt: skip
        places_of(self._models, fresh)
        known = self._find(fresh.id)
        if known is not None and known.state in ("queued", "running", "paused"):
            return await self._go_on(known)
        if known is not None and known.files == fresh.files:
            if known.state == "done" and await asyncio.to_thread(self._is_there, known):
                return known
            fresh = msgspec.structs.replace(fresh, revision=known.revision, done_bytes=known.done_bytes)
        async with self._lock:
            if self._find(fresh.id) is not known:  # somebody else was quicker
                return self.find(fresh.id)
            if known is not None:
                kept = [file.sha256 for file in fresh.files]
                await asyncio.to_thread(discard, self._models, known, but=kept)
                self._list.remove(known)
            self._list.append(fresh)
            await self._save()
        self._changed(fresh.id, fresh)
        self._look()
        return msgspec.structs.replace(fresh, note=choice.note)

    async def pause(self, id: str) -> Download:
        """Raises NotFound, BadRequest where it is done or has failed."""
        async with self._lock:
            download = self.find(id)
            if download.state in ("queued", "running"):
                await self._stop(download.id)
                download = self._find(download.id) or download
            if download.state not in ("queued", "running", "paused"):
                raise BadRequest(f"{download.model} is {download.state}.", hint="Only what is not done can be paused.")
            download = self._put(_with(download, "paused"))
            await self._save()
        self._look()
        return download

    async def resume(self, id: str) -> Download:
        """Also for one that failed: it is tried again. Raises NotFound, BadRequest where it is done."""
        download = self.find(id)
        if download.state == "done":
            raise BadRequest(f"{download.model} is done.", hint="There is nothing to go on with.")
        return await self._go_on(download)

    async def cancel(self, id: str) -> None:
        """Take it from the list; what came of it is removed unless it is done. Raises NotFound, StorageFailed."""
        async with self._lock:
            download = self.find(id)
            await self._stop(download.id)
            download = self.find(id)
            if download.state != "done":
                await asyncio.to_thread(discard, self._models, download)
            self._list.remove(download)
            await self._save()
        self._changed(download.id, None)
        self._look()

    async def move(self, id: str, position: int) -> Download:
        """To the ``position`` in the queue, 0 for its front; what runs goes on. Raises NotFound."""
        async with self._lock:
            download = self.find(id)
            others = [other for other in self._list if other.id != download.id]
            waiting = [other for other in others if other.state != "done"]
            waiting.insert(max(0, position), download)
            self._list = waiting + [other for other in others if other.state == "done"]
            await self._save()
        self._changed(download.id, download)
        return download

    async def remains(self) -> list[DownloadRemains]:
        """What lies where downloads are made and belongs to none in the list. Raises StorageFailed."""
        async with self._lock:
            return await asyncio.to_thread(remains, self._models, self._owners())

    async def remove_remains(self, id: str) -> None:
        """Raises NotFound, StorageFailed."""
        async with self._lock:
            await asyncio.to_thread(remove, self._models, self._owners(), id)

    def _owners(self) -> set[str]:
        return {download.id for download in self._list if download.state != "done"}

    def find(self, id: str) -> Download:
        """By its id or the model's name. Raises NotFound."""
        found = self._find(id) or self._find(_id(id))
        if found is None:
            raise NotFound(f"There is no download “{id[:120]}”.", hint="“paddock downloads” lists them.")
        return found

    def _find(self, id: str) -> Download | None:
        return next((download for download in self._list if download.id == id), None)

    async def _go_on(self, download: Download) -> Download:
        if download.state in ("paused", "failed"):
            async with self._lock:
                download = self._put(msgspec.structs.replace(download, state="queued", error=None))
                await self._save()
            self._look()
        return self._find(download.id) or download

    def _is_there(self, download: Download) -> bool:
        places = zip(places_of(self._models, download), download.files, strict=True)
        return all(place.is_file() and place.stat().st_size == file.size for place, file in places)

    # -------------------------------------------------------------- running

    def _look(self) -> None:
        """Begin with the next one, if none runs."""
        if self._task is not None and not self._task.done():
            return
        following = next((download for download in self._list if download.state == "queued"), None)
        if following is not None:
            self._running = following.id
            self._task = asyncio.get_running_loop().create_task(self._run(following))
            self._task.add_done_callback(self._next)

    def _next(self, ended: asyncio.Task[None]) -> None:
        if not ended.cancelled():
            self._look()

    async def _run(self, download: Download) -> None:
        speed = Speed()
        download = self._put(msgspec.structs.replace(download, state="running", error=None))
        end: dict[str, Any]
        try:
            hub = await asyncio.to_thread(self._hub)
            item = Item(download, self._models, hub, tuning=self._tuning, limiter=self._limiter, speed=speed)
            ticker = asyncio.get_running_loop().create_task(self._tick(download.id, item, speed))
            try:
                first = await item.run()
            finally:
                ticker.cancel()
                self._put(_moved(self.find(download.id), item, None), tell=False)
            await self._arrived()
        except asyncio.CancelledError:
            self._put(_with(still(self.find(download.id)), "queued"), tell=False)
            raise
        except PaddockError as error:
            state: DownloadState = "paused" if error.details.get("full") else "failed"
            logger.warning("download of %s: %s", download.model, error.sentence())
            end = {"state": state, "error": error.info()}
        except Exception:  # a bug below must not end the queue without a word
            logger.exception("the download of %s failed", download.model)
            failed = RemoteFailed("The download failed inside Paddock.", hint="See the host’s log.")
            end = {"state": "failed", "error": failed.info()}
        else:
            end = {"state": "done", "done_bytes": download.total_bytes, "path": str(first)}
            self._forget_old()
        download = self._put(msgspec.structs.replace(still(self.find(download.id)), **end), tell=False)
        try:
            await self._save()
        except PaddockError as error:  # a full disk: what was saved last holds, and nothing is lost by it
            logger.warning("%s", error.sentence())
        finally:
            self._changed(download.id, download)

    async def _tick(self, id: str, item: Item, speed: Speed) -> None:
        last = None
        while True:
            await asyncio.sleep(_TOLD_S)
            now = _moved(self.find(id), item, speed.read())
            if now != last:
                last = self._put(now)

    def _forget_old(self) -> None:
        done = [download for download in self._list if download.state == "done"]
        for download in done[:-_MOST_DONE]:
            self._list.remove(download)
            self._changed(download.id, None)

    async def _stop(self, id: str) -> None:
        if self._running == id:
            await _ended(self._task)

    def _put(self, download: Download, *, tell: bool = True) -> Download:
        """In place of the one with its id."""
        for index, known in enumerate(self._list):
            if known.id == download.id:
                self._list[index] = download
        if tell:
            self._changed(download.id, download)
        return download

    async def _save(self) -> None:
        async with self._saving:
            await asyncio.to_thread(write_list, self._record, tuple(self._list))


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task])


def _id(name: str) -> str:
    return hashlib.sha256(name.casefold().encode()).hexdigest()[:8]


def _with(download: Download, state: DownloadState) -> Download:
    return msgspec.structs.replace(still(download), state=state)


def _moved(download: Download, item: Item, speed: float | None) -> Download:
    """``download`` as far as ``item`` has come."""
    if item.verifying:
        speed = None
    left = download.total_bytes - item.have
    return msgspec.structs.replace(
        download,
        done_bytes=item.have,
        verifying=item.verifying,
        verified_bytes=item.verified if item.verifying else 0,
        speed=speed,
        seconds_left=left / speed if speed else None,
        note=item.note,
    )
