"""What is set with mouse and keys in the inspector is what the store has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hands import LEFT, PLAIN, click, take, type_in
from inspected import change, inspector_of, kept, opened, stored
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QModelIndex, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListWidget, QWidget

from paddock.gui.pages.inspector import Inspector
from paddock.gui.pages.inspector_import import ImportPreset
from paddock.gui.pages.inspector_prompts import PromptLibrary
from paddock.gui.widgets import Button
from paddock.sdk.presets import Preset
from paddock.sdk.types import Chat, ChatPatch

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


scene = pytest.fixture(opened)
inspector = pytest.fixture(inspector_of)


def test_numbers_are_dragged_stepped_typed_switched_and_reset(scene: Scene, inspector: Inspector) -> None:
    temperature, top_p = (inspector.samplers[name] for name in ("temperature", "top_p"))
    slider = temperature.slider  # type: ignore[union-attr]
    middle = slider.rect().center()
    QTest.mousePress(slider, LEFT, PLAIN, middle)
    QTest.mouseMove(slider, QPoint(8, middle.y()))
    QTest.mouseRelease(slider, LEFT, PLAIN, QPoint(8, middle.y()))
    kept(scene, sampling={"temperature": 0.0})
    QTest.keyClick(slider, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(slider, Qt.Key.Key_Right)
    step = float(temperature.spec.step or 0)
    kept(scene, sampling={"temperature": round(11 * step, 6)})
    QTest.mouseDClick(slider, LEFT)
    kept(scene, sampling={})
    type_in(temperature.box, "0.33")  # type: ignore[union-attr]
    click(top_p.switch)  # type: ignore[union-attr]
    kept(scene, sampling={"temperature": 0.33, "top_p": 1.0})
    click(top_p.reset)
    kept(scene, sampling={"temperature": 0.33})
    click(inspector.section.reset_all)
    kept(scene, sampling={})


def test_all_other_samplers_are_found_set_and_forgotten(scene: Scene, inspector: Inspector) -> None:
    section, controls = inspector.section, inspector.samplers
    if not section.more.head.isChecked():
        click(section.more.head)
    click(section.order.head)
    QTest.keyClicks(section.filter, "end of")
    assert not controls["ignore_eos"].isHidden()
    assert controls["mirostat_eta"].isHidden()
    QTest.keyClick(section.filter, Qt.Key.Key_Escape)
    click(controls["ignore_eos"].editor)  # type: ignore[union-attr]
    chips = controls["dry_sequence_breakers"].editor  # type: ignore[union-attr]
    usual = list(chips.texts)
    QTest.keyClicks(chips.field, "END")
    click(chips.add)
    click(chips.chips[0])
    drafting = controls["drafting"].editor  # type: ignore[union-attr]
    QTest.keyClick(drafting, Qt.Key.Key_End)
    QTest.keyClicks(controls["logit_bias"].editor, "42 = -1.5")  # type: ignore[union-attr]
    wanted = {
        "ignore_eos": True,
        "dry_sequence_breakers": [*usual[1:], "END"],
        "drafting": drafting.itemText(drafting.count() - 1),
        "logit_bias": {"42": -1.5},
    }
    kept(scene, sampling=wanted)
    order = controls["samplers"]
    order.list.setCurrentRow(0)  # type: ignore[union-attr]
    QTest.keyClick(order.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)  # type: ignore[union-attr]
    first, second = order.spec.default[:2]  # type: ignore[index]
    scene.until(lambda: inspector.sampling().get("samplers", [])[:2] == [second, first])
    kept(scene, sampling={**wanted, "samplers": order.value()})
    click(order.reset)
    change(scene, sampling={**wanted, "quantum_p": 0.5})
    scene.until(lambda: not section.foreign.isHidden())
    click(section.foreign._rows[0].findChildren(QWidget)[-1])
    kept(scene, sampling=wanted)
    click(section.reset_all)
    kept(scene, sampling={})


def test_the_order_of_the_samplers_is_dragged(scene: Scene, inspector: Inspector, monkeypatch: Any) -> None:
    """Up to where the system takes the drag over, which Qt's offscreen platform ends at once."""
    for fold in (inspector.section.more, inspector.section.order):
        if not fold.head.isChecked():
            click(fold.head)
    order: Any = inspector.samplers["samplers"]
    rows, usual = order.list, order.value()

    def drop_on_top(view: Any, actions: Qt.DropAction) -> None:
        assert order.in_hand()
        rows.model().moveRow(QModelIndex(), rows.currentRow(), QModelIndex(), 0)  # as Qt's list does

    monkeypatch.setattr(QListWidget, "startDrag", drop_on_top)
    start = rows.visualItemRect(rows.item(3)).center()
    QTest.mousePress(rows.viewport(), LEFT, PLAIN, start)
    for up in (1, 40):
        at, kind = QPointF(start - QPoint(0, up)), QEvent.Type.MouseMove
        moved = QMouseEvent(kind, at, rows.viewport().mapToGlobal(at), Qt.MouseButton.NoButton, LEFT, PLAIN)
        QCoreApplication.sendEvent(rows.viewport(), moved)
    assert not order.in_hand()
    QTest.mouseRelease(rows.viewport(), LEFT, PLAIN, start)
    kept(scene, sampling={"samplers": [usual[3], *usual[:3], *usual[4:]]})


