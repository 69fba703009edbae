"""A question that the host may not have is kept as a draft is, and comes back where it never came to the host."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.gui.host_state import HostState
from paddock.gui.pages.composer_pictures import shown_of
from paddock.gui.window_state import Edit, Task, WindowState, read, write
from paddock.sdk.types import NewChat

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def file() -> Path:
    return Path(os.environ["PADDOCK_HOME"]) / "window.json"


def sent() -> list[tuple[str, str]]:
    return [(one.chat, one.text) for one in read(file()).sent]


def asked(scene: Scene, chat: str) -> list[str]:
    return [item.content for item in scene.ask(lambda client: client.chat(chat)).messages if item.role == "user"]


def kill(scene: Scene, text: str) -> WindowState:
    """Send ``text`` to a host that does not move any more, and kill it; what the window had stored by then."""
    host, chat = scene.ask(lambda client: client.handshake()).pid, scene.chat.chat
    os.kill(host, signal.SIGSTOP)
    try:
        scene.type_and_send(text)
        scene.until(lambda: sent() == [(chat, text)])
        state = read(file())
        scene.app.bridge.close()
    finally:
        os.kill(host, signal.SIGKILL)  # also where the test fails: nothing else would end it
    return state


def reopened(scene: Scene, state: WindowState, open_window: Callable[[], Scene]) -> Scene:
    """A window after ``scene``, which had stored ``state`` when it was ended without a word."""
    scene.window._quitting = True
    scene.close()
    write(file(), state)
    made = open_window()
    made.show()
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP")
def test_a_question_in_flight_when_all_is_killed_is_a_draft_again_unless_the_host_has_it(
    open_window: Callable[[], Scene], noise_png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostState, "sees", lambda self, model: True)
    scene = open_window()
    scene.show(connected=False)  # nobody answers yet
    scene.dialogue.set_model("test/fast")
    scene.type_and_send("capital?")
    scene.until(lambda: sent() == [("", "capital?")])
    taken = read(file()).sent
    scene.answered()
    chat = scene.dialogue.chat
    scene.until(lambda: sent() == [])
    shown = shown_of(noise_png(30, 20))
    scene.chat.composer.pictures.put((shown,))
    state = kill(scene, "capital?")
    assert (state.drafts, state.draft_pictures) == ({}, {})

    scene = reopened(scene, state, open_window)
    composer = scene.chat.composer
    scene.until(lambda: composer.text() == "capital?" and bool(composer.pictures.shown))
    assert [one.picture for one in composer.pictures.shown] == [shown.picture]
    assert (scene.dialogue.chat, asked(scene, chat)) == (chat, ["capital?"]), "asked once, and written once more"
    scene.until(lambda: sent() == [] and read(file()).drafts == {chat: "capital?"})
    composer.pictures.put(())
    composer.set_text("")
    scene.chat.compare.begin_here()
    scene.until(lambda: scene.chat.chat == chat and bool(scene.chat.compare.view.session.panes))
    state = kill(scene, "both?")

    scene = reopened(scene, msgspec.structs.replace(state, sent=(*taken, *state.sent)), open_window)
    scene.until(lambda: scene.chat.compare.chat == chat and bool(scene.chat.composer.text()))
    assert scene.chat.composer.text() == "both?", "the host has the other"
    assert asked(scene, chat) == ["capital?"]
    scene.until(lambda: sent() == [] and read(file()).drafts == {chat: "both?"})


def test_drafts_of_conversations_that_are_gone_for_good_are_forgotten_at_the_next_start(
    open_window: Callable[[], Scene],
) -> None:
    scene = open_window()
    scene.show()
    here, deleted, gone = (scene.ask(lambda client: client.create_chat(NewChat())).summary.id for _ in range(3))
    scene.ask(lambda client: client.delete_chat(deleted))
    scene.ask(lambda client: client.purge_chat(gone))
    edit = Edit(Task("change", "message"), "edited")
    state = WindowState(
        drafts={"": "new", here: "here", deleted: "may come back", gone: "gone", "unknown": "gone"},
        edits={here: edit, gone: edit},
    )
    scene = reopened(scene, state, open_window)
    scene.until(lambda: set(read(file()).drafts) == {"", here, deleted})
    assert read(file()).drafts == {"": "new", here: "here", deleted: "may come back"}
    assert read(file()).edits == {here: edit}
    assert scene.chat.composer.text() == "new"
