"""Conversations are named by their model when it has nothing else to do, and never against the user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_harness import HostProcess, echo_model, until

from paddock.server.titles import clean

QUESTION = "How do I teach a young horse to trot?"
ANSWER = "Begin on a long rein and praise every step."


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Teaching a Young Horse to Trot", "Teaching a Young Horse to Trot"),
        ('"Horse Training Basics"', "Horse Training Basics"),
        ("Title: **Horse training**.\nBecause it is about that.", "Horse training"),
        ("\n\n# Trotting a horse\n", "Trotting a horse"),
        ("Titel: „Horse School“", "Horse School"),
        ("", ""),
        ("Here is a title: Horse", ""),
        ("I am a small model and do not know that about horses.", ""),
        ("Begin on a long rein", ""),  # the answer once more
        ("Quantum gravity explained", ""),  # about nothing that was said
        ("Horse " * 12, ""),
        ("Horse" * 20, ""),
        ("What about the horse?", ""),
    ],
)
def test_a_title_is_cleaned_or_refused(said, title):
    assert clean(said, QUESTION, ANSWER) == title


def test_titles_in_scripts_without_spaces_are_taken():
    assert clean("「馬の調教」", "馬の調教はどうすればいいですか", "長い手綱で始めます。") == "馬の調教"


@pytest.fixture(scope="module")
def namer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host with models that answer a question first and name the conversation then."""
    root: Path = tmp_path_factory.mktemp("home")
    replies = {"two to six words": "Title: Teaching a horse to trot"}
    echo_model(root, "namer", text=ANSWER, replies=replies, tokens_per_second=400)
    echo_model(root, "slow", text=ANSWER, replies=replies, hold={"when": "two to six words"})
    echo_model(root, "parrot", text=ANSWER, tokens_per_second=400)
    host = HostProcess(root).ready()
    yield host
    host.close()


def asked(host: HostProcess, **fields: Any) -> str:
    chat: str = host.post("/control/chats", {"model": "test/namer", **fields})["summary"]["id"]
    list(host.events("POST", f"/control/chats/{chat}/send", {"content": QUESTION}))
    return chat


def summary(host: HostProcess, chat: str) -> dict[str, Any]:
    found: dict[str, Any] = host.get(f"/control/chats/{chat}")["summary"]
    return found


def named(host: HostProcess, chat: str) -> bool:
    return bool(summary(host, chat)["title"] == "Teaching a horse to trot")


def test_the_model_names_a_conversation_after_its_first_answer(namer):
    chat = asked(namer)
    before = summary(namer, chat)
    until(lambda: named(namer, chat), "the title")
    assert summary(namer, chat)["updated"] == before["updated"]  # it stays where it is in the list
    assert len(namer.get(f"/control/chats/{chat}")["messages"]) == 2
    assert namer.get("/control/generations") == []


def test_what_is_not_to_be_named_keeps_its_first_words(namer):
    private, given, other = asked(namer, private=True), asked(namer, title="Mine"), asked(namer, model="test/parrot")
    later = asked(namer)
    namer.http.patch(f"/control/chats/{later}", json={"title": "Renamed at once"})
    last = asked(namer)  # after all of them
    until(lambda: named(namer, last), "the title of the last")
    titles = [summary(namer, chat)["title"] for chat in (private, given, other, later)]
    assert titles == [QUESTION, "Mine", QUESTION, "Renamed at once"]


def test_it_can_be_switched_off(namer):
    namer.http.patch("/control/settings", json={"model_titles": False})
    chat = asked(namer)
    namer.http.patch("/control/settings", json={"model_titles": True})
    later = asked(namer)
    until(lambda: named(namer, later), "the title of a later one")
    assert summary(namer, chat)["title"] == QUESTION


def test_a_question_goes_first_and_no_model_is_loaded_for_a_title(namer):
    slow = asked(namer, model="test/slow")  # its title is never finished
    until(lambda: any(model["active"] for model in namer.get("/control/loaded")), "the title is being written")
    chat = asked(namer)
    namer.http.delete("/control/loaded/test%2Fslow").raise_for_status()
    until(lambda: named(namer, chat), "the title of the second")
    third = asked(namer)
    until(lambda: named(namer, third), "the title of a third")
    assert summary(namer, slow)["title"] == QUESTION
    assert [model["model"] for model in namer.get("/control/loaded") if model["model"] == "test/slow"] == []


def test_a_title_that_was_put_off_comes_after_the_next_answer(namer):
    chat = asked(namer)
    list(namer.events("POST", f"/control/chats/{chat}/send", {"content": "And to canter?"}))  # at once
    until(lambda: named(namer, chat), "the title")
