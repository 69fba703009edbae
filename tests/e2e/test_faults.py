"""What goes wrong in real life. Each time: a clear error where the user is, nothing lost, the next request works."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from held_answers import ENDLESS, Gate

from paddock.sdk.errors import HostUnavailable, PaddockError
from paddock.sdk.events import Failed, Finished, TextDelta
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
