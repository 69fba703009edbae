"""The window: as it was left, raised, quit, and outliving its host."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from paddock.gui.widgets.question import Question

Scene = Any


def test_a_killed_host_is_explained_started_again_and_the_chat_is_there(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.answering()
    handshake = scene.ask(lambda client: client.handshake())
    said: list[tuple[str, list[str]]] = []
    scene.host.connection_changed.connect(lambda: said.append((scene.host.connection, scene.window.bar.texts())))
    os.kill(handshake.pid, signal.SIGKILL)
    scene.until(lambda: ("lost", ["The host stopped. Reconnecting…"]) in said)
    scene.until(lambda: scene.host.connection == "connected")
    scene.until(lambda: scene.window.bar.texts() == [])
    scene.until(lambda: scene.dialogue.run is None and scene.dialogue.messages[-1].state == "interrupted")
    scene.take_model("fast")
    scene.type_and_send("again")
    scene.until(lambda: scene.dialogue.run is None and "Paris" in scene.dialogue.messages[-1].content)


def test_the_window_comes_back_as_it_was_left(open_window: Callable[[], Scene]) -> None:
    first = open_window()
    first.show()
    first.take_model("fast")
    first.type_and_send("hello")
    first.answered()
    first.until(lambda: not first.host.generations)  # else quitting asks what is to become of the answer
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
    second.until(lambda: second.chat.inspector.sampling() == {"top_k": 10})


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_another_start_raises_the_window(scene: Scene) -> None:
    raised: list[str] = []
    scene.host.raise_requested.connect(raised.append)
    assert scene.ask(lambda client: client.raise_window("token-1")) == 1
    scene.until(lambda: raised == ["token-1"])


def press_in_the_question(scene: Scene, words: str) -> None:
    """Answer the coming dialog with the button called ``words``."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, Question):
            next(button for button in box.buttons if button.text() == words).click()
        else:
            QTimer.singleShot(20, press)

    QTimer.singleShot(0, press)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_quitting_while_an_answer_runs_asks_once(open_window: Callable[[], Scene]) -> None:
    scene = open_window()
    scene.show()
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.answering()
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
    last.until(lambda: last.dialogue.messages[-1].state == "cancelled")


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_quitting_asks_also_before_the_host_has_told_of_the_answer(scene: Scene) -> None:
    scene.take_model("slow")
    scene.type_and_send("count")
    scene.answering()
    scene.host.generations.clear()  # as it is between an answer's first event and GenerationStarted
    press_in_the_question(scene, "Cancel")
    scene.window.close()
    assert scene.window.isVisible()
    press_in_the_question(scene, "Stop and quit")
    scene.window.close()
    assert not scene.window.isVisible()
