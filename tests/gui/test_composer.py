"""The composer: what is typed is sent once, in its turn, or kept as a draft."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QInputMethodEvent

from paddock.gui.pages.composer_pictures import shown_of

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Scene:
    return chat_scene


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
    scene.until(lambda: bool(scene.host.chats[scene.dialogue.chat].title))


def test_what_is_typed_during_an_answer_is_sent_after_it(scene: Scene) -> None:
    scene.take_model("held")
    scene.type_and_send("first")
    scene.type_and_send("second")
    assert scene.chat.composer.status.text() == "Will be sent after this answer"
    scene.gates["held"].open()
    scene.until(lambda: len(scene.dialogue.messages) == 4 and scene.dialogue.run is None)
    assert [m.content for m in scene.dialogue.messages if m.role == "user"] == ["first", "second"]


def test_an_edited_message_stands_beside_the_first_one(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    first = scene.dialogue.messages[0].id
    composer = scene.chat.composer
    composer.set_text("a draft")
    scene.chat.view.edit_requested.emit(first)
    assert composer.task.isVisible()
    assert composer.text() == "hello"
    scene.qtbot.keyClick(composer.field, Qt.Key.Key_Escape)
    assert not composer.task.isVisible()
    assert composer.text() == "a draft", "Escape leaves the message as it is"
    scene.chat.view.edit_requested.emit(first)
    scene.type_and_send(" again")
    scene.answered()
    assert [message.content for message in scene.dialogue.messages if message.role == "user"] == ["hello again"]
    assert (scene.dialogue.messages[0].version, scene.dialogue.messages[0].versions) == (2, 2)
    assert composer.text() == "a draft"
    scene.chat.view.version_requested.emit(first)
    scene.until(lambda: scene.dialogue.messages[0].content == "hello" and len(scene.dialogue.messages) == 2)


def test_what_waits_comes_back_and_leaves_a_message_under_edit_alone(scene: Scene) -> None:
    composer = scene.chat.composer
    composer.set_text("a draft")
    composer.queue.put(("waiting",))
    composer.edit("some", "edited")
    composer.hold()
    assert (composer.text(), composer.draft(), composer.queue.texts) == ("edited", "waiting\n\na draft", ())
    composer.stop_editing()
    assert composer.text() == "waiting\n\na draft"


def test_a_draft_is_kept_when_a_chat_is_left_with_a_message_under_edit(scene: Scene) -> None:
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    scene.chat.composer.set_text("a draft")
    scene.chat.view.edit_requested.emit(scene.dialogue.messages[0].id)
    scene.chat.new_chat()
    assert not scene.chat.composer.task.isVisible()
    scene.chat.open(chat)
    assert scene.chat.composer.text() == "hello", "it is under edit still"
    assert scene.chat.composer.stop_editing()
    assert scene.chat.composer.text() == "a draft"


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


def test_an_example_is_sent_by_a_click(scene: Scene) -> None:
    scene.take_model("fast")
    scene.qtbot.mouseClick(scene.chat.start.cards[0], Qt.MouseButton.LeftButton)
    assert scene.dialogue.messages[0].content == "What is the capital of France?"
    scene.answered()


def test_pictures_that_are_stored_anew_while_those_of_the_draft_are_read_are_not_lost(
    scene: Scene, noise_png: Callable[..., bytes]
) -> None:
    draft, lost = (shown_of(noise_png(side, 20)).picture for side in (30, 31))
    pictures, strip = scene.chat.pictures, scene.chat.composer.pictures
    drafts = pictures.drafts
    drafts.hold((draft, lost))
    scene.until(lambda: len(drafts.read((draft, lost))) == 2)
    drafts.put_stored("", (draft,))
    pictures.come("")
    drafts.put_stored("", (lost,))
    pictures.come_stored("")
    scene.until(lambda: [one.picture for one in strip.shown] == [lost, draft])
    strip.put(())
