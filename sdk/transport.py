"""HTTP to the host: the only place that knows the HTTP library. It is imported at the first connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from paddock.sdk.errors import HostUnavailable
from paddock.sdk.host import HostAddress
from paddock.sdk.protocol import ANSWER_S, Call

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 5.0
_AGAIN = "It may have ended. Try again: it is started anew; “paddock doctor” looks for what is wrong."


def _arguments(address: HostAddress, client: str) -> dict[str, Any]:
    import httpx2

    return {
        "base_url": address.url,
        "headers": {"Authorization": f"Bearer {address.token}", "X-Paddock-Client": client},
        "trust_env": False,  # proxy variables break loopback
        "timeout": httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
        # no bound on connections: every open stream holds one; uvicorn closes idle ones after 5 s
        "limits": httpx2.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=4.0),
        "verify": False,  # loopback without TLS: reading the certificate store would only cost time
    }


def open_sync(address: HostAddress, client: str) -> httpx2.Client:
    """An HTTP client of the host at ``address``, which calls itself ``client`` (window, cli, sdk)."""
    import httpx2

    return httpx2.Client(**_arguments(address, client))


def open_async(address: HostAddress, client: str) -> httpx2.AsyncClient:
    """The same for asyncio."""
    import httpx2

    return httpx2.AsyncClient(**_arguments(address, client))


def arguments(call: Call[Any]) -> dict[str, Any]:
    """``call`` as keyword arguments of the HTTP client's ``request`` and ``stream``."""
    import httpx2

    given: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "timeout": httpx2.Timeout(call.timeout_s, connect=CONNECT_S),
    }
    if call.body:
        given |= {"content": call.body, "headers": {"Content-Type": "application/json"}}
    return given


@contextmanager
def explained(call: Call[Any]) -> Iterator[None]:
    """Turns errors of the connection into a HostUnavailable with a sentence."""
    import httpx2

    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise HostUnavailable("Paddock’s host cannot be reached.", hint=_AGAIN) from error
    except httpx2.TimeoutException as error:
        raise HostUnavailable(
            f"Paddock’s host has been silent for {call.timeout_s:g} s.",
            hint="It may be suspended or the computer overloaded; try again in a moment.",
        ) from error
    except (httpx2.RequestError, httpx2.StreamError) as error:
        raise HostUnavailable("The connection to Paddock’s host was lost.", hint=_AGAIN) from error
