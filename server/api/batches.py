"""The part of the control API that is about batches and saved sets of prompts (docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.response import Response

from paddock.sdk.compare import BatchExport, BatchPatch, BatchRequest, PromptSet, PromptsText
from paddock.sdk.errors import BadRequest
from paddock.server.api.bodies import decode

if TYPE_CHECKING:
    from paddock.server.batches import Batches

Asked = Request[Any, Any, Any]
Answer = Response[Any]

_MOST = 10_000
"""So many cells in one answer."""


class BatchesApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def routes(self) -> list[Any]:
        batch = "/control/batches/{batch_id:str}"
        return [
            get("/control/batches")(self.all),
            post("/control/batches", status_code=200)(self.start),
            get(batch)(self.batch),
            patch(batch)(self.patch),
            delete(batch, status_code=204)(self.delete),
            get(batch + "/prompts")(self.prompts),
            get(batch + "/cells")(self.cells),
            get(batch + "/changes")(self.changes),
            post(batch + "/export", status_code=200)(self.export),
            get("/control/prompt-sets")(self.sets),
            post("/control/prompt-sets", status_code=200)(self.put_set),
            post("/control/prompt-sets/read", status_code=200)(self.read),
            delete("/control/prompt-sets/{set_id:str}", status_code=204)(self.delete_set),
        ]

    async def all(self) -> Answer:
        return _json(await self._batches.all())

    async def start(self, request: Asked) -> Answer:
        return _json(await self._batches.start(decode(await request.body(), BatchRequest)))

    async def batch(self, batch_id: str) -> Answer:
        return _json(await self._batches.get(batch_id))

    async def patch(self, batch_id: str, request: Asked) -> Answer:
        return _json(await self._batches.patch(batch_id, decode(await request.body(), BatchPatch)))

    async def delete(self, batch_id: str) -> None:
        await self._batches.delete(batch_id)

    async def prompts(self, batch_id: str) -> Answer:
        return _json(await self._batches.prompts(batch_id))

    async def cells(self, batch_id: str, request: Asked) -> Answer:
        return _json(await self._batches.cells(batch_id, _number(request, "after", 0), _limit(request)))

    async def changes(self, batch_id: str, request: Asked) -> Answer:
        return _json(await self._batches.changes(batch_id, _number(request, "since", 0), _limit(request)))

    async def export(self, batch_id: str, request: Asked) -> Answer:
        return _json(await self._batches.export(batch_id, decode(await request.body(), BatchExport)))

    async def sets(self) -> Answer:
        return _json(await self._batches.sets())

    async def put_set(self, request: Asked) -> Answer:
        return _json(await self._batches.put_set(decode(await request.body(), PromptSet)))

    async def read(self, request: Asked) -> Answer:
        return _json(await self._batches.read(decode(await request.body(), PromptsText)))

    async def delete_set(self, set_id: str) -> None:
        await self._batches.delete_set(set_id)


def _limit(request: Asked) -> int:
    return min(_number(request, "limit", 1000), _MOST)


def _number(request: Asked, name: str, default: int) -> int:
    given = request.query_params.get(name, str(default))
    if not given.isdecimal() or len(given) > 18:
        raise BadRequest(f"“{name}” cannot be {given[:40]}.", hint="It takes a whole number from 0.")
    return int(given)


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
