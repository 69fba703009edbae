"""Downloads as the host offers them: made when they are first needed, told on the event stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sdk.events import DownloadFinished, DownloadProgress

if TYPE_CHECKING:
    from paddock.browser.downloads import Downloads
    from paddock.sdk.downloads import Download
    from paddock.server.bus import Bus

logger = logging.getLogger(__name__)


class HostDownloads:
    """Lives on the host's loop.

    Args:
        models: The folder they are put into.
        record: Where the list is kept.
        bus: Where changes are told.
        arrived: Awaited when files have come.
        ended: Called when one is no longer under way.
        limit: Bytes per second; 0 for no limit.
        reserve: Whether a file takes all its room on the disk before its bytes come.
    """

    def __init__(
        self,
        models: Path,
        record: Path,
        bus: Bus,
        *,
        arrived: Callable[[], Awaitable[object]],
        ended: Callable[[], None],
        limit: Callable[[], int],
        reserve: bool = True,
    ) -> None:
        self._models = models
        self._record = record
        self._bus = bus
        self._refresh = arrived
        self._ended = ended
        self._limit = limit
        self._reserve = reserve
        self._queue: Downloads | None = None
        self._making = asyncio.Lock()

    async def open(self) -> None:
        """Go on with what an earlier host left, if there is anything. Raises nothing."""
        try:
            if await asyncio.to_thread(self._record.exists):
                await self.queue()
        except Exception:  # the host must start; whoever asks for the downloads hears why they are not there
            logger.exception("the downloads cannot go on")

    async def queue(self) -> Downloads:
        """Raises StorageFailed where the list cannot be read."""
        async with self._making:
            if self._queue is None:
                from paddock.browser.download_fetch import Tuning
                from paddock.browser.downloads import Downloads

                made = Downloads(
                    self._models,
                    self._record,
                    changed=self._changed,
                    arrived=self._arrived,
                    limit=self._limit,
                    tuning=Tuning(reserve=self._reserve),
                )
                await made.open()
                self._queue = made
            return self._queue

    def all(self) -> tuple[Download, ...]:
        return self._queue.all() if self._queue is not None else ()

    def busy(self) -> bool:
        return self._queue is not None and self._queue.busy()

    async def close(self) -> None:
        async with self._making:
            if self._queue is not None:
                await self._queue.close()

    async def _arrived(self) -> None:
        try:
            await self._refresh()
        except Exception:  # the files are there; the list of models is read again at the next question
            logger.exception("reading the models after a download failed")

    def _changed(self, id: str, download: Download | None) -> None:
        if download is not None and download.state in ("done", "failed"):
            self._bus.publish(DownloadFinished(id=id, download=download))
        else:
            self._bus.publish(DownloadProgress(id=id, download=download))
        if download is None or download.state not in ("queued", "running"):
            self._ended()
