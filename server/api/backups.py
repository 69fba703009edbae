"""The part of the control API that is about the file of the conversations and its copies (docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import get, post
from litestar.response import Response

if TYPE_CHECKING:
    from paddock.server.host import Host

Answer = Response[Any]


class BackupsApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        return [
            get("/control/chat-store")(self.store),
            get("/control/backups")(self.backups),
            post("/control/backups", status_code=200)(self.back_up),
            post("/control/backups/{name:str}/restore", status_code=200)(self.restore),
        ]

    async def store(self) -> Answer:
        return _json(await self._host.chats.safety.state())

    async def backups(self) -> Answer:
        return _json(await self._host.chats.safety.backups())

    async def back_up(self) -> Answer:
        return _json(await self._host.chats.safety.back_up())

    async def restore(self, name: str) -> Answer:
        return _json(await self._host.chats.restore_backup(name))


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
