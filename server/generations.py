"""Running requests. A Run outlives the connection that asked for it, where its owner wants that, and any number of
clients can follow it from its beginning."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

from paddock.sdk.errors import BadRequest, EngineError, NotFound
from paddock.sdk.events import (
    Cancelled,
    Delta,
    Ending,
    Failed,
    GenerationEnded,
    GenerationStarted,
    LoadProgress,
    PromptProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from paddock.sdk.events import GenerationEvent
    from paddock.sdk.host import Generation
    from paddock.server.bus import Bus

logger = logging.getLogger(__name__)

Source = Callable[[], "AsyncIterator[GenerationEvent]"]
Finalize = Callable[["Run", Ending], Awaitable[Ending]]
"""Called with the ending before anybody sees it; answers with the ending to show."""

TO_FOLLOW_S = 10.0
"""So long a run that has ended can still be followed from its beginning."""
BACKLOG = 32
"""A follower this many events behind gets neighbouring deltas as one."""


class Engines(Protocol):
    """What a run asks of the engines beside its source (:class:`paddock.backends.pool.Pool`)."""

    def cancel(self, request_id: str) -> bool:
        """Have the engine end the request; False when none works on it."""

    def hand_over(self, request_id: str, take: Callable[[GenerationEvent], None]) -> None:
        """Have its deltas given to ``take`` at once, beside the source, where the source's reader waits."""


class _NoEngines:
    """Of sources that are no engines."""

    def cancel(self, request_id: str) -> bool:
        return False

    def hand_over(self, request_id: str, take: Callable[[GenerationEvent], None]) -> None:
        pass


class Run:
    """One request from its start to its end. Lives on the host's loop."""

    def __init__(
        self,
        generation: Generation,
        source: Source,
        *,
        finalize: Finalize | None = None,
        engines: Engines,
        ended: Callable[[Run], None],
    ) -> None:
        self.generation = generation
        self.id = generation.id
        self.ending: Ending | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, ToolCall] = {}
        self._tokens = 0
        self._thinking = _Thinking()
        self._prompt = Usage()
        self._source = source
        self._finalize = finalize
        self._engines = engines
        self._ended = ended
        self._log: list[GenerationEvent] = []
        self.listeners: set[Callable[[Run, GenerationEvent], None]] = set()
        """Called with each event when it can be read."""
        self._started = False
        self._unwanted = False
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._pump())

    @property
    def text(self) -> str:
        return _compact(self._text)

    @property
    def reasoning(self) -> str:
        return _compact(self._reasoning)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls[index] for index in sorted(self._calls))

    def cancel(self) -> None:
        """Stop; the end is reported as Cancelled. The engine that writes says how much it has written. Nothing happens
        when it has just ended."""
        if not self._started:
            self._unwanted = True
        elif not (self._closing or self._engines.cancel(self.id)):
            self._task.cancel()

    async def wait(self) -> Ending:
        """The ending. Raises nothing."""
        await asyncio.wait([self._task])
        assert self.ending is not None
        return self.ending

    def since(self, at: int) -> tuple[list[GenerationEvent], int]:
        """The events from the place ``at`` on, and the place behind them; neighbouring deltas as one for who lags far
        behind. Who comes with the question hears each: the pieces are counted."""
        batch = self._log[at:]
        return joined(batch) if len(batch) > BACKLOG else batch, at + len(batch)

    async def _pump(self) -> None:
        # A task that is cancelled before its first step never runs, and nobody would hear of an ending.
        self._started = True
        ending: Ending | None = Cancelled(id=self.id) if self._unwanted else None
        try:
            if ending is None:
                ending = await self._read()
        except asyncio.CancelledError:
            ending = ending or Cancelled(id=self.id)
        except Exception as error:  # a bug below must still end the request, or its client waits for ever
            logger.exception("generation %s failed", self.id)
            ending = _bug(self.id, error)
        self._closing = True
        if isinstance(ending, Cancelled) and ending.usage == Usage():
            ending = msgspec.structs.replace(ending, usage=self._counted())
        ending = self._thinking.noted(ending or _bug(self.id, None))
        if self._finalize is not None:
            try:
                ending = await self._finalize(self, ending)
            except Exception as error:  # as above
                logger.exception("generation %s could not be completed", self.id)
                ending = _bug(self.id, error)
        self.ending = ending
        self._publish(ending)
        self._ended(self)

    async def _read(self) -> Ending | None:
        handed_over = False
        async with aclosing(cast("AsyncGenerator[GenerationEvent, None]", self._source())) as events:
            async for event in events:
                if isinstance(event, Ending):
                    return event
                self._take(event)
                if isinstance(event, Delta) and not handed_over:
                    self._engines.hand_over(self.id, self._take)
                    handed_over = True
        return None

    def _take(self, event: GenerationEvent) -> None:
        match event:
            case TextDelta(text=text):
                self._text.append(text)
                self._tokens += 1
                self._thinking.end()
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
                self._tokens += 1
                self._thinking.begin()
            case ToolCallDelta():
                self._calls[event.index] = _grown(self._calls.get(event.index), event)
                self._tokens += 1
                self._thinking.end()
            case PromptProgress(total=total, cached=cached):
                self._prompt = Usage(prompt_tokens=total, cached_tokens=cached)
            case _:
                pass
        self._publish(event)

    def _publish(self, event: GenerationEvent) -> None:
        self._log.append(event)
        for listener in tuple(self.listeners):
            listener(self, event)

    def _counted(self) -> Usage:
        """What is known when the engine did not come to say it: deltas seen stand for tokens."""
        return Usage(
            prompt_tokens=self._prompt.prompt_tokens,
            cached_tokens=self._prompt.cached_tokens,
            completion_tokens=self._tokens,
        )


