"""Streaming chat requests from a process of its own, with the times at which their tokens arrived.

The client must not wait for the process it measures, nor take its processor time: it reads all sockets in one loop,
notes when bytes came, and takes them apart only when all is over.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

SAMPLING = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "ignore_eos": True}
"""The same for every server, said explicitly: llama.cpp's defaults."""
_EVENT = re.compile(rb"data: (\{.*\})\r?\n")
_SILENCE_S = 600.0


@dataclass(frozen=True)
class ChatRequest:
    """One streaming request. It is sent when each one before it has had ``after_tokens`` tokens, and an ``endless``
    one is broken off when all others have ended."""

    messages: list[dict[str, str]]
    max_tokens: int
    seed: int = 0
    after_tokens: int = 0
    endless: bool = False

    def body(self) -> dict[str, Any]:
        usage = {"include_usage": True}
        asked = {"messages": self.messages, "max_tokens": self.max_tokens, "seed": self.seed}
        return {"stream": True, "stream_options": usage, **asked, **SAMPLING}


@dataclass
class Stream:
    """What became of a request: seconds on one clock for all streams of a run, and the server's token counts."""

    sent: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    text: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def first_token_s(self) -> float:
        return self.arrivals[0] - self.sent

    @property
    def tokens_per_second(self) -> float:
        """Decode speed: the tokens after the first, over the time from the first to the last."""
        return (self.completion_tokens - 1) / (self.arrivals[-1] - self.arrivals[0])


class ChatLoad:
    """The client's process. One thread."""

    def __enter__(self) -> ChatLoad:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, url: str, model: str, requests: list[ChatRequest]) -> list[Stream]:
        """Blocks until every request has ended. Raises RuntimeError with the server's words when one failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = [{**asdict(request), "body": {"model": model, **request.body()}} for request in requests]
        self._process.stdin.write(json.dumps({"url": url, "requests": asked}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the client ended"}')
        if "error" in answer:
            raise RuntimeError(f"{url}: {answer['error']}")
        return [Stream(**stream) for stream in answer["streams"]]


# ---------------------------------------------------------------- in the client's process


class _Exchange:
    """One request on its way."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.endless = bool(asked["endless"])
        self.socket: socket.socket | None = None
        self.sent = 0.0
        self.pieces: list[tuple[float, bytes]] = []
        self.tokens = 0
        self.ended = False

    def send(self, url: str) -> socket.socket:
        where = urlsplit(url)
        body = json.dumps(self.asked["body"]).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket = socket.create_connection((where.hostname or "", where.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = time.perf_counter()
        self.socket.sendall(head.encode() + body)
        return self.socket

    def read(self) -> None:
        assert self.socket is not None
        data = self.socket.recv(1 << 16)
        self.pieces.append((time.perf_counter(), data))
        self.tokens += data.count(b'"content":"')
        self.ended = not data

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.ended = True

    def stream(self) -> Stream:
        """Raises RuntimeError when the answer is not a stream with usage."""
        found, whole, read = Stream(sent=self.sent), b"", 0
        for at, piece in self.pieces:
            whole += piece
            for event in _EVENT.finditer(whole, read):
                read = event.end()
                _add(found, json.loads(event[1]), at)
        if not found.arrivals or not (found.completion_tokens or self.endless):
            raise RuntimeError(whole[-600:].decode("utf-8", "replace") or "no answer")
        return found


def _add(stream: Stream, event: dict[str, Any], at: float) -> None:
    if "error" in event:
        raise RuntimeError(str(event["error"]))
    for choice in event.get("choices", ()):
        text = choice["delta"].get("content")
        if text:
            stream.arrivals.append(at)
            stream.text += text
    usage = event.get("usage")
    if usage:
        stream.prompt_tokens, stream.completion_tokens = usage["prompt_tokens"], usage["completion_tokens"]
        stream.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)


def _exchange(url: str, asked: list[dict[str, Any]]) -> list[Stream]:
    exchanges = [_Exchange(request) for request in asked]
    with selectors.DefaultSelector() as selector:
        while not all(exchange.ended for exchange in exchanges):
            for index, exchange in enumerate(exchanges):
                waits_for = exchange.asked["after_tokens"]
                if exchange.socket is None and all(other.tokens >= waits_for for other in exchanges[:index]):
                    selector.register(exchange.send(url), selectors.EVENT_READ, exchange)
            ready = selector.select(_SILENCE_S)
            if not ready:
                raise RuntimeError(f"nothing came for {_SILENCE_S:.0f} s")
            for key, _ in ready:
                key.data.read()
                if key.data.ended:
                    selector.unregister(key.fileobj)
                    key.data.close()
            if all(exchange.ended or exchange.endless for exchange in exchanges):
                for exchange in exchanges:
                    exchange.close()
    return [exchange.stream() for exchange in exchanges]


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer: dict[str, Any] = {
                "streams": [asdict(stream) for stream in _exchange(asked["url"], asked["requests"])]
            }
        except (OSError, RuntimeError, ValueError) as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
