"""The window's connection to the host: found or started, kept, and found again after a loss.

Lives on the bridge's thread; the window sees only the updates and the answers to its calls.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from paddock.sdk.errors import HostUnavailable, PaddockError
from paddock.sdk.events import HostEvent, Leaving
from paddock.sdk.paths import Home

if TYPE_CHECKING:
    import asyncio

    from paddock.sdk.aclient import AsyncClient

T = TypeVar("T")

RETRY_S = (0.2, 1.0, 2.0, 5.0)
"""Pauses before the next attempt; the last one repeats."""


@dataclass(frozen=True)
class Lost:
    """The host does not answer. ``stopped``: it answered before. ``error`` is None while it is being found again;
    ``slow``: it has been starting for long, and is waited for."""

    stopped: bool
    error: PaddockError | None = None
    slow: bool = False


HostUpdate = HostEvent | Lost


class HostLink:
    """One connection to the host of ``home``. Made on the GUI thread, used on the bridge's thread only."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._client: AsyncClient | None = None
        self._error: PaddockError | None = None
        self._changed: asyncio.Condition | None = None
        self._turn: asyncio.Lock | None = None

    async def call(self, job: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Await ``job`` with the connected client; waits while a connection is being made.

        Raises what ``job`` raises, or why the host cannot be reached.
        """
        return await job(await self._connected())

    async def call_in_turn(self, job: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """As :meth:`call`, once every ``job`` that came this way before has ended: requests that are on their way
        together may overtake each other."""
        import asyncio

        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            return await self.call(job)

    async def iterate(self, job: Callable[[AsyncClient], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """The items of ``job`` with the connected client; closing it closes the job's own."""
        client = await self._connected()
        async with aclosing(job(client)) as items:
            async for item in items:
                yield item

    async def updates(self) -> AsyncGenerator[HostUpdate, None]:
        """What happens at the host, for as long as the window lives; ends only by cancellation."""
        import asyncio

        attempt = 0
        seen = False
        while True:
            slow = asyncio.Event()
            connecting, telling = asyncio.create_task(self._connect(slow)), asyncio.create_task(slow.wait())
            try:
                await asyncio.wait((connecting, telling), return_when=asyncio.FIRST_COMPLETED)
                if not connecting.done():
                    yield Lost(stopped=seen, slow=True)
                client = await connecting
            except PaddockError as error:
                await self._set(None, error)
                yield Lost(stopped=seen, error=error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
                await self._set(None, None)
                continue
            finally:
                connecting.cancel()
                telling.cancel()
            leaving: Leaving | None = None
            try:
                async with aclosing(client.events()) as events:
                    async for event in events:
                        if self._client is not client:
                            await self._set(client, None)
                        seen, attempt = True, 0
                        if isinstance(event, Leaving):
                            leaving = event
                        yield event
            except PaddockError as error:
                if not seen:
                    yield Lost(stopped=False, error=error)
            finally:
                await self._set(None, None)
                await client.close()
            if leaving is None:
                yield Lost(stopped=True)
            else:
                yield Lost(stopped=True, error=HostUnavailable("The host left.", hint=leaving.reason))
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    async def _connect(self, slow: asyncio.Event) -> AsyncClient:
        """``slow`` is set when it takes long. Raises why there is no host."""
        import asyncio

        from paddock.sdk.aclient import AsyncClient

        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the window has gone
                loop.call_soon_threadsafe(slow.set)

        return await AsyncClient.connect(self._home, client="window", slow=tell)

    async def _connected(self) -> AsyncClient:
        condition = self._condition()
        async with condition:
            await condition.wait_for(lambda: self._client is not None or self._error is not None)
        if self._client is not None:
            return self._client
        raise self._error or HostUnavailable("The host does not answer.")

    async def _set(self, client: AsyncClient | None, error: PaddockError | None) -> None:
        condition = self._condition()
        async with condition:
            self._client, self._error = client, error
            condition.notify_all()

    def _condition(self) -> asyncio.Condition:
        import asyncio

        if self._changed is None:
            self._changed = asyncio.Condition()
        return self._changed
