"""What goes wrong in real life. Each time: a clear error where the user is, nothing lost, the next request works."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import threading
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from held_answers import ENDLESS, Gate

from paddock.sdk.errors import HostUnavailable, PaddockError
from paddock.sdk.events import Cancelled, Ending, Failed, Finished, TextDelta
from paddock.sdk.types import GenerateRequest, Message, NewChat, SendRequest

LONG = "Count from 1 to 100."


def asking(text: str, model: str = "paddock/starter", **sampling: object) -> GenerateRequest:
    return GenerateRequest(
        id="r" + os.urandom(6).hex(),
        model=model,
        messages=(Message(role="user", content=text),),
        sampling={"temperature": 0.0, **sampling},
    )


def until_text(stream) -> None:
    for event in stream:
        if isinstance(event, TextDelta):
            return
    raise AssertionError("the stream ended without text")


def written(path: Path) -> list[str]:
    """The messages' texts that another process finds in the store."""
    with closing(sqlite3.connect(path)) as rows:
        return [content for (content,) in rows.execute("SELECT content FROM messages")]


def assert_answers(client) -> None:
    """The next request works."""
    answer = client.respond("What is the capital of France?", model="paddock/starter", temperature=0.0)
    assert "Paris" in answer.text


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_killed_worker_costs_one_answer_and_names_the_signal(program, name):
    with program.client() as client:
        model = client.load("paddock/starter", {"n_ctx": 32_768})
        stream = client.generate(asking(LONG, ignore_eos=True))  # some thousand words yet to come
        until_text(stream)
        os.kill(model.pid, signal.Signals[name])
        last = list(stream)[-1]
        assert isinstance(last, Failed)
        assert name in last.error.message + str(last.error.details)
        assert_answers(client)
        assert client.handshake().pid == program.host_pid()


def test_a_worker_killed_in_a_step_ends_each_of_its_answers_once_and_no_others(program):
    held = Gate(program.home.models, text="one two three four five six")
    with program.client() as client, ExitStack() as clients:
        model = client.load("paddock/starter", {"n_ctx": 32_768, "parallel": 4})
        elsewhere = client.generate(asking("hi", held.id))
        until_text(elsewhere)
        streams = []
        for text in (LONG, "Tell me a story.", "Hello"):
            streams.append(clients.enter_context(program.client()).generate(asking(text, ignore_eos=True)))
            until_text(streams[-1])
        os.kill(model.pid, signal.SIGKILL)
        for stream in streams:
            endings = [event for event in stream if isinstance(event, Ending)]
            assert [type(ending) for ending in endings] == [Failed]
            assert endings[0].error.code == "engine_died"
        assert_answers(client)
        held.open()
        assert isinstance(list(elsewhere)[-1], Finished)


def test_a_client_that_does_not_read_holds_nobody_up_and_gets_everything_when_it_does(program):
    words = [f"{number}{'x' * 4000} " for number in range(3000)]  # more than sockets take by themselves
    model = program.echo_model("long", text="".join(words), context_length=9999)
    with program.client() as client:
        client.load(model)
        asked = asking("hi", model)
        sleeper = silent_request(program, asked)
        sleeper.sock.recv(1, socket.MSG_PEEK)  # the response has begun
        assert_answers(client)
        program.until(lambda: not client.generations(), "the answer to be written to its end")
        assert_answers(client)
        lines = sleeper.getresponse().read().decode().splitlines()
        sleeper.close()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert "".join(event["text"] for event in events if event["type"] == "text_delta") == "".join(words)
    assert events[-1]["type"] == "finished"


def silent_request(program, request: GenerateRequest) -> HTTPConnection:
    """``request`` on a connection that takes as little as it can until its response is asked for."""
    address = json.loads(program.home.host_file.read_text())
    url = urlsplit(address["url"])
    connection = HTTPConnection(url.hostname, url.port, timeout=120)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sock.settimeout(120)
    connection.sock.connect((url.hostname, url.port))
    connection.request(
        "POST",
        "/control/generate",
        body=msgspec.json.encode(request),
        headers={"Authorization": f"Bearer {address['token']}", "X-Paddock-Client": "sdk"},
    )
    return connection


def test_a_stopped_answer_counts_its_tokens(program):
    """As many tokens as it says it had write the same text again."""
    with program.client() as client:
        chat = client.create_chat(NewChat(model="paddock/starter")).summary.id
        stream = client.send(chat, SendRequest(content=LONG, sampling={"temperature": 0.0, "ignore_eos": True}))
        until_text(stream)
        [running] = client.generations()
        client.cancel(running.id)
        assert isinstance(list(stream)[-1], Cancelled)
        answer = client.chat(chat).messages[1]
        again = client.respond(
            LONG, model="paddock/starter", temperature=0.0, ignore_eos=True, max_tokens=answer.usage.completion_tokens
        )
        assert again.text.startswith(answer.content)
        assert len(again.text) - len(answer.content) < 20  # what was held back when it was stopped


