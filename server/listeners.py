"""Listening sockets and the HTTP server on them.

Sockets are created with IPPROTO_TCP written out: only then does asyncio set TCP_NODELAY on what it accepts, and without
it Nagle's algorithm costs 44 ms a request on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Generator
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server

from paddock.sdk.errors import PortUnavailable

TRIES = 50
"""How many ports after the wanted one are tried."""
REQUEST_S = 60.0
GRACEFUL_S = 2
WSAEACCES = 10013
WRITE = "paddock.write"
"""ASGI extension whose ``part`` sends a part of an answer that has begun, at once; False: not now, use ``send``."""
_NO_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}


class Listener:
    """An ASGI application on open sockets. ``idle_s``: how long an unused connection is kept; ``request_s``: how long a
    request may take to arrive."""

    def __init__(self, app: Any, sockets: list[socket.socket], *, idle_s: int, request_s: float = REQUEST_S) -> None:
        class Protocol(_Protocol):
            limit_s = request_s

        self._sockets = sockets
        config = Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=idle_s,
            timeout_graceful_shutdown=GRACEFUL_S,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; returns when connections are accepted."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=self._sockets))
        listening = asyncio.get_running_loop().create_task(self._server.listening.wait())
        await asyncio.wait([self._task, listening], return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            listening.cancel()
            await self._task

    async def stop(self) -> None:
        """Accept nothing more, let running answers end for two seconds, close everything."""
        if self._task is not None:
            self._server.stopping.set()
            await self._task
            self._task = None


class _Protocol(HttpToolsProtocol):
    """Lets go of a connection whose request is not whole in time, or whoever opens many and says nothing takes the last
    file handle. Between two requests uvicorn's own limit holds."""

    limit_s: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._fd = transport.get_extra_info("socket").fileno()
        self._expect()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {WRITE: {"part": partial(self._write, self.scope)}}
        self._expect()

    def _write(self, scope: Any, data: bytes) -> bool:
        """See :data:`WRITE`."""
        cycle = self.cycle  # with pipelined requests that of the last one
        if cycle is None or cycle.scope is not scope or not cycle.chunked_encoding or not data:
            return False
        if cycle.response_complete or cycle.disconnected or self.flow.write_paused:
            return False
        part = b"%x\r\n%b\r\n" % (len(data), data)
        sent, transport = 0, self.transport
        if sys.platform != "win32" and not (transport.get_write_buffer_size() or transport.is_closing()):
            # past the event loop's queue, which costs a token's client as much as the sending itself
            with contextlib.suppress(OSError):  # the transport meets the same
                sent = os.write(self._fd, part)
        if sent < len(part):
            transport.write(part[sent:])
        return True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stop_expecting()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_expecting()

    def _expect(self) -> None:
        self._stop_expecting()
        self._deadline = self.loop.call_later(self.limit_s, self.transport.close)

    def _stop_expecting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(Server):
    """uvicorn's server without its signal handlers and its ten ticks a second."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()


def private_socket() -> socket.socket:
    """A listening socket on 127.0.0.1 with a port that the system picks. Raises PortUnavailable."""
    try:
        return _bound(socket.AF_INET, "127.0.0.1", 0)
    except OSError as error:
        raise _unavailable("127.0.0.1", 0, error) from error


def public_sockets(host: str, port: int, *, strict: bool) -> list[socket.socket]:
    """Sockets for ``host``, all on one port: ``port``, or unless ``strict`` the next free one; 0 lets the system pick.

    ``127.0.0.1`` and ``localhost`` mean both loopback families. Raises PortUnavailable.
    """
    first: OSError | None = None
    for offset in range(1 if strict or port == 0 else TRIES):
        if port + offset > 65535:
            break
        try:
            return _all_bound(host, port + offset)
        except OSError as error:
            first = first or error
            if not _taken(error):
                break
    assert first is not None
    raise _unavailable(host, port, first) from first


def _all_bound(host: str, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            try:
                sockets.append(_bound(family, address, port))
            except OSError as error:
                # A machine without IPv6 serves on the other family alone.
                if family == socket.AF_INET6 and sockets and error.errno in _NO_FAMILY:
                    continue
                raise
            port = sockets[0].getsockname()[1]
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    if host in ("127.0.0.1", "localhost"):
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # SO_REUSEADDR would let another program take the port over there.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        # Binding alone may succeed beside another listener; listening tells.
        made.listen(2048)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _taken(error: OSError) -> bool:
    """In use, or inside a range that Windows reserves (error 10013), or one of the system's own ports."""
    return error.errno in (errno.EADDRINUSE, errno.EACCES) or getattr(error, "winerror", None) == WSAEACCES


def _unavailable(host: str, port: int, error: OSError) -> PortUnavailable:
    if isinstance(error, socket.gaierror):
        return PortUnavailable(f"There is no address for “{host}”.", hint="Use 127.0.0.1.", host=host)
    if error.errno == errno.EADDRINUSE:
        sentence, hint = f"Port {port} of {host} is in use by another program.", "Choose another port."
    elif error.errno == errno.EACCES or getattr(error, "winerror", None) == WSAEACCES:
        sentence, hint = f"The system does not allow port {port} of {host}.", "Choose a port above 1024."
    elif error.errno == errno.EADDRNOTAVAIL:
        sentence, hint = f"{host} is not an address of this machine.", "Use 127.0.0.1."
    else:
        sentence, hint = f"Port {port} of {host} cannot be opened: {error.strerror or error}.", "Choose another port."
    return PortUnavailable(sentence, hint=hint, host=host, port=port)
