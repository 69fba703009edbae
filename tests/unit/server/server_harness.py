"""A real host in a process and a data folder of its own, spoken to over real sockets."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
from held_answers import write_model

from paddock.sdk.paths import Home

DEADLINE_S = 90.0
"""So long is waited for what must come. Only a hang takes it: a busy machine may need 20 s to start a host."""


class HostProcess:
    """``python -m paddock.server`` over ``root``. ``code`` is Python that starts it in other conditions."""

    def __init__(self, root: Path, *arguments: str, env: dict[str, str] | None = None, code: str = "") -> None:
        self.home = Home(root)
        # Tests of this suite may run under a starter's own key or proxy.
        base = {k: v for k, v in os.environ.items() if k not in ("PADDOCK_API_KEY", "HTTP_PROXY", "ALL_PROXY")}
        self.process = subprocess.Popen(
            [sys.executable, *(["-c", code] if code else ["-m", "paddock.server"]), *arguments],
            env={**base, "PADDOCK_HOME": str(root), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._said: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._http: httpx2.Client | None = None

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line.rstrip("\n"))
        self._said.put(None)

    def line(self) -> str | None:
        """What it says next; None when it has closed its output."""
        return self._said.get(timeout=DEADLINE_S)

    def ready(self) -> HostProcess:
        said = []
        while (line := self.line()) is not None:
            if line == "ready":
                return self
            said.append(line)
        raise AssertionError(f"the host did not become ready: {said}")

    @property
    def address(self) -> dict[str, Any]:
        address: dict[str, Any] = json.loads(self.home.host_file.read_text())
        return address

    def client(self, kind: str = "sdk", **more: Any) -> httpx2.Client:
        address = self.address
        headers = {"Authorization": f"Bearer {address['token']}", "X-Paddock-Client": kind}
        # no TLS here: reading the certificates would only cost time
        more = {"verify": False, "trust_env": False, "timeout": DEADLINE_S} | more
        return httpx2.Client(base_url=address["url"], headers=headers, **more)

    @property
    def http(self) -> httpx2.Client:
        if self._http is None:
            self._http = self.client()
        return self._http

    def events(self, method: str, path: str, body: Any = None, client: httpx2.Client | None = None) -> Iterator[Any]:
        """The events of a stream, as dictionaries."""
        with (client or self.http).stream(method, path, json=body) as answer:
            if answer.status_code != 200:
                raise AssertionError(answer.read().decode())
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def post(self, path: str, body: Any) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def serve(self, **request: Any) -> int:
        """Switch the public server on; its port."""
        port = self.post("/control/server", {"running": True, "port": 0, **request})["port"]
        assert isinstance(port, int)
        return port

    def end(self) -> int:
        """SIGTERM, and wait."""
        self.process.terminate()
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


def echo_model(root: Path, name: str, **script: Any) -> str:
    """Put a scripted model into the models folder; its id."""
    return write_model(root / "models", name, script)


def until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """Wait for ``condition`` to hold; its value."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        pause.wait(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


MODELS: dict[str, dict[str, Any]] = {
    "paris": {"text": "The capital of France is Paris.", "tokens_per_second": 400},
    "blind": {"text": "Words.", "blind": True},
    "slow": {"text": "".join(f"{n} " for n in range(3000)), "hold": {"after_tokens": 30}},  # never ends by itself
    "thinker": {"text": "Four.", "reasoning": "Two and two.", "tokens_per_second": 400},
    "hanging": {"hang": True},
    "dying": {"text": "one two three four five six", "die": {"signal": "SIGSEGV", "after_tokens": 2}},
}


def with_models(root: Path) -> Path:
    for name, script in MODELS.items():
        echo_model(root, name, **script)
    return root


def question(text: str = "hi", model: str = "test/paris", **more: Any) -> dict[str, Any]:
    """A GenerateRequest."""
    return {"id": f"r{os.urandom(6).hex()}", "model": model, "messages": [{"role": "user", "content": text}], **more}


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["text"] for event in events if event["type"] == "text_delta")
