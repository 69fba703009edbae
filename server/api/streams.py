"""Server-sent events: a response that writes what an iterator gives, beats when it is silent, and closes the
iterator the moment the client has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec
from litestar.response import Response
from litestar.response.base import ASGIResponse

from paddock.server.following import Follower
from paddock.server.generations import Run
from paddock.server.listeners import WRITE

BEAT_S = 5.0
BEAT = b": beat\n\n"
Write = Callable[[bytes], bool]
"""Sends a frame at once; False: not now, it must come out of the iterator."""
logger = logging.getLogger(__name__)


def frame(data: bytes) -> bytes:
    """One event; ``data`` is JSON and therefore holds no line break."""
    return b"data: " + data + b"\n\n"


class EventStream(Response[Any]):
    """Answers with ``frames`` (see :func:`frame`). ``beat_s``: seconds of silence before a comment line is sent.
    ``over`` is called once when the response is over, also when the client left before the first frame was asked for.
    ``stuck_s``: a client that takes nothing for so long is let go of; None waits for ever. ``shortcut`` is given a
    function that sends a frame at once, for use while ``frames`` waits for something to say.
    """

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        beat_s: float = BEAT_S,
        over: Callable[[], None] | None = None,
        stuck_s: float | None = None,
        shortcut: Callable[[Write], None] | None = None,
    ) -> None:
        super().__init__(content=b"", status_code=200, media_type="text/event-stream")
        self._frames = frames
        self._beat_s = beat_s
        self._over = over
        self._stuck_s = stuck_s
        self._shortcut = shortcut

    def to_asgi_response(self, app: Any = None, request: Any = None, **_: Any) -> ASGIResponse:
        return _AsgiEventStream(self._frames, self._beat_s, self._over, self._stuck_s, self._shortcut)


class _AsgiEventStream(ASGIResponse):
    _should_set_content_length = False

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        beat_s: float,
        over: Callable[[], None] | None,
        stuck_s: float | None,
        shortcut: Callable[[Write], None] | None,
    ) -> None:
        super().__init__(
            body=b"",
            status_code=200,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._frames = frames
        self._beat_s = beat_s
        self._over = over
        self._stuck_s = stuck_s
        self._shortcut = shortcut
        self._sent = 0.0
        self._sending = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        write: Write | None = scope.get("extensions", {}).get(WRITE, {}).get("part")
        if write is not None and self._shortcut is not None:
            self._shortcut(partial(self._at_once, write, asyncio.get_running_loop()))
        await super().__call__(scope, receive, send)

    def _at_once(self, write: Write, loop: asyncio.AbstractEventLoop, data: bytes) -> bool:
        if not write(data):
            return False
        self._sent = loop.time()
        return True

    async def send_body(self, send: Any, receive: Any) -> None:
        pump = asyncio.create_task(self._pump(send))
        others = [asyncio.create_task(gone(receive)), asyncio.create_task(self._beat(send))]
        try:
            await asyncio.wait([pump, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, *others):
                task.cancel()
            await asyncio.gather(pump, *others, return_exceptions=True)
            await self._frames.aclose()
            if self._over is not None:
                self._over()
        if not pump.cancelled():
            pump.result()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Any) -> None:
        loop = asyncio.get_running_loop()
        async for data in self._frames:
            self._sending, self._sent = True, loop.time()
            await send({"type": "http.response.body", "body": data, "more_body": True})
            self._sending, self._sent = False, loop.time()

    async def _beat(self, send: Any) -> None:
        """Beats while there is silence; returns when the client has taken nothing for too long."""
        loop = asyncio.get_running_loop()
        self._sent = loop.time()
        while True:
            await asyncio.sleep(
                max(0.0, self._sent + self._beat_s - loop.time()) if not self._sending else self._beat_s
            )
            silent = loop.time() - self._sent
            if self._sending:
                if self._stuck_s is not None and silent >= self._stuck_s:
                    return
            elif silent >= self._beat_s:
                await send({"type": "http.response.body", "body": BEAT, "more_body": True})
                self._sent = loop.time()


async def gone(receive: Any) -> None:
    """Until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def frames(events: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    """Values as server-sent events."""
    async with aclosing(events):
        async for event in events:
            yield frame(msgspec.json.encode(event))


def followed(run: Run, over: Callable[[], None] | None = None) -> EventStream:
    """The events of ``run`` from its beginning."""
    follower = Follower([run])

    async def pieces() -> AsyncGenerator[bytes, None]:
        async for _, event in follower:
            yield frame(msgspec.json.encode(event))

    def shortcut(write: Write) -> None:
        follower.direct = lambda _, event: write(frame(msgspec.json.encode(event)))

    return EventStream(pieces(), over=over, shortcut=shortcut)
