"""The conversation and its composer as a person uses them, by mouse and keys; looked up in the store afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QWidget

from paddock.gui.pages.composer_context import ContextPopup
from paddock.gui.pages.load_dialog import LoadDialog
from paddock.gui.pages.palette import Palette
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.window_state import WindowState, read
from paddock.sdk.chats import MessagePatch, NewMessage
from paddock.sdk.types import ChatMessage

Scene = Any
ANSWER = "The **capital** of France is Paris."
CTRL, ALT, SHIFT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Scene:
    return chat_scene


def stored(scene: Scene) -> list[ChatMessage]:
    chat = scene.dialogue.chat
    return list(scene.ask(lambda client: client.chat(chat)).messages)


def said(scene: Scene) -> list[str]:
    return [message.content for message in stored(scene)]


def kept() -> WindowState:
    return read(Path(os.environ["PADDOCK_HOME"]) / "window.json")


def settled(scene: Scene, count: int) -> None:
    scene.until(lambda: scene.dialogue.run is None and len(scene.dialogue.messages) == count)


def click(scene: Scene, widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    scene.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def press(scene: Scene, row: int, name: str) -> None:
    """Click a button that is painted in the conversation."""
    view = scene.chat.view
    scene.until(lambda: view.column.rows[row].parsed and not view.column.rows[row].pending())
    blocks = view.column.rows[row].blocks
    places = [(at, target) for at, block in enumerate(blocks) for target in block.targets() if target.name == name]
    (at, target) = places[-1]
    rect = view.place_of((row, at, target.key), target.rect)
    view.reveal(rect)
    point = rect.translated(0, -view.scrolled()).center()
    scene.qtbot.mouseMove(view.viewport(), point)
    scene.qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point)


def open_menu(scene: Scene) -> QMenu:
    return next(menu for menu in scene.chat.view.findChildren(QMenu) if menu.isVisible())


def pick(scene: Scene, words: str) -> None:
    """Choose an entry of the menu that is open."""
    menu = open_menu(scene)
    menu.setActiveAction(next(entry for entry in menu.actions() if entry.text() == words))
    scene.qtbot.keyClick(menu, Qt.Key.Key_Return)


def asked(scene: Scene) -> None:
    """A conversation of one question and its answer."""
    scene.type_and_send("hello")
    scene.answered()


def test_a_conversation_by_mouse_alone(scene: Scene) -> None:
    composer = scene.chat.composer
    scene.take_model("held")
    composer.field.insertPlainText("count")
    click(scene, composer.button)
    scene.answering("one two three")
    click(scene, composer.button)
    scene.answered()
    assert [(item.role, item.state) for item in stored(scene)] == [("user", "done"), ("assistant", "cancelled")]
    first = stored(scene)[1]
    scene.gates["held"].open()
    press(scene, 1, "Answer again")
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].versions == 2)
    press(scene, 1, "Regenerate")
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].versions == 3)
    press(scene, 1, "Previous version")
    scene.until(lambda: scene.dialogue.messages[-1].version == 2)
    press(scene, 1, "Previous version")
    scene.until(lambda: scene.dialogue.messages[-1].version == 1)
    assert (stored(scene)[1].id, stored(scene)[1].versions) == (first.id, 3)
    press(scene, 1, "Next version")
    scene.until(lambda: scene.dialogue.messages[-1].version == 2)
    assert stored(scene)[1].version == 2

    press(scene, 0, "Edit message")
    composer.field.insertPlainText(" once more")
    click(scene, composer.button)
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[0].versions == 2)
    assert (stored(scene)[0].content, stored(scene)[0].version) == ("count once more", 2)
    original = scene.dialogue.chat
    press(scene, 1, "Branch from here")
    scene.until(lambda: scene.dialogue.chat != original and len(scene.dialogue.messages) == 2)
    assert said(scene)[0] == "count once more"
    press(scene, 1, "More")
    pick(scene, "Delete")
    scene.until(lambda: len(scene.dialogue.messages) == 1)
    assert len(stored(scene)) == 1
    (undo,) = [one for one in scene.window.bar.rows()[-1].findChildren(PaintedButton) if one.text() == "Undo"]
    click(scene, undo)
    scene.until(lambda: len(scene.dialogue.messages) == 2)
    assert len(stored(scene)) == 2


def test_a_conversation_by_keys_alone(scene: Scene) -> None:
    asked(scene)
    composer, window, qtbot = scene.chat.composer, scene.window, scene.qtbot
    qtbot.keyClick(window, Qt.Key.Key_R, CTRL)
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].versions == 2)
    qtbot.keyClick(window, Qt.Key.Key_Left, ALT)
    scene.until(lambda: scene.dialogue.messages[-1].version == 1)
    assert (stored(scene)[1].version, stored(scene)[1].versions) == (1, 2)
    qtbot.keyClick(window, Qt.Key.Key_Right, ALT)
    scene.until(lambda: scene.dialogue.messages[-1].version == 2)
    assert stored(scene)[1].version == 2

    qtbot.keyClick(window, Qt.Key.Key_E, CTRL | SHIFT)
    assert composer.text() == "hello"
    qtbot.keyClicks(composer.field, " there")
    qtbot.keyClick(composer.field, Qt.Key.Key_S, CTRL)
    scene.until(lambda: scene.dialogue.messages[0].content == "hello there")
    assert (said(scene)[0], stored(scene)[0].versions, stored(scene)[0].revisions) == ("hello there", 1, 1)
    qtbot.keyClicks(composer.field, "two")
    qtbot.keyClick(composer.field, Qt.Key.Key_Return, SHIFT)
    qtbot.keyClicks(composer.field, "lines")
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    settled(scene, 4)
    assert said(scene)[2] == "two\nlines"

    view = scene.chat.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Up, ALT)
    qtbot.keyClick(view, Qt.Key.Key_Up, ALT)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    pick(scene, "Change to an answer")
    scene.until(lambda: scene.dialogue.messages[2].role == "assistant")
    assert [item.role for item in stored(scene)] == ["user", "assistant", "assistant", "assistant"]


def test_the_palette_continues_and_branches(scene: Scene) -> None:
    def take(words: str) -> None:
        next(action for action in scene.window.commands.all() if action.title == "Command palette").run()
        scene.until(lambda: scene.window.findChild(Palette) is not None and scene.window.findChild(Palette).isVisible())
        palette = scene.window.findChild(Palette)
        scene.qtbot.keyClicks(palette.field, words)
        scene.qtbot.keyClick(palette.field, Qt.Key.Key_Return)

    scene.take_model("held")
    scene.type_and_send("count")
    scene.answering("one two three")
    scene.qtbot.keyClick(scene.chat.composer.field, Qt.Key.Key_Escape)
    scene.answered()
    half, chat = stored(scene)[1], scene.dialogue.chat
    scene.gates["held"].open()
    take("Continue the last answer")
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].content != half.content)
    whole = stored(scene)[1]
    assert (whole.id, whole.state) == (half.id, "done")
    assert whole.content.startswith(half.content)
    take("Branch the chat")
    scene.until(lambda: scene.dialogue.chat != chat and len(scene.dialogue.messages) == 2)
    assert said(scene) == ["count", whole.content]


def test_an_answer_that_failed_is_asked_again_by_its_button(scene: Scene) -> None:
    scene.take_model("stubborn")
    scene.type_and_send("hello")
    scene.answered()
    assert stored(scene)[1].state == "failed"
    press(scene, 1, "Change load settings")
    (dialog,) = [one for one in scene.chat.findChildren(LoadDialog) if one.isVisible()]
    scene.qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    scene.take_model("fast")
    press(scene, 1, "Retry")
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].state == "done")
    assert (said(scene), stored(scene)[1].versions) == (["hello", ANSWER], 2)

    scene.dialogue.set_model("test/gone")
    scene.type_and_send("anybody?")
    settled(scene, 4)
    press(scene, 3, "Choose another model")
    picker = scene.chat.head.picker
    assert picker.isVisible()
    scene.qtbot.keyClicks(picker.view, "fast")
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
    chat = scene.dialogue.chat
    scene.until(lambda: scene.host.chats[chat].model == scene.model("fast"))
    assert scene.ask(lambda client: client.chat(chat)).summary.model == scene.model("fast")


def test_what_waits_is_changed_and_taken_back_by_its_buttons(scene: Scene) -> None:
    composer = scene.chat.composer

    def button(name: str) -> QWidget:
        def shown() -> list[QWidget]:
            buttons = [one for one in composer.queue.findChildren(PaintedButton) if one.isVisible()]
            return [one for one in buttons if one.accessibleName() == name]

        scene.until(lambda: bool(shown()))
        return shown()[0]

    scene.take_model("held")
    for text in ("first", "second", "third"):
        scene.type_and_send(text)
    scene.until(lambda: kept().drafts.get(scene.dialogue.chat) == "second\n\nthird")
    click(scene, button("Change “second”"))
    scene.type_and_send(" or so")
    click(scene, button("Do not send “third”"))
    scene.gates["held"].open()
    settled(scene, 4)
    assert [item.content for item in stored(scene) if item.role == "user"] == ["first", "second or so"]
    scene.until(lambda: scene.dialogue.chat not in kept().drafts)


def test_a_message_under_edit_is_there_again_and_nothing_of_it_is_lost(scene: Scene) -> None:
    asked(scene)
    composer, chat = scene.chat.composer, scene.dialogue.chat
    composer.set_text("a draft")
    press(scene, 0, "Edit message")
    scene.qtbot.keyClicks(composer.field, ", world")
    scene.chat.new_chat()
    assert (composer.text(), composer.task.isVisible()) == ("", False)
    scene.until(lambda: chat in kept().edits and kept().edits[chat].text == "hello, world")
    assert kept().drafts[chat] == "a draft"
    scene.chat.open(chat)
    assert (composer.text(), composer.draft(), composer.task.isVisible()) == ("hello, world", "a draft", True)
    settled(scene, 2)
    click(scene, composer.task.chip)
    assert composer.text() == "a draft"
    scene.until(lambda: chat not in kept().edits)

    press(scene, 1, "More")
    pick(scene, "Edit")
    answer = stored(scene)[1].id
    scene.ask(lambda client: client.patch_message(chat, answer, MessagePatch(deleted=True)))
    settled(scene, 1)
    composer.set_text("Lyon.")
    click(scene, composer.button)
    assert composer.text() == "Lyon.\n\na draft", "the answer has gone meanwhile"
    assert scene.window.bar.texts() == ["The message is no longer there. What you wrote is below."]


def test_files_are_chosen_and_the_context_is_explained(scene: Scene, tmp_path: Path) -> None:
    asked(scene)
    composer = scene.chat.composer
    (tmp_path / "note.txt").write_text("a note")
    click(scene, composer.attach)
    (dialog,) = composer.findChildren(QFileDialog)
    dialog.setDirectory(str(tmp_path))
    dialog.selectFile("note.txt")
    dialog.accept()
    scene.until(lambda: "a note" in composer.text())
    scene.qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    settled(scene, 4)
    assert said(scene)[2] == "`note.txt`\n```txt\na note\n```"
    scene.qtbot.keyClicks(composer.field, "more")
    scene.until(composer.gauge.isVisible)
    click(scene, composer.gauge)
    (popup,) = composer.gauge.findChildren(ContextPopup)
    assert popup.isVisible()
    scene.qtbot.keyClick(popup, Qt.Key.Key_Escape)
    assert not popup.isVisible()


def test_an_example_is_asked_and_the_columns_stay_as_they_were_put(scene: Scene) -> None:
    columns, start = scene.chat.columns, scene.chat.start
    scene.host.models.clear()
    scene.host.models_changed.emit()
    (again,) = [one for one in start.notice.findChildren(PaintedButton) if one.text() == "Look again"]
    click(scene, again)
    scene.until(lambda: not start.notice.isVisible() and start.cards[0].isVisible())
    scene.chat.composer.set_text("a draft")
    click(scene, start.cards[0])
    scene.answered()
    assert scene.chat.composer.text() == "a draft"
    scene.until(lambda: kept().drafts.get(scene.dialogue.chat) == "a draft" and "" not in kept().drafts)
    assert said(scene) == ["What is the capital of France?", ANSWER]
    shown = scene.chat.inspector.isVisible()
    click(scene, scene.chat.head.inspector)
    assert scene.chat.inspector.isVisible() is not shown
    scene.until(lambda: kept().inspector is not shown)
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_I, CTRL)
    scene.until(lambda: kept().inspector is shown)
    grip, before = columns._grip, kept().chats_width
    scene.qtbot.mousePress(grip, Qt.MouseButton.LeftButton)
    scene.qtbot.mouseMove(grip, QPoint(40, 9))
    scene.qtbot.mouseRelease(grip, Qt.MouseButton.LeftButton)
    scene.until(lambda: kept().chats_width > before)
    scene.window.resize(800, 600)
    click(scene, scene.chat.head.chats)
    assert scene.chat.chats.isVisible()
    scene.qtbot.mouseClick(columns._scrim, Qt.MouseButton.LeftButton, pos=QPoint(790 - scene.chat.x(), 300))
    assert not scene.chat.chats.isVisible()
    scene.window.resize(1280, 800)


def test_what_is_said_is_copied_by_button_and_by_the_menu_of_the_right_button(scene: Scene) -> None:
    asked(scene)
    view, clipboard = scene.chat.view, QApplication.clipboard()
    press(scene, 1, "Copy answer")
    assert clipboard.text() == ANSWER
    block = view.column.rows[0].blocks[0]
    place = view.place_of((0, 0, ""), QRect(4, 4, 8, 8)).translated(0, -view.scrolled())
    assert block.text() == "hello"
    spot = place.center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, spot, view.viewport().mapToGlobal(spot))
    QApplication.sendEvent(view.viewport(), event)
    pick(scene, "Copy message")
    assert clipboard.text() == "hello"
    assert said(scene) == ["hello", ANSWER]


def test_words_are_found_and_code_is_copied_by_their_buttons(scene: Scene) -> None:
    asked(scene)
    view, chat = scene.chat.view, scene.dialogue.chat
    code = "```python\nprint('Paris')\n```"
    scene.ask(lambda client: client.add_message(chat, NewMessage(role="assistant", content=code)))
    settled(scene, 3)
    press(scene, 2, "Copy code")
    assert QApplication.clipboard().text() == "print('Paris')"

    scene.qtbot.keyClick(scene.window, Qt.Key.Key_F, CTRL)
    bar = view.find_bar
    scene.qtbot.keyClicks(bar.field, "paris")
    assert bar.count.text() == "1 of 2"
    for button, count in ((bar.later, "2 of 2"), (bar.later, "1 of 2"), (bar.earlier, "2 of 2")):
        click(scene, button)
        assert bar.count.text() == count
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_F3)
    assert bar.count.text() == "1 of 2"
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_F3, SHIFT)
    assert bar.count.text() == "2 of 2"
    click(scene, bar.leave)
    assert not bar.isVisible()
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_L, CTRL)
    assert scene.chat.composer.field.hasFocus()
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_N, CTRL | SHIFT)
    asked(scene)
    assert scene.dialogue.chat != chat
    assert scene.ask(lambda client: client.chat(scene.dialogue.chat)).summary.private


def test_tab_goes_as_the_eye_does(scene: Scene) -> None:
    asked(scene)
    chat, composer = scene.chat, scene.chat.composer
    scene.take_model("slow")
    scene.type_and_send("first")
    scene.answering()
    scene.type_and_send("second")
    parts = [chat.chats, chat.head, chat.view, composer.queue, composer.field, composer, chat.inspector]
    chat.chats.search.setFocus()
    seen: list[QWidget] = []
    while not seen or seen[-1] is not chat.inspector:
        focus = QApplication.focusWidget()
        part = next(part for part in parts if part is focus or part.isAncestorOf(focus))
        if not seen or seen[-1] is not part:
            seen.append(part)
        scene.qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert seen == parts
    composer.field.setFocus()
    scene.qtbot.keyClick(composer.field, Qt.Key.Key_Backtab)
    assert composer.queue.isAncestorOf(QApplication.focusWidget())
    scene.qtbot.keyClick(composer.field, Qt.Key.Key_Escape)
    scene.answered()
