"""The Models page on a real host with real files: what it says happened has happened on the disk."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from paddock.gui.pages.import_dialog import ImportDialog
from paddock.gui.pages.models import ModelsPage
from paddock.gui.pages.open_sheet import OpenSheet
from paddock.gui.pages.quantize_dialog import QuantizeDialog
from paddock.resources import FOLDER
from paddock.sdk.open_address import OpenFile

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def models_page(scene: Scene) -> ModelsPage:
    scene.window.show_page("models")
    page = scene.window.stack.currentWidget()
    assert isinstance(page, ModelsPage)
    scene.until(lambda: bool(page._places))
    return page


def test_delete_and_undo_move_the_real_file(scene: Scene, home: Path) -> None:
    page = models_page(scene)
    model, file = scene.model("slow"), home / "models" / "test" / "slow" / "slow.echo.json"
    page.show_model(model)
    page.pane.delete.click()
    scene.until(lambda: model not in scene.host.models)
    assert not file.exists()
    scene.until(lambda: page.trash.text() == "Trash (1)")
    scene.until(lambda: bool(scene.window.bar.rows()))
    notice = scene.window.bar.rows()[-1].notice
    assert "deleted" in notice.text
    notice.action.run()
    scene.until(lambda: model in scene.host.models)
    assert file.exists()


def test_notes_and_further_names_come_back_from_the_host_or_say_what_is_wrong(scene: Scene) -> None:
    page = models_page(scene)
    model, other = scene.model("fast"), scene.model("slow")
    page.show_model(model)
    page.pane.notes.setPlainText("for tests")
    page.pane.flush()
    scene.until(lambda: scene.host.models[model].notes == "for tests")
    page.filter.search.setText("for tests")
    assert page.table.rowCount() == 1

    names = page.pane.aliases
    QTest.keyClicks(names.line, f"coder, {other}")
    QTest.keyClick(names.line, Qt.Key.Key_Return)
    scene.until(names.trouble.isVisible)
    assert names.trouble.text() == f"“{other}” is the id of another model. Choose another name."
    assert names.line.text() == f"coder, {other}"
    names.line.selectAll()
    QTest.keyClicks(names.line, "coder,gpt-4o-mini")
    assert not names.trouble.isVisible()
    page.filter.search.clear()
    page.show_model(other)
    scene.until(lambda: scene.host.models[model].aliases == ("coder", "gpt-4o-mini"))
    assert not names.line.text()
    QTest.keyClicks(names.line, "coder")
    page.show_model(model)
    assert names.line.text() == "coder, gpt-4o-mini"
    scene.until(page.pane.trouble.isVisible)
    assert names.trouble.isHidden()


def test_a_dropped_file_is_added_and_shown(scene: Scene, home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    page = models_page(scene)
    starter = next(FOLDER.rglob("*.gguf"))
    dropped = tmp_path_factory.mktemp("downloads") / "Tiny-Q8_0.gguf"
    shutil.copy(starter, dropped)
    scene.window.opener.open_paths([str(dropped)])
    sheet = scene.window.findChild(OpenSheet)
    assert sheet.target == OpenFile(path=str(dropped))
    scene.until(lambda: sheet.second.isEnabled() and sheet.badge.isVisible())
    assert sheet.badge.verdict == "fits"
    sheet.second.click()
    dialog = scene.window.findChild(ImportDialog)
    scene.until(dialog.start.isEnabled)
    dialog.name.setText("me/Tiny")
    dialog.start.click()
    scene.until(lambda: page.current().startswith("me/Tiny"))
    assert dropped.exists()
    assert list((home / "models" / "me" / "Tiny").glob("*.gguf"))


def test_a_dropped_file_is_loaded_where_it_lies(
    scene: Scene, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dropped = tmp_path_factory.mktemp("downloads") / "Tiny-Q8_0.gguf"
    shutil.copy(next(FOLDER.rglob("*.gguf")), dropped)
    scene.window.opener.open_paths([str(dropped)])
    sheet = scene.window.findChild(OpenSheet)
    scene.until(sheet.first.isEnabled)
    sheet.first.click()
    scene.until(lambda: scene.window.page() == "chat" and scene.dialogue.model.endswith("Tiny-Q8_0.gguf"))
    scene.type_and_send("What is the capital of France?")
    scene.answered()
    assert not list((home / "models").rglob("Tiny*"))


def test_a_smaller_model_is_made_and_shown(scene: Scene, home: Path) -> None:
    page = models_page(scene)
    page.show_model("paddock/starter")
    page.pane.quantize.click()
    dialog = scene.window.findChild(QuantizeDialog)
    scene.until(dialog.start.isEnabled)
    assert dialog.warning.isVisible()
    choices = dialog.view.model()
    rows = [row for row in range(choices.rowCount()) if choices.index(row, 0).data() == "Q5_0"]
    dialog.view.setCurrentIndex(choices.index(rows[0], 0))
    dialog.start.click()
    scene.until(lambda: page.current().endswith("Q5_0"))
    assert list((home / "models").rglob("*Q5_0*.gguf"))
