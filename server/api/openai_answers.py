"""What chat completions and completions have in common: the runs of one HTTP request, whole or as a stream, and the
numbers beside an answer."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from litestar import Request
from litestar.response import Response

from paddock.sdk.errors import PaddockError
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
from paddock.sdk.host import Generation
from paddock.sdk.types import GenerateRequest, ModelInfo, Stats, StopReason, Usage
from paddock.server.api.openai_errors import error_object, status_of
from paddock.server.api.streams import EventStream, Write, frame, gone
from paddock.server.following import Follower

if TYPE_CHECKING:
    from paddock.server.generations import Run
    from paddock.server.host import Host

Asked = Request[Any, Any, Any]
Answer = Response[Any]
Delta = TextDelta | ReasoningDelta | ToolCallDelta

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


class Runs:
    """The runs that answer one HTTP request: ``choices`` of them for each prompt, one prompt's beside each other.

    Raises BadRequest. All runs end with the request, whatever ends it.
    """

    def __init__(self, host: Host, model: ModelInfo, asked: Sequence[GenerateRequest], choices: int) -> None:
        self.model = model
        self.choices = choices
        self.runs = [_run(host, model, request) for request in asked]

    @property
    def head(self) -> dict[str, Any]:
        """What every answer and every chunk begins with."""
        first = self.runs[0]
        return {"id": first.id, "created": int(first.generation.started), "model": self.model.id}

    def give_up(self) -> None:
        for run in self.runs:
            run.cancel()

    async def whole(self, request: Asked) -> list[Finished]:
        """The endings of all runs. Raises what made one of them fail."""
        left = asyncio.create_task(gone(request.receive))
        done = asyncio.create_task(_all(self.runs))
        try:
            await asyncio.wait([left, done], return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                self.give_up()
            endings = await done
        finally:
            left.cancel()
            self.give_up()
        finished = [ending for ending in endings if isinstance(ending, Finished)]
        if len(finished) < len(endings):
            raise _error(next(ending for ending in endings if not isinstance(ending, Finished)))
        return finished

    async def stream(self, chunks: Chunks) -> Answer:
        """The answer as server-sent events. Raises the error of a request that fails before it has said anything."""
        feed = Follower(self.runs)
        try:
            first = await self._held(feed)
        except BaseException:
            self.give_up()
            raise

        def shortcut(write: Write) -> None:
            feed.direct = lambda index, event: write(chunks.of(index, event))

        return EventStream(chunks.frames(first, feed), over=self.give_up, shortcut=shortcut)

    async def _held(self, feed: Follower) -> list[tuple[int, GenerationEvent]]:
        first: list[tuple[int, GenerationEvent]] = []
        try:
            async with asyncio.timeout(HOLD_S):
                async for index, event in feed:
                    first.append((index, event))
                    if isinstance(event, Failed):
                        raise _error(event)
                    if not isinstance(event, Queued):
                        break
        except TimeoutError:
            return first
        return first

    def usage(self, finished: Sequence[Finished]) -> dict[str, Any]:
        """Token counts of everything; a prompt counts once, however many choices it has."""
        prompts = [ending.usage for ending in finished[:: self.choices]]
        prompt = sum(usage.prompt_tokens for usage in prompts)
        completion = sum(ending.usage.completion_tokens for ending in finished)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": sum(usage.cached_tokens for usage in prompts)},
        }


class Chunks(ABC):
    """Events as stream chunks; a dialect fills in what a chunk holds."""

    def __init__(self, runs: Runs, kind: str, include_usage: bool) -> None:
        self._runs = runs
        self._head = {**runs.head, "object": kind}
        self._include_usage = include_usage
        self._finished: dict[int, Finished] = {}
        self._encoder = msgspec.json.Encoder()
        self._mark = uuid.uuid4().hex
        self._around: dict[tuple[int, type[GenerationEvent]], tuple[bytes, bytes]] = {}

    @abstractmethod
    def opening(self, index: int) -> list[dict[str, Any]]:
        """The choices of the chunks that come before anything is generated."""

    @abstractmethod
    def delta(self, index: int, event: Delta) -> dict[str, Any] | None:
        """The choice of a chunk that carries ``event``; None: none does."""

    @abstractmethod
    def last(self, index: int, finish: str) -> dict[str, Any]:
        """The choice of the chunk that ends choice ``index``."""

    async def frames(self, first: list[tuple[int, GenerationEvent]], feed: Follower) -> AsyncGenerator[bytes, None]:
        for index in range(len(self._runs.runs)):
            for choice in self.opening(index):
                yield self._chunk(choice)
        for index, event in first:
            if data := self.of(index, event):
                yield data
            if isinstance(event, Failed | Cancelled):
                return
        async for index, event in feed:
            if data := self.of(index, event):
                yield data
            if isinstance(event, Failed | Cancelled):
                return
        if self._include_usage:
            usage = self._runs.usage([self._finished[index] for index in sorted(self._finished)])
            yield frame(msgspec.json.encode({**self._head, "choices": [], "usage": usage}))
        yield DONE

    def of(self, index: int, event: GenerationEvent) -> bytes:
        """The chunk for ``event``; empty: none. Whatever it ends with, the endings come through :meth:`frames`."""
        match event:
            case TextDelta() | ReasoningDelta():
                return self._text(index, event)
            case ToolCallDelta():
                choice = self.delta(index, event)
                return b"" if choice is None else self._chunk(choice)
            case Queued() | LoadProgress() | PromptProgress():
                return b""
            case Finished():
                self._finished[index] = event
                return self._chunk(self.last(index, FINISH[event.reason]), measured(event))
            case Failed() | Cancelled():
                info = _error(event).info()
                return frame(msgspec.json.encode({"error": error_object(info, status_of(info))})) + DONE
            case _:
                assert_never(event)

    def _text(self, index: int, event: TextDelta | ReasoningDelta) -> bytes:
        """A chunk whose text alone changes from one to the next is put together once."""
        key = (index, type(event))
        if key not in self._around:
            choice = self.delta(index, msgspec.structs.replace(event, text=self._mark))
            before, _, after = self._chunk(choice or {}).partition(b'"%b"' % self._mark.encode())
            self._around[key] = (before, after)
        before, after = self._around[key]
        return b"%b%b%b" % (before, self._encoder.encode(event.text), after)

    def _chunk(self, choice: dict[str, Any], more: dict[str, Any] | None = None) -> bytes:
        return frame(msgspec.json.encode({**self._head, "choices": [choice], **(more or {})}))


def choices(asked: GenerateRequest, n: int) -> list[GenerateRequest]:
    """``asked`` as ``n`` requests: an id and, where a seed is given, a seed of its own each, or all would be equal."""
    seed = asked.sampling.get("seed")
    made = [asked]
    for number in range(1, n):
        sampling = dict(asked.sampling)
        if isinstance(seed, int) and seed >= 0:
            sampling["seed"] = seed + number
        made.append(msgspec.structs.replace(asked, id=f"{asked.id}-{number}", sampling=sampling))
    return made


def measured(ending: Finished) -> dict[str, Any]:
    """Speeds, as llama-server (``timings``) and LM Studio (``stats``) put them."""
    usage, stats = ending.usage, ending.stats
    return {
        "timings": _timings(usage, stats),
        "stats": {
            "tokens_per_second": stats.tokens_per_second,
            "time_to_first_token": stats.ttft_s,
            "generation_time": stats.duration_s,
            "stop_reason": ending.reason,
        },
    }


def _timings(usage: Usage, stats: Stats) -> dict[str, Any]:
    evaluated = usage.prompt_tokens - usage.cached_tokens
    prompt_ms = 1000 * evaluated / stats.prompt_per_second if stats.prompt_per_second else 0.0
    predicted_ms = 1000 * max(0.0, stats.duration_s - stats.ttft_s)
    drafts = {"draft_n": stats.drafted_tokens, "draft_n_accepted": stats.accepted_tokens}
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": evaluated,
        "prompt_ms": prompt_ms,
        "prompt_per_token_ms": prompt_ms / evaluated if evaluated else 0.0,
        "prompt_per_second": stats.prompt_per_second,
        "predicted_n": usage.completion_tokens,
        "predicted_ms": predicted_ms,
        "predicted_per_token_ms": predicted_ms / usage.completion_tokens if usage.completion_tokens else 0.0,
        "predicted_per_second": stats.tokens_per_second,
        **(drafts if stats.drafted_tokens else {}),
    }


def _run(host: Host, model: ModelInfo, asked: GenerateRequest) -> Run:
    generation = Generation(id=asked.id, model=model.id, client="api", started=host.now())
    return host.generations.start(generation, lambda: host.models.generate(model, asked, "api"))


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


def json_answer(value: Any) -> Answer:
    return Response(msgspec.json.encode(value), media_type="application/json")
