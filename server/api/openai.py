"""OpenAI's dialect on the public listener: models and chat completions (docs/api.md)."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from litestar import Request, get, post
from litestar.response import Response

from paddock.sdk.errors import NotFound, PaddockError
from paddock.sdk.events import (
    Cancelled,
    Ending,
    Failed,
    Finished,
    GenerationEvent,
    LoadProgress,
    PromptProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import GenerateRequest, Generation, ModelInfo, Options, Stats, StopReason, Usage
from paddock.server.api import openai_request as read
from paddock.server.api.bodies import read_json
from paddock.server.api.openai_errors import error_object, status_of
from paddock.server.api.streams import EventStream, frame

if TYPE_CHECKING:
    from paddock.server.generations import Run
    from paddock.server.host import Host

Asked = Request[Any, Any, Any]
Answer = Response[Any]

HOLD_S = 1.0
"""So long a stream is held back: a request that fails at once gets an HTTP status instead of a broken stream."""
FINISH: dict[StopReason, str] = {
    "stop": "stop",
    "stop_string": "stop",
    "length": "length",
    "context": "length",
    "tool_calls": "tool_calls",
}
DONE = frame(b"[DONE]")


class Stopped(PaddockError):
    """Somebody ended the generation before its end: the window, the command line, an unload, the host leaving."""

    code = "cancelled"
    status = 503


class OpenAIApi:
    """Each method is one route; all run on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        return [
            get("/health")(self.health),
            get("/v1/models")(self.models),
            get("/v1/models/{model_id:path}")(self.model),
            post("/v1/chat/completions", status_code=200)(self.chat_completions),
        ]

    async def health(self) -> Answer:
        return _json({"status": "ok"})

    async def models(self) -> Answer:
        usable = [model for model in await self._host.models.on_disk() if model.error is None]
        return _json({"object": "list", "data": [_model(model) for model in usable]})

    async def model(self, model_id: str) -> Answer:
        wanted = model_id.removeprefix("/")
        for model in await self._host.models.on_disk():
            if model.id == wanted:
                return _json(_model(model))
        raise NotFound(f"There is no model “{wanted}”.", hint="GET /v1/models lists them.", field="model")

    async def chat_completions(self, request: Asked) -> Answer:
        body, rest = read.read_body(read_json(await request.body()))
        model = await self._host.models.find(body.model, paths=False)
        runs = self._start(body, model, read.sampling(rest, self._host.models.descriptor(model)))

        def give_up() -> None:
            for run in runs:
                run.cancel()

        if not body.stream:
            return await self._whole(request, model, runs, give_up)
        feed = _Feed(runs)
        try:
            first = await self._held(feed, give_up)
        except BaseException:
            give_up()
            raise
        usage = body.stream_options is not None and body.stream_options.include_usage
        frames = _Chunks(runs[0].id, model.id, self._host.now(), len(runs), usage).frames(first, feed)
        return EventStream(frames, over=give_up)

    def _start(self, body: read.ChatBody, model: ModelInfo, sampling: Options) -> list[Run]:
        name = f"chatcmpl-{uuid.uuid4().hex}"
        asked = GenerateRequest(
            id=name,
            model=model.id,
            messages=read.messages(body),
            tools=read.tools(body),
            sampling=sampling,
            max_tokens=read.max_tokens(body),
            stop=read.stops(body),
            reasoning=read.reasoning(body),
        )
        return [self._run(_choice(asked, number), model) for number in range(body.n or 1)]

    def _run(self, asked: GenerateRequest, model: ModelInfo) -> Run:
        host = self._host
        generation = Generation(id=asked.id, model=model.id, client="api", started=host.now())
        return host.generations.start(generation, lambda: host.models.generate(model, asked, "api"))

    async def _held(self, feed: _Feed, give_up: Callable[[], None]) -> list[tuple[int, GenerationEvent]]:
        """The first events. Raises the error of a request that fails before it has said anything."""
        first: list[tuple[int, GenerationEvent]] = []
        try:
            async with asyncio.timeout(HOLD_S):
                async for index, event in feed:
                    first.append((index, event))
                    if isinstance(event, Failed):
                        give_up()
                        raise _error(event)
                    if not isinstance(event, Queued):
                        break
        except TimeoutError:
            return first
        return first

    async def _whole(self, request: Asked, model: ModelInfo, runs: list[Run], give_up: Callable[[], None]) -> Answer:
        gone = asyncio.create_task(_disconnected(request))
        done = asyncio.create_task(_all(runs))
        try:
            await asyncio.wait([gone, done], return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                give_up()
            endings = await done
        finally:
            gone.cancel()
            give_up()
        failed = next((ending for ending in endings if not isinstance(ending, Finished)), None)
        if failed is not None:
            raise _error(failed)
        finished = [ending for ending in endings if isinstance(ending, Finished)]
        return _json(
            {
                "id": runs[0].id,
                "object": "chat.completion",
                "created": int(runs[0].generation.started),
                "model": model.id,
                "choices": [_whole_choice(index, run, finished[index]) for index, run in enumerate(runs)],
                "usage": _usage([ending.usage for ending in finished]),
                **_measured(finished[0].usage, finished[0].stats, finished[0].reason),
            }
        )


class _Feed:
    """The events of several runs as they come, each with its choice's number. Iteration ends after all endings."""

    def __init__(self, runs: list[Run]) -> None:
        self._events: asyncio.Queue[tuple[int, GenerationEvent]] = asyncio.Queue()
        self._open = len(runs)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read(index, run)) for index, run in enumerate(runs)]

    def __aiter__(self) -> AsyncIterator[tuple[int, GenerationEvent]]:
        return self

    async def __anext__(self) -> tuple[int, GenerationEvent]:
        if self._open == 0:
            raise StopAsyncIteration
        index, event = await self._events.get()
        if isinstance(event, Ending):
            self._open -= 1
        return index, event

    async def _read(self, index: int, run: Run) -> None:
        async with aclosing(run.follow()) as events:
            async for event in events:
                self._events.put_nowait((index, event))


