"""Chats and models as item models."""

import datetime
import random
from collections.abc import Callable

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from pytestqt.modeltest import ModelTester

from paddock.gui.models.chats import ChatList, ChatRole, ListDeeds, rows
from paddock.gui.models.library import ModelList, ModelRole, facts
from paddock.sdk.types import ChatSummary, LoadedModel, ModelInfo

TODAY = datetime.date(2026, 11, 21)


def chat(number: int, *, days: int = 0, pinned: bool = False, generating: str | None = None) -> ChatSummary:
    when = datetime.datetime(2026, 11, 21, 12).timestamp() - days * 86400 + number
    return ChatSummary(
        id=f"c{number}", title=f"Chat {number}", created=when, updated=when, pinned=pinned, generating=generating
    )


@pytest.fixture
def shown(qtmodeltester: ModelTester) -> Callable[[ChatList], None]:
    return qtmodeltester.check


def titles(model: ChatList) -> list[str]:
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_chats_are_grouped_by_pin_and_day_newest_first() -> None:
    chats = [chat(1), chat(2), chat(3, days=1), chat(4, days=9), chat(5, days=9, pinned=True)]
    assert [row.heading if row.chat is None else row.chat.id for row in rows(chats, "", TODAY)] == [
        "Pinned", "c5", "Today", "c2", "c1", "Yesterday", "c3", "Earlier", "c4",
    ]  # fmt: skip


def test_search_is_by_title_and_ignores_case() -> None:
    assert [row.chat.id for row in rows([chat(1), chat(12), chat(3)], " CHAT 1", TODAY) if row.chat] == ["c12", "c1"]


def test_a_chat_without_a_title_is_called_new_chat(qtmodeltester: ModelTester) -> None:
    model = ChatList(ListDeeds(lambda *_: None))
    model.show(rows([ChatSummary(id="c", title="", created=0, updated=0)], "", TODAY))
    assert titles(model) == ["Earlier", "New chat"]
    qtmodeltester.check(model)


def test_selection_survives_what_happens_around_it() -> None:
    model = ChatList(ListDeeds(lambda *_: None))
    model.show(rows([chat(1), chat(2), chat(3, days=1)], "", TODAY))
    kept = QPersistentModelIndex(model.row_of("c3"))
    model.show(rows([chat(2), chat(4), chat(5, pinned=True), chat(3, days=1, generating="g")], "", TODAY))
    assert kept.data(ChatRole.CHAT_ID) == "c3"
    assert kept.data(ChatRole.GENERATING) is True


def test_any_sequence_of_lists_is_reported_consistently(qtmodeltester: ModelTester) -> None:
    model = ChatList(ListDeeds(lambda *_: None))
    qtmodeltester.check(model)
    chance = random.Random(7)
    for _ in range(60):
        some = [chat(n, days=chance.randrange(4), pinned=chance.random() < 0.2) for n in chance.sample(range(12), k=7)]
        model.show(rows(some, "", TODAY))
        expected = [row.heading if row.chat is None else row.chat.title for row in rows(some, "", TODAY)]
        assert titles(model) == expected


def test_renaming_asks_and_empty_names_are_refused() -> None:
    asked: list[tuple[str, str]] = []
    model = ChatList(ListDeeds(lambda number, title: asked.append((number, title))))
    model.show(rows([chat(1)], "", TODAY))
    assert model.setData(model.index(1, 0), "  Horses ")
    assert not model.setData(model.index(1, 0), "   ")
    assert not model.setData(model.index(0, 0), "heading")
    assert not model.setData(QModelIndex(), "nothing")
    assert asked == [("c1", "Horses")]


def test_models_list_broken_ones_last_with_their_reason(qtmodeltester: ModelTester) -> None:
    model = ModelList()
    good = ModelInfo(id="p/good", name="Good", engine="llamacpp", path="/g", size_bytes=4_900_000_000, quant="Q4_K_M")
    bad = ModelInfo(id="p/bad", name="Bad", engine="llamacpp", path="/b", error="The file ends too early.")
    model.show([bad, good], [LoadedModel(id="i1", model="p/good", engine="llamacpp", state="loading", progress=0.4)])
    assert [model.index(row, 0).data() for row in range(2)] == ["Good", "Bad"]
    assert model.index(0, 0).data(ModelRole.FACTS) == "Q4_K_M · 4.9 GB"
    assert model.index(0, 0).data(ModelRole.STATE) == "loading 40 %"
    assert model.index(1, 0).data(ModelRole.INFO).error == "The file ends too early."
    qtmodeltester.check(model)


def test_an_unknown_size_is_left_out() -> None:
    assert facts(ModelInfo(id="x", name="x", engine="echo", path="/x")) == ""
