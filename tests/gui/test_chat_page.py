"""The Chat page against a real host with the echo engine."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QMessageBox

from paddock.sdk.events import ModelStateChanged
from paddock.sdk.types import LoadedModel, ModelState, NewChat

Scene = Any


def test_a_question_typed_at_once_is_sent_when_the_host_is_there(open_window: Callable[[], Scene]) -> None:
    scene = open_window()
    scene.show(connected=False)
    assert scene.host.connection == "connecting"
    scene.dialogue.set_model("test/fast")
    scene.type_and_send("capital?")
    assert [message.content for message in scene.dialogue.messages] == ["capital?"]
    assert "will be sent" in scene.chat.composer.status.text()
    scene.answered()
    assert "Paris" in scene.dialogue.messages[-1].content
    assert scene.host.chats[scene.dialogue.chat].title


def test_an_answer_streams_and_stop_keeps_what_came(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.until(lambda: scene.dialogue.run is not None and scene.dialogue.run.phase == "answering")
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
    assert scene.host.generations == {}


def test_what_is_typed_during_an_answer_is_sent_after_it(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("first")
    scene.type_and_send("second")
    assert scene.chat.composer.status.text() == "Will be sent after this answer"
    scene.until(lambda: len(scene.dialogue.messages) == 4 and scene.dialogue.run is None)
    assert [m.content for m in scene.dialogue.messages if m.role == "user"] == ["first", "second"]


def test_loading_shows_its_progress_and_the_message_waits(scene: Scene) -> None:
    scene.take_model("heavy")
    scene.type_and_send("go")
    scene.until(lambda: scene.chat.composer.progress.isVisible())
    scene.until(lambda: "will be sent when the model is ready" in scene.chat.composer.status.text())
    scene.answered()
    assert scene.dialogue.messages[-1].content.strip() == "Loaded."
    assert not scene.chat.composer.progress.isVisible()


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


def test_an_edited_message_stands_beside_the_first_one(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    first = scene.dialogue.messages[0].id
    composer = scene.chat.composer
    composer.set_text("a draft")
    scene.chat.view.edit_requested.emit(first)
    assert composer.editing_chip.isVisible()
    assert composer.text() == "hello"
    scene.qtbot.keyClick(composer.field, Qt.Key.Key_Escape)
    assert not composer.editing_chip.isVisible()
    assert composer.text() == "a draft", "Escape leaves the message as it is"
    scene.chat.view.edit_requested.emit(first)
    scene.type_and_send(" again")
    scene.answered()
    assert [message.content for message in scene.dialogue.messages if message.role == "user"] == ["hello again"]
    assert (scene.dialogue.messages[0].version, scene.dialogue.messages[0].versions) == (2, 2)
    assert composer.text() == "a draft"
    scene.chat.view.version_requested.emit(first)
    scene.until(lambda: scene.dialogue.messages[0].content == "hello" and len(scene.dialogue.messages) == 2)


def test_a_draft_is_kept_when_a_chat_is_left_with_a_message_under_edit(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    scene.chat.composer.set_text("a draft")
    scene.chat.view.edit_requested.emit(scene.dialogue.messages[0].id)
    scene.chat.new_chat()
    assert not scene.chat.composer.editing_chip.isVisible()
    scene.chat.open(chat)
    assert scene.chat.composer.text() == "a draft"


def test_a_long_prompt_is_counted_in_the_place_of_its_answer(scene: Scene) -> None:
    scene.take_model("reader")
    scene.type_and_send("hello " * 40)

    def progress() -> str:
        return str(scene.chat.view.column.rows[-1].progress)

    scene.until(lambda: progress().startswith("Reading the prompt, ") and progress().endswith(" tokens"))
    scene.answered()
    assert progress() == ""
    assert scene.dialogue.messages[-1].content == "Read."


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_picker_closes_with_escape_and_hands_the_keyboard_to_the_composer(scene: Scene) -> None:
    picker = scene.chat.head.picker
    scene.chat.head.open_picker()
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Escape)
    assert not picker.isVisible()
    scene.chat.head.open_picker()
    scene.qtbot.keyClicks(picker.view, "fast")
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
    assert not picker.isVisible()
    assert scene.dialogue.model == scene.model("fast")
    assert scene.window.focusWidget() is scene.chat.composer.field


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_file_that_came_into_the_folder_is_in_the_picker(scene: Scene, home: Path) -> None:
    picker = scene.chat.head.picker
    scene.take_model("slow")
    rows = picker.view.model().rowCount
    folder = home / "models" / "test" / "late"
    folder.mkdir()
    (folder / "late.echo.json").write_text('{"text": "Late."}')
    scene.chat.head.open_picker()
    before = rows()
    scene.until(lambda: rows() == before + 1)
    assert picker.view.currentIndex().data() == "slow", "what was selected stays selected"
    scene.qtbot.keyClicks(picker.view, "late")
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
    scene.type_and_send("hello")
    scene.answered()
    assert scene.dialogue.messages[-1].content == "Late."


def test_a_model_keeps_its_silk_while_others_come_and_go(scene: Scene) -> None:
    def change(model: str, state: str | None) -> None:
        loaded = None
        if state is not None:
            loaded = LoadedModel(id=model, model=model, engine="echo", state=cast(ModelState, state))
        scene.host._update(ModelStateChanged(id=model, model=loaded))

    for model in ("a", "b", "c"):
        change(model, "ready")
    assert [scene.host.silk(model) for model in "abc"] == [0, 1, 2]
    change("a", None)
    assert [scene.host.silk(model) for model in "bc"] == [1, 2]
    change("d", "ready")
    assert scene.host.silk("d") == 0
    change("a", "ready")
    assert scene.host.silk("a") == 3


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


def test_a_killed_host_is_explained_started_again_and_the_chat_is_there(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.until(lambda: scene.dialogue.run is not None and scene.dialogue.run.phase == "answering")
    handshake = scene.ask(lambda client: client.handshake())
    os.kill(handshake.pid, signal.SIGKILL)
    scene.until(lambda: scene.window.bar.texts() == ["The host stopped. Reconnecting…"])
    assert scene.host.connection == "lost"
    scene.until(lambda: scene.host.connection == "connected")
    scene.until(lambda: scene.window.bar.texts() == [])
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].state == "interrupted")
    scene.take_model("fast")
    scene.type_and_send("again")
    scene.until(lambda: scene.dialogue.run is None and "Paris" in scene.dialogue.messages[-1].content)


def test_sampling_goes_with_the_message_only_where_it_differs(scene: Scene) -> None:
    inspector = scene.chat.inspector
    assert inspector.sampling() == {}
    inspector.samplers["temperature"].box.setValue(0.2)
    inspector.samplers["top_p"].switch.click()
    assert inspector.sampling() == {"temperature": 0.2, "top_p": 1.0}
    assert inspector.count.text() == "2 changed"
    inspector.samplers["repeat_penalty"].switch.click()
    assert inspector.sampling()["repeat_penalty"] == 1.1
    inspector.reset_all.click()
    assert inspector.sampling() == {}


def test_the_system_prompt_is_stored_with_the_chat(scene: Scene) -> None:
    scene.take_model("fast")
    scene.chat.inspector.system.setPlainText("Be brief.")
    scene.type_and_send("hello")
    scene.answered()
    assert scene.ask(lambda client: client.chat(scene.dialogue.chat)).summary.system == "Be brief."


def test_enter_while_an_input_method_composes_sends_nothing(scene: Scene) -> None:
    field = scene.chat.composer.field
    QCoreApplication.sendEvent(field, QInputMethodEvent("か", []))
    scene.qtbot.keyClick(field, Qt.Key.Key_Return)
    assert scene.dialogue.messages == []
    done = QInputMethodEvent("", [])
    done.setCommitString("火")
    QCoreApplication.sendEvent(field, done)
    assert scene.chat.composer.text() == "火"


def test_drafts_stay_with_their_chats(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    scene.chat.composer.set_text("half a thought")
    scene.chat.new_chat()
    assert scene.chat.composer.text() == ""
    scene.chat.open(chat)
    assert scene.chat.composer.text() == "half a thought"


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


def test_escape_stops_the_answer_from_anywhere_on_the_page(scene: Scene) -> None:
    scene.take_model("slow")
    for widget in (scene.chat.view, scene.chat.chats.view, scene.chat.inspector.samplers["top_p"].box):
        scene.type_and_send("count")
        scene.until(lambda: scene.dialogue.run is not None and scene.dialogue.run.phase == "answering")
        scene.qtbot.keyClick(widget, Qt.Key.Key_Escape)
        scene.answered()
        assert scene.dialogue.messages[-1].state == "cancelled"


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


def test_an_example_is_sent_by_a_click(scene: Scene) -> None:
    scene.take_model("fast")
    scene.qtbot.mouseClick(scene.chat.start.cards[0], Qt.MouseButton.LeftButton)
    assert scene.dialogue.messages[0].content == "What is the capital of France?"
    scene.answered()


def test_the_window_comes_back_as_it_was_left(open_window: Callable[[], Scene]) -> None:
    first = open_window()
    first.show()
    first.take_model("fast")
    first.type_and_send("hello")
    first.answered()
    chat = first.dialogue.chat
    first.chat.composer.set_text("draft")
    first.window.resize(1000, 640)
    first.window.show_page("settings")
    first.chat.inspector.samplers["top_k"].box.setValue(10)
    first.close()
    second = open_window()
    assert (second.window.width(), second.window.height()) == (min(1000, 800), 640)  # the test screen is 800 wide
    second.show()
    assert second.window.page() == "settings"
    second.until(lambda: second.dialogue.chat == chat and len(second.dialogue.messages) == 2)
    assert second.chat.composer.text() == "draft"
    assert second.chat.inspector.sampling() == {"top_k": 10}


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_another_start_raises_the_window(scene: Scene) -> None:
    raised: list[str] = []
    scene.host.raise_requested.connect(raised.append)
    assert scene.ask(lambda client: client.raise_window("token-1")) == 1
    scene.until(lambda: raised == ["token-1"])


def test_broken_models_cannot_be_chosen_and_say_why(scene: Scene) -> None:
    info = next(iter(scene.host.models.values()))
    scene.host.models = {info.id: msgspec.structs.replace(info, error="The file ends too early.")}
    scene.host.models_changed.emit()
    scene.dialogue.set_model(info.id)
    scene.chat.head.picker.refresh()
    index = scene.chat.head.picker.view.model().index(0, 0)
    assert not index.flags() & Qt.ItemFlag.ItemIsSelectable
    assert index.data(Qt.ItemDataRole.AccessibleDescriptionRole) == "The file ends too early."
    assert scene.chat.start.notice.isVisible()


def press_in_the_question(scene: Scene, words: str) -> None:
    """Answer the coming dialog with the button called ``words``."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            next(button for button in box.buttons() if button.text() == words).click()
        else:
            QTimer.singleShot(20, press)

    QTimer.singleShot(0, press)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_quitting_while_an_answer_runs_asks_once(open_window: Callable[[], Scene]) -> None:
    scene = open_window()
    scene.show()
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.until(lambda: scene.dialogue.run is not None and scene.dialogue.run.phase == "answering")
    chat, answer = scene.dialogue.chat, scene.dialogue.run.answer
    press_in_the_question(scene, "Cancel")
    scene.window.close()
    assert scene.window.isVisible()
    press_in_the_question(scene, "Go on in the background")
    scene.close()
    again = open_window()
    again.show()
    again.until(lambda: again.dialogue.chat == chat)
    again.until(lambda: again.dialogue.run is not None and again.dialogue.run.answer == answer)
    press_in_the_question(again, "Stop and quit")
    again.close()
    last = open_window()
    last.show()
    last.until(lambda: last.dialogue.chat == chat and len(last.dialogue.messages) == 2)
    assert last.dialogue.messages[-1].state == "cancelled"
