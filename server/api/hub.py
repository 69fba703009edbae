"""The part of the control API that is about the hub (docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.response import Response

from paddock.sdk.hub import FitsRequest, HubLogin, HubSearchRequest
from paddock.server.api.bodies import decode

if TYPE_CHECKING:
    from paddock.server.host import Host

Asked = Request[Any, Any, Any]
Answer = Response[Any]


class HubApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        account = "/control/hub/account"
        return [
            post("/control/hub/search", status_code=200)(self.search),
            get("/control/hub/model")(self.model),
            post("/control/hub/fits", status_code=200)(self.fits),
            get("/control/hub/suggestions")(self.suggestions),
            get(account)(self.account),
            post(account, status_code=200)(self.log_in),
            delete(account, status_code=200)(self.log_out),
        ]

    async def search(self, request: Asked) -> Answer:
        return _json(await self._host.hub.page(decode(await request.body(), HubSearchRequest)))

    async def model(self, request: Asked) -> Answer:
        return _json(await self._host.hub.model(request.query_params.get("repo", "")))

    async def fits(self, request: Asked) -> Answer:
        return _json(await self._host.fits.of(decode(await request.body(), FitsRequest)))

    async def suggestions(self) -> Answer:
        return _json(await self._host.hub.suggestions())

    async def account(self) -> Answer:
        return _json(await self._host.hub.account())

    async def log_in(self, request: Asked) -> Answer:
        return _json(await self._host.hub.log_in(decode(await request.body(), HubLogin)))

    async def log_out(self) -> Answer:
        return _json(await self._host.hub.log_out())


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
