"""Settings on their way to the store, refused, told late, set by others at the same time, and handed to an answer that
is being written."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hands import LEFT, PLAIN, click, type_in
from inspected import change, inspector_of, kept, opened, stored
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from paddock.gui.pages.inspector import Inspector
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.errors import HostUnavailable, StorageFailed
from paddock.sdk.events import ChatChanged, GenerationStarted
from paddock.sdk.types import Chat, ChatPatch

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


scene = pytest.fixture(opened)
inspector = pytest.fixture(inspector_of)


def test_what_another_program_sets_at_the_same_time_stays(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window has not heard of it yet when it changes something else."""
    temperature, min_p = (inspector.samplers[name] for name in ("temperature", "min_p"))
    type_in(temperature.box, "0.33")  # type: ignore[union-attr]
    kept(scene, sampling={"temperature": 0.33})
    held: list[ChatChanged] = []
    update = scene.host._update
    monkeypatch.setattr(
        scene.host, "_update", lambda told: held.append(told) if isinstance(told, ChatChanged) else update(told)
    )
    change(scene, sampling={"temperature": 0.33, "min_p": 0.3}, stop=("END",))
    type_in(temperature.box, "0.44")  # type: ignore[union-attr]
    kept(scene, sampling={"temperature": 0.44, "min_p": 0.3}, stop=("END",))
    scene.until(lambda: len(held) >= 2)
    for told in held:
        update(told)
    scene.until(lambda: min_p.value() == 0.3 and inspector.settings().stop == ("END",))


