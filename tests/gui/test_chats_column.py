"""The column of conversations: opened, found, renamed, deleted."""

from typing import Any

from PySide6.QtCore import Qt

from paddock.sdk.types import NewChat

Scene = Any


def test_going_to_another_chat_and_back_follows_the_running_answer(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.until(lambda: scene.dialogue.run is not None and scene.dialogue.run.phase == "answering")
    chat = scene.dialogue.chat
    scene.chat.new_chat()
    assert scene.dialogue.run is None
    scene.until(lambda: scene.host.chats[chat].generating is not None)
    scene.chat.open(chat)
    scene.until(lambda: scene.dialogue.run is not None and scene.dialogue.run.phase == "answering")
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
        scene.ask(lambda client, title=title: client.create_chat(NewChat(title=title)))
    scene.until(lambda: len(scene.host.chats) == 3)
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
    column.pin(chat)
    scene.until(lambda: scene.host.chats[chat].pinned and scene.host.chats[chat].title == "Horses")
    assert scene.chat.head.title.text() == "Horses"
