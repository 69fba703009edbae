"""A download in the window, from a real host and a hub on this machine: paused, resumed, left behind, found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from module_files import load_file
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from paddock.gui.widgets.question import Question

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

Scene = Any
TOKEN = "hf_right"
MODEL = "owner/slow-GGUF:Q4_K_M"
DATA = b"0123456789abcdef" * 2**19


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A LocalHub that the host of the test asks; the model on it comes slowly."""
    module = load_file("unit/browser/hub.py")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with module.LocalHub() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        made.add("owner/slow-GGUF", {"slow-Q4_K_M.gguf": DATA})
        made.faults.rate = 2**13  # the whole would take a quarter of an hour
        yield made


def press_in_the_question(words: str) -> None:
    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, Question):
            next(button for button in box.buttons if button.text() == words).click()
        else:
            QTimer.singleShot(20, press)

    QTimer.singleShot(0, press)


def state(scene: Scene) -> str:
    return next((item.state for item in scene.host.downloads.values()), "")


def test_a_download_is_paused_resumed_left_behind_and_found_again(hub: Any, open_window: Callable[[], Scene]) -> None:
    scene = open_window()
    scene.show()
    scene.ask(lambda client: client.download(MODEL))
    scene.until(lambda: scene.window.rail.downloads.isVisible())
    scene.window.show_page("downloads")
    page = scene.window.stack.currentWidget()
    scene.until(lambda: any(item.done_bytes for item in scene.host.downloads.values()))
    (row,) = page.sections["running"].rows.rows.values()
    assert row.title.text() == "slow-GGUF"
    assert row.line.text().endswith("of 8.4 MB") or "MB/s" in row.line.text() or "kB/s" in row.line.text()
    row.go.click()
    scene.until(lambda: state(scene) == "paused")
    (row,) = page.sections["stopped"].rows.rows.values()
    row.go.click()
    scene.until(lambda: state(scene) == "running")
    press_in_the_question("Go on in the background")
    scene.close()
    again = open_window()
    again.show()
    again.until(lambda: state(again) == "running")
    assert again.window.rail.downloads.isVisible()
    press_in_the_question("Pause and quit")
    again.close()
    last = open_window()
    last.show()
    last.until(lambda: state(last) == "paused")
    hub.faults.rate = 0
    last.window.show_downloads()
    (row,) = last.window._downloads.rows.rows.values()
    row.go.click()
    last.until(lambda: state(last) == "done")
    assert hub.sent < len(DATA) * 1.5, "what came before the pauses was kept"
    last.until(lambda: any("slow-GGUF Q4_K_M is here" in text for text in last.window.bar.texts()))
    row.end.click()
    last.until(lambda: not last.host.downloads)
    last.window._downloads.hide()
    assert not last.window.rail.downloads.isVisible()


@pytest.fixture
def keyring_file(hub: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the keyring of the host of the test keeps; the hub has an account."""
    load_file("hub_catalogue.py").Catalogue(hub, {})
    kept = tmp_path / "keyring.json"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "file_keyring.Keyring")
    monkeypatch.setenv("FILE_KEYRING", str(kept))
    return kept


def test_signing_in_and_out_at_the_hub(
    hub: Any, keyring_file: Path, home: Path, open_window: Callable[[], Scene]
) -> None:
    scene = open_window()
    scene.show()
    scene.window.show_settings("account")
    card = scene.window.stack.currentWidget().account

    def asked_with(words: str) -> set[str]:
        before = len(hub.seen)
        scene.ask(lambda client: client.search(words))
        return {seen.authorization for seen in hub.seen[before:]}

    scene.until(lambda: "Not signed in" in card.account.about.text())
    assert not card.sign_out.isVisible()
    assert "keyring" in card.about.text()
    assert asked_with("llama") == {""}
    assert not card.keep.isEnabled(), "there is nothing to test"
    scene.qtbot.keyClicks(card.token, "hf_wrong")
    scene.qtbot.mouseClick(card.keep, Qt.MouseButton.LeftButton)
    scene.until(card.notice.isVisible)
    assert "token" in card.notice.accessibleName()
    assert card.token.text() == "hf_wrong", "it can be mended"
    assert not keyring_file.exists()
    card.token.selectAll()
    scene.qtbot.keyClicks(card.token, TOKEN)
    scene.qtbot.keyClick(card.token, Qt.Key.Key_Return)
    scene.until(lambda: "Signed in as tester" in card.account.about.text())
    assert json.loads(keyring_file.read_text()) == {f"Paddock/{hub.url.removeprefix('http://')}": TOKEN}
    assert card.token.text() == ""
    assert "works" in card.notice.accessibleName()
    assert asked_with("gemma") == {f"Bearer {TOKEN}"}
    assert not [path for path in home.rglob("*") if path.is_file() and path != keyring_file
                and TOKEN.encode() in path.read_bytes()], "the token is nowhere else"  # fmt: skip
    scene.qtbot.mouseClick(card.sign_out, Qt.MouseButton.LeftButton)
    scene.until(lambda: "Not signed in" in card.account.about.text())
    assert json.loads(keyring_file.read_text()) == {}
    assert not card.sign_out.isVisible()
    assert not card.notice.isVisible()
    assert asked_with("qwen") == {""}


def test_without_a_keyring_no_token_is_asked_for_and_a_folder_is_listed(
    hub: Any, open_window: Callable[[], Scene], tmp_path: Path
) -> None:
    scene = open_window()
    scene.show()
    scene.window.show_settings("account")
    page = scene.window.stack.currentWidget()
    scene.until(lambda: "Not signed in" in page.account.account.about.text())
    assert "HF_TOKEN" in page.account.account.about.text(), "there is no keyring here, and it says what to do"
    assert not page.account.token.isVisible()
    assert not page.account.keep.isVisible()
    assert "keyring" not in page.account.about.text(), "it is said once"
    extra = tmp_path / "extra models"
    extra.mkdir()
    page.folders.add_folder(str(extra))
    scene.until(lambda: any(row.path.text() == str(extra) for row in page.folders.rows))
    row = next(row for row in page.folders.rows if row.path.text() == str(extra))
    row.remove.click()
    scene.until(lambda: str(extra) not in scene.host.settings.model_folders)
    page.machines.words.setText("a banana")
    page.machines.add_button.click()
    scene.until(page.machines.notice.isVisible)
    page.machines.words.setText("24GB")
    page.machines.add_button.click()
    scene.until(lambda: scene.host.settings.planned_machines == ("24GB",))
