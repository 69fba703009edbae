"""One question over HTTP: asked, and taken back when the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from paddock.sdk.errors import PaddockError
from paddock.server.api.streams import gone

if TYPE_CHECKING:
    from litestar import Request

    from paddock.sdk.questions import Question, Reply
    from paddock.sdk.types import ModelInfo
    from paddock.server.host import Host


T = TypeVar("T")


class Gone(PaddockError):
    """The client left before the reply; nobody reads this."""

    code = "cancelled"
    status = 503


async def reply(
    host: Host, request: Request[Any, Any, Any], model: ModelInfo, question: Question, client: str
) -> Reply:
    """The reply of ``model``. Raises what :meth:`paddock.server.models.Models.ask` raises."""
    return await while_wanted(request, host.models.ask(model, question, client))


async def while_wanted(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; it is cancelled when the client of ``request``, whose body has been read, leaves before."""
    left = asyncio.create_task(gone(request.receive))
    asked = asyncio.create_task(work)
    try:
        await asyncio.wait([left, asked], return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise Gone("The question was taken back.")
        return asked.result()
    finally:
        left.cancel()
        asked.cancel()
