"""The part of the clients that is about downloads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from urllib.parse import quote

import msgspec

from paddock.sdk.downloads import Download, DownloadPatch, DownloadRemains, DownloadRequest
from paddock.sdk.protocol import Call

T = TypeVar("T")

_PATH = "/control/downloads"
_REMAINS = "/control/download-remains"
_LISTING_S = 180.0
"""The hub is asked for the files first, more than once where it does not answer at once."""


def _list() -> Call[list[Download]]:
    return Call(method="GET", path=_PATH, answer=list[Download])


def _add(model: str) -> Call[Download]:
    body = msgspec.json.encode(DownloadRequest(model=model))
    return Call(method="POST", path=_PATH, answer=Download, body=body, timeout_s=_LISTING_S)


def _change(id: str, patch: DownloadPatch) -> Call[Download]:
    return Call(method="PATCH", path=f"{_PATH}/{quote(id, safe='')}", answer=Download, body=msgspec.json.encode(patch))


def _cancel(id: str) -> Call[None]:
    return Call(method="DELETE", path=f"{_PATH}/{quote(id, safe='')}")


def _remains() -> Call[list[DownloadRemains]]:
    return Call(method="GET", path=_REMAINS, answer=list[DownloadRemains])


def _remove_remains(id: str) -> Call[None]:
    return Call(method="DELETE", path=f"{_REMAINS}/{quote(id, safe='')}")


class DownloadClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with downloads. ``id`` is a download's or the model's name."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def downloads(self) -> list[Download]:
        """What is on its way, in the order of the queue, then what came."""
        return self._ask(_list())

    def download(self, model: str) -> Download:
        """Put ``model`` (OWNER/REPO, OWNER/REPO:QUANT or its address at the hub) into the queue; one that is there
        goes on. Returns at once: :meth:`events` and :meth:`downloads` tell how far it is."""
        return self._ask(_add(model))

    def pause_download(self, id: str) -> Download:
        """Stop for now; what came is kept, also over restarts."""
        return self._ask(_change(id, DownloadPatch(action="pause")))

    def resume_download(self, id: str) -> Download:
        """Go on with one that was paused or has failed."""
        return self._ask(_change(id, DownloadPatch(action="resume")))

    def move_download(self, id: str, position: int) -> Download:
        """To another place in the queue, 0 for its front."""
        return self._ask(_change(id, DownloadPatch(position=position)))

    def cancel_download(self, id: str) -> None:
        """Take it from the list; what came of it is removed, unless it is done."""
        self._ask(_cancel(id))

    def download_remains(self) -> list[DownloadRemains]:
        """What takes room where downloads are made and belongs to none that is in the list."""
        return self._ask(_remains())

    def remove_download_remains(self, id: str) -> None:
        """For good."""
        self._ask(_remove_remains(id))


class AsyncDownloadClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does with downloads, as :class:`DownloadClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def downloads(self) -> list[Download]:
        """What is on its way, in the order of the queue, then what came."""
        return await self._ask(_list())

    async def download(self, model: str) -> Download:
        """Put ``model`` (OWNER/REPO, OWNER/REPO:QUANT or its address at the hub) into the queue; one that is there
        goes on. Returns at once: :meth:`events` and :meth:`downloads` tell how far it is."""
        return await self._ask(_add(model))

    async def pause_download(self, id: str) -> Download:
        """Stop for now; what came is kept, also over restarts."""
        return await self._ask(_change(id, DownloadPatch(action="pause")))

    async def resume_download(self, id: str) -> Download:
        """Go on with one that was paused or has failed."""
        return await self._ask(_change(id, DownloadPatch(action="resume")))

    async def move_download(self, id: str, position: int) -> Download:
        """To another place in the queue, 0 for its front."""
        return await self._ask(_change(id, DownloadPatch(position=position)))

    async def cancel_download(self, id: str) -> None:
        """Take it from the list; what came of it is removed, unless it is done."""
        await self._ask(_cancel(id))

    async def download_remains(self) -> list[DownloadRemains]:
        """What takes room where downloads are made and belongs to none that is in the list."""
        return await self._ask(_remains())

    async def remove_download_remains(self, id: str) -> None:
        """For good."""
        await self._ask(_remove_remains(id))
