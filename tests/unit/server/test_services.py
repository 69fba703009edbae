"""Parts of the host alone: lifetime, settings, listeners, titles, bodies."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from paddock.sdk.errors import BadRequest, InvalidOption, PortUnavailable
from paddock.sdk.host import SettingsPatch
from paddock.server.access import PublicDoor, Receive, Send, host_name, is_loopback
from paddock.server.chat_texts import title_of
from paddock.server.lifetime import Lifetime
from paddock.server.listeners import Listener, private_socket, public_sockets
from paddock.server.logs import HostLog
from paddock.server.settings import SettingsStore

# ---------------------------------------------------------------- lifetime


class World:
    def __init__(self, keep_s: float = 600) -> None:
        self.now, self.attached, self.working = 1000.0, False, False
        self.lifetime = Lifetime(
            occupied=lambda: self.attached or self.working,
            working=lambda: self.working,
            keep_s=lambda: keep_s,
            clock=lambda: self.now,
        )


def test_an_empty_host_leaves_ten_minutes_later_and_an_occupied_one_never():
    world = World()
    world.now += 599
    assert world.lifetime.verdict() == ""
    world.attached = True
    world.now += 5000
    assert world.lifetime.verdict() == ""
    world.attached = False
    world.now += 599
    assert world.lifetime.verdict() == ""
    world.lifetime.touch()
    world.now += 599
    assert world.lifetime.verdict() == ""
    world.now += 2
    assert "nobody" in world.lifetime.verdict()


def test_keeping_for_zero_minutes_still_waits_for_the_first_client():
    world = World(keep_s=0)
    world.now += 4
    assert world.lifetime.verdict() == ""
    world.now += 2
    assert world.lifetime.verdict()


def test_leaving_when_done_waits_for_the_work_but_not_for_windows():
    world = World()
    world.attached = world.working = True
    world.lifetime.leave_when_done()
    assert world.lifetime.verdict() == ""
    world.working = False
    assert world.lifetime.verdict() == "the work is done"


def test_a_long_sleep_of_the_clock_counts_at_the_next_look():
    async def run() -> str:
        world = World()
        task = asyncio.create_task(world.lifetime.wait())
        await asyncio.sleep(0)
        world.now += 10_000
        world.lifetime.look()
        return await asyncio.wait_for(task, 60)

    assert "nobody" in asyncio.run(run())


# ---------------------------------------------------------------- settings and logs


def test_a_settings_change_that_is_refused_changes_nothing(tmp_path):
    store = SettingsStore(tmp_path / "settings.toml")
    store.patch(SettingsPatch(theme="dark", model_folders=("/a", "/b")))
    with pytest.raises(InvalidOption, match="api_port"):
        store.patch(SettingsPatch(theme="light", api_port=99999))
    assert store.current.theme == "dark"
    assert SettingsStore(tmp_path / "settings.toml").current.model_folders == ("/a", "/b")


@pytest.mark.parametrize("host", ["", "a b", "http://x", "127.0.0.1:80"])
def test_an_api_host_that_is_no_host_is_refused(tmp_path, host):
    with pytest.raises(InvalidOption):
        SettingsStore(tmp_path / "settings.toml").patch(SettingsPatch(api_host=host))


def test_a_null_character_never_reaches_the_settings_file(tmp_path):
    for changes in (SettingsPatch(model_folders=("/a\0",)), SettingsPatch(default_model="\0")):
        with pytest.raises(InvalidOption):
            SettingsStore(tmp_path / "settings.toml").patch(changes)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1"])
def test_a_request_that_does_not_arrive_is_let_go_of_but_a_slow_answer_is_not(begun):
    async def app(scope: object, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(0.4)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> tuple[bytes, bytes]:
        opened = private_socket()
        port = opened.getsockname()[1]
        listener = Listener(app, [opened], idle_s=5, request_s=0.2)
        await listener.start()
        answers = []
        for request in (begun, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(request)  # all of it is there before it is accepted: no part is late on a busy machine
            connection.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=connection)
            answers.append(await asyncio.wait_for(reader.read(), 60))
            writer.close()
        await listener.stop()
        return answers[0], answers[1]

    unfinished, whole = asyncio.run(run())
    assert unfinished == b""
    assert b" 204 " in whole


def test_the_log_rotates_and_its_tail_is_short(tmp_path):
    log = HostLog(tmp_path)
    log.open()
    try:
        writer = logging.getLogger("paddock.server.test")
        writer.info("x" * 2_000_000)
        writer.info("y" * 200_000)
        writer.info("last")
        assert log.tail(1)[0].endswith("last")
        assert log.tail(0) == []
        assert (tmp_path / "host.log.1").stat().st_size > 2_000_000
    finally:
        log.close()


# ---------------------------------------------------------------- listeners and access


def test_a_taken_port_gives_the_next_free_one_unless_strict():
    [first, *more] = public_sockets("127.0.0.1", 0, strict=False)
    port = first.getsockname()[1]
    with pytest.raises(PortUnavailable, match=f"Port {port} of 127.0.0.1 is in use"):
        public_sockets("127.0.0.1", port, strict=True)
    others = public_sockets("localhost", port, strict=False)
    assert others[0].getsockname()[1] > port
    assert len({opened.getsockname()[1] for opened in others}) == 1
    for opened in (first, *more, *others):
        assert opened.proto == socket.IPPROTO_TCP
        opened.close()


def test_an_address_of_another_machine_and_a_name_of_none_are_sentences():
    with pytest.raises(PortUnavailable, match="not an address of this machine"):
        public_sockets("192.0.2.1", 0, strict=True)
    with pytest.raises(PortUnavailable, match="no address for"):
        public_sockets("no-such-host.invalid", 0, strict=True)


@pytest.mark.parametrize(("header", "name"), [("Localhost:80", "localhost"), ("[::1]:80", "::1"), ("a", "a"), ("", "")])
def test_host_names_of_headers(header, name):
    assert host_name(header) == name


def test_loopback_is_told_from_the_rest():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.2", "example.org")))


@pytest.mark.parametrize(
    ("bound", "host", "auth", "status"),
    [
        ("0.0.0.0", "192.168.1.5:5151", "Bearer key", 200),
        ("0.0.0.0", "192.168.1.5:5151", "Bearer wrong", 401),
        ("0.0.0.0", "192.168.1.5:5151", "", 401),
        ("0.0.0.0", "evil.example", "Bearer key", 403),
        ("192.168.1.5", "192.168.1.5", "Bearer key", 200),
        ("192.168.1.5", "192.168.1.6", "Bearer key", 403),
        ("192.168.1.5", "box.local", "Bearer key", 200),
    ],
)
def test_the_public_door(bound, host, auth, status):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    sent = []

    async def send(message):
        sent.append(message)

    door = PublicDoor(app, bound, ("box.local",), "key", lambda error: b"{}", lambda change: None)
    headers = [(b"host", host.encode()), (b"authorization", auth.encode())]
    asyncio.run(door({"type": "http", "method": "GET", "path": "/v1/models", "headers": headers}, None, send))
    assert sent[0]["status"] == status


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n\n  What is   this?\nmore", "What is this?"),
        ("", ""),
        ("word " * 40, "word " * 11 + "word…"),
        ("x" * 100, "x" * 60 + "…"),
    ],
)
def test_titles_come_from_the_first_line(text, title):
    assert title_of(text) == title


def test_bodies_too_deep_are_refused():
    from paddock.server.api.bodies import read_json

    with pytest.raises(BadRequest):
        read_json(b'{"a":' * 100_000)
