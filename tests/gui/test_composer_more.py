"""The composer beyond sending: what waits visibly, text files, input methods, questions that are refused."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QInputMethodEvent
from PySide6.QtWidgets import QApplication

from paddock.gui.pages.composer_files import LARGEST, fenced, read_texts
from paddock.gui.pages.composer_pictures import shown_of
from paddock.sdk.types import NewChat, SendRequest

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drop(composer: Any, mime: QMimeData) -> None:
    keys, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    composer.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, button, keys))


def asked(scene: Scene) -> list[str]:
    chat = scene.dialogue.chat
    return [item.content for item in scene.ask(lambda client: client.chat(chat)).messages if item.role == "user"]


def test_messages_wait_in_order_and_can_be_changed_or_taken_back(chat_scene: Scene) -> None:
    scene, composer = chat_scene, chat_scene.chat.composer
    scene.take_model("held")
    for text in ("first", "second", "third", "fourth"):
        scene.type_and_send(text)
    assert composer.queue.texts == ("second", "third", "fourth")
    assert composer.queue.isVisible()
    assert composer.status.text() == "3 will be sent after this answer"
    composer.queue.edit_wanted.emit(composer.queue.take(1))
    assert composer.text() == "third"
    scene.type_and_send(" or so")
    composer.queue.take(1)
    assert composer.queue.texts == ("second", "third or so")
    scene.gates["held"].open()
    scene.until(lambda: len(scene.dialogue.messages) == 6 and scene.dialogue.run is None)
    assert asked(scene) == ["first", "second", "third or so"]
    assert not composer.queue.isVisible()


def test_stop_gives_back_what_waits(chat_scene: Scene) -> None:
    scene, composer = chat_scene, chat_scene.chat.composer
    scene.take_model("slow")
    scene.type_and_send("first")
    scene.answering()
    scene.type_and_send("second")
    scene.qtbot.keyClicks(composer.field, "third")
    scene.qtbot.keyClick(composer.field, Qt.Key.Key_Escape)
    scene.answered()
    assert composer.text() == "second\n\nthird"
    assert asked(scene) == ["first"]


def test_what_waits_is_sent_in_a_conversation_behind_too(chat_scene: Scene) -> None:
    scene = chat_scene
    scene.take_model("held")
    scene.type_and_send("first")
    scene.answering()
    scene.type_and_send("second")
    chat = scene.dialogue.chat
    scene.chat.new_chat()
    assert scene.chat.composer.queue.texts == ()
    scene.take_model("fast")
    scene.type_and_send("meanwhile")
    scene.answered()
    scene.until(lambda: scene.host.chats[chat].generating is not None)
    assert asked(scene) == ["meanwhile"], "answered at once, the other is still being written"
    scene.gates["held"].open()
    scene.until(lambda: len(scene.ask(lambda client: client.chat(chat)).messages) == 4)
    scene.chat.open(chat)
    scene.until(lambda: len(scene.dialogue.messages) == 4 and scene.dialogue.run is None)


def test_a_message_sent_while_a_model_loads_is_told_and_can_be_taken_back(chat_scene: Scene) -> None:
    scene, composer = chat_scene, chat_scene.chat.composer
    scene.take_model("heavy")
    scene.type_and_send("hello")
    scene.until(lambda: "will be sent when ready" in composer.status.text())
    scene.type_and_send("and another")
    assert composer.queue.texts == ("and another",)
    composer.queue.put(())
    scene.gates["heavy"].open()
    scene.answered()
    assert asked(scene) == ["hello"]


def test_dropped_text_files_become_fenced_blocks(chat_scene: Scene, tmp_path: Path) -> None:
    composer = chat_scene.chat.composer
    (tmp_path / "a.py").write_text("print('```')\n")
    (tmp_path / "note.txt").write_text("Grüße")
    (tmp_path / "picture.bin").write_bytes(b"\x00\xff\x01")
    drop(composer, files(tmp_path / "a.py", tmp_path / "note.txt", tmp_path / "picture.bin"))
    chat_scene.until(lambda: "Grüße" in composer.text())
    assert composer.text() == "`a.py`\n````py\nprint('```')\n````\n\n`note.txt`\n```txt\nGrüße\n```\n\n"
    assert chat_scene.window.bar.texts() == ["picture.bin is no text file."]
    composer.field.insertFromMimeData(files(tmp_path / "note.txt"))
    chat_scene.until(lambda: composer.text().count("Grüße") == 2)


def test_what_is_dropped_on_the_conversation_goes_into_the_message(chat_scene: Scene, tmp_path: Path) -> None:
    scene, composer = chat_scene, chat_scene.chat.composer
    keys, button, copy = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    scene.type_and_send("first")
    scene.answered()
    words = QMimeData()
    words.setText("from elsewhere")
    (tmp_path / "note.txt").write_text("a note")
    for mime in (words, files(tmp_path / "note.txt")):
        over = scene.chat.view.viewport()
        QCoreApplication.sendEvent(over, QDragEnterEvent(QPointF(9, 9).toPoint(), copy, mime, button, keys))
        QCoreApplication.sendEvent(over, QDropEvent(QPointF(9, 9), copy, mime, button, keys))
    scene.until(lambda: "a note" in composer.text())
    assert composer.text().startswith("from elsewhere")
    assert composer.field.hasFocus()


def test_the_chip_and_the_inspector_choose_the_same_reasoning(chat_scene: Scene) -> None:
    scene, composer, inspector = chat_scene, chat_scene.chat.composer, chat_scene.chat.inspector
    chip, select = composer.reasoning, inspector.answer.reasoning
    assert chip.isVisible()
    assert (chip.isChecked(), chip.accessibleName()) == (False, "Reasoning")

    chip.entries[True].trigger()
    assert (chip.isChecked(), select.currentText(), inspector.request().reasoning) == (True, "On", True)
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    inspector.flush()
    scene.until(lambda: scene.ask(lambda client: client.chat(chat)).summary.reasoning is True)
    select.setCurrentIndex(2)
    select.activated.emit(2)
    assert (chip.isChecked(), chip.accessibleName()) == (False, "Reasoning off")
    scene.chat.new_chat()
    assert chip.accessibleName() == "Reasoning"
    scene.until(lambda: scene.host.chats[chat].reasoning is False)
    scene.chat.open(chat)
    scene.until(lambda: chip.accessibleName() == "Reasoning off")
    chip.click()
    assert not chip.isChecked(), "its menu says what is chosen"
    QApplication.activePopupWidget().close()
    composer.edit("x", "words")
    assert not chip.isVisible()
    composer.stop_editing()
    assert chip.isVisible()
    known = scene.host.models[scene.model("fast")]
    scene.host.models[known.id] = msgspec.structs.replace(known, capabilities=("chat",))
    scene.host.models_changed.emit()
    assert not chip.isVisible()
    assert inspector.request().reasoning == "auto"
    scene.host.models[known.id] = known
    scene.host.models_changed.emit()


def test_files_that_are_too_long_or_gone_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("x" * (LARGEST + 1))
    found = read_texts([str(tmp_path / "long.txt"), str(tmp_path / "gone.txt"), str(tmp_path)])
    assert found.text == ""
    assert [problem.split(" ")[0] for problem in found.problems] == ["long.txt", "gone.txt", tmp_path.name]
    assert fenced("x`y.md", "~") == "`xy.md`\n```md\n~\n```"


def test_enter_that_ends_a_composition_sends_nothing_even_with_an_answer_running(chat_scene: Scene) -> None:
    composer = chat_scene.chat.composer
    QCoreApplication.sendEvent(composer.field, QInputMethodEvent("か", []))
    chat_scene.qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    assert composer.queue.texts == ()
    assert chat_scene.dialogue.messages == []
    done = QInputMethodEvent("", [])
    done.setCommitString("火")
    QCoreApplication.sendEvent(composer.field, done)
    assert composer.text() == "火"


def test_what_is_written_and_what_waits_are_stored_within_a_second(chat_scene: Scene) -> None:
    from paddock.gui.window_state import read

    scene = chat_scene
    scene.take_model("slow")
    scene.type_and_send("first")
    scene.answering()
    chat = scene.dialogue.chat
    scene.type_and_send("second")
    scene.qtbot.keyClicks(scene.chat.composer.field, "a thought")
    path = Path(os.environ["PADDOCK_HOME"]) / "window.json"
    scene.until(lambda: read(path).drafts.get(chat) == "second\n\na thought")
    scene.chat._escape()
    scene.answered()


class Goals:
    """Where a notice led to."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    def come_forward(self, token: str = "") -> None:
        self.gone.append("forward")

    def open_chat(self, chat: str) -> None:
        self.gone.append(chat)


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere Qt's tray icon speaks")
def test_a_long_answer_that_ends_behind_another_window_is_told_and_leads_to_its_chat(chat_scene: Scene) -> None:
    from paddock.gui.notifications import Notifications
    from paddock.sdk.host import Generation

    scene, goals = chat_scene, Goals()
    told: list[str] = []

    async def show(title: str, body: str, actions: Mapping[str, str]) -> AsyncGenerator[str, None]:
        told.append(body)
        yield "default"

    bridge = scene.host._bridge
    notices = Notifications(scene.host, scene.messages, bridge, goals, show=show, in_front=lambda: False)
    notices.setParent(scene.window)
    chat = scene.ask(lambda client: client.create_chat(NewChat(title="Horses"))).summary.id
    scene.until(lambda: chat in scene.host.chats)
    for number, seconds in (("quick", 5), ("long", 25)):
        answer = Generation(id=number, model="m", client="window", started=time.time() - seconds, chat_id=chat)
        scene.host.generation_started.emit(answer)
        scene.host.generation_ended.emit(number, chat)
    scene.until(lambda: chat in goals.gone)
    assert told == ["The answer in “Horses” is there."]
    assert goals.gone == ["forward", chat]
    notices.deleteLater()


