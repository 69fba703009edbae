"""The public API server: the switch, its status, who may come in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from paddock.sdk.errors import BadRequest, PaddockError
from paddock.sdk.events import ServerChanged
from paddock.sdk.host import ServerRequest, ServerStatus, Settings
from paddock.server.access import PublicDoor, is_loopback
from paddock.server.bus import Bus
from paddock.server.listeners import Listener, public_sockets
from paddock.server.settings import misfit

IDLE_S = 75
TELL_S = 1.0
"""So often, at most, clients hear of a new number of requests."""


class PublicServer:
    """``make_app`` builds the application at the first start; ``key`` is the API key, empty for none."""

    def __init__(
        self,
        *,
        make_app: Callable[[], Any],
        refusal: Callable[[PaddockError], bytes],
        bus: Bus,
        settings: Callable[[], Settings],
        key: str,
    ) -> None:
        self._make_app = make_app
        self._refusal = refusal
        self._bus = bus
        self._settings = settings
        self._key = key
        self._app: Any = None
        self._listener: Listener | None = None
        self._sockets: list[socket.socket] = []
        self._host = ""
        self._error: str | None = None
        self._requests = 0
        self._revision = 0
        self._telling: asyncio.TimerHandle | None = None
        self._switching = asyncio.Lock()

    @property
    def running(self) -> bool:
        return self._listener is not None

    def status(self) -> ServerStatus:
        settings = self._settings()
        names = [opened.getsockname() for opened in self._sockets]
        return ServerStatus(
            running=self.running,
            host=self._host if self.running else settings.api_host,
            port=names[0][1] if names else settings.api_port,
            urls=tuple(f"http://[{name[0]}]:{name[1]}" if ":" in name[0] else f"http://{name[0]}:{name[1]}"
                       for name in names),
            requests=self._requests,
            key_required=bool(self._key),
            error=self._error,
            revision=self._revision,
        )  # fmt: skip

    async def switch(self, request: ServerRequest) -> ServerStatus:
        """On, off, or to another address. Raises PortUnavailable and BadRequest; a server that runs on
        another port goes on then."""
        async with self._switching:
            try:
                if request.running:
                    await self._start(request)
                else:
                    await self._stop()
                self._error = None
            except PaddockError as error:
                self._error = error.sentence()
                raise
            finally:
                self._tell()
            return self.status()

    async def close(self) -> None:
        async with self._switching:
            await self._stop()

    async def _start(self, request: ServerRequest) -> None:
        settings = self._settings()
        host = (request.host or settings.api_host).strip()
        port = settings.api_port if request.port is None else request.port
        problem = misfit("api_host", host)
        if problem:
            raise BadRequest(f"“{host}” is no address to serve on.", hint=problem, host=host)
        if not 0 <= port <= 65535:
            raise BadRequest(f"{port} is not a port.", hint="Ports go from 1 to 65535; 0 takes a free one.")
        if not is_loopback(host) and not self._key:
            raise BadRequest(
                f"Serving on {host} lets other machines in, so it needs an API key.",
                hint="Set the environment variable PADDOCK_API_KEY before Paddock starts, or serve on 127.0.0.1.",
                host=host,
            )
        if self.running:
            own = self._sockets[0].getsockname()[1]
            if host == self._host and port in (0, own):
                return
            if port == own:
                await self._stop()
        sockets = await asyncio.to_thread(public_sockets, host, port, strict=request.strict_port)
        await self._stop()
        if self._app is None:
            self._app = self._make_app()
        names = (socket.gethostname(), f"{socket.gethostname()}.local") if not is_loopback(host) else ()
        door = PublicDoor(self._app, host, names, self._key, self._refusal, self._count)
        listener = Listener(door, sockets, idle_s=IDLE_S)
        await listener.start()
        self._listener, self._sockets, self._host = listener, sockets, host

    async def _stop(self) -> None:
        if self._listener is not None:
            listener, self._listener, self._sockets = self._listener, None, []
            await listener.stop()

    def _count(self, change: int) -> None:
        if change > 0:
            self._requests += change
            if self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._revision += 1
        self._bus.publish(ServerChanged(id="server", status=self.status()))