def test_what_else_shapes_an_answer_is_kept(scene: Scene, inspector: Inspector) -> None:
    answer = inspector.answer
    QTest.keyClicks(answer.stop.field, "END")
    QTest.keyClick(answer.stop.field, Qt.Key.Key_Return)
    QTest.keyClicks(answer.stop.field, "STOP")
    click(answer.stop.add)
    click(answer.limit.switch)
    type_in(answer.limit.box, "64")
    QTest.keyClick(answer.reasoning, Qt.Key.Key_End)
    click(answer.dice)
    seed = answer.fixed_seed()
    kept(scene, stop=("END", "STOP"), max_tokens=64, reasoning=False, sampling={"seed": seed})
    type_in(answer.seed.box, "7")
    click(answer.stop.chips[0])
    kept(scene, stop=("STOP",), sampling={"seed": 7})
    for switch in (answer.seed.switch, answer.limit.switch):
        click(switch)
    QTest.keyClick(answer.reasoning, Qt.Key.Key_Home)
    kept(scene, max_tokens=None, reasoning=None, sampling={})


def test_a_system_prompt_is_typed_taken_from_the_library_kept_changed_and_deleted(
    scene: Scene, inspector: Inspector
) -> None:
    def prompts() -> dict[str, str]:
        return {prompt.name: prompt.text for prompt in scene.ask(lambda client: client.prompts())}

    def opened() -> PromptLibrary:
        click(inspector.prompt.library)
        sheet = inspector.findChildren(PromptLibrary)[-1]
        assert isinstance(sheet, PromptLibrary)
        scene.until(lambda: bool(sheet.prompts))
        return sheet

    QTest.keyClicks(inspector.system, "Be brief.")
    scene.until(lambda: stored(scene).system == "Be brief.")
    sheet = opened()
    QTest.keyClicks(sheet.name, "Short")
    click(sheet.save)
    scene.until(lambda: prompts().get("Short") == "Be brief.")
    scene.until(lambda: sheet.save.text() == "Save" and not sheet.save.isEnabled())
    QTest.keyClick(sheet.text, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(sheet.text, " {{tone}}")
    click(sheet.save)
    scene.until(lambda: prompts().get("Short") == "Be brief. {{tone}}" and not sheet.save.isEnabled())
    QTest.keyClicks(sheet.answers["tone"], "Kindly.")
    QTest.keyClick(inspector.system, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    click(sheet.insert)
    scene.until(lambda: stored(scene).system == "Be brief.Be brief. Kindly.")
    sheet = opened()
    QTest.keyClicks(sheet.search, "short")
    assert sheet.list.count() == 2
    sheet.list.setFocus()
    QTest.keyClick(sheet.list, Qt.Key.Key_Down)
    assert sheet.name.text() == "Short"
    QTest.keyClick(sheet.list, Qt.Key.Key_Return)
    scene.until(lambda: stored(scene).system == "Be brief. {{tone}}")
    sheet = opened()
    QTest.keyClicks(sheet.search, "short")
    sheet.list.setFocus()
    QTest.keyClick(sheet.list, Qt.Key.Key_Down)
    click(sheet.delete)
    scene.until(lambda: "Short" not in prompts())
    scene.until(lambda: len(scene.window.bar.rows()) == 1)
    sheet.reject()
    click(scene.window.bar.rows()[0].card.findChild(Button))
    scene.until(lambda: "Short" in prompts())


def test_presets_by_their_menu(scene: Scene, inspector: Inspector) -> None:
    row, model = inspector.presets, scene.model("fast")

    def presets() -> dict[str, Preset]:
        return {preset.name: preset for preset in scene.ask(lambda client: client.presets())}

    def chosen(name: str) -> None:
        scene.until(lambda: row.current is not None and row.current.name == name)

    type_in(inspector.samplers["temperature"].box, "0.21")  # type: ignore[union-attr]
    take(row.menu, "Save as…")
    QTest.keyClicks(row.sheet.field, "Mine")  # type: ignore[union-attr]
    click(row.sheet.only)  # type: ignore[union-attr]
    click(row.sheet.with_system)  # type: ignore[union-attr]
    QTest.keyClick(row.sheet.field, Qt.Key.Key_Return)  # type: ignore[union-attr]
    chosen("Mine")
    mine = presets()["Mine"]
    assert (mine.sampling, mine.model, mine.system) == ({"temperature": 0.21}, model, "")
    type_in(inspector.samplers["temperature"].box, "0.5")  # type: ignore[union-attr]
    click(row.revert)
    kept(scene, sampling={"temperature": 0.21})
    type_in(inspector.samplers["top_k"].box, "5")  # type: ignore[union-attr]
    take(row.menu, "Save “Mine”")
    scene.until(lambda: presets()["Mine"].sampling == {"temperature": 0.21, "top_k": 5})
    take(row.menu, "Rename…")
    QTest.keyClicks(row.sheet.field, "Ours")  # type: ignore[union-attr]
    click(row.sheet.save)  # type: ignore[union-attr]
    chosen("Ours")
    assert "Mine" not in presets()
    take(row.menu, "Default for fast")
    scene.until(lambda: presets()["Ours"].default_for == (model,))
    scene.until(lambda: row.default() is not None)
    take(row.menu, "No preset")
    kept(scene, sampling={})
    click(row.chip)
    assert QApplication.activePopupWidget() is row.menu
    row.menu.close()
    shipped = next(preset for preset in row.usable() if preset.shipped and preset.sampling)
    take(row.menu, shipped.name)
    kept(scene, sampling=shipped.sampling)
    take(row.menu, "Ours")
    take(row.menu, "Delete")
    scene.until(lambda: "Ours" not in presets())
    scene.until(lambda: len(scene.window.bar.rows()) == 1)
    click(scene.window.bar.rows()[0].card.findChild(Button))
    scene.until(lambda: presets().get("Ours") is not None)
    ours = presets()["Ours"].id
    scene.ask(lambda client: client.delete_preset(ours))


def test_a_preset_is_pasted_and_dropped_in(scene: Scene, inspector: Inspector, tmp_path: Path) -> None:
    def imported() -> ImportPreset:
        take(inspector.presets.menu, "Import…")
        sheet = inspector.findChildren(ImportPreset)[-1]
        assert isinstance(sheet, ImportPreset)
        return sheet

    QApplication.clipboard().setText("llama-server --temp 0.6 --top-k 21")
    sheet = imported()
    QTest.keyClick(sheet.text, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    scene.until(lambda: sheet.read is not None)
    type_in(sheet.name, "Pasted")
    click(sheet.keep)
    kept(scene, sampling={"temperature": 0.6, "top_k": 21})
    file = tmp_path / "Fox.preset.json"
    fields = [{"key": "llm.prediction.temperature", "value": 0.45}]
    file.write_text(json.dumps({"operation": {"fields": fields}, "load": {"fields": []}}))
    sheet, mime = imported(), QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file))])
    copy = Qt.DropAction.CopyAction
    QCoreApplication.sendEvent(sheet, QDragEnterEvent(QPoint(9, 9), copy, mime, LEFT, PLAIN))
    QCoreApplication.sendEvent(sheet, QDropEvent(QPointF(9, 9), copy, mime, LEFT, PLAIN))
    scene.until(sheet.keep.isEnabled)
    click(sheet.keep)
    kept(scene, sampling={"temperature": 0.45})
    assert {"Pasted", "Fox"} <= {preset.name for preset in scene.ask(lambda client: client.presets())}
    sheet = imported()
    click(sheet.cancel)
    assert not sheet.isVisible()


