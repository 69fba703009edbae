"""What waits in conversations behind, while the host's answers and events come in any order."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from paddock.gui.messages import Messages
from paddock.gui.pages.chat_waiting import Waiting
from paddock.sdk.errors import BadRequest


class LateHost(QObject):
    """Answers when the test says so: ``asked`` are what hears of each question's success and failure."""

    generation_ended = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.generations: dict[str, Any] = {}
        self.asked: list[tuple[Callable[..., None], Callable[[BaseException], None]]] = []

    def call(
        self, job: object, done: Callable[..., None], failed: Callable[[BaseException], None], owner: object
    ) -> None:
        self.asked.append((done, failed))


@pytest.fixture
def host(qapp: QApplication) -> LateHost:
    return LateHost()


@pytest.fixture
def waiting(host: LateHost) -> Waiting:
    return Waiting(host, Messages(), host)  # type: ignore[arg-type]  as much of a HostState as it asks


def test_an_answer_that_ends_before_its_question_is_known_to_be_taken_sends_the_next_afterwards(
    waiting: Waiting, host: LateHost
) -> None:
    waiting.keep("c", ("second", "third"))
    host.generation_ended.emit("1", "c")
    host.generation_ended.emit("2", "c")
    assert [sent.text for sent in waiting.sent()] == ["second"], "one after the other"
    host.asked[0][0]()
    assert [sent.text for sent in waiting.sent()] == ["third"]
    host.asked[1][0]()
    assert (waiting.sent(), waiting.drafts(), len(host.asked)) == ([], {}, 2)


def test_panes_that_end_one_after_the_other_send_one_question(waiting: Waiting, host: LateHost) -> None:
    waiting.keep("c", ("second", "third"), ())
    host.generation_ended.emit("1", "c")
    host.generation_ended.emit("2", "c")
    host.generations["3"] = SimpleNamespace(chat_id="c", pane="a")
    host.asked[0][0]()
    assert (waiting.sent(), waiting.drafts()) == ([], {"c": "third"})
    host.generations.clear()
    host.generation_ended.emit("3", "c")
    assert [sent.text for sent in waiting.sent()] == ["third"]


def test_what_is_refused_comes_back_with_what_waited_behind_it(waiting: Waiting, host: LateHost) -> None:
    back: list[tuple[str, str]] = []
    waiting.returned.connect(lambda chat, text: back.append((chat, text)))
    waiting.keep("c", ("second", "third"))
    host.generation_ended.emit("1", "c")
    host.generation_ended.emit("2", "c")
    host.asked[0][1](BadRequest("No.", hint="Wait."))
    assert back == [("c", "second\n\nthird")]
    assert (waiting.sent(), len(host.asked)) == ([], 1)
