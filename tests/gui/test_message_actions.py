"""What is done to stored messages: chosen in the view's own menu, and looked up in the store afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from paddock.sdk.types import ChatMessage

Scene = Any
ANSWER = "The **capital** of France is Paris."
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Scene:
    """At a conversation of one question and its answer."""
    chat_scene.type_and_send("hello")
    chat_scene.answered()
    return chat_scene


def stored(scene: Scene, chat: str = "") -> list[ChatMessage]:
    chat = chat or scene.dialogue.chat
    return list(scene.ask(lambda client: client.chat(chat)).messages)


def texts(scene: Scene) -> list[str]:
    return [message.content for message in scene.dialogue.messages]


def choose(scene: Scene, number: int, words: str) -> None:
    """Choose an entry of the menu of a message."""
    from paddock.gui.widgets.conversation import menus

    view = scene.chat.view
    pick(menus.of_message(view, view.column.rows[number]), words)


def pick(menu: QMenu, words: str) -> None:
    entry = next(entry for entry in menu.actions() if entry.text() == words)
    entry.trigger()
    menu.close()


def open_menu(scene: Scene) -> QMenu:
    return next(menu for menu in scene.chat.view.findChildren(QMenu) if menu.isVisible())


def enter(scene: Scene, text: str) -> None:
    scene.chat.composer.field.clear()
    scene.type_and_send(text)


def test_a_question_is_changed_without_asking_again(scene: Scene) -> None:
    choose(scene, 0, "Edit")
    composer = scene.chat.composer
    assert composer.text() == "hello"
    composer.set_text("good evening")
    scene.qtbot.mouseClick(composer.task.save, Qt.MouseButton.LeftButton)
    scene.until(lambda: texts(scene) == ["good evening", ANSWER])
    question = stored(scene)[0]
    assert (question.content, question.revisions, question.versions) == ("good evening", 1, 1)


def test_an_answer_is_changed_and_an_earlier_wording_put_back(scene: Scene) -> None:
    from paddock.gui.pages.dialogue_revisions import RevisionsDialog

    choose(scene, 1, "Edit")
    assert scene.chat.composer.button.accessibleName() == "Save (Enter)"
    enter(scene, "Lyon.")
    scene.until(lambda: texts(scene) == ["hello", "Lyon."])
    assert len(stored(scene)) == 2, "nothing was asked"
    choose(scene, 1, "Earlier wordings")
    scene.until(lambda: bool(scene.chat.view.findChildren(RevisionsDialog)))
    dialog = scene.chat.view.findChildren(RevisionsDialog)[-1]
    scene.qtbot.mouseClick(dialog.buttons[0], Qt.MouseButton.LeftButton)
    scene.until(lambda: texts(scene) == ["hello", ANSWER])
    assert stored(scene)[1].revisions == 2


def test_an_answer_is_regenerated_and_both_versions_are_kept(scene: Scene) -> None:
    first = scene.dialogue.messages[1].id
    scene.chat.view.regenerate_requested.emit(first)
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].id != first)
    assert (stored(scene)[1].version, stored(scene)[1].versions) == (2, 2)
    scene.chat.step_version(-1)
    scene.until(lambda: scene.dialogue.messages[-1].id == first)
    assert stored(scene)[1].id == first


def test_a_branch_is_a_conversation_of_its_own(scene: Scene) -> None:
    original = scene.dialogue.chat
    enter(scene, "more")
    scene.until(lambda: len(scene.dialogue.messages) == 4 and scene.dialogue.run is None)
    choose(scene, 1, "Branch from here")
    scene.until(lambda: scene.dialogue.chat != original and len(scene.dialogue.messages) == 2)
    assert [message.content for message in stored(scene)] == ["hello", ANSWER]
    assert len(stored(scene, original)) == 4


def test_a_stopped_answer_goes_on_where_it_stopped(scene: Scene) -> None:
    scene.chat.new_chat()
    scene.take_model("held")
    scene.type_and_send("count")
    scene.answering("one two three")
    scene.dialogue.stop()
    scene.answered()
    half = scene.dialogue.messages[-1]
    assert half.state == "cancelled"
    choose(scene, 1, "Continue this answer")
    scene.answering(half.content)
    assert scene.dialogue.messages[-1].content == half.content, "what was there stays in sight"
    scene.gates["held"].open()
    scene.answered()
    whole = stored(scene)[-1]
    assert whole.id == half.id
    assert whole.content.startswith(half.content)
    assert len(whole.content) > len(half.content)
    assert scene.chat.view.column.rows[-1].full_text() == whole.content


def test_messages_are_inserted_below_and_above(scene: Scene) -> None:
    choose(scene, 0, "Insert a message below")
    composer = scene.chat.composer
    assert composer.task.role.text() == "As the model", "after a question comes an answer"
    enter(scene, "an answer")
    scene.until(lambda: texts(scene) == ["hello", "an answer", ANSWER])
    choose(scene, 0, "Insert a message below")
    composer.task.role.click()
    composer.task.place.click()
    enter(scene, "the very first")
    scene.until(lambda: texts(scene) == ["the very first", "hello", "an answer", ANSWER])
    assert [message.role for message in stored(scene)] == ["user", "user", "assistant", "assistant"]


def test_the_role_of_a_message_is_changed_and_changed_back(scene: Scene) -> None:
    choose(scene, 0, "Change to an answer")
    scene.until(lambda: scene.dialogue.messages[0].role == "assistant")
    assert stored(scene)[0].role == "assistant"
    choose(scene, 0, "Change to a message of yours")
    scene.until(lambda: scene.dialogue.messages[0].role == "user")


def test_the_last_message_is_deleted_and_brought_back(scene: Scene) -> None:
    choose(scene, 1, "Delete")
    scene.until(lambda: texts(scene) == ["hello"])
    assert len(stored(scene)) == 1
    scene.until(lambda: bool(scene.window.bar.rows()))
    scene.window.bar.rows()[-1].gone.emit(True)
    scene.until(lambda: texts(scene) == ["hello", ANSWER])
    assert len(stored(scene)) == 2


@pytest.mark.parametrize(
    ("words", "left"),
    [("Delete this message", [ANSWER, "more", ANSWER]), ("Delete it and the 3 below", [])],
    ids=["alone", "with what follows"],
)
def test_a_message_above_others_goes_alone_or_with_them(scene: Scene, words: str, left: list[str]) -> None:
    enter(scene, "more")
    scene.until(lambda: len(scene.dialogue.messages) == 4 and scene.dialogue.run is None)
    choose(scene, 0, "Delete")
    pick(open_menu(scene), words)
    scene.until(lambda: texts(scene) == left)
    assert [message.content for message in stored(scene)] == left
    scene.until(lambda: bool(scene.window.bar.rows()))
    scene.window.bar.rows()[-1].gone.emit(True)
    scene.until(lambda: texts(scene) == ["hello", ANSWER, "more", ANSWER])
    assert len(stored(scene)) == 4
