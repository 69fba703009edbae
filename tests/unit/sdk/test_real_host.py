"""Both clients against the real host, with scripted echo models in a data folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing

import pytest
from held_answers import write_model

from paddock.sdk.aclient import AsyncClient
from paddock.sdk.asking import question
from paddock.sdk.client import Client
from paddock.sdk.connect import find, stop_host
from paddock.sdk.errors import BadRequest, ChatNotFound, HostBusy, HostUnavailable, ModelNotFound, PaddockError
from paddock.sdk.events import Cancelled, Finished, Snapshot, TextDelta
from paddock.sdk.host import ServerRequest, SettingsPatch
from paddock.sdk.paths import Home
from paddock.sdk.types import ChatPatch, NewChat, SendRequest

TEXT = "one two three four five"


def model(home: Home, name: str, **script: object) -> str:
    """A scripted model; its id."""
    return write_model(home.models, name, {"text": TEXT, "tokens_per_second": 1000, **script})


def until(condition: Callable[[], object], what: str, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        pause.wait(0.02)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A data folder with a quick and a slow model; its host is started by whoever connects first."""
    home = Home(tmp_path_factory.mktemp("home"))
    model(home, "quick")
    model(home, "slow", text="word " * 2000, hold={"after_tokens": 30})
    yield home
    stop_host("now", home)


@pytest.fixture
def client(shared: Home) -> Iterator[Client]:
    with Client.connect(shared) as connected:
        yield connected


@pytest.fixture
def own(home: Home) -> Iterator[Home]:
    """A data folder whose host a test may kill."""
    model(home, "quick")
    model(home, "slow", text="word " * 2000, hold={"after_tokens": 30})
    yield home
    if find(home) is not None:
        stop_host("now", home)


def test_a_host_is_started_and_found_again(shared, client):
    with Client.connect(shared, start=False) as again:
        assert again.handshake().instance == client.handshake().instance


def test_a_whole_answer(client):
    answer = client.respond("hi", model="test/quick")
    assert answer.text.strip() == TEXT
    assert answer.usage.completion_tokens > 0
    assert answer.stats.ttft_s > 0


def test_the_same_answer_from_asyncio(shared):
    async def ask() -> tuple[str, str]:
        async with await AsyncClient.connect(shared) as client:
            events = [event async for event in client.stream("hi", model="test/quick")]
            text = "".join(event.text for event in events if isinstance(event, TextDelta))
            return text.strip(), (await client.respond("hi", model="test/quick")).text.strip()

    assert asyncio.run(ask()) == (TEXT, TEXT)


def test_embeddings_and_ranking_from_both_clients(shared, client):
    texts = ["one two", (3, 4)]
    found = client.embed(texts, model="test/quick")
    assert (len(found.vectors), found.prompt_tokens) == (2, 4)
    assert client.embed("one two", model="test/quick").vectors == found.vectors[:1]
    assert client.rerank("two", ["one", "two"], model="test/quick").scores == (0.0, 1.0)

    async def run() -> None:
        async with await AsyncClient.connect(shared) as other:
            assert await other.embed(texts, model="test/quick") == found
            assert (await other.rerank("two", ["two"], model="test/quick")).scores == (1.0,)
            with pytest.raises(BadRequest, match="no token 1000"):
                await other.embed([(1000,)], model="test/quick")

    asyncio.run(run())


def test_models_engines_settings_and_log_are_readable(client):
    assert {"test/quick", "test/slow"} <= {found.id for found in client.models()}
    assert {found.id for found in client.refresh_models()} == {found.id for found in client.models()}
    assert any(engine.name == "llamacpp" for engine in client.engines())
    assert client.patch_settings(SettingsPatch(text_zoom=1.25)).text_zoom == 1.25
    assert client.settings().text_zoom == 1.25
    assert client.logs(5).path.endswith(".log")
    assert client.raise_window() == 0
    assert len(list(client.echo())) == 10


def test_loading_and_unloading(client):
    seen: list[float] = []
    loaded = client.load("test/quick", None, seen.append)
    assert loaded.id in {one.id for one in client.loaded()}
    client.unload("test/quick")
    assert loaded.id not in {one.id for one in client.loaded()}


def test_a_model_by_its_path_is_loaded_and_unloaded(shared, client):
    path = str(shared.models / "test" / "quick" / "quick.echo.json")
    loaded = client.load(path)
    client.unload(loaded.model)
    assert loaded.id not in {one.id for one in client.loaded()}


def test_an_unknown_model_and_an_unknown_chat_are_named(client):
    with pytest.raises(ModelNotFound, match="test/quik"):
        client.respond("hi", model="test/quik")
    with pytest.raises(ChatNotFound):
        client.chat("nothing")


def test_closing_the_stream_frees_the_slot(client):
    with closing(client.stream("hi", model="test/slow")) as events:
        next(event for event in events if isinstance(event, TextDelta))
        assert len(client.generations()) == 1
    until(lambda: not client.generations(), "the generation to be gone")


