"""The inspector of a window in a stored conversation, what the store has of its settings, and what others set there."""

from __future__ import annotations

from typing import Any

from paddock.gui.pages.inspector import Inspector
from paddock.sdk.types import ChatPatch, ChatSummary, NewChat

Scene = Any


def opened(chat_scene: Scene) -> Scene:
    """In a stored conversation, with the inspector in sight; made a fixture by ``pytest.fixture``, as the next one."""
    scene = chat_scene
    chat = scene.ask(lambda client: client.create_chat(NewChat(title="Horses", model=scene.model("fast"))))
    scene.until(lambda: chat.summary.id in scene.host.chats)
    scene.chat.open(chat.summary.id)
    scene.chat.columns.show_inspector()
    scene.until(lambda: bool(scene.chat.inspector.presets.usable()))
    return scene


def inspector_of(scene: Scene) -> Inspector:
    made = scene.chat.inspector
    assert isinstance(made, Inspector)
    return made


def stored(scene: Scene) -> ChatSummary:
    chat = scene.dialogue.chat
    summary = scene.ask(lambda client: client.chat(chat)).summary
    assert isinstance(summary, ChatSummary)
    return summary


def kept(scene: Scene, **wanted: Any) -> None:
    """Wait until the store has it, once the pause after the last change is over."""
    scene.chat.inspector.flush()
    scene.until(lambda: {name: getattr(stored(scene), name) for name in wanted} == wanted)


def change(scene: Scene, **patch: Any) -> None:
    """As another program does."""
    chat, given = scene.dialogue.chat, ChatPatch(**patch)
    scene.ask(lambda client: client.patch_chat(chat, given))
