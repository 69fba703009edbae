"""Who may speak to the listeners: checks made before any route is looked up, as plain ASGI wrappers."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from paddock.sdk.errors import PaddockError, Unauthorized

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Refusal = Callable[[PaddockError], bytes]

MAX_BODY_BYTES = 32 * 1024 * 1024


class Forbidden(PaddockError):
    """The request comes from a place that this listener does not serve."""

    code = "forbidden"
    status = 403


class PrivateDoor:
    """The private listener: the host's token, always. ``active`` hears of every request's begin (+1) and end (-1)."""

    def __init__(self, app: App, token: str, refusal: Refusal, active: Callable[[int], None]) -> None:
        self._app = app
        self._token = b"Bearer " + token.encode()
        self._refusal = refusal
        self._active = active

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        given = header(scope, b"authorization")
        if not hmac.compare_digest(given, self._token):
            await refuse(
                send,
                Unauthorized("The token of this request is not the host's.", hint="It stands in run/host.json."),
                self._refusal,
            )
            return
        self._active(1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._active(-1)


class PublicDoor:
    """The public listener: only for names of this machine (a page of the web that points its own name at 127.0.0.1
    is refused), no pages of other origins, and a key where one is set."""

    def __init__(
        self, app: App, bound: str, names: tuple[str, ...], key: str, refusal: Refusal, active: Callable[[int], None]
    ) -> None:
        self._app = app
        self._names = {"localhost", "127.0.0.1", "::1", bound.lower(), *(name.lower() for name in names)}
        self._any_address = bound in ("0.0.0.0", "::")
        self._key = key.encode()
        self._refusal = refusal
        self._active = active

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        error = self._check(scope)
        if error is not None:
            await refuse(send, error, self._refusal)
            return
        if scope["method"] == "HEAD":
            # Litestar has no HEAD of its own; uvicorn, which keeps the first scope, leaves the body out.
            scope = {**scope, "method": "GET"}
        self._active(1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._active(-1)

    def _check(self, scope: Scope) -> PaddockError | None:
        host = header(scope, b"host").decode("latin-1")
        if not self._knows(host_name(host)):
            return Forbidden(
                f"This server does not answer to the name “{host}”.",
                hint="Use 127.0.0.1 or localhost with the port of the server.",
            )
        origin = header(scope, b"origin").decode("latin-1")
        if origin and origin.partition("://")[2] != host:
            return Forbidden(
                f"Web pages of {origin} may not use this server.",
                hint="Call it from a program, not from a page in the browser.",
            )
        if self._key and scope["path"] != "/health":
            given = header(scope, b"authorization").removeprefix(b"Bearer ").strip() or header(scope, b"x-api-key")
            if not hmac.compare_digest(given, self._key):
                return Unauthorized("This server needs its API key.", hint="Send it as “Authorization: Bearer KEY”.")
        return None

    def _knows(self, name: str) -> bool:
        if name in self._names:
            return True
        if not self._any_address:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def header(scope: Scope, name: bytes) -> bytes:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def control_error(error: PaddockError) -> bytes:
    """The body of an error on the private listener."""
    return msgspec.json.encode({"error": error.info()})


async def refuse(send: Send, error: PaddockError, body_of: Refusal) -> None:
    body = body_of(error)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # The unread body of a refused request would be taken for the next request.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