def test_what_is_told_late_does_not_take_back_what_was_set(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a change may come before the host tells of it, or of the change before."""
    held: list[ChatChanged] = []
    update = scene.host._update
    monkeypatch.setattr(
        scene.host, "_update", lambda told: held.append(told) if isinstance(told, ChatChanged) else update(told)
    )
    temperature, top_p = (inspector.samplers[name] for name in ("temperature", "top_p"))
    known: list[Any] = []
    for value in (0.33, 0.44):
        type_in(temperature.box, str(value))  # type: ignore[union-attr]
        kept(scene, sampling={"temperature": value})
    scene.until(lambda: scene.host.chats[scene.dialogue.chat].sampling == {"temperature": 0.44})
    scene.until(lambda: len(held) >= 2)
    for told in held:
        update(told)
        known.append(dict(inspector.sampling()))
    assert known == [{"temperature": 0.44}] * len(held)
    click(top_p.switch)  # type: ignore[union-attr]
    kept(scene, sampling={"temperature": 0.44, "top_p": 1.0})


def refuses(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[ChatPatch]:
    """The host takes no change of a conversation until ``monkeypatch`` is undone; what it refused."""
    refused: list[ChatPatch] = []

    async def refuse(client: AsyncClient, chat: str, patch: ChatPatch) -> Chat:
        refused.append(patch)
        raise error

    monkeypatch.setattr(AsyncClient, "patch_chat", refuse)
    return refused


def test_what_the_host_refused_stays_in_sight_is_told_and_goes_with_the_next_change(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    temperature, min_p = (inspector.samplers[name] for name in ("temperature", "min_p"))
    with monkeypatch.context() as patched:
        refused = refuses(patched, StorageFailed("The disk is full.", hint="Make room."))
        type_in(temperature.box, "0.33")  # type: ignore[union-attr]
        inspector.flush()
        scene.until(lambda: bool(refused) and not scene.chat.settings._on_the_way)
    scene.until(lambda: any("The disk is full." in text for text in scene.window.bar.texts()))
    change(scene, stop=("END",))
    scene.until(lambda: inspector.settings().stop == ("END",))
    assert inspector.sampling() == {"temperature": 0.33}
    type_in(min_p.box, "0.3")  # type: ignore[union-attr]
    kept(scene, sampling={"temperature": 0.33, "min_p": 0.3}, stop=("END",))


def test_what_the_host_refused_of_a_chat_that_was_left_is_told(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing shows it any more, and no later change takes it along."""
    for error in (StorageFailed("The disk is full."), HostUnavailable("The host does not answer.")):
        with monkeypatch.context() as patched:
            refused = refuses(patched, error)
            type_in(inspector.samplers["temperature"].box, "0.33")  # type: ignore[union-attr]
            chat = scene.dialogue.chat
            scene.chat.new_chat()
            scene.until(lambda refused=refused: bool(refused) and not scene.chat.settings._on_the_way)
        (text,) = scene.window.bar.texts()
        assert text.startswith(f"What was set in “Horses” before it was left is not kept. {error}"), "told once"
        scene.chat.open(chat)
        scene.until(lambda: inspector.sampling() == {})


def test_what_was_set_while_the_host_went_is_stored_when_it_is_back(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    temperature = inspector.samplers["temperature"]
    with monkeypatch.context() as patched:
        refused = refuses(patched, HostUnavailable("The host does not answer."))
        type_in(temperature.box, "0.33")  # type: ignore[union-attr]
        inspector.flush()
        scene.until(lambda: bool(refused) and not scene.chat.settings._on_the_way)
    change(scene, stop=("END",))
    scene.host.refresh_chats()  # as when the connection is there again
    scene.until(lambda: stored(scene).sampling == {"temperature": 0.33})
    assert (stored(scene).stop, inspector.settings().stop) == (("END",), ("END",))


def test_of_two_changes_that_are_on_their_way_together_the_later_one_holds(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is slow; one that could overtake it would be undone by it."""
    temperature = inspector.samplers["temperature"]
    begun: list[ChatPatch] = []
    first_goes = threading.Event()
    real = AsyncClient.patch_chat

    async def slow(client: AsyncClient, chat: str, patch: ChatPatch) -> Chat:
        begun.append(patch)
        if len(begun) == 1:
            await asyncio.to_thread(first_goes.wait, 60)
        return await real(client, chat, patch)

    monkeypatch.setattr(AsyncClient, "patch_chat", slow)
    for value in ("0.33", "0.44"):
        type_in(temperature.box, value)  # type: ignore[union-attr]
        inspector.flush()
    scene.until(lambda: bool(begun))
    scene.ask(lambda client: client.chats())  # the second one has had its time
    first_goes.set()
    scene.until(lambda: len(begun) == 2 and not scene.chat.settings._on_the_way)
    assert stored(scene).sampling == inspector.sampling() == {"temperature": 0.44}


def test_what_another_program_sets_is_shown_but_not_in_place_of_what_is_in_hand(
    scene: Scene, inspector: Inspector
) -> None:
    temperature, top_k = (inspector.samplers[name] for name in ("temperature", "top_k"))
    change(scene, sampling={"temperature": 0.4, "mirostat": 2, "seed": 5}, stop=("END",), max_tokens=9, reasoning=True)
    scene.until(lambda: temperature.value() == 0.4)
    shown = inspector.settings()
    assert shown.sampling == {"temperature": 0.4, "mirostat": 2, "seed": 5}
    assert (shown.stop, shown.max_tokens, shown.reasoning) == (("END",), 9, True)
    slider, box = temperature.slider, top_k.box  # type: ignore[union-attr]
    middle = slider.rect().center()
    QTest.mousePress(slider, LEFT, PLAIN, middle)
    dragged = temperature.value()
    inspector.flush()
    scene.until(lambda: stored(scene).sampling.get("temperature") == dragged)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "12")
    change(scene, sampling={"temperature": 1.9, "top_k": 99, "min_p": 0.5})
    scene.until(lambda: inspector.samplers["min_p"].value() == 0.5)
    assert (temperature.value(), box.text(), "mirostat" in inspector.sampling()) == (dragged, "12", False)
    QTest.mouseRelease(slider, LEFT, PLAIN, middle)
    QTest.keyClick(box, Qt.Key.Key_Return)
    kept(scene, sampling={"temperature": dragged, "top_k": 12, "min_p": 0.5})
    type_in(box, "13")  # not handed on yet
    change(scene, sampling={"temperature": dragged, "top_k": 14, "min_p": 0.6})
    scene.until(lambda: inspector.samplers["min_p"].value() == 0.6)
    assert top_k.value() == 13
    kept(scene, sampling={"temperature": dragged, "top_k": 13, "min_p": 0.6})


def test_an_answer_that_is_being_written_is_handed_what_is_set(scene: Scene, inspector: Inspector) -> None:
    strip, box = inspector.running, inspector.samplers["temperature"].box  # type: ignore[union-attr]
    scene.take_model("held")
    scene.type_and_send("Which horse?")
    scene.answering("one")
    scene.until(lambda: bool(scene.host.generations))  # else what is set now counts as what the answer began with
    type_in(box, "0.9")
    with scene.qtbot.waitSignal(strip.applied):
        click(strip.apply)
    assert strip.isHidden()
    type_in(box, "0.8")
    with scene.qtbot.waitSignal(strip.applied):
        click(strip.follow)
    with scene.qtbot.waitSignal(strip.applied):
        type_in(box, "0.7")
    click(strip.follow)
    scene.gates["held"].open()
    scene.answered()
    scene.until(strip.isHidden)
    kept(scene, sampling={"temperature": 0.7})


def test_an_answer_has_the_settings_that_it_began_with_whatever_is_set_before_it_is_told_of(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    strip, box = inspector.running, inspector.samplers["temperature"].box  # type: ignore[union-attr]
    held: list[GenerationStarted] = []
    update = scene.host._update
    monkeypatch.setattr(
        scene.host, "_update", lambda told: held.append(told) if isinstance(told, GenerationStarted) else update(told)
    )
    scene.take_model("held")
    type_in(box, "0.6")
    scene.type_and_send("Which horse?")
    type_in(box, "0.9")
    scene.until(lambda: bool(held))
    assert strip.isHidden()
    update(held[0])
    assert not strip.isHidden()
    chat = scene.dialogue.chat
    scene.chat.new_chat()
    assert strip.isHidden()
    scene.chat.open(chat)
    scene.until(lambda: inspector.sampling() == {"temperature": 0.9})
    assert not strip.isHidden(), "also when it is come back to"
    type_in(box, "0.6")
    assert strip.isHidden()
    type_in(box, "0.5")
    with scene.qtbot.waitSignal(strip.applied):
        click(strip.apply)
    (running,) = scene.ask(lambda client: client.generations())
    assert running.sampling == {"temperature": 0.5}
    scene.gates["held"].open()
    scene.answered()
