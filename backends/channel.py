"""The events of one request on their way from the worker's pipe to whoever reads them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from paddock.sdk.events import (
    Delta,
    Ending,
    GenerationEvent,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)

Take = Callable[[GenerationEvent], None]


class Channel:
    """One producer, one consumer, both on the host's loop. ``put`` never waits.

    A consumer that lags gets the deltas that piled up joined into one, so that it catches up in one step.
    Nothing passes after the first ending.
    """

    def __init__(self) -> None:
        self._events: deque[GenerationEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._take: Take | None = None
        self._talking = False

    def hand_over(self, take: Take) -> None:
        """From now on a delta that follows a delta goes to ``take`` at once, as long as the reader has come back for
        more: no task has to wake for a token then. What ``take`` raises is raised to the reader."""
        self._take = take

    def put(self, event: GenerationEvent) -> bool:
        """Take ``event``; whether the ending has come now."""
        if self._ended:
            return True
        waiter = self._waiter if self._waiter is not None and not self._waiter.done() else None
        if self._take is not None and waiter is not None and self._talking and isinstance(event, Delta):
            try:
                self._take(event)
            except Exception as error:  # noqa: BLE001 - the reader hears of it, not the pipe
                waiter.set_exception(error)
            return False
        self._ended = isinstance(event, Ending)
        self._events.append(event)
        if waiter is not None:
            waiter.set_result(None)
        return self._ended

    async def get(self) -> GenerationEvent:
        """The next event; waits for it."""
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        first = self._events.popleft()
        self._talking = isinstance(first, Delta)
        run = [first]
        while self._events and _continues(first, self._events[0]):
            run.append(self._events.popleft())
        return first if len(run) == 1 else _join(run)


def _continues(first: GenerationEvent, event: GenerationEvent) -> bool:
    if type(first) is not type(event):
        return False
    if isinstance(first, ToolCallDelta) and isinstance(event, ToolCallDelta):
        return first.index == event.index and not event.call_id and not event.name
    return isinstance(first, (TextDelta, ReasoningDelta, PromptProgress))


def _join(run: list[GenerationEvent]) -> GenerationEvent:
    first, last = run[0], run[-1]
    if isinstance(first, (TextDelta, ReasoningDelta)):
        return msgspec.structs.replace(first, text="".join(e.text for e in run if isinstance(e, type(first))))
    if isinstance(first, ToolCallDelta):
        pieces = "".join(e.arguments for e in run if isinstance(e, ToolCallDelta))
        return msgspec.structs.replace(first, arguments=pieces)
    return last
