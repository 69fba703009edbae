"""Downloads in the control API (docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.response import Response

from paddock.sdk.downloads import DownloadPatch, DownloadRequest
from paddock.sdk.errors import BadRequest
from paddock.server.api.bodies import decode

if TYPE_CHECKING:
    from paddock.server.downloads import HostDownloads

Asked = Request[Any, Any, Any]
Answer = Response[Any]
_PATH = "/control/downloads"
_REMAINS = "/control/download-remains"


class DownloadsApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, downloads: HostDownloads) -> None:
        self._downloads = downloads

    def routes(self) -> list[Any]:
        return [
            get(_PATH)(self.all),
            post(_PATH, status_code=200)(self.add),
            get(_REMAINS)(self.remains),
            delete(_REMAINS + "/{id:str}", status_code=204)(self.remove_remains),
            patch(_PATH + "/{name:path}")(self.change),
            delete(_PATH + "/{name:path}", status_code=204)(self.cancel),
        ]

    async def all(self) -> Answer:
        return _json((await self._downloads.queue()).all())

    async def add(self, request: Asked) -> Answer:
        asked = decode(await request.body(), DownloadRequest)
        return _json(await (await self._downloads.queue()).add(asked.model))

    async def change(self, request: Asked) -> Answer:
        asked = decode(await request.body(), DownloadPatch)
        queue = await self._downloads.queue()
        name = _named(request)
        if asked.action is None and asked.position is None:
            raise BadRequest("Nothing is to be changed.", hint="Name an action, a position or both.")
        if asked.position is not None:
            await queue.move(name, asked.position)
        match asked.action:
            case "pause":
                await queue.pause(name)
            case "resume":
                await queue.resume(name)
        return _json(queue.find(name))

    async def cancel(self, request: Asked) -> None:
        await (await self._downloads.queue()).cancel(_named(request))

    async def remains(self) -> Answer:
        return _json(await (await self._downloads.queue()).remains())

    async def remove_remains(self, id: str) -> None:
        await (await self._downloads.queue()).remove_remains(id)


def _named(request: Asked) -> str:
    """The rest of the path, raw: names hold slashes."""
    return unquote(request.scope["raw_path"].decode()).removeprefix(_PATH + "/")


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
