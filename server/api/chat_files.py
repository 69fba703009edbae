"""Conversations to files and from files, in the control API (docs/control-api.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, get, post
from litestar.response import Response

from paddock.sdk.chats import ChatImport, Exported, ExportRequest, Imported
from paddock.server.api.bodies import decode
from paddock.server.jobs import Jobs, Progress

if TYPE_CHECKING:
    from paddock.server.chat_services import ChatServices

_STEPS = 10_000
"""Of the way through a file, whose bytes are not counted one by one."""
Asked = Request[Any, Any, Any]
Answer = Response[Any]


class ChatFilesApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, chats: ChatServices, jobs: Jobs) -> None:
        self._chats = chats
        self._jobs = jobs

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

        async def work(progress: Progress) -> Exported:
            def heard(done: int, total: int) -> None:
                progress.count(done, total, f"{done:,} of {total:,} conversations")

            return await self._chats.export.export(asked, heard)

        return await _while_asked(request, self._jobs.follow("chat-export", "Export conversations", work, asked.job))

    async def import_(self, request: Asked) -> Answer:
        asked = decode(await request.body(), ChatImport)

        async def work(progress: Progress) -> Imported:
            def heard(done: int, share: float) -> None:
                progress.count(round(share * _STEPS), _STEPS, f"{done:,} conversations read")

            return await self._chats.importing.import_(asked, heard)

        return await _while_asked(request, self._jobs.follow("chat-import", "Import conversations", work, asked.job))


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
