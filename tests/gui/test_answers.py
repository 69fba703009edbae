"""Answers on the Chat page: streamed, stopped, failed, asked for again. A real host with the echo engine."""

import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt

from paddock.sdk.aclient import AsyncClient
from paddock.sdk.chats import MessagePatch
from paddock.sdk.events import ChatChanged
from paddock.sdk.types import Chat, ChatPatch

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Scene:
    return chat_scene


def test_an_answer_streams_and_stop_keeps_what_came(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.answering()
    assert scene.chat.composer.button.accessibleName() == "Stop the answer (Esc)"
    scene.qtbot.keyClick(scene.chat.composer.field, Qt.Key.Key_Escape)
    scene.answered()
    assert scene.dialogue.messages[-1].state == "cancelled"
    assert scene.dialogue.messages[-1].content.startswith("one")
    assert scene.chat.composer.button.accessibleName() == "Send (Enter)"


def test_a_question_the_host_has_stays_when_it_is_stopped_before_the_first_word(scene: Scene) -> None:
    scene.take_model("deaf")
    scene.type_and_send("anybody there?")
    scene.until(lambda: bool(scene.host.generations) and scene.chat.composer.status.text() == "Waiting for the model…")
    scene.qtbot.keyClick(scene.chat.composer.field, Qt.Key.Key_Escape)
    scene.answered()
    assert [message.role for message in scene.dialogue.messages] == ["user", "assistant"]
    assert scene.dialogue.messages[-1].state in ("cancelled", "failed")
    assert scene.chat.composer.text() == ""
    scene.until(lambda: scene.host.generations == {})


def test_loading_shows_its_progress_and_the_message_waits(scene: Scene) -> None:
    scene.take_model("heavy")
    scene.type_and_send("go")
    scene.until(lambda: scene.chat.composer.progress.isVisible())
    scene.until(lambda: "will be sent when ready" in scene.chat.composer.status.text())
    scene.gates["heavy"].open()
    scene.answered()
    assert scene.dialogue.messages[-1].content.strip() == "Loaded."
    scene.until(lambda: not scene.chat.composer.progress.isVisible())


def test_a_dead_engine_is_told_in_the_conversation_and_asking_again_works(scene: Scene) -> None:
    scene.take_model("crash")
    scene.type_and_send("hello")
    scene.answered()
    failed = scene.dialogue.messages[-1]
    assert failed.state == "failed"
    assert "SIGSEGV" in str(failed.error)
    scene.take_model("fast")
    scene.chat.view.retry_requested.emit(failed.id)
    scene.until(lambda: scene.dialogue.run is None and "Paris" in scene.dialogue.messages[-1].content)
    assert [m.role for m in scene.dialogue.messages] == ["user", "assistant"]


def test_a_model_that_cannot_be_loaded_says_why_in_place(scene: Scene) -> None:
    scene.take_model("stubborn")
    scene.type_and_send("hello")
    scene.answered()
    assert scene.dialogue.messages[-1].state == "failed"
    assert "Too big." in str(scene.dialogue.messages[-1].error)


def test_the_model_that_was_chosen_is_asked_whatever_is_told_late(scene: Scene) -> None:
    scene.take_model("stubborn")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    scene.until(lambda: chat in scene.host.chats)
    before = scene.host.chats[chat]
    scene.take_model("fast")
    late = ChatChanged(id=chat, summary=before)
    scene.host._updates([late])  # the host has not heard of the choice yet
    assert scene.dialogue.model == scene.model("fast")
    scene.until(lambda: scene.host.chats[chat].model == scene.model("fast"))
    scene.host._updates([late])
    assert scene.dialogue.model == scene.model("fast")
    scene.chat.view.retry_requested.emit(scene.dialogue.messages[-1].id)
    scene.until(lambda: scene.dialogue.run is None and "Paris" in scene.dialogue.messages[-1].content)
    scene.ask(lambda client: client.patch_chat(chat, ChatPatch(model="test/slow")))
    scene.until(lambda: scene.dialogue.model == "test/slow")


def test_a_model_chosen_that_cannot_be_loaded_says_so_once(scene: Scene) -> None:
    scene.chat.head.model_chosen.emit(scene.model("stubborn"))
    scene.until(lambda: scene.window.bar.texts() == ["Too big. Take a smaller one."])
    scene.type_and_send("hello")
    assert scene.window.bar.texts() == []
    scene.answered()
    assert scene.window.bar.texts() == []


def test_regenerating_makes_a_version_and_versions_can_be_chosen(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    first = scene.dialogue.messages[-1].id
    scene.chat.view.regenerate_requested.emit(first)
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].versions == 2)
    assert scene.dialogue.messages[-1].id != first
    scene.chat.view.version_requested.emit(first)
    scene.until(lambda: scene.dialogue.messages[-1].id == first)


@pytest.mark.parametrize("change", ["version", "words"])
def test_what_was_changed_stays_so_whatever_older_answer_comes_late(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    scene.type_and_send("hello")
    scene.answered()
    first = scene.dialogue.messages[-1].id
    scene.chat.view.regenerate_requested.emit(first)
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].versions == 2)
    scene.until(lambda: not scene.host.generations)
    chat, second = scene.dialogue.chat, scene.dialogue.messages[-1].id
    read: list[Chat] = []
    come, real = threading.Event(), AsyncClient.chat

    async def late(client: AsyncClient, chat: str) -> Chat:
        read.append(found := await real(client, chat))
        if len(read) == 1:
            await asyncio.to_thread(come.wait, 60)
        return found

    def changed() -> bool:
        last = scene.dialogue.messages[-1]
        return bool(last.id == first if change == "version" else last.content == "Other words.")

    monkeypatch.setattr(AsyncClient, "chat", late)
    scene.dialogue._load()
    scene.until(lambda: bool(read))
    if change == "version":
        scene.chat.view.version_requested.emit(first)
    else:
        patch = MessagePatch(content="Other words.")
        scene.dialogue.show(scene.ask(lambda client: client.patch_message(chat, second, patch)))
    scene.until(changed)
    come.set()
    scene.until(lambda: len(read) > 1)  # it is asked for again
    scene.until(changed)


def test_an_answer_is_not_over_before_what_is_stored_of_it_is_shown(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = AsyncClient.chat

    async def old_at_first(client: AsyncClient, chat: str) -> Chat:
        found = await real(client, chat)
        read.append(chat)
        return found if len(read) > 1 else replace(found, summary=replace(found.summary, revision=-1))

    monkeypatch.setattr(AsyncClient, "chat", old_at_first)
    scene.type_and_send("hello")
    scene.answered()
    assert len(read) > 1
    assert "Paris" in scene.dialogue.messages[-1].content


def test_a_long_prompt_is_counted_in_the_place_of_its_answer(scene: Scene) -> None:
    scene.take_model("reader")
    scene.type_and_send("hello " * 40)

    def progress() -> str:
        return str(scene.chat.view.column.rows[-1].progress)

    scene.until(lambda: progress().startswith("Reading the prompt, ") and progress().endswith(" tokens"))
    scene.gates["reader"].open()
    scene.answered()
    assert progress() == ""
    assert scene.dialogue.messages[-1].content == "Read."


def test_escape_stops_the_answer_from_anywhere_on_the_page(scene: Scene) -> None:
    scene.take_model("slow")
    for widget in (scene.chat.view, scene.chat.chats.view, scene.chat.inspector.samplers["top_p"].box):
        scene.type_and_send("count")
        scene.answering()
        scene.qtbot.keyClick(widget, Qt.Key.Key_Escape)
        scene.answered()
        assert scene.dialogue.messages[-1].state == "cancelled"
