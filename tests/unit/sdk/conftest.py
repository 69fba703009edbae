"""A stand-in for the host: a small HTTP server whose answers a test writes byte by byte."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from paddock.sdk.host import HostAddress
from paddock.sdk.paths import Home, boot_id, machine_name

Answer = Callable[[BaseHTTPRequestHandler], None]


class StandIn:
    """Answers every request with ``answer``; ``requests`` holds (method, path, headers, body)."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.ending = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _all(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.command, self.path, headers, body))
                answer(self)

            do_GET = do_POST = do_PATCH = do_DELETE = _all

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def address(self) -> HostAddress:
        return HostAddress(
            instance="i1",
            protocol=1,
            version="0",
            url=f"http://127.0.0.1:{self._server.server_port}",
            token="secret",
            pid=1,
            machine=machine_name(),
            boot=boot_id(),
        )

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def standing_in() -> Iterator[Callable[[Answer], StandIn]]:
    """Start a stand-in with this answer."""
    made: list[StandIn] = []

    def start(answer: Answer) -> StandIn:
        made.append(StandIn(answer))
        return made[-1]

    yield start
    for stand_in in made:
        stand_in.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")
