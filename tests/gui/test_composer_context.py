"""How full the context is with what is being written, and what does not fit into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.pages.composer import Composer
from paddock.gui.pages.composer_context import RING, ContextGauge, ContextWatch, Fill, fill_of, short_count
from paddock.gui.theme import Theme, current
from paddock.sdk.questions import ContextUse
from paddock.sdk.types import ChatMessage, Message

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def luminance(color: QColor) -> float:
    """As WCAG has it."""
    parts = (color.redF(), color.greenF(), color.blueF())
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_context_is_counted_when_the_model_is_there(chat_scene: Scene) -> None:
    scene, gauge = chat_scene, chat_scene.chat.composer.gauge
    scene.type_and_send("one two three")
    scene.answered()
    scene.qtbot.keyClicks(scene.chat.composer.field, "four five")
    scene.until(lambda: gauge.isVisible() and gauge.fill is not None and gauge.fill.draft == 2)
    assert gauge.fill.conversation == 9
    assert gauge.accessibleName().startswith("Context: 11 of ")
    scene.qtbot.keyClicks(scene.chat.composer.field, " six")
    scene.until(lambda: scene.chat.context.settled)
    assert gauge.fill.draft == 3
    scene.take_model("heavy")
    loaded = scene.host.loaded_model(scene.dialogue.model)
    if loaded is None or loaded.state != "ready":
        assert not gauge.isVisible(), "nothing is claimed about a model that is not loaded"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_whole_ring_is_to_be_seen_when_little_is_taken(qapp: QApplication, qtbot: QtBot, look: Any) -> None:
    Theme(look).apply(qapp)
    field = QWidget()
    qtbot.addWidget(field)
    gauge = ContextGauge(field)
    gauge.show_fill(Fill(system=0, conversation=40, draft=0, total=40, context=4096))
    gauge.resize(gauge.sizeHint())
    ground = current().color("raised")
    palette = gauge.palette()
    palette.setColor(QPalette.ColorRole.Window, ground)
    gauge.setPalette(palette)
    gauge.setAutoFillBackground(True)
    ring = gauge.grab().toImage().pixelColor(8 + RING // 2, (gauge.height() + RING) // 2)  # its lowest point
    Theme().apply(qapp)
    darker, lighter = sorted((luminance(ring), luminance(ground)))
    assert (lighter + 0.05) / (darker + 0.05) >= 1.5


def test_what_would_not_fit_is_said_with_its_reason() -> None:
    said = [Message(role="system", content="s"), Message(role="user", content="u"), Message(role="user", content="d")]
    use = ContextUse(tokens=4300, context_length=4096, messages=(100, 4000, 200))
    fill = fill_of(use, said, drafted=True, answer=None)
    assert (fill.system, fill.conversation, fill.draft, fill.left, fill.token) == (100, 4000, 200, 0, "bad")
    assert "4,300 tokens and the context holds 4,096" in fill.sentence()
    assert "longest message alone takes 4,000" in fill.sentence()
    short = Fill(system=0, conversation=3000, draft=0, total=3000, context=4096, answer=2000)
    assert short.sentence() == "The answer may take 2,000 tokens, but there is room for 1,096 of them only."
    assert [short_count(n) for n in (950, 2100, 8192, 32768, 33000)] == ["950", "2.1k", "8k", "32k", "33k"]


def test_what_does_not_fit_the_context_is_not_sent(qtbot: QtBot) -> None:
    composer = Composer()
    qtbot.addWidget(composer)
    composer.show()
    sent: list[str] = []
    refused: list[str] = []
    composer.sent.connect(lambda text, _: sent.append(text))
    composer.refused.connect(refused.append)
    composer.set_text("Far too long for the context.")
    composer.show_fill(Fill(0, 0, 5000, 5000, 4096))
    assert not composer.button.isEnabled()
    assert "would not fit" in composer.button.toolTip()
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    assert sent == []
    assert "would not fit" in refused[0]
    assert composer.text() == "Far too long for the context."
    qtbot.keyClick(composer.field, Qt.Key.Key_Backspace)
    assert composer.button.isEnabled(), "it may fit now"
    assert composer.button.toolTip() == "Send (Enter)"
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    assert sent == ["Far too long for the context"]


def test_an_old_count_keeps_nothing_back(qtbot: QtBot) -> None:
    composer = Composer()
    qtbot.addWidget(composer)
    full = Fill(0, 0, 5000, 5000, 4096)

    def sendable_after(then: Callable[[], object]) -> bool:
        composer.set_text("Too long.")
        composer.show_fill(full)
        assert not composer.button.isEnabled()
        then()
        return composer.button.isEnabled()

    assert not sendable_after(lambda: qtbot.keyClicks(composer.field, " And more."))
    assert sendable_after(lambda: composer.set_text("Another text, though it is longer."))
    assert sendable_after(composer.doubt_fill)
    assert sendable_after(lambda: composer.show_fill(None))
    assert sendable_after(lambda: composer.edit("message", "Too short.")), "that is asked in place of another"


def test_what_changes_behind_a_draft_makes_its_count_doubtful(chat_scene: Scene) -> None:
    scene, chat = chat_scene, chat_scene.chat
    scene.type_and_send("one two three")
    scene.answered()
    composer = chat.composer
    composer.set_text("four five")
    scene.until(lambda: composer.gauge.fill is not None and composer.gauge.fill.draft == 2)
    full = Fill(0, 0, 5000, 5000, 4096)
    composer.show_fill(full)
    chat.shown.count()
    assert not composer.button.isEnabled(), "nothing has changed"
    scene.dialogue.set_system("Be brief.")
    chat.shown.count()
    assert composer.button.isEnabled()
    composer.show_fill(full)
    scene.dialogue.messages = scene.dialogue.messages[:-1]
    chat.shown.count()
    assert composer.button.isEnabled()


def test_a_question_that_the_host_does_not_have_is_not_counted(chat_scene: Scene) -> None:
    scene, chat = chat_scene, chat_scene.chat
    scene.type_and_send("one two three")
    scene.answered()
    lost = ChatMessage(id="local-99", chat_id=scene.dialogue.chat, parent=None, role="user", content="x " * 9000)
    counted: list[Fill] = []
    watch = ContextWatch(scene.host, chat)
    watch.counted.connect(counted.append)
    watch.look(scene.dialogue.model, "", [*scene.dialogue.messages, lost], "four five", None, None)
    scene.until(lambda: bool(counted))
    assert (counted[0].conversation, counted[0].draft) == (9, 2)