def test_closing_the_asyncio_stream_frees_the_slot(shared, client):
    async def ask() -> None:
        async with (
            await AsyncClient.connect(shared) as connected,
            aclosing(connected.stream("hi", model="test/slow")) as events,
        ):
            async for event in events:
                if isinstance(event, TextDelta):
                    return

    asyncio.run(ask())
    until(lambda: not client.generations(), "the generation to be gone")


def test_a_generation_can_be_joined_and_cancelled_from_elsewhere(client):
    request = question("hi", model="test/slow", sampling={})
    with closing(client.generate(request)) as events:
        next(event for event in events if isinstance(event, TextDelta))
        with closing(client.attach(request.id)) as joined:
            assert next(event for event in joined if isinstance(event, TextDelta)).text
        client.cancel(request.id)
        assert isinstance(list(events)[-1], Cancelled)
    client.cancel(request.id)


def test_a_conversation_is_kept(client):
    chat = client.create_chat(NewChat(model="test/quick", system="be brief"))
    events = list(client.send(chat.summary.id, SendRequest(content="hi")))
    assert isinstance(events[-1], Finished)
    _, answer = client.chat(chat.summary.id).messages
    assert answer.content.strip() == TEXT
    assert client.patch_chat(chat.summary.id, ChatPatch(title="Mine")).summary.title == "Mine"
    assert client.chats()[0].title == "Mine"
    assert client.patch_chat(chat.summary.id, ChatPatch(private=True)).summary.private
    assert client.create_chat(NewChat(private=True)).summary.private
    client.delete_chat(chat.summary.id)
    assert chat.summary.id not in {one.id for one in client.chats()}


def test_the_api_server_is_switched_on_and_off(client):
    status = client.set_server(ServerRequest(running=True, port=0))
    assert status.running
    assert client.server().urls == status.urls
    assert not client.set_server(ServerRequest(running=False)).running


def test_the_host_stream_opens_with_a_snapshot(client):
    with closing(client.events()) as events:
        first = next(events)
    assert isinstance(first, Snapshot)
    assert first.id == client.address.instance


def test_a_host_that_works_does_not_leave_when_idle_is_asked(client):
    with closing(client.stream("hi", model="test/slow")) as events:
        next(event for event in events if isinstance(event, TextDelta))
        with pytest.raises(HostBusy):
            client.shutdown("idle")


def test_a_dead_proxy_changes_nothing(shared, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client.connect(shared) as connected:
        assert connected.respond("hi", model="test/quick").text.strip() == TEXT


# ---------------------------------------------------------------- a host of one's own


def test_a_host_killed_in_mid_answer_is_an_error_and_the_next_connection_starts_another(own):
    with Client.connect(own) as client:
        events = client.stream("hi", model="test/slow")
        next(event for event in events if isinstance(event, TextDelta))
        before = client.handshake()
        os.kill(before.pid, signal.SIGKILL)
        with pytest.raises(HostUnavailable):
            list(events)
        with pytest.raises(HostUnavailable):
            client.models()
    with Client.connect(own) as client:
        assert client.handshake().instance != before.instance
        assert client.respond("hi", model="test/quick").text.strip() == TEXT


@pytest.mark.parametrize("content", [b"", b'{"instance": "', b'{"name": "foreign"}', b"\xff\xfe"])
def test_a_damaged_address_file_of_a_dead_host_is_replaced(own, content):
    own.run.mkdir(parents=True)
    own.host_file.write_bytes(content)
    with Client.connect(own) as client:
        assert client.handshake().home == str(own.root)


def test_two_programs_that_start_at_once_end_with_the_same_host(own):
    code = "from paddock.sdk import Client; print(Client.connect().handshake().instance)"
    environment = os.environ | {"PADDOCK_HOME": str(own.root)}
    programs = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [program.communicate(timeout=120)[0].strip() for program in programs]
    assert len(set(said)) == 1
    assert said[0]


def test_a_host_started_by_hand_wins_or_steps_back_but_there_is_one(own):
    environment = os.environ | {"PADDOCK_HOME": str(own.root)}
    by_hand = subprocess.Popen([sys.executable, "-m", "paddock.server"], env=environment, stdout=subprocess.PIPE)
    try:
        with Client.connect(own) as client:
            pid = client.handshake().pid
        assert pid == by_hand.pid or by_hand.wait(60) is not None
    finally:
        stop_host("now", own)
        by_hand.communicate(timeout=60)


def test_an_unusable_database_is_a_sentence_at_the_start(own):
    own.chats_file.mkdir(parents=True)
    with pytest.raises(PaddockError) as caught:
        Client.connect(own)
    assert str(own.chats_file.name) in caught.value.sentence() or str(own.root) in caught.value.sentence()
