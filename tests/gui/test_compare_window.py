"""Comparisons as part of the window: begun from a conversation, left, come back to, driven by the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt

from paddock.sdk.types import ChatPatch, Pane

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Scene = Any


def test_a_conversation_becomes_a_comparison_and_is_found_again(open_window: Callable[[], Scene]) -> None:
    scene = open_window()
    scene.show()
    scene.take_model("fast")
    scene.type_and_send("hello")
    scene.answered()
    chat = scene.dialogue.chat
    scene.chat.head.compare.click()
    compare = scene.chat.compare
    scene.until(lambda: len(compare.view.panes) == 2)
    assert scene.chat.chat == chat
    assert compare.view.isVisible()
    one, two = (item.model for item in compare.view.session.panes)
    assert one == scene.model("fast") != two, "its own model, and another"
    view = compare.view
    view.session.put([view.session.panes[0], _slow(scene, view.session.panes[1])])
    scene.until(lambda: scene.ask(lambda client: client.chat(chat)).panes[1].model == scene.model("slow"))

    scene.type_and_send("and now both")
    second = view.session.panes[1].id
    scene.until(lambda: [(run.pane, run.pieces > 3) for run in view.session.runs.values()] == [(second, True)])
    scene.qtbot.keyClick(scene.chat.composer.field, Qt.Key.Key_Escape)
    scene.until(lambda: not view.session.running)
    paths = scene.ask(lambda client: client.chat(chat)).paths
    assert [path[-1].state for path in paths.values()] == ["done", "cancelled"]
    scene.qtbot.keyClick(scene.window, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert view.question.text.text() == "hello"

    scene.chat.new_chat()
    assert not view.isVisible()
    assert scene.chat.head.chip.isVisible()
    scene.chat.open(chat)
    scene.until(lambda: len(view.panes) == 2 and view.isVisible())
    scene.window._quitting = True
    scene.close()
    again = open_window()
    again.show()
    again.until(lambda: again.chat.compare.view is not None and len(again.chat.compare.view.panes) == 2)
    assert again.chat.chat == chat


def _slow(scene: Scene, pane: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(pane, model=scene.model("slow"))


def test_a_pane_takes_its_settings_from_the_inspector(scene: Scene) -> None:
    scene.take_model("fast")
    scene.chat.head.compare.click()
    compare = scene.chat.compare
    scene.until(lambda: compare.view is not None and len(compare.view.panes) == 2)
    view, inspector = compare.view, scene.chat.inspector
    view.grid.panes[1].head.settings.click()
    assert inspector.isVisible()
    inspector.samplers["temperature"].box.setValue(0.25)
    inspector.flush()
    chat = view.chat
    scene.until(lambda: scene.ask(lambda client: client.chat(chat)).panes[1].sampling.get("temperature") == 0.25)
    assert scene.ask(lambda client: client.chat(chat)).panes[0].sampling == {}
    assert "temp 0.25" in view.grid.panes[1].title


def test_a_comparison_that_was_never_asked_goes_when_it_is_left(chat_scene: Scene) -> None:
    scene, compare, composer = chat_scene, chat_scene.chat.compare, chat_scene.chat.composer
    before = {item.id for item in scene.ask(lambda client: client.chats())}

    def begun() -> str:
        scene.chat.head.compare.click()
        scene.until(lambda: compare.shown and len(compare.view.panes) == 2)
        assert compare.chat in scene.host.chats
        return str(compare.chat)

    def left() -> set[str]:
        return {item.id for item in scene.ask(lambda client: client.chats())} - before

    chat = begun()
    scene.qtbot.keyClicks(composer.field, "half a question")
    scene.chat.new_chat()
    assert composer.text() == "half a question"
    scene.until(lambda: chat not in scene.host.chats and not left())
    scene.until(lambda: chat not in {item.id for item in scene.ask(lambda client: client.deleted_chats())})

    composer.set_text("")
    begun()
    compare.view.deeds.remove(compare.view.session.panes[1].id)
    scene.until(lambda: not compare.shown and not left())
    named = begun()
    scene.host.call(lambda client: client.patch_chat(named, ChatPatch(title="For tomorrow")))
    scene.until(lambda: compare.view.title == "For tomorrow")
    scene.chat.new_chat()
    deleted = begun()
    scene.chat.chats.delete(deleted)
    scene.until(lambda: left() == {named})
    assert deleted in {item.id for item in scene.ask(lambda client: client.deleted_chats())}, "it can be brought back"


def test_a_prompt_list_takes_over_what_the_conversation_sets(chat_scene: Scene) -> None:
    from paddock.gui.pages.batch_dialog import BatchDialog

    scene, compare = chat_scene, chat_scene.chat.compare
    models = (Pane(model=scene.model("fast"), sampling={"top_k": 5}), Pane(model=scene.model("slow"), system=""))
    compare.begin("", model=scene.model("fast"), system="Be brief.", panes=models)
    scene.until(lambda: compare.shown and len(compare.view.panes) == 2)
    patch = ChatPatch(sampling={"top_k": 7, "temperature": 0.5}, stop=("END",), max_tokens=9)
    chat = compare.chat
    scene.ask(lambda client: client.patch_chat(chat, patch))
    scene.until(lambda: compare.view.session.summary.stop == ("END",))
    compare.view.composer_tools.list.click()
    scene.until(lambda: any(dialog.isVisible() for dialog in scene.window.findChildren(BatchDialog)))
    (dialog,) = (item for item in scene.window.findChildren(BatchDialog) if item.isVisible())
    one, two = (card.pane() for card in dialog.setup.cards)
    assert (one.system, one.stop, one.max_tokens) == ("Be brief.", ("END",), 9)
    assert one.sampling == {"top_k": 5, "temperature": 0.5}
    assert (two.system, two.sampling) == ("", {"top_k": 7, "temperature": 0.5})
    dialog.close()
    scene.chat.new_chat()