class _Chunks:
    """Events as OpenAI's stream chunks."""

    def __init__(self, name: str, model: str, created: float, choices: int, include_usage: bool) -> None:
        self._head = {"id": name, "object": "chat.completion.chunk", "created": int(created), "model": model}
        self._choices = choices
        self._include_usage = include_usage
        self._finished: list[Finished] = []

    async def frames(self, first: list[tuple[int, GenerationEvent]], feed: _Feed) -> AsyncGenerator[bytes, None]:
        for index in range(self._choices):
            yield self._chunk(index, {"role": "assistant", "content": ""})
        for index, event in first:
            for data in self._of(index, event):
                yield data
            if isinstance(event, Failed | Cancelled):
                return
        async for index, event in feed:
            for data in self._of(index, event):
                yield data
            if isinstance(event, Failed | Cancelled):
                return
        if self._include_usage:
            usage = _usage([ending.usage for ending in self._finished])
            yield frame(msgspec.json.encode({**self._head, "choices": [], "usage": usage}))
        yield DONE

    def _of(self, index: int, event: GenerationEvent) -> list[bytes]:
        match event:
            case TextDelta():
                return [self._chunk(index, {"content": event.text})]
            case ReasoningDelta():
                return [self._chunk(index, {"reasoning_content": event.text})]
            case ToolCallDelta():
                return [self._chunk(index, {"tool_calls": [_call_delta(event)]})]
            case Queued() | LoadProgress() | PromptProgress():
                return []
            case Finished():
                self._finished.append(event)
                measured = _measured(event.usage, event.stats, event.reason)
                return [self._chunk(index, {}, FINISH[event.reason], measured)]
            case Failed() | Cancelled():
                info = _error(event).info()
                return [frame(msgspec.json.encode({"error": error_object(info, status_of(info))})), DONE]
            case _:
                assert_never(event)

    def _chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, more: dict[str, Any] | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return frame(msgspec.json.encode({**self._head, "choices": [choice], **(more or {})}))


def _choice(asked: GenerateRequest, number: int) -> GenerateRequest:
    """Request ``number`` of several: an id and, where a seed is given, a seed of its own, or all would be equal."""
    if number == 0:
        return asked
    sampling = dict(asked.sampling)
    seed = sampling.get("seed")
    if isinstance(seed, int) and seed >= 0:
        sampling["seed"] = seed + number
    return msgspec.structs.replace(asked, id=f"{asked.id}-{number}", sampling=sampling)


def _whole_choice(index: int, run: Run, ending: Finished) -> dict[str, Any]:
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


def _usage(usages: list[Usage]) -> dict[str, Any]:
    """Token counts of all choices; the prompt is one and the same."""
    prompt = usages[0].prompt_tokens if usages else 0
    completion = sum(usage.completion_tokens for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usages[0].cached_tokens if usages else 0},
    }


def _measured(usage: Usage, stats: Stats, reason: StopReason) -> dict[str, Any]:
    """Speeds, as llama-server (``timings``) and LM Studio (``stats``) put them."""
    evaluated = usage.prompt_tokens - usage.cached_tokens
    return {
        "timings": {
            "cache_n": usage.cached_tokens,
            "prompt_n": evaluated,
            "prompt_ms": 1000 * evaluated / stats.prompt_per_second if stats.prompt_per_second else 0.0,
            "prompt_per_second": stats.prompt_per_second,
            "predicted_n": usage.completion_tokens,
            "predicted_ms": 1000 * max(0.0, stats.duration_s - stats.ttft_s),
            "predicted_per_second": stats.tokens_per_second,
        },
        "stats": {
            "tokens_per_second": stats.tokens_per_second,
            "time_to_first_token": stats.ttft_s,
            "generation_time": stats.duration_s,
            "stop_reason": reason,
        },
    }


def _model(model: ModelInfo) -> dict[str, Any]:
    try:
        created = int(os.stat(model.path).st_mtime)
    except OSError:
        created = 0
    owner = model.id.partition("/")[0] if "/" in model.id else "local"
    return {"id": model.id, "object": "model", "created": created, "owned_by": owner}


def _error(ending: Ending) -> PaddockError:
    match ending:
        case Failed():
            return PaddockError.from_info(ending.error)
        case Cancelled() | Finished():
            return Stopped("The answer was stopped before its end.", hint="Ask again.")
        case _:
            assert_never(ending)


async def _all(runs: list[Run]) -> list[Ending]:
    return [await run.wait() for run in runs]


async def _disconnected(request: Asked) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
