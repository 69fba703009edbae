"""The event stream, and who is attached through it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator

import pytest
from held_answers import Gate
from server_harness import DEADLINE_S, question, until

from paddock.sdk.events import LibraryChanged
from paddock.sdk.host import RaiseRequest
from paddock.server.api.streams import EventStream, Write
from paddock.server.bus import Bus
from paddock.server.listeners import Listener, private_socket


def test_a_snapshot_opens_the_stream_and_changes_follow(shared):
    with shared.client("window") as window:
        stream = shared.events("GET", "/control/events", client=window)
        snapshot = next(stream)
        assert snapshot["type"] == "snapshot"
        assert snapshot["id"] == shared.address["instance"]
        assert set(snapshot) >= {"loaded", "server", "settings", "generations"}
        list(shared.events("POST", "/control/generate", question(id="seen")))
        kinds = []
        for event in stream:
            kinds.append(event["type"])
            if event["type"] == "generation_ended":
                assert event["id"] == "seen"
                break
        assert {"model_state_changed", "generation_started"} <= set(kinds)
        stream.close()


def test_silence_is_filled_with_a_beat(shared):
    address = shared.address
    port = int(address["url"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.sendall(
            b"GET /control/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Authorization: Bearer %s\r\n\r\n" % address["token"].encode()
        )
        received = b""
        while b"snapshot" not in received or not received.endswith(b"\n\n\r\n"):
            received += connection.recv(65536)
        received = b"data"
        while b"data" in received:  # counts of a model that another test used may still come
            received = connection.recv(65536)
        assert b": beat\n\n" in received


def test_a_client_that_does_not_read_is_let_go_of_and_memory_stays():
    async def run() -> None:
        bus = Bus(limit=10)
        slow, quick = bus.subscribe("window"), bus.subscribe("cli")
        seen = 0
        for _ in range(50):
            bus.publish(LibraryChanged(id="library"))
            await anext(quick)
            seen += 1
        assert seen == 50
        with pytest.raises(StopAsyncIteration):
            await anext(slow)

    asyncio.run(run())


def test_of_several_windows_the_latest_is_asked_to_open_something():
    async def run() -> None:
        bus = Bus()
        windows = [bus.subscribe("window"), bus.subscribe("window")]
        bus.subscribe("cli")
        assert bus.raise_windows(RaiseRequest(open="hf.co/o/m", activation_token="t"), "host") == 2
        assert [(await anext(window)).open for window in windows] == ["", "hf.co/o/m"]

    asyncio.run(run())


def test_the_last_window_takes_its_models_along_but_not_those_of_others(host):
    with host.client("window") as window, host.client("cli") as cli:
        stream = host.events("GET", "/control/events", client=window)
        next(stream)
        list(host.events("POST", "/control/generate", question(), window))
        list(host.events("POST", "/control/generate", question(model="test/thinker"), window))
        list(host.events("POST", "/control/generate", question(model="test/thinker"), cli))
        assert len(host.get("/control/loaded")) == 2
        stream.close()
    until(lambda: [m["model"] for m in host.get("/control/loaded")] == ["test/thinker"], "the window's model to go")


HELD_GRACE = """
import asyncio, pathlib, runpy
from paddock.server.host import Host
left = Host._window_left
async def held(host):
    while not pathlib.Path({go!r}).exists():
        await asyncio.sleep(0.02)
    await left(host)
    pathlib.Path({over!r}).touch()
Host._window_left = held
runpy.run_module("paddock.server", run_name="__main__")
"""


def test_a_window_that_is_back_within_the_grace_keeps_its_models(start, tmp_path):
    go, over = tmp_path / "go", tmp_path / "over"
    host = start(code=HELD_GRACE.format(go=str(go), over=str(over))).ready()
    with host.client("window") as window:
        stream = host.events("GET", "/control/events", client=window)
        next(stream)
        list(host.events("POST", "/control/generate", question(), window))
        stream.close()
        until(lambda: host.post("/control/raise", {"activation_token": ""})["windows"] == 0, "the window to have left")
        again = host.events("GET", "/control/events", client=window)
        next(again)
        go.touch()
        until(over.exists, "the end of the grace")
        assert [m["model"] for m in host.get("/control/loaded")] == ["test/paris"]
        again.close()


def test_an_answer_goes_on_without_a_window_and_its_model_leaves_afterwards(start, tmp_path):
    gate = Gate(tmp_path / "models")
    host = start().ready()
    with host.client("window") as window:
        stream = host.events("GET", "/control/events", client=window)
        next(stream)
        chat = window.post("/control/chats", json={"model": gate.id}).json()["summary"]["id"]
        answer = host.events("POST", f"/control/chats/{chat}/send", {"content": "count"}, window)
        next(event for event in answer if event["type"] == "text_delta")
        answer.close()
        stream.close()
    gate.open()
    until(lambda: not host.get("/control/generations"), "the answer to be finished")
    message = host.get(f"/control/chats/{chat}")["messages"][1]
    assert (message["state"], message["content"]) == ("done", "one two three four five six")
    until(lambda: not host.get("/control/loaded"), "its model to leave")


def test_a_frame_that_is_sent_at_once_comes_in_its_place_and_waits_for_a_client_that_lags():
    size, at_once = 32 * 1024, list[bool]()

    async def run() -> bytes:
        waits, ended, write = asyncio.Event(), asyncio.Event(), list[Write]()

        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"first "
            waits.set()
            await ended.wait()
            yield b"last"

        stream = EventStream(frames(), shortcut=write.append)
        opened = private_socket()
        listener = Listener(stream.to_asgi_response(), [opened], idle_s=5)
        await listener.start()
        reader, writer = await asyncio.open_connection(*opened.getsockname(), limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await waits.wait()
        while not at_once or at_once[-1]:  # until the buffers of both ends are full
            at_once.append(write[0](b"x" * size))
        ended.set()
        answer = await reader.read()
        assert not write[0](b"too late")
        writer.close()
        await listener.stop()
        return answer

    answer = asyncio.run(asyncio.wait_for(run(), DEADLINE_S)).partition(b"\r\n\r\n")[2]
    parts = [b"first ", *[b"x" * size] * (len(at_once) - 1), b"last"]
    assert answer == b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    assert len(at_once) > 1


def test_a_client_that_takes_nothing_is_let_go_of():
    """The kernel's buffers are full and the client stands still: the stream must not wait for it for ever."""

    async def run() -> list[str]:
        told: list[str] = []

        async def frames() -> AsyncGenerator[bytes, None]:
            try:
                yield b"data: 1\n\n"
            finally:
                told.append("closed")

        async def never(_: object = None) -> dict[str, str]:
            await asyncio.Event().wait()
            return {}

        stream = EventStream(frames(), beat_s=0.05, stuck_s=0.1, over=lambda: told.append("over"))
        await asyncio.wait_for(stream.to_asgi_response().send_body(never, never), DEADLINE_S)
        return told

    assert asyncio.run(run()) == ["closed", "over"]
