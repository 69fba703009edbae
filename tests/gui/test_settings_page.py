"""The Settings page against a real host."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hands import type_in
from own_pages import home_of, opens_anew
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QFont, QGuiApplication
from PySide6.QtWidgets import QAbstractScrollArea, QFileDialog

from paddock.gui.kept_places import lay_out_now
from paddock.gui.pages.data_settings import SHOWN
from paddock.gui.pages.models_facts import ModelFacts
from paddock.gui.pages.models_state import TableState
from paddock.gui.theme import current
from paddock.gui.widgets import Button
from paddock.gui.widgets.conversation.find_bar import FindBar
from paddock.gui.widgets.conversation.searching import Searching
from paddock.sdk.library import Place

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


scene = pytest.fixture(opens_anew)
home = pytest.fixture(home_of)


def written(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / "settings.toml").read_text())


def choose(scene: Scene, control: Any, words: str) -> None:
    """By the first letter, as in any list of choices; down to it where others begin with that too."""
    assert control.isEnabled()
    scene.qtbot.keyClicks(control, words[0])
    for _ in range(control.count()):
        if control.currentText() != words:
            scene.qtbot.keyClick(control, Qt.Key.Key_Down)
    assert control.currentText() == words


def push(scene: Scene, button: Any) -> None:
    scene.until(button.isVisible)
    scene.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_every_setting_reaches_its_file_and_holds_at_once(scene: Scene, home: Path) -> None:
    scene.window.show_page("settings")
    page = scene.window.stack.currentWidget()
    choose(scene, page.theme, "Dark")
    push(scene, page.system_font)
    choose(scene, page.density, "Compact")
    choose(scene, page.zoom, "110 %")
    choose(scene, page.model, scene.host.model_name(scene.model("fast")))
    type_in(page.keep, "3")
    wanted = {
        "theme": "dark",
        "system_font": True,
        "density": "compact",
        "text_zoom": 1.1,
        "default_model": scene.model("fast"),
        "keep_models_minutes": 3,
    }
    scene.until(lambda: wanted.items() <= written(home).items())

    def look() -> tuple[str, bool, bool, float]:
        theme = scene.app.themes.theme
        return theme.mode, theme.compact, theme.system_font, theme.zoom

    scene.until(lambda: look() == ("dark", True, True, 1.1))  # the file has it before the window hears of it
    scene.until(lambda: scene.dialogue.model == scene.model("fast"))
    downloads, memory, cache = page.downloads, page.memory, page.prompt_cache
    for switch in (page.data.titles, downloads.keep_awake, downloads.notify, downloads.limit.switch, cache.keep):
        before = switch.isChecked()
        push(scene, switch)
        assert switch.isChecked() != before
    choose(scene, downloads.on_quit, "Pause downloads")
    choose(scene, memory.guard, "Custom")
    type_in(memory.ttl, "7")
    scene.until(lambda: memory.limit.isVisible() and downloads.limit.box.isVisible())
    type_in(memory.limit, "2")
    type_in(downloads.limit.box, "2.5")
    wanted = {
        "model_titles": True,
        "keep_awake": False,
        "notify": False,
        "download_limit": 2_500_000,
        "kv_store": False,
        "on_quit": "pause",
        "memory_guard": "custom",
        "memory_limit_mib": round(2e9 / 2**20),
        "model_ttl_minutes": 7,
    }
    scene.until(lambda: wanted.items() <= written(home).items())
    scene.until(lambda: downloads.limit.switch.isChecked() and not cache.keep.isChecked())
    push(scene, downloads.limit.switch)
    push(scene, cache.keep)
    scene.until(lambda: (written(home)["download_limit"], written(home)["kv_store"]) == (0, True))


def test_folders_and_planned_machines_come_and_go(scene: Scene, home: Path, monkeypatch: Any) -> None:
    scene.window.show_page("settings")
    page = scene.window.stack.currentWidget()
    (extra := home / "more models").mkdir()
    push(scene, page.folders.add_button)
    dialog = scene.window.findChild(QFileDialog)
    dialog.setDirectory(str(home))
    dialog.selectFile(str(extra))
    dialog.accept()
    scene.until(lambda: written(home).get("model_folders") == [str(extra)])
    scene.until(lambda: any(row.place.path == str(extra) for row in page.folders.rows))
    row = next(row for row in page.folders.rows if row.place.path == str(extra))
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    push(scene, row.open)
    push(scene, page.data.place)
    push(scene, page.account.make)
    assert opened == [extra.as_uri().replace("%20", " "), home.as_uri(), "https://huggingface.co/settings/tokens"]
    push(scene, row.remove)
    scene.until(lambda: written(home).get("model_folders") == [])
    foreign = Place(path="/home/a/.ollama/models", source="ollama", name="Ollama", removable=False)
    for shown in (False, True):
        page.folders.show_places([msgspec.structs.replace(foreign, shown=not shown)])
        page.folders.rows[0].shown.click()  # at once: this host has no such place and soon says so
        hidden = [] if shown else [foreign.path]
        scene.until(lambda hidden=hidden: written(home).get("hidden_places") == hidden)
    scene.qtbot.keyClicks(page.machines.words, "24GB")
    scene.qtbot.keyClick(page.machines.words, Qt.Key.Key_Return)
    scene.until(lambda: written(home).get("planned_machines") == ["24GB"])
    scene.until(lambda: len(page.machines.remove_buttons) == 1)
    push(scene, page.machines.remove_buttons[0])
    scene.until(lambda: written(home).get("planned_machines") == [])


def test_the_list_of_sections_and_the_ways_out_of_the_settings(scene: Scene) -> None:
    from paddock.gui.pages.shortcuts import ShortcutsDialog

    scene.window.show_page("settings")
    scene.window.resize(1280, 800)
    page = scene.window.stack.currentWidget()
    bar = page.form.verticalScrollBar()
    push(scene, page.list.buttons["memory"])
    scene.until(lambda: bar.value() > 0 and page.list.buttons["memory"].isChecked())
    bar.setValue(0)
    scene.until(lambda: page.list.buttons["appearance"].isChecked())
    push(scene, next(button for button in page.findChildren(Button) if "shortcuts" in button.accessibleName()))
    dialog = scene.window.findChild(ShortcutsDialog)
    scene.qtbot.keyClicks(dialog.field, "private")
    push(scene, dialog.close_button)
    push(scene, next(button for button in page.findChildren(Button) if button.text() == "Show the first screen"))
    scene.until(lambda: not page.isVisible())
    scene.window.show_page("chat")


def test_the_settings_stay_where_they_are_while_the_look_changes(scene: Scene) -> None:
    scene.window.resize(1280, 600)
    scene.window.show_settings("about")
    page, themes = scene.window.stack.currentWidget(), scene.window._themes
    bar, marked = page.form.verticalScrollBar(), page.list.marked
    scene.until(lambda: bar.value() > 0 and marked() == "about")
    lay_out_now()
    bar.setValue(bar.maximum())
    page.list.mark("about")
    before = themes.theme.mode
    try:
        for mode in ("light" if before == "dark" else "dark", before):
            themes.set(choice=mode)
            lay_out_now()
            assert (bar.value(), marked()) == (bar.maximum(), "about")
        bar.setValue(page.form.heads["folders"].y() - 16)
        assert marked() == "folders"
        for step in (1, 1, 1, -1, 0):
            scene.window.zoom(step)
            head = page.form.heads["folders"].y()
            assert head - 24 <= bar.value() < head, f"at {themes.theme.zoom}"
            assert marked() == "folders"
    finally:
        scene.window.zoom(0)
        themes.set(choice=scene.host.settings.theme)


def test_measures_of_the_models_page_and_of_the_search_follow_the_text_size(scene: Scene) -> None:
    facts, state = ModelFacts(scene.window), TableState(scene.window)
    page = scene.window.stack.currentWidget()
    find = FindBar(next(area for area in page.findChildren(QAbstractScrollArea) if isinstance(area, Searching)))
    find.show()
    facts.show()
    state.show()
    try:
        scene.window.zoom(1)
        look = current()
        assert look.zoom > 1
        assert facts._rows.columnMinimumWidth(0) == look.px(92)
        assert state._inner.width() == look.px(420)
        assert find.count.minimumWidth() == look.px(64)
    finally:
        scene.window.zoom(0)
        for widget in (facts, state, find):
            widget.setParent(None)
            widget.deleteLater()


def test_the_prompt_cache_is_switched_sized_shown_and_cleared_after_a_question(scene: Scene, home: Path) -> None:
    folder = home / "kv" / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / "1.kv").write_bytes(bytes(2000))
    scene.window.show_page("settings")
    card = scene.window.stack.currentWidget().prompt_cache
    scene.until(lambda: card.used.about.text() == "1 prompt of 1 model, 2.0 kB")
    type_in(card.room, "2.5")
    scene.until(lambda: scene.host.settings.kv_store_mib == 2560)
    push(scene, card.keep)
    scene.until(lambda: not scene.host.settings.kv_store)
    assert not card.room.isEnabled()
    push(scene, card.clear)
    (row,) = scene.window.bar.rows()
    assert "Clear the prompt cache (1 prompt of 1 model, 2.0 kB)?" in row.notice.text
    assert (folder / "1.kv").exists(), "nothing goes before the answer"
    push(scene, row.card.action_button())
    scene.until(lambda: card.used.about.text() == "Nothing.")
    assert not folder.exists()
    assert not card.clear.isEnabled()


def test_all_backups_are_shown_when_they_are_asked_for(scene: Scene) -> None:
    async def five(client: Any) -> list[Any]:
        for _ in range(SHOWN + 1):
            await client.back_up()
        return list(await client.backups())

    kept = scene.ask(five)
    scene.window.show_settings("data")
    card = scene.window.stack.currentWidget().data
    scene.until(lambda: [row.backup for row in card.rows] == kept[:SHOWN])
    push(scene, card.more)
    assert [row.backup for row in card.rows] == kept
    assert len(kept) > SHOWN
    assert scene.window.focusWidget() is card.rows[SHOWN].restore, "the keyboard goes on where the list was longer"
    assert not card.more.isVisible()


def test_the_data_folder_is_shown_and_copied(scene: Scene, home: Path) -> None:
    scene.window.show_page("settings")
    page = scene.window.stack.currentWidget()
    scene.qtbot.mouseClick(page.folder.button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == str(home)
    scene.until(lambda: bool(page.folders.rows))
    for label in (page.folder.text, page.data.stored.about, page.folders.rows[0].path):
        assert label.font().isFeatureSet(QFont.Tag("calt")), "0x1 in a path is no multiplication"
