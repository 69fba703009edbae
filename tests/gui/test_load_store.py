"""The model picker and the load dialog by mouse and keys, on a real host: what it has loaded, and what it has kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hands import LEFT, PLAIN, click, type_in
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from paddock.gui.pages.load_dialog import LoadDialog
from paddock.gui.pages.load_fields import OptionField
from paddock.gui.pages.model_picker import settings_area
from paddock.gui.widgets import IconButton
from paddock.sdk.types import NewChat

Scene = Any
STARTER = "paddock/starter"
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    yield chat_scene
    for gate in chat_scene.gates.values():
        gate.open()
    chat_scene.chat.new_chat()


def loaded(scene: Scene) -> dict[str, str]:
    """The models in memory and their states, as the host has them."""
    return {item.model: item.state for item in scene.ask(lambda client: client.loaded())}


def shown(scene: Scene) -> LoadDialog:
    dialog = next(found for found in scene.window.findChildren(LoadDialog) if found.isVisible())
    assert isinstance(dialog, LoadDialog)
    return dialog


def test_a_model_is_chosen_unloaded_and_its_settings_opened_in_the_picker(scene: Scene) -> None:
    head, fast = scene.chat.head, scene.model("fast")
    chat = scene.ask(lambda client: client.create_chat(NewChat(title="Horses"))).summary.id
    scene.until(lambda: chat in scene.host.chats)
    scene.chat.open(chat)
    picker = head.picker
    view = picker.view

    def row() -> Any:
        return view.visualRect(picker._model.row_of(fast))

    click(head.chip)
    click(view.viewport(), row().center())
    assert not picker.isVisible()
    scene.until(lambda: scene.ask(lambda client: client.chat(chat)).summary.model == fast)
    scene.until(lambda: loaded(scene).get(fast) == "ready" and scene.ready(fast))
    click(head.chip)
    click(picker.unload)
    scene.until(lambda: fast not in loaded(scene))
    picker.hide()
    click(head.chip)
    click(view.viewport(), settings_area(row()).center())
    assert (picker.isVisible(), shown(scene).title.text()) == (False, "fast")
    click(shown(scene).cancel)
    click(head.chip)
    click(picker.settings)
    QTest.keyClick(shown(scene), Qt.Key.Key_Escape)
    assert fast not in loaded(scene)


def test_a_load_that_is_stopped_leaves_nothing_in_memory(scene: Scene) -> None:
    scene.take_model("heavy")
    scene.until(lambda: scene.chat.head.settings.isEnabled())
    QTest.keyClick(scene.window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog, heavy = shown(scene), scene.model("heavy")
    click(dialog.load)
    scene.until(lambda: loaded(scene).get(heavy) == "loading")
    assert dialog.cancel.text() == "Stop loading"
    click(dialog.cancel)
    scene.until(lambda: heavy not in loaded(scene))
    assert dialog.isVisible()
    click(dialog.cancel)
    assert not dialog.isVisible()


def test_load_settings_are_set_kept_forgotten_and_loaded_with(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scene.dialogue.set_model(STARTER)
    scene.until(lambda: scene.chat.head.settings.isEnabled())
    click(scene.chat.head.settings)
    dialog = shown(scene)
    settings = dialog.settings
    scene.until(lambda: dialog.breakdown.estimate is not None)

    def kept() -> dict[str, Any]:
        return dict(scene.ask(lambda client: client.load_options(STARTER)))

    type_in(settings.context.box, "1024")
    settings.parallel.slider.setFocus()
    QTest.keyClick(settings.parallel.slider, Qt.Key.Key_Right)
    QTest.keyClick(settings.cache.choice, Qt.Key.Key_End)
    cache = settings.cache.choice.currentText()
    click(settings.unfold)
    editor = {name: field.editor for name, field in settings.fields.items() if isinstance(field, OptionField)}
    click(editor["use_mlock"])
    QTest.keyClick(editor["swa_full"], Qt.Key.Key_End)
    QTest.keyClick(editor["flash_attn"], Qt.Key.Key_End)
    type_in(editor["n_threads"], "3")
    type_in(editor["tensor_split"], "1,1")
    QTest.keyClicks(editor["chat_template"], "plain")
    picked = str(tmp_path / "one.gguf")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (picked, ""))
    click(next(button for button in settings.fields["lora"].findChildren(IconButton)))
    click(dialog.save)
    wanted = {
        "n_ctx": 1024,
        "n_parallel": 9,
        "cache_type_k": cache,
        "cache_type_v": cache,
        "use_mlock": True,
        "swa_full": False,
        "flash_attn": "off",
        "n_threads": 3,
        "tensor_split": "1,1",
        "chat_template": "plain",
        "lora": [picked],
    }
    scene.until(lambda: kept() == wanted)
    click(dialog.defaults)
    scene.until(dialog.save.isEnabled)
    click(dialog.save)
    scene.until(lambda: kept() == {})
    type_in(settings.context.box, "512")
    click(settings.context.auto)
    assert not settings.context.box.isEnabled()
    click(settings.context.auto)
    slider = settings.context.slider
    QTest.mouseClick(slider, LEFT, PLAIN, QPoint(8, slider.rect().center().y()))
    least = settings.context.number()
    click(dialog.load)
    scene.until(lambda: loaded(scene).get(STARTER) == "ready")
    assert next(m for m in scene.ask(lambda c: c.loaded()) if m.model == STARTER).options["n_ctx"] == least
    scene.ask(lambda client: client.unload(STARTER))
