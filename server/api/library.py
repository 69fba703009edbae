"""The part of the control API that is about the models on disk and the jobs that make or move them
(docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.response import Response

from paddock.sdk.library import ImportRequest, ModelPatch, QuantizeRequest
from paddock.server.api.bodies import decode
from paddock.server.api.questions import while_wanted

if TYPE_CHECKING:
    from paddock.server.host import Host

Asked = Request[Any, Any, Any]
Answer = Response[Any]


class LibraryApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        job = "/control/jobs/{job_id:str}"
        return [
            get("/control/models/problems")(self.problems),
            patch("/control/models")(self.patch_model),
            get("/control/places")(self.places),
            delete("/control/models", status_code=200)(self.delete_model),
            get("/control/trash")(self.trash),
            delete("/control/trash", status_code=204)(self.empty_trash),
            post("/control/trash/{trashed_id:str}", status_code=200)(self.restore_model),
            delete("/control/trash/{trashed_id:str}", status_code=204)(self.remove_trashed),
            get("/control/import")(self.preview_import),
            post("/control/import", status_code=200)(self.import_model),
            get("/control/quantize")(self.quants),
            post("/control/quantize", status_code=200)(self.quantize),
            get("/control/jobs")(self.jobs),
            post(job + "/cancel", status_code=204)(self.cancel_job),
            delete(job, status_code=204)(self.forget_job),
        ]

    async def problems(self) -> Answer:
        return _json(await self._host.models.problems())

    async def patch_model(self, request: Asked) -> Answer:
        changes = decode(await request.body(), ModelPatch)
        return _json(await self._host.models.keep(_asked(request, "model"), changes))

    async def places(self) -> Answer:
        return _json(await self._host.places.all(await self._host.models.on_disk()))

    async def delete_model(self, request: Asked) -> Answer:
        return _json(await self._host.trash.delete(_asked(request, "model")))

    async def trash(self) -> Answer:
        return _json(await self._host.trash.all())

    async def restore_model(self, trashed_id: str) -> Answer:
        return _json(await self._host.trash.restore(trashed_id))

    async def empty_trash(self) -> None:
        await self._host.trash.empty()

    async def remove_trashed(self, trashed_id: str) -> None:
        await self._host.trash.empty(trashed_id)

    async def preview_import(self, request: Asked) -> Answer:
        return _json(await self._host.imports.preview(_asked(request, "path")))

    async def import_model(self, request: Asked) -> Answer:
        asked = decode(await request.body(), ImportRequest)
        return _json(await while_wanted(request, self._host.imports.start(asked)))

    async def quants(self, request: Asked) -> Answer:
        return _json(await self._host.quantizer.quants(_asked(request, "model")))

    async def quantize(self, request: Asked) -> Answer:
        asked = decode(await request.body(), QuantizeRequest)
        return _json(await while_wanted(request, self._host.quantizer.quantize(asked)))

    async def jobs(self) -> Answer:
        return _json(self._host.jobs.all())

    async def cancel_job(self, job_id: str) -> None:
        await self._host.jobs.cancel(job_id)

    async def forget_job(self, job_id: str) -> None:
        self._host.jobs.forget(job_id)


def _asked(request: Asked, name: str) -> str:
    """What the address says about ``name``; nothing is left to whoever looks for it."""
    return str(request.query_params.get(name, ""))


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
