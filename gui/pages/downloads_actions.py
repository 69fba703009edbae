"""What can be done about downloads and jobs: one place for the popover, the page, the rail and the notices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from paddock.gui.host_state import HostState
from paddock.gui.messages import Action, Messages
from paddock.gui.models.downloads import Item, Summary, items, summary
from paddock.sdk.downloads import Download
from paddock.sdk.jobs import Job

if TYPE_CHECKING:
    from paddock.sdk.aclient import AsyncClient

UNDO_S = 8
"""What was cancelled can be brought back for so long; only then its parts are removed."""


class DownloadActions(QObject):
    """Owned by the window, on the GUI thread. ``changed``: something moved, came, left or was looked at."""

    changed = Signal()
    load_wanted = Signal(str)
    chat_wanted = Signal(str)
    account_wanted = Signal()
    """The settings of the account at the hub."""

    def __init__(self, host: HostState, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._messages = messages
        self._leaving: set[str] = set()
        self._unseen: set[str] = set()
        self._items: list[Item] | None = None
        for signal in (host.downloads_changed, host.jobs_changed):
            signal.connect(self._host_changed)
        host.models_changed.connect(self._change)
        host.download_ended.connect(self._ended)
        host.job_ended.connect(self._ended)

    def items(self) -> list[Item]:
        """As they are to be shown, without what was cancelled just now."""
        if self._items is None:
            host = self._host
            found = items(host.downloads.values(), host.jobs.values(), host.models.values())
            self._items = [item for item in found if item.id not in self._leaving]
        return list(self._items)

    def summary(self) -> Summary | None:
        """What the rail shows."""
        return summary(self.items(), self._unseen)

    def seen(self) -> None:
        """Somebody looked at what is done."""
        if self._unseen:
            self._unseen.clear()
            self._change()

    def _change(self) -> None:
        self._items = None
        self.changed.emit()

    def _host_changed(self) -> None:
        known = {*self._host.downloads, *self._host.jobs}
        self._leaving &= known
        self._unseen &= known
        self._change()

    def _ended(self, ended: Download | Job) -> None:
        if ended.state == "done":
            self._unseen.add(ended.id)
        self._change()

    # ---------------------------------------------------------------- one of them

    def pause(self, item: Item) -> None:
        self._host.change(lambda client: client.pause_download(item.id))

    def resume(self, item: Item) -> None:
        """Also tries one again that failed."""
        self._host.change(lambda client: client.resume_download(item.id))

    def cancel(self, item: Item) -> None:
        """Take it out of the list; its parts go when it cannot be undone any more."""
        moving = item.is_download and item.section in ("running", "waiting")
        self._leaving.add(item.id)
        if moving:
            self._host.change(
                lambda client: client.pause_download(item.id), None, lambda _: None
            )  # it may be done by now
        self._change()
        self._messages.info(
            f"{item.title} is cancelled.",
            Action("Undo", partial(self._bring_back, item.id, moving)),
            seconds=UNDO_S,
            key=f"cancel-{item.id}",
            on_gone=partial(self._end, item.id, item.is_download),
        )

    def _bring_back(self, id: str, moving: bool) -> None:
        self._leaving.discard(id)
        if moving:
            self._host.change(lambda client: client.resume_download(id))
        self._change()

    def _end(self, id: str, download: bool) -> None:
        if id in self._leaving:
            self._host.change(partial(_end_download if download else _end_job, id))

    def forget(self, *gone: Item) -> None:
        """Take what has ended out of the list; files that came stay."""
        for item in gone:
            self._host.change(partial(_end_download if item.is_download else _forget_job, item.id))

    def move(self, id: str, before: str) -> None:
        """Put a waiting download before another; last where ``before`` is empty."""
        waiting = [download.id for download in self._host.downloads.values() if download.state != "done"]
        others = [other for other in waiting if other != id]
        position = others.index(before) if before in others else len(others)
        self._host.ask_downloads(partial(_move, id, position))

    def step(self, item: Item, by: int) -> None:
        """One place up (-1) or down (1) among those that wait."""
        queue = [other.id for other in self.items() if other.state == "queued" and other.is_download]
        if item.id not in queue:
            return
        place = queue.index(item.id) + by
        if 0 <= place < len(queue):
            queue.remove(item.id)
            self.move(item.id, (*queue, "")[place])

    # ---------------------------------------------------------------- all of them

    def moving(self) -> list[Item]:
        """Downloads that run or wait."""
        return [item for item in self.items() if item.is_download and item.section in ("running", "waiting")]

    def paused(self) -> list[Item]:
        return [item for item in self.items() if item.state == "paused"]

    def pause_all(self) -> None:
        """Those that wait come first: one that is paused lets the next one begin."""
        self._host.change(partial(_pause, [item.id for item in reversed(self.moving())]))

    def resume_all(self) -> None:
        self._host.change(partial(_resume, [item.id for item in self.paused()]))

    def refresh_order(self) -> None:
        """Another client may have changed the order of the queue, which no event tells."""
        self._host.ask_downloads(lambda client: client.downloads(), lambda _: None, self)


async def _end_download(id: str, client: AsyncClient) -> None:
    await client.cancel_download(id)


async def _end_job(id: str, client: AsyncClient) -> None:
    await client.cancel_job(id)
    await client.forget_job(id)


async def _forget_job(id: str, client: AsyncClient) -> None:
    await client.forget_job(id)


async def _move(id: str, position: int, client: AsyncClient) -> list[Download]:
    await client.move_download(id, position)
    return await client.downloads()


async def _pause(ids: Sequence[str], client: AsyncClient) -> None:
    for id in ids:
        await client.pause_download(id)


async def _resume(ids: Sequence[str], client: AsyncClient) -> None:
    for id in ids:
        await client.resume_download(id)