def test_in_a_comparison_the_inspector_sets_what_all_panes_have_in_common_or_one_of_them(
    scene: Scene, inspector: Inspector
) -> None:
    chat, compare = scene.dialogue.chat, scene.chat.compare
    change(scene, sampling={"temperature": 0.2}, system="Be kind.")
    scene.until(lambda: inspector.sampling() == {"temperature": 0.2})

    def whole() -> Chat:
        found = scene.ask(lambda client: client.chat(chat))
        assert isinstance(found, Chat)
        return found

    def number(name: str) -> Any:
        return inspector.samplers[name]

    head = scene.chat.head
    click(head.compare if head.compare.isVisible() else head.compare_small)
    scene.until(lambda: compare.shown and len(compare.view.panes) == 2)
    scene.until(lambda: inspector.title.text() == "All panes")
    click(scene.chat.head.inspector)
    assert (number("temperature").value(), inspector.system.toPlainText()) == (0.2, "Be kind.")
    assert inspector.next_token.isHidden()
    type_in(number("temperature").box, "0.6")
    QTest.keyClicks(inspector.system, "Always. ")
    scene.until(
        lambda: (whole().summary.sampling, whole().summary.system) == ({"temperature": 0.6}, "Always. Be kind.")
    )
    click(compare.view.grid.panes[1].head.settings)
    assert (number("temperature").value(), number("temperature").differs()) == (0.6, False), "taken from all panes"
    type_in(number("top_k").box, "9")
    click(inspector.prompt.own)
    QTest.keyClicks(inspector.system, "Never. ")
    scene.until(lambda: (whole().panes[1].sampling, whole().panes[1].system) == ({"top_k": 9}, "Never. "))
    first, second = whole().panes
    other = msgspec.structs.replace(second, model=scene.model("slow"), sampling={"top_k": 9, "min_p": 0.5})
    scene.ask(lambda client: client.set_panes(chat, (first, other)))
    scene.until(lambda: number("min_p").value() == 0.5)
    type_in(number("top_k").box, "11")
    scene.until(lambda: whole().panes[1].sampling == {"top_k": 11, "min_p": 0.5})
    assert whole().panes[1].model == scene.model("slow"), "not the one that it had when its settings were opened"
    scene.ask(lambda client: client.patch_chat(chat, ChatPatch(sampling={"temperature": 0.7})))
    click(inspector.back)
    scene.until(lambda: (inspector.title.text(), inspector.sampling()) == ("All panes", {"temperature": 0.7}))
    scene.chat.new_chat()
    assert (inspector.title.text(), inspector.sampling()) == ("Inspector", {})
