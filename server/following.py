"""Reading runs while they go on: their events in order, and without a task that wakes for each token."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from paddock.sdk.events import Delta, Ending, GenerationEvent

if TYPE_CHECKING:
    from paddock.server.generations import Run

Direct = Callable[[int, GenerationEvent], bool]
"""Takes a delta of the run of this number; False: it has to wait its turn."""


class Follower:
    """The events of several runs from their beginning, each with its run's number. Iteration ends after all endings.

    While its reader waits, ``direct`` is offered each delta the moment it comes; what it takes the reader does not get.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._open = dict(enumerate(runs))
        self._numbers = {run.id: number for number, run in enumerate(runs)}
        self._seen = [0] * len(runs)
        self._events: deque[tuple[int, GenerationEvent]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.direct: Direct | None = None

    def __aiter__(self) -> AsyncIterator[tuple[int, GenerationEvent]]:
        return self

    async def __anext__(self) -> tuple[int, GenerationEvent]:
        while not self._events:
            if not self._open:
                raise StopAsyncIteration
            self._read()
            if not self._events:
                await self._more()
        return self._events.popleft()

    def _read(self) -> None:
        for number, run in list(self._open.items()):
            events, self._seen[number] = run.since(self._seen[number])
            for event in events:
                self._events.append((number, event))
                if isinstance(event, Ending):
                    del self._open[number]

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        for run in self._open.values():
            run.listeners.add(self._heard)
        try:
            await self._waiter
        finally:
            for run in self._open.values():
                run.listeners.discard(self._heard)

    def _heard(self, run: Run, event: GenerationEvent) -> None:
        assert self._waiter is not None
        if self._waiter.done():
            return
        if self.direct is not None and isinstance(event, Delta):
            number = self._numbers[run.id]
            try:
                if self.direct(number, event):
                    self._seen[number] += 1
                    return
            except Exception:  # noqa: BLE001 - the reader meets the same, and its own task is where it belongs
                pass
        self._waiter.set_result(None)
