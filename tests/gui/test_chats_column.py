"""The column of conversations: opened, found, renamed, deleted."""

from typing import Any

import pytest
from held_answers import ENDLESS
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible

from paddock.sdk.types import NewChat

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Scene:
    return chat_scene


def test_going_to_another_chat_and_back_follows_the_running_answer(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.answering()
    chat = scene.dialogue.chat
    scene.chat.new_chat()
    assert scene.dialogue.run is None
    scene.until(lambda: scene.host.chats[chat].generating is not None)
    scene.chat.open(chat)
    scene.answering()
    row = scene.chat.view.column.rows
    scene.until(lambda: len(row[-1].full_text()) > 40)
    assert ENDLESS["text"].startswith(row[-1].full_text()), "shown once"
    scene.dialogue.stop()
    scene.answered()


def test_a_deleted_chat_can_be_brought_back_or_is_gone(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    scene.chat.chats.delete(chat)
    assert scene.dialogue.chat == ""
    (row,) = scene.window.bar.rows()
    row.gone.emit(True)
    scene.until(lambda: scene.dialogue.chat == chat and len(scene.dialogue.messages) == 2)
    scene.chat.chats.delete(chat)
    scene.window.bar.rows()[0].close_button.click()
    scene.until(lambda: chat not in scene.host.chats)


def test_a_chat_is_found_and_opened_by_keyboard_alone(scene: Scene) -> None:
    for title in ("Horses", "Foxes", "Fox dens"):
        chat = scene.ask(lambda client, title=title: client.create_chat(NewChat(title=title))).summary.id
        scene.until(lambda chat=chat: chat in scene.host.chats)
    column = scene.chat.chats
    column.search.setFocus()
    scene.qtbot.keyClicks(column.search, "fox")
    scene.qtbot.keyClick(column.search, Qt.Key.Key_Down)
    assert scene.window.focusWidget() is column.view
    first = column.view.currentIndex().data()
    assert first in ("Foxes", "Fox dens"), "the heading is passed over"
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Down)
    assert {first, column.view.currentIndex().data()} == {"Foxes", "Fox dens"}
    scene.qtbot.keyClick(column.view, Qt.Key.Key_Return)
    assert scene.dialogue.title == column.view.currentIndex().data()
    column.search.setText("horse")
    scene.qtbot.keyClick(column.search, Qt.Key.Key_Return)
    assert scene.dialogue.title == "Horses"
    scene.qtbot.keyClick(column.search, Qt.Key.Key_Escape)
    assert column.search.text() == "", "the page's own use of Escape comes after the field's"


def test_renaming_and_pinning_reach_the_host(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    column = scene.chat.chats
    column._model.setData(column._model.row_of(chat), "Horses")
    column.deeds.pin([chat], True)
    scene.until(lambda: scene.host.chats[chat].pinned and scene.host.chats[chat].title == "Horses")
    assert scene.chat.head.title.text() == "Horses"


def private_action(scene: Scene, chat: str) -> Any:
    menu = scene.chat.chats.menu_for(chat)
    return next(action for action in menu.actions() if action.text() == "Private")


def test_a_chat_is_marked_private_and_the_row_and_a_message_say_so(scene: Scene) -> None:
    chat = scene.ask(lambda client: client.create_chat(NewChat(title="Horses"))).summary.id
    scene.until(lambda: chat in scene.host.chats)
    action = private_action(scene, chat)
    assert (action.isCheckable(), action.isChecked()) == (True, False)
    assert action.toolTip() == action.statusTip() == "Nothing of it is kept in the prompt cache on disk"
    action.trigger()
    scene.until(lambda: scene.host.chats[chat].private)
    scene.until(lambda: "What was kept before stays until" in " ".join(scene.window.bar.texts()))
    column = scene.chat.chats
    spoken = QAccessible.queryAccessibleInterface(column.view).child(column._model.row_of(chat).row())
    assert spoken.text(QAccessible.Text.Name) == "Horses, private"
    action = private_action(scene, chat)
    assert action.isChecked()
    action.trigger()
    scene.until(lambda: not scene.host.chats[chat].private)
    assert spoken.text(QAccessible.Text.Name) == "Horses"


def test_a_new_private_chat_is_private_from_its_first_question(scene: Scene) -> None:
    scene.take_model("fast")
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert scene.chat.head.title.text() == "New chat"
    scene.chat.chats.new_private_button.click()
    assert scene.chat.head.title.text() == "New private chat"
    scene.type_and_send("hello")
    scene.answered()
    assert scene.host.chats[scene.dialogue.chat].private
    scene.chat.chats.new_button.click()
    scene.type_and_send("hello")
    scene.answered()
    assert not scene.host.chats[scene.dialogue.chat].private