def test_a_stopped_worker_goes_on_where_it_was(program):
    with program.client() as client:
        whole = client.respond(LONG, model="paddock/starter", temperature=0.0).text
        stream = client.generate(asking(LONG))
        until_text(stream)
        [model] = client.loaded()
        os.kill(model.pid, signal.SIGSTOP)
        threading.Timer(1.5, os.kill, (model.pid, signal.SIGCONT)).start()
        events = list(stream)
        assert isinstance(events[-1], Finished)
        assert whole.endswith("".join(event.text for event in events if isinstance(event, TextDelta)))


def test_a_stopped_host_goes_on_where_it_was(program):
    with program.client() as client:
        stream = client.generate(asking(LONG))
        until_text(stream)
        pid = program.host_pid()
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(1.5, os.kill, (pid, signal.SIGCONT)).start()
        assert isinstance(list(stream)[-1], Finished)


def test_a_stopped_worker_can_be_unloaded(program):
    with program.client() as client:
        model = client.load("paddock/starter")
        os.kill(model.pid, signal.SIGSTOP)
        client.unload(model.id)
        assert client.loaded() == []
        program.until(lambda: model.pid not in {p.pid for p in program.processes()}, "the worker to be gone")


def test_a_killed_host_takes_its_workers_along(program):
    model = program.echo_model("slow", **ENDLESS)
    with program.client() as client:
        client.load("paddock/starter")
        stream = client.generate(asking("hi", model))
        until_text(stream)
        os.kill(program.host_pid(), signal.SIGKILL)
        with pytest.raises(HostUnavailable):
            list(stream)
    program.until(lambda: not program.processes(), "host and workers to be gone")
    with program.client() as client:
        assert_answers(client)


def test_what_a_killed_host_had_written_in_mid_answer_stays(program):
    """How much of it is lost at most, in seconds, is measured by ``tests/perf/store_kills.py``."""
    half = " ".join(map(str, range(120)))
    held = Gate(program.home.models, hold={"after_tokens": 120}, text=f"{half} and so on")
    with program.client() as client:
        chat = client.create_chat(NewChat(model=held.id)).summary.id
        stream = client.send(chat, SendRequest(content="count"))
        until_text(stream)
        program.until(lambda: half in written(program.home.chats_file), "the half of the answer to be on the disk")
        os.kill(program.host_pid(), signal.SIGKILL)
    with program.client() as client:
        question, answer = client.chat(chat).messages
        assert question.content == "count"
        assert (answer.state, answer.content) == ("interrupted", half)
        again = list(client.send(chat, SendRequest(regenerate=answer.id, model="paddock/starter")))
        assert isinstance(again[-1], Finished)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"this is not a model", "not a GGUF"),
        (b"", "is empty"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 64, ""),
    ],
)
def test_a_file_that_is_no_model_is_named_so(program, tmp_path, content, says):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    done = program.run("chat", "-m", str(path), "hi")
    assert done.returncode == 1
    assert says in done.stderr
    assert "broken.gguf" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_truncated_model_is_named_so_and_the_next_request_works(program, tmp_path):
    with program.client() as client:
        [starter] = [model for model in client.models() if model.id == "paddock/starter"]
        cut = tmp_path / "cut.gguf"
        with open(starter.path, "rb") as whole:
            cut.write_bytes(whole.read(starter.size_bytes // 2))
        with pytest.raises(PaddockError, match=r"ends|truncated|download"):
            client.respond("hi", model=str(cut))
        assert_answers(client)


def test_a_wrong_path_is_named_so(program, tmp_path):
    done = program.run("chat", "-m", str(tmp_path / "nothing.gguf"), "hi")
    assert done.returncode == 1
    assert "nothing.gguf" in done.stderr


def test_a_prompt_longer_than_the_context_names_both_numbers_and_evaluates_nothing(program):
    with program.client() as client:
        with pytest.raises(PaddockError) as caught:
            client.respond("one two three four " * 3000, model="paddock/starter")
        assert caught.value.code == "context_overflow"
        assert sum(isinstance(value, int) for value in caught.value.details.values()) >= 2
        assert_answers(client)


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no system prompt, please') }}",
        "{% for i in range(1000000000) %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{% if %}",
    ],
)
def test_a_bad_template_fails_the_request_and_nothing_else(program, template):
    with program.client() as client:
        client.load("paddock/starter", {"chat_template": template})
        with pytest.raises(PaddockError) as caught:
            client.respond("hi", model="paddock/starter")
        assert caught.value.code == "template_failed"
        client.unload("paddock/starter")
        assert_answers(client)
