"""The inspector: what it sets goes with the message."""

from typing import Any

import pytest

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Scene:
    return chat_scene


def test_sampling_goes_with_the_message_only_where_it_differs(scene: Scene) -> None:
    inspector = scene.chat.inspector
    assert inspector.sampling() == {}
    inspector.samplers["temperature"].box.setValue(0.2)
    inspector.samplers["top_p"].switch.click()
    assert inspector.sampling() == {"temperature": 0.2, "top_p": 1.0}
    assert inspector.section.count.text() == "2 changed"
    inspector.samplers["repeat_penalty"].switch.click()
    assert inspector.sampling()["repeat_penalty"] == 1.1
    inspector.section.reset_all.click()
    assert inspector.sampling() == {}


def test_the_system_prompt_is_stored_with_the_chat(scene: Scene) -> None:
    scene.take_model("fast")
    scene.chat.inspector.system.setPlainText("Be brief.")
    scene.type_and_send("hello")
    scene.answered()
    assert scene.ask(lambda client: client.chat(scene.dialogue.chat)).summary.system == "Be brief."


def test_the_settings_belong_to_the_conversation(scene: Scene) -> None:
    inspector = scene.chat.inspector
    scene.take_model("fast")
    inspector.samplers["top_k"].box.setValue(7)
    inspector.answer.limit.switch.click()
    inspector.answer.limit.box.setValue(3)
    scene.type_and_send("hello")
    scene.answered()
    first = scene.dialogue.chat
    assert scene.dialogue.messages[-1].stop_reason == "length"
    known = scene.host.chats
    scene.until(lambda: (known[first].sampling, known[first].max_tokens) == ({"top_k": 7}, 3))
    scene.chat.new_chat()
    assert (inspector.sampling(), inspector.request().max_tokens) == ({}, 0)
    scene.chat.open(first)
    assert (inspector.sampling(), inspector.request().max_tokens) == ({"top_k": 7}, 3)
    inspector.samplers["top_k"].reset_value()
    inspector.flush()
    scene.until(lambda: scene.host.chats[first].sampling == {})
