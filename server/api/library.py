"""The part of the control API that is about the models on disk and the jobs that make or move them
(docs/control-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.response import Response

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
            get("/control/jobs")(self.jobs),
            post(job + "/cancel", status_code=204)(self.cancel_job),
            delete(job, status_code=204)(self.forget_job),
        ]

    async def jobs(self) -> Answer:
        return _json(self._host.jobs.all())

    async def cancel_job(self, job_id: str) -> None:
        await self._host.jobs.cancel(job_id)

    async def forget_job(self, job_id: str) -> None:
        self._host.jobs.forget(job_id)


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
