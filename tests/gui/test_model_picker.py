"""Which model answers: picked, come new, broken, and the silk it wears."""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QWidget

from paddock.sdk.events import ModelStateChanged
from paddock.sdk.types import LoadedModel, ModelState

Scene = Any


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_picker_closes_with_escape_and_hands_the_keyboard_to_the_composer(scene: Scene) -> None:
    picker = scene.chat.head.picker
    scene.chat.head.open_picker()
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Escape)
    assert not picker.isVisible()
    scene.chat.head.open_picker()
    scene.qtbot.keyClicks(picker.view, "fast")
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
    assert not picker.isVisible()
    assert scene.dialogue.model == scene.model("fast")
    assert scene.window.focusWidget() is scene.chat.composer.field


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_file_that_came_into_the_folder_is_in_the_picker(scene: Scene, home: Path) -> None:
    picker = scene.chat.head.picker
    scene.take_model("slow")
    rows = picker.view.model().rowCount
    folder = home / "models" / "test" / "late"
    folder.mkdir()
    (folder / "late.echo.json").write_text('{"text": "Late."}')
    scene.chat.head.open_picker()
    before = rows()
    scene.until(lambda: rows() == before + 1)
    assert picker.view.currentIndex().data() == "slow", "what was selected stays selected"
    scene.qtbot.keyClicks(picker.view, "late")
    scene.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
    scene.type_and_send("hello")
    scene.answered()
    assert scene.dialogue.messages[-1].content == "Late."


def test_a_model_keeps_its_silk_while_others_come_and_go(scene: Scene) -> None:
    def change(model: str, state: str | None) -> None:
        loaded = None
        if state is not None:
            loaded = LoadedModel(id=model, model=model, engine="echo", state=cast(ModelState, state))
        scene.host._update(ModelStateChanged(id=model, model=loaded))

    for model in ("a", "b", "c"):
        change(model, "ready")
    assert [scene.host.silk(model) for model in "abc"] == [0, 1, 2]
    change("a", None)
    assert [scene.host.silk(model) for model in "bc"] == [1, 2]
    change("d", "ready")
    assert scene.host.silk("d") == 0
    change("a", "ready")
    assert scene.host.silk("a") == 3


def test_broken_models_cannot_be_chosen_and_say_why(scene: Scene) -> None:
    info = next(iter(scene.host.models.values()))
    scene.host.models = {info.id: msgspec.structs.replace(info, error="The file ends too early.")}
    scene.host.models_changed.emit()
    scene.dialogue.set_model(info.id)
    scene.chat.head.picker.refresh()
    index = scene.chat.head.picker.view.model().index(0, 0)
    assert not index.flags() & Qt.ItemFlag.ItemIsSelectable
    assert index.data(Qt.ItemDataRole.AccessibleDescriptionRole) == "The file ends too early."
    assert scene.chat.start.notice.isVisible()


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize("top", [60, 200, 300, 440])
def test_the_picker_stays_within_a_small_window_and_clear_of_what_it_belongs_to(scene: Scene, top: int) -> None:
    info = next(iter(scene.host.models.values()))
    many = {f"m{number}": msgspec.structs.replace(info, id=f"m{number}", name=f"m{number}") for number in range(40)}
    window = scene.window
    window.resize(window.minimumSize())
    head = scene.chat.head
    anchor = QWidget(window)
    anchor.setGeometry(window.width() - 90, top, 80, 28)
    anchor.show()
    picker = head.picker
    for models in (dict(list(many.items())[:2]), many):  # the second come while it is open
        scene.host.models = models
        scene.host.models_changed.emit()
        if not picker.isVisible():
            picker.open_below(anchor, "m1")
        frame = QRect(window.mapFromGlobal(picker.pos()), picker.size())
        assert window.rect().contains(frame), (frame, window.rect())
        assert not frame.intersects(anchor.geometry())
        assert picker.view.viewport().height() >= 50, "one can be read"
        assert picker.view.viewport().height() % picker.view.visualRect(picker.view.currentIndex()).height() == 0
    assert picker.view.currentIndex().data() == "m1"
    assert picker.settings.isVisible()
    foot = QRect(picker.settings.mapTo(picker, QPoint()), picker.settings.size())
    assert picker.rect().contains(foot)
    picker.hide()