class _Thinking:
    """How long a model thought before it answered, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._ended: float | None = None

    def begin(self) -> None:
        if self._began is None:
            self._began = time.monotonic()

    def end(self) -> None:
        if self._began is not None and self._ended is None:
            self._ended = time.monotonic()

    def noted(self, ending: Ending) -> Ending:
        """``ending`` with the time in its stats."""
        self.end()
        if self._began is None or self._ended is None or isinstance(ending, Failed):
            return ending
        stats = msgspec.structs.replace(ending.stats, reasoning_s=self._ended - self._began)
        return msgspec.structs.replace(ending, stats=stats)


class Generations:
    """All running requests of this host.

    Args:
        bus: Told of every beginning and end.
        ended: Called with each that has ended.
        engines: What the requests are answered by.
    """

    def __init__(
        self, bus: Bus, ended: Callable[[Run], None], engines: Callable[[], Engines] = lambda: _NoEngines()
    ) -> None:
        self._bus = bus
        self._engines = engines
        self._ended_hook = ended
        self._started_hooks: list[Callable[[Generation], None]] = []
        self._runs: dict[str, Run] = {}
        self._over: dict[str, Run] = {}

    def on_started(self, hook: Callable[[Generation], None]) -> None:
        """Call ``hook`` whenever something is asked, before it is."""
        self._started_hooks.append(hook)

    def start(self, generation: Generation, source: Source, finalize: Finalize | None = None) -> Run:
        """Run ``source`` under ``generation.id``. Raises BadRequest when that id is running already."""
        if generation.id in self._runs:
            raise BadRequest(f"A request with the id “{generation.id}” is running.", hint="Give each its own id.")
        for hook in self._started_hooks:
            hook(generation)
        run = Run(generation, source, finalize=finalize, engines=self._engines(), ended=self._ended)
        self._runs[run.id] = run
        self._bus.publish(GenerationStarted(id=run.id, generation=generation))
        return run

    def get(self, run_id: str) -> Run:
        """One that runs, or that ended so lately that whoever began it may not have followed it yet. Raises
        NotFound."""
        run = self._runs.get(run_id) or self._over.get(run_id)
        if run is None:
            raise NotFound("This generation is not running (any more).", hint="Its chat holds the result.")
        return run

    def find(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def running(self) -> tuple[Generation, ...]:
        return tuple(run.generation for run in self._runs.values())

    def all_of_chat(self, chat_id: str) -> list[Run]:
        """The panes of a comparison are answered at the same time."""
        return [run for run in self._runs.values() if run.generation.chat_id == chat_id]

    def of_chat(self, chat_id: str) -> Run | None:
        return next((run for run in self._runs.values() if run.generation.chat_id == chat_id), None)

    async def close(self, timeout_s: float) -> None:
        """Cancel everything and wait for the endings to be kept."""
        runs = list(self._runs.values())
        for run in runs:
            run.cancel()
        if runs:
            await asyncio.wait([asyncio.ensure_future(run.wait()) for run in runs], timeout=timeout_s)

    def _ended(self, run: Run) -> None:
        self._runs.pop(run.id, None)
        self._over[run.id] = run
        asyncio.get_running_loop().call_later(TO_FOLLOW_S, self._forget, run)
        self._bus.publish(GenerationEnded(id=run.id, chat_id=run.generation.chat_id))
        self._ended_hook(run)

    def _forget(self, run: Run) -> None:
        if self._over.get(run.id) is run:
            del self._over[run.id]


def joined(events: Iterable[GenerationEvent]) -> list[GenerationEvent]:
    """The same story in fewer events: neighbouring deltas as one, of repeated progress only the last."""
    result: list[GenerationEvent] = []
    texts: list[str] = []

    def flush() -> None:
        if texts:
            last = result.pop()
            text = "".join(texts)
            texts.clear()
            made = TextDelta if isinstance(last, TextDelta) else ReasoningDelta
            result.append(made(id=last.id, text=text))

    for event in events:
        same = bool(result) and type(result[-1]) is type(event)
        if isinstance(event, TextDelta | ReasoningDelta):
            if not same:
                flush()
                result.append(event)
            texts.append(event.text)
            continue
        flush()
        if same and isinstance(event, Queued | LoadProgress | PromptProgress):
            result[-1] = event
        else:
            result.append(event)
    flush()
    return result


def _compact(pieces: list[str]) -> str:
    pieces[:] = ["".join(pieces)]
    return pieces[0]


def _grown(call: ToolCall | None, delta: ToolCallDelta) -> ToolCall:
    if call is None:
        return ToolCall(id=delta.call_id, name=delta.name, arguments=delta.arguments)
    return ToolCall(
        id=call.id or delta.call_id, name=call.name or delta.name, arguments=call.arguments + delta.arguments
    )


def _bug(run_id: str, error: Exception | None) -> Failed:
    what = "ended without a result" if error is None else f"failed inside Paddock ({type(error).__name__})"
    return Failed(
        id=run_id,
        error=EngineError(f"The generation {what}.", hint="Try again; the host's log has the details.").info(),
    )
