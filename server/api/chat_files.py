"""Conversations to files and from files, in the control API (docs/control-api.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, get, post
from litestar.response import Response

from paddock.sdk.chats import ChatImport, ExportRequest
from paddock.server.api.bodies import decode

if TYPE_CHECKING:
    from paddock.server.chat_services import ChatServices

Asked = Request[Any, Any, Any]
Answer = Response[Any]


class ChatFilesApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, chats: ChatServices) -> None:
        self._chats = chats

    def routes(self) -> list[Any]:
        return [
            get("/control/chat-counts")(self.counts),
            post("/control/chat-export", status_code=200)(self.export),
            post("/control/chat-import", status_code=200)(self.import_),
        ]

    async def counts(self) -> Answer:
        return _json(await self._chats.export.counts())

    async def export(self, request: Asked) -> Answer:
        asked = decode(await request.body(), ExportRequest)
        return await _while_asked(request, self._chats.export.export(asked))

    async def import_(self, request: Asked) -> Answer:
        asked = decode(await request.body(), ChatImport)
        return await _while_asked(request, self._chats.importing.import_(asked))


async def _while_asked(request: Asked, work: Coroutine[Any, Any, Any]) -> Answer:
    """What ``work`` gives; it is cancelled when whoever asked for it has gone."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        result = await task
    finally:
        gone.cancel()
    return _json(result)


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _gone(request: Asked) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
