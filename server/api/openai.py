"""OpenAI's dialect on the public listener: models and chat completions (docs/api.md)."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from litestar import get, post
from litestar.response import Response

from paddock.sdk.errors import NotFound
from paddock.sdk.events import Finished, ReasoningDelta, TextDelta, ToolCallDelta
from paddock.sdk.types import GenerateRequest, ModelInfo
from paddock.server.api import openai_fields as fields
from paddock.server.api import openai_request as read
from paddock.server.api.bodies import read_json
from paddock.server.api.openai_answers import (
    FINISH,
    Answer,
    Asked,
    Chunks,
    Delta,
    Runs,
    choices,
    json_answer,
    measured,
)

if TYPE_CHECKING:
    from paddock.server.generations import Run
    from paddock.server.host import Host


class OpenAIApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        return [
            get("/health")(self.health),
            get("/metrics")(self.metrics),
            get("/v1/models")(self.models),
            get("/v1/models/{model_id:path}")(self.model),
            post("/v1/chat/completions", status_code=200)(self.chat_completions),
        ]

    async def health(self) -> Answer:
        return json_answer({"status": "ok"})

    async def metrics(self) -> Answer:
        from paddock.server.metrics import MEDIA_TYPE, exposition

        memory = await self._host.memory.state()
        return Response(exposition(self._host.models.loaded(), memory.devices), media_type=MEDIA_TYPE)

    async def models(self) -> Answer:
        return json_answer({"object": "list", "data": [_model(model) for model in await self._usable()]})

    async def model(self, model_id: str) -> Answer:
        wanted = model_id.removeprefix("/")
        for model in await self._usable(broken=True):
            if model.id == wanted:
                return json_answer(_model(model))
        raise NotFound(f"There is no model “{wanted}”.", hint="GET /v1/models lists them.", field="model")

    async def _usable(self, *, broken: bool = False) -> list[ModelInfo]:
        """The models on disk, and under their names further names of them and instances with a name of their own."""
        found = [model for model in await self._host.models.on_disk() if broken or model.error is None]
        by_id = {model.id: model for model in found}
        named = [loaded for loaded in self._host.models.loaded() if loaded.identifier and loaded.model in by_id]
        names = {alias: model for model in found for alias in model.aliases}
        names |= {loaded.identifier: by_id[loaded.model] for loaded in named}
        return found + [msgspec.structs.replace(model, id=name) for name, model in names.items() if name not in by_id]

    async def chat_completions(self, request: Asked) -> Answer:
        body, rest = read.read_body(read_json(await request.body()))
        model = await self._host.models.find(body.model, paths=False)
        asked = GenerateRequest(
            id=f"chatcmpl-{uuid.uuid4().hex}",
            model=body.model,
            messages=read.messages(body),
            tools=read.tools(body),
            sampling=fields.sampling(body, rest, self._host.models.descriptor(model)),
            max_tokens=fields.max_tokens(body, body.max_completion_tokens),
            stop=fields.stops(body),
            reasoning=read.reasoning(body),
            priority="batch",
            cache_prompt=body.cache_prompt is not False,
            ttl_s=fields.ttl_s(body),
        )
        n = body.n or 1
        runs = Runs(self._host, model, choices(asked, n), n)
        if body.stream:
            return await runs.stream(_ChatChunks(runs, "chat.completion.chunk", fields.include_usage(body)))
        finished = await runs.whole(request)
        return json_answer(
            {
                **runs.head,
                "object": "chat.completion",
                "choices": [_choice(index, run, finished[index]) for index, run in enumerate(runs.runs)],
                "usage": runs.usage(finished),
                **measured(finished[0]),
            }
        )


class _ChatChunks(Chunks):
    def opening(self, index: int) -> list[dict[str, Any]]:
        return [_chunk(index, {"role": "assistant", "content": ""})]

    def delta(self, index: int, event: Delta) -> dict[str, Any]:
        match event:
            case TextDelta():
                return _chunk(index, {"content": event.text})
            case ReasoningDelta():
                return _chunk(index, {"reasoning_content": event.text})
            case ToolCallDelta():
                return _chunk(index, {"tool_calls": [_call_delta(event)]})
            case _:
                assert_never(event)

    def last(self, index: int, finish: str) -> dict[str, Any]:
        return _chunk(index, {}, finish)


def _chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def _choice(index: int, run: Run, ending: Finished) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": run.text or None, "refusal": None}
    if run.reasoning:
        message["reasoning_content"] = run.reasoning
    if run.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in run.tool_calls
        ]
    else:
        message["content"] = run.text
    return {"index": index, "message": message, "logprobs": None, "finish_reason": FINISH[ending.reason]}


def _call_delta(event: ToolCallDelta) -> dict[str, Any]:
    function = {"name": event.name} if event.name else {}
    delta: dict[str, Any] = {"index": event.index, "function": {**function, "arguments": event.arguments}}
    if event.call_id:
        delta = {"id": event.call_id, "type": "function", **delta}
    return delta


def _model(model: ModelInfo) -> dict[str, Any]:
    try:
        created = int(os.stat(model.path).st_mtime)
    except OSError:
        created = 0
    owner = model.id.partition("/")[0] if "/" in model.id else "local"
    return {"id": model.id, "object": "model", "created": created, "owned_by": owner}
