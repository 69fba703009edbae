"""Server and Settings against a real host."""

import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    yield chat_scene
    chat_scene.window.show_page("chat")  # every test opens its page anew


@pytest.fixture
def home(scene: Scene) -> Path:
    return Path(os.environ["PADDOCK_HOME"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_switch_opens_the_api_server_and_closes_it(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    port = free_port()
    page.port.setValue(port)
    page.switch.setFocus()
    page.switch.click()
    scene.until(lambda: scene.host.server.running)
    assert page.switch.isChecked()
    assert scene.window.focusWidget() is page.switch, "it can be switched back by the same key"
    assert str(port) in page.address.text.text()
    assert page.reach.text() == "Every user of this computer can reach this address. Other computers cannot."
    page.address.button.click()
    url = QGuiApplication.clipboard().text()
    with urllib.request.urlopen(f"{url}/models", timeout=60) as answer:
        assert scene.model("fast") in [item["id"] for item in json.load(answer)["data"]]
    page.switch.click()
    scene.until(lambda: not scene.host.server.running)
    assert not page.reach.isVisible()
    assert not page.address.button.isEnabled(), "there is nothing to reach at the address while it is off"


def test_a_taken_port_is_told_in_place_with_a_way_out(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        page.port.setValue(port)
        page.switch.click()
        scene.until(lambda: page.notice.isVisible())
        assert str(port) in page.notice.accessibleName()
        assert not page.switch.isChecked()
        page.notice.action_triggered.emit()
        scene.until(lambda: scene.host.server.running)
    assert scene.host.server.port != port
    assert not page.notice.isVisible()


def test_snippets_hold_the_address_and_are_copied(scene: Scene) -> None:
    scene.window.show_page("server")
    page = scene.window.stack.currentWidget()
    for chip in page.tabs:
        chip.click()
        page.copy_button.click()
        assert QGuiApplication.clipboard().text() == page.code.toPlainText()
    page.tabs[1].click()
    assert 'base_url="http://127.0.0.1:' in page.code.toPlainText()
    compile(page.code.toPlainText(), "snippet", "exec")


def test_settings_are_stored_by_the_host_and_shown_at_once(scene: Scene) -> None:
    scene.window.show_page("settings")
    page = scene.window.stack.currentWidget()
    page.theme.setCurrentIndex(2)
    page.theme.activated.emit(2)
    scene.until(lambda: scene.app.themes.theme.mode == "dark")
    page.system_font.click()
    page.density.activated.emit(1)
    scene.until(lambda: scene.app.themes.theme.compact and scene.app.themes.theme.system_font)
    place = page._models.index(scene.model("fast"))
    page.model.activated.emit(place)
    scene.until(lambda: scene.host.settings.default_model == scene.model("fast"))
    assert scene.dialogue.model == scene.model("fast")
    page.keep.setValue(3)
    page.keep.editingFinished.emit()
    scene.until(lambda: scene.host.settings.keep_models_minutes == 3)
    stored = scene.ask(lambda client: client.settings())
    assert (stored.theme, stored.density, stored.system_font) == ("dark", "compact", True)


def test_the_prompt_cache_is_switched_sized_shown_and_cleared_after_a_question(scene: Scene, home: Path) -> None:
    folder = home / "kv" / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / "1.kv").write_bytes(bytes(2000))
    scene.window.show_page("settings")
    card = scene.window.stack.currentWidget().prompt_cache
    scene.until(lambda: card.used.about.text() == "1 prompt of 1 model, 2.0 kB")
    card.room.editingFinished.emit()
    card.room.setValue(2.5)
    card.room.editingFinished.emit()
    scene.until(lambda: scene.host.settings.kv_store_mib == 2560)
    card.keep.click()
    scene.until(lambda: not scene.host.settings.kv_store)
    assert not card.room.isEnabled()
    card.clear.click()
    (row,) = scene.window.bar.rows()
    assert "Clear the prompt cache (1 prompt of 1 model, 2.0 kB)?" in row.notice.text
    assert (folder / "1.kv").exists(), "nothing goes before the answer"
    row.card.action_triggered.emit()
    scene.until(lambda: card.used.about.text() == "Nothing.")
    assert not folder.exists()
    assert not card.clear.isEnabled()


def test_the_data_folder_is_shown_and_copied(scene: Scene, home: Path) -> None:
    scene.window.show_page("settings")
    page = scene.window.stack.currentWidget()
    scene.qtbot.mouseClick(page.folder.button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == str(home)
