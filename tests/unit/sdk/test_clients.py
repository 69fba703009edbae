"""Both clients against a stand-in host that misbehaves on the wire."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable
from contextlib import aclosing, closing
from http.server import BaseHTTPRequestHandler
from typing import Any

import msgspec
import pytest

from paddock.sdk import protocol
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.client import Client
from paddock.sdk.errors import HostUnavailable, LoadFailed, ModelNotFound
from paddock.sdk.events import Failed, Finished, GenerationEvent, Loaded, LoadProgress, TextDelta
from paddock.sdk.host import HostAddress
from paddock.sdk.types import GenerateRequest, LoadedModel, LoadRequest, Message, Stats, Usage

REQUEST = GenerateRequest(id="r", model="m", messages=(Message(role="user", content="hi"),))
TEXT = TextDelta(id="r", text="a")
END = Finished(id="r", usage=Usage(completion_tokens=1), stats=Stats(), reason="stop")
Handler = BaseHTTPRequestHandler


def frame(event: Any) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def start_stream(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()


def stream(*events: Any, whole: bool = True) -> Callable[[Handler], None]:
    """Answer with these events; ``whole`` False breaks the connection off behind them."""

    def answer(handler: Handler) -> None:
        start_stream(handler)
        for event in events:
            handler.wfile.write(chunk(event if isinstance(event, bytes) else frame(event)))
        if whole:
            handler.wfile.write(chunk(b"") + b"")
        else:
            handler.close_connection = True

    return answer


def body(status: int, content: bytes) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


class Both:
    """One of the two clients behind the synchronous surface, so that every test is written once."""

    def __init__(self, kind: type[Client] | type[AsyncClient]) -> None:
        self._kind = kind

    def call(self, address: HostAddress, name: str, *arguments: Any, **named: Any) -> Any:
        """Call a method; a stream comes back as a list."""
        if self._kind is Client:
            with Client(address) as client:
                answer = getattr(client, name)(*arguments, **named)
                return list(answer) if inspect.isgenerator(answer) else answer
        return asyncio.run(self._call(address, name, arguments, named))

    async def _call(self, address: HostAddress, name: str, arguments: Any, named: Any) -> Any:
        async with AsyncClient(address) as client:
            answer = getattr(client, name)(*arguments, **named)
            return [event async for event in answer] if inspect.isasyncgen(answer) else await answer

    def first(self, address: HostAddress, request: GenerateRequest) -> GenerationEvent:
        """The first event of a stream that is then closed."""
        if self._kind is Client:
            with Client(address) as client, closing(client.generate(request)) as events:
                return next(events)
        return asyncio.run(self._first(address, request))

    async def _first(self, address: HostAddress, request: GenerateRequest) -> GenerationEvent:
        async with AsyncClient(address) as client, aclosing(client.generate(request)) as events:
            return await anext(events)


@pytest.fixture(params=[Client, AsyncClient])
def both(request) -> Both:
    return Both(request.param)


def test_a_whole_stream_gives_its_events(both, standing_in):
    host = standing_in(stream(b": beat\n\n", TEXT, END))
    assert both.call(host.address, "generate", REQUEST) == [TEXT, END]
    method, path, headers, sent = host.requests[0]
    assert (method, path, headers["authorization"]) == ("POST", "/control/generate", "Bearer secret")
    assert headers["x-paddock-client"] == "sdk"
    assert msgspec.json.decode(sent, type=GenerateRequest) == REQUEST


@pytest.mark.parametrize("whole", [True, False])
def test_a_truncated_stream_is_an_error_with_a_sentence(both, standing_in, whole):
    host = standing_in(stream(TEXT, whole=whole))
    with pytest.raises(HostUnavailable) as caught:
        both.call(host.address, "generate", REQUEST)
    assert "httpx" not in caught.value.sentence()
    assert caught.value.hint


def test_silence_is_an_error_with_its_seconds(both, standing_in, monkeypatch):
    monkeypatch.setattr(protocol, "SILENCE_S", 0.3)

    def answer(handler: Handler) -> None:
        start_stream(handler)
        handler.wfile.write(chunk(frame(TEXT)))
        host.ending.wait(60)

    host = standing_in(answer)
    with pytest.raises(HostUnavailable, match=r"silent for 0\.3 s"):
        both.call(host.address, "attach", "r")


def test_beats_are_no_silence(both, standing_in, monkeypatch):
    monkeypatch.setattr(protocol, "SILENCE_S", 1.5)

    def answer(handler: Handler) -> None:
        start_stream(handler)
        for _ in range(12):
            host.ending.wait(0.15)
            handler.wfile.write(chunk(b": beat\n\n"))
        handler.wfile.write(chunk(frame(END)) + chunk(b""))

    host = standing_in(answer)
    assert both.call(host.address, "attach", "r") == [END]


def test_garbage_in_a_stream_is_an_error_with_a_sentence(both, standing_in):
    host = standing_in(stream(b"data: {]\n\n"))
    with pytest.raises(HostUnavailable, match="cannot be read"):
        both.call(host.address, "generate", REQUEST)


def test_an_answer_that_is_not_http_is_an_error_with_a_sentence(both, standing_in):
    def answer(handler: Handler) -> None:
        handler.wfile.write(b"\x00\x01 not http \r\n\r\n")
        handler.close_connection = True

    host = standing_in(answer)
    with pytest.raises(HostUnavailable):
        both.call(host.address, "models")


def test_the_error_of_a_refused_stream_comes_back_as_itself(both, standing_in):
    content = msgspec.json.encode({"error": ModelNotFound("No model “m”.").info()})
    host = standing_in(body(404, content))
    with pytest.raises(ModelNotFound, match="No model “m”"):
        both.call(host.address, "generate", REQUEST)


def test_closing_the_iterator_closes_the_connection(both, standing_in):
    gone = threading.Event()

    def answer(handler: Handler) -> None:
        start_stream(handler)
        handler.wfile.write(chunk(frame(TEXT)))
        handler.connection.settimeout(60)
        if handler.connection.recv(1) == b"":
            gone.set()
        handler.close_connection = True

    host = standing_in(answer)
    assert both.first(host.address, REQUEST) == TEXT
    assert gone.wait(60)


def test_nobody_there_is_an_error_with_a_sentence(both, standing_in):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = msgspec.structs.replace(
            standing_in(body(200, b"")).address, url=f"http://127.0.0.1:{free.getsockname()[1]}"
        )
        with pytest.raises(HostUnavailable, match="cannot be reached"):
            both.call(address, "models")


def test_proxy_variables_are_ignored(both, standing_in, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    host = standing_in(body(200, b"[]"))
    assert both.call(host.address, "models") == []


def test_one_connection_serves_many_calls(standing_in):
    peers = []

    def answer(handler: Handler) -> None:
        peers.append(handler.client_address)
        body(200, b"[]")(handler)

    host = standing_in(answer)
    with Client(host.address) as client:
        for _ in range(5):
            client.models()
    assert len(set(peers)) == 1


def test_a_load_reports_progress_and_gives_the_model(both, standing_in):
    model = LoadedModel(id="i", model="m", engine="echo", state="ready", pid=5)
    progress = [LoadProgress(id="i", model="m", fraction=part) for part in (0.5, 1.0)]
    host = standing_in(stream(*progress, Loaded(id="i", model=model)))
    seen: list[float] = []
    assert both.call(host.address, "load", "m", {"n_ctx": 5}, seen.append) == model
    assert seen == [0.5, 1.0]
    sent = msgspec.json.decode(host.requests[0][3], type=LoadRequest)
    assert sent == LoadRequest(model="m", options={"n_ctx": 5})


def test_a_failed_load_raises(both, standing_in):
    host = standing_in(stream(Failed(id="i", error=LoadFailed("It is too big.").info())))
    with pytest.raises(LoadFailed, match="too big"):
        both.call(host.address, "load", "m")


def test_respond_gathers_the_answer_of_the_default_model(both, standing_in):
    def answer(handler: Handler) -> None:
        if handler.path == "/control/settings":
            body(200, b'{"default_model": "some/model"}')(handler)
        else:
            stream(TEXT, TEXT, END)(handler)

    host = standing_in(answer)
    completion = both.call(host.address, "respond", "hi", system="brief", private=True, temperature=0.5, seed=None)
    assert (completion.text, completion.model, completion.usage.completion_tokens) == ("aa", "some/model", 1)
    sent = msgspec.json.decode(host.requests[-1][3], type=GenerateRequest)
    assert sent.model == "some/model"
    assert sent.sampling == {"temperature": 0.5}
    assert sent.private
    assert [message.role for message in sent.messages] == ["system", "user"]


def test_the_host_stream_ends_after_leaving(both, standing_in):
    host = standing_in(stream(b'data: {"type":"leaving","id":"i","reason":"asked to"}\n\n'))
    assert [event.reason for event in both.call(host.address, "events")] == ["asked to"]