def test_what_waits_and_is_refused_is_a_draft_again(chat_scene: Scene) -> None:
    scene = chat_scene
    scene.take_model("fast")
    scene.type_and_send("first")
    scene.answered()
    chat = scene.dialogue.chat
    scene.chat.new_chat()
    scene.ask(lambda client: client.delete_chat(chat))
    scene.chat.waiting.keep(chat, ("second", "third"))
    scene.host.generation_ended.emit("", chat)
    scene.until(lambda: scene.chat.drafts.texts.get(chat) == "second\n\nthird")
    assert scene.chat.waiting.drafts() == {}


def test_a_refused_question_is_never_lost(chat_scene: Scene, noise_png: Callable[..., bytes]) -> None:
    scene, chat, composer = chat_scene, chat_scene.chat, chat_scene.chat.composer
    scene.take_model("fast")
    scene.type_and_send("first")
    scene.answered()
    place = scene.dialogue.chat
    broken = msgspec.structs.replace(shown_of(noise_png(40, 30)).picture, data=b"no picture")

    def ask() -> None:
        composer.set_text("")
        composer.pictures.put(())
        scene.dialogue.send("keep me", SendRequest(), (broken,))

    ask()
    scene.until(lambda: scene.dialogue.messages[-1].state == "failed")
    chat.new_chat()
    assert (composer.text(), composer.pictures.shown) == ("", ())
    chat.open(place)
    assert (composer.text(), [one.picture for one in composer.pictures.shown]) == ("keep me", [broken])
    scene.until(lambda: len(scene.dialogue.messages) == 2)
    ask()
    chat.new_chat()  # before the host has said anything
    scene.until(lambda: chat.drafts.texts.get(place) == "keep me")
    chat.open(place)
    assert [one.picture for one in composer.pictures.shown] == [broken]
    edited = msgspec.structs.replace(broken, data=None)
    chat.give_back("", (edited,))
    assert [one.picture for one in composer.pictures.shown] == [broken], "the host has those of an edited question"


def test_pictures_of_a_draft_stay_when_the_host_comes_back_and_are_read_once(
    chat_scene: Scene, noise_png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, chat, composer = chat_scene, chat_scene.chat, chat_scene.chat.composer
    scene.take_model("held")
    scene.type_and_send("first")
    scene.answering()
    shown = shown_of(noise_png(44, 30))
    composer.pictures.put((shown,))
    scene.host.snapshot.emit()
    assert [one.picture for one in composer.pictures.shown] == [shown.picture]
    scene.until(lambda: scene.dialogue.run is not None)
    scene.gates["held"].open()
    scene.answered()
    place = scene.dialogue.chat
    composer.pictures.put(())
    drafts = chat.pictures.drafts
    monkeypatch.setitem(drafts._stored, place, (msgspec.structs.replace(shown.picture, data=None),))
    monkeypatch.setattr(drafts, "read", lambda pictures: (shown,))
    for _ in range(2):
        chat.new_chat()
        chat.open(place)
    scene.until(lambda: not composer._reading)
    assert [one.picture for one in composer.pictures.shown] == [shown.picture]
