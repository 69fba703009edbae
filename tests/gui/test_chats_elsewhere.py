"""An open conversation that another program changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from paddock.gui.pages.chats_trash import ChatsTrash
from paddock.sdk.chats import MessagePatch, NewMessage
from paddock.sdk.events import ChatChanged
from paddock.sdk.types import ChatPatch, NewChat, Pane

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    yield chat_scene
    chat_scene.chat.new_chat()
    for chat in chat_scene.ask(lambda client: client.chats()):
        chat_scene.ask(lambda client, chat=chat: client.delete_chat(chat.id))
    chat_scene.until(lambda: not chat_scene.host.chats)


def opened(scene: Scene, *texts: str) -> str:
    chat = scene.ask(lambda client: client.create_chat(NewChat(title="Horses"))).summary.id
    for number, text in enumerate(texts):
        new = NewMessage(role="assistant" if number % 2 else "user", content=text)
        scene.ask(lambda client, new=new: client.add_message(chat, new))
    scene.until(lambda: chat in scene.host.chats)
    scene.chat.open(chat)
    scene.until(lambda: said(scene) == list(texts))
    return str(chat)


def said(scene: Scene) -> list[str]:
    return [row.full_text() for row in scene.chat.view.column.rows]


def test_messages_that_are_changed_put_in_and_deleted_elsewhere_are_shown(scene: Scene) -> None:
    chat = opened(scene, "Which horse?", "The grey one.")
    first, second = (message.id for message in scene.dialogue.messages)
    scene.ask(lambda client: client.patch_message(chat, first, MessagePatch(content="Which pony?")))
    scene.until(lambda: said(scene) == ["Which pony?", "The grey one."])
    scene.ask(lambda client: client.add_message(chat, NewMessage(role="user", content="Why?", after=second)))
    scene.until(lambda: said(scene) == ["Which pony?", "The grey one.", "Why?"])
    scene.ask(lambda client: client.patch_message(chat, second, MessagePatch(deleted=True)))
    scene.until(lambda: said(scene) == ["Which pony?", "Why?"])


def test_a_chat_that_becomes_a_comparison_elsewhere_is_shown_as_one_and_as_a_chat_again(scene: Scene) -> None:
    chat = opened(scene, "Which horse?", "The grey one.")
    panes = (Pane(model=scene.model("fast")), Pane(model=scene.model("slow")))
    stored = scene.ask(lambda client: client.set_panes(chat, panes)).panes
    scene.until(lambda: scene.chat.compare.shown)
    session = scene.chat.compare.view.session
    scene.until(lambda: [len(path) for path in session.paths.values()] == [2, 2])
    answer = session.paths[stored[0].id][1].id
    scene.ask(lambda client: client.patch_message(chat, answer, MessagePatch(content="The black one.")))
    scene.until(lambda: session.paths[stored[0].id][1].content == "The black one.")
    scene.ask(lambda client: client.set_panes(chat, ()))
    scene.until(lambda: not scene.chat.compare.shown and said(scene)[1:] == ["The black one."])


def test_a_chat_that_is_deleted_elsewhere_while_it_is_answered_leaves_the_list(scene: Scene) -> None:
    scene.chat.new_chat()
    scene.take_model("slow")
    scene.type_and_send("Which horse?")
    scene.answering("one")
    chat = scene.dialogue.chat
    scene.ask(lambda client: client.delete_chat(chat))
    scene.until(lambda: not scene.dialogue.chat)
    late = scene.ask(lambda client: client.chat(chat)).summary  # what is read as the answer ends
    scene.host.learn_chat(late)
    assert chat not in scene.host.chats
    assert not scene.chat.chats._model.row_of(chat).isValid()


def test_a_chat_that_is_brought_back_stays_whenever_its_deletion_is_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = opened(scene, "Which horse?")
    held: list[ChatChanged] = []
    update = scene.host._update

    def of_chat(told: object) -> bool:
        return isinstance(told, ChatChanged) and told.id == chat

    with monkeypatch.context() as patched:
        patched.setattr(scene.host, "_update", lambda told: held.append(told) if of_chat(told) else update(told))
        scene.ask(lambda client: client.delete_chat(chat))
        trash = ChatsTrash(scene.host, scene.window)
        trash.restored.connect(scene.chat.open)
        scene.until(lambda: chat in [found.id for found in trash.chats])
        with scene.qtbot.waitSignal(trash.restored):
            trash.restore(chat)
        scene.until(lambda: [told.summary is None for told in held] == [True, False])
    for told in held:
        update(told)
        assert chat in scene.host.chats
        assert scene.dialogue.chat == chat
    trash.reject()


def test_a_list_that_comes_late_does_not_take_back_what_was_told_since(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = opened(scene, "Which horse?")
    kept = opened(scene, "Which pony?")
    late: list[Callable[[Any], None]] = []
    with monkeypatch.context() as patched:
        patched.setattr(scene.host, "call", lambda job, done: late.append(done))
        scene.host.refresh_chats()
    old = scene.ask(lambda client: client.chats())
    scene.ask(lambda client: client.patch_chat(kept, ChatPatch(title="Ponies")))
    scene.ask(lambda client: client.delete_chat(gone))
    new = scene.ask(lambda client: client.create_chat(NewChat(title="Cats"))).summary.id

    def titles() -> dict[str, str]:
        return {chat.id: chat.title for chat in scene.host.chats.values()}

    scene.until(lambda: titles() == {kept: "Ponies", new: "Cats"})
    (told,) = late
    told(old)
    assert titles() == {kept: "Ponies", new: "Cats"}
