"""The conversation on a terminal, typed through prompt-toolkit's own pipe into a stand-in client."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from paddock.sdk.cli.dialogue import COMMANDS, Dialogue
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.errors import EngineDied
from paddock.sdk.events import Failed, Finished, GenerationEvent, TextDelta
from paddock.sdk.paths import Home
from paddock.sdk.types import GenerateRequest, Stats, Usage

END = Finished(id="r", usage=Usage(completion_tokens=1), stats=Stats(), reason="stop")
Answer = Callable[[GenerateRequest], Generator[GenerationEvent, None, None]]
CTRL_C, CTRL_D = "\x03", "\x04"


def says_ok(request: GenerateRequest) -> Generator[GenerationEvent, None, None]:
    yield TextDelta(id="r", text="ok")
    yield END


class Talk:
    """Types into a dialogue; ``requests`` are what the model was asked."""

    def __init__(self, home: Path) -> None:
        self._home = Home(home)
        self.requests: list[GenerateRequest] = []
        self.out, self.err = io.StringIO(), io.StringIO()

    def type(self, keys: str, answer: Answer = says_ok, *, private: bool = False) -> None:
        talk = self

        class Client:
            def generate(self, request: GenerateRequest) -> Generator[GenerationEvent, None, None]:
                talk.requests.append(request)
                return answer(request)

        with create_pipe_input() as source:
            source.send_text(keys)
            dialogue = Dialogue(
                Client(),  # type: ignore[arg-type]
                Terminal(self.out, self.err),
                self._home,
                model="m",
                system="brief",
                private=private,
                input=source,
                output=DummyOutput(),
            )
            dialogue.run(sampling={"temperature": 0.5}, max_tokens=9, stop=("X",), reasoning=False)

    def turns(self, number: int) -> list[tuple[str, str]]:
        return [(message.role, message.content) for message in self.requests[number].messages]


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(tmp_path)


def test_each_question_carries_the_conversation_so_far(talk):
    talk.type("one\rtwo\r" + CTRL_D)
    first = [("system", "brief"), ("user", "one")]
    assert talk.turns(0) == first
    assert talk.turns(1) == [*first, ("assistant", "ok"), ("user", "two")]
    assert talk.out.getvalue() == "ok\nok\n"
    assert (talk.requests[0].sampling, talk.requests[0].max_tokens) == ({"temperature": 0.5}, 9)


def test_ctrl_c_during_an_answer_stops_it_and_the_conversation_goes_on(talk):
    closed = []

    def interrupted(request: GenerateRequest) -> Generator[GenerationEvent, None, None]:
        try:
            yield TextDelta(id="r", text="half")
            if len(talk.requests) == 1:
                raise KeyboardInterrupt
            yield END
        finally:
            closed.append(True)

    talk.type("one\rtwo\r/exit\r", interrupted)
    assert len(closed) == 2
    assert talk.turns(1)[1:] == [("user", "one"), ("assistant", "half"), ("user", "two")]


def test_the_second_ctrl_c_at_the_prompt_leaves(talk):
    talk.type(CTRL_C + CTRL_C)
    assert "Ctrl+D" in talk.err.getvalue()
    assert talk.requests == []


def test_a_failed_answer_is_reported_and_forgotten(talk):
    def fails_once(request: GenerateRequest) -> Generator[GenerationEvent, None, None]:
        if len(talk.requests) == 1:
            yield Failed(id="r", error=EngineDied("The engine died (SIGSEGV).", hint="Try again.").info())
        yield from says_ok(request)

    talk.type("one\rtwo\r" + CTRL_D, fails_once)
    assert "SIGSEGV" in talk.err.getvalue()
    assert talk.turns(1) == [("system", "brief"), ("user", "two")]


def test_commands_change_model_and_system_prompt_and_clear(talk):
    talk.type("one\r/clear\r/model other/model\r/system be kind\rtwo\r/exit\rnever\r")
    assert talk.turns(1) == [("system", "be kind"), ("user", "two")]
    assert talk.requests[1].model == "other/model"
    assert len(talk.requests) == 2


def test_help_lists_every_command_and_an_unknown_one_is_told(talk):
    talk.type("/help\r/nope\r" + CTRL_D)
    assert all(name in talk.err.getvalue() for name in COMMANDS)
    assert "/nope" in talk.err.getvalue()


def test_what_was_typed_is_kept_for_the_next_time(talk, tmp_path):
    talk.type("one\r" + CTRL_D)
    assert "+one" in Home(tmp_path).history_file.read_text()


def test_a_private_conversation_asks_for_it_and_keeps_no_lines(talk, tmp_path):
    talk.type("one\r" + CTRL_D)
    talk.type("secret\r" + CTRL_D, private=True)
    assert [request.private for request in talk.requests] == [False, True]
    assert "secret" not in Home(tmp_path).history_file.read_text()


def test_a_data_folder_that_cannot_be_written_only_costs_the_history(tmp_path):
    (tmp_path / "file").write_text("")
    talk = Talk(tmp_path / "file" / "home")
    talk.type("one\r" + CTRL_D)
    assert len(talk.requests) == 1
