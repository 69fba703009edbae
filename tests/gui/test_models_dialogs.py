"""Adding, quantising, opening: what is asked before, what is done, and nothing without a click."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from models_fakes import ORIGINAL, OURS, PLACES, QWEN, LibraryHost
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.drops import model_link, model_paths
from paddock.gui.messages import Messages, Notice
from paddock.gui.opener import Opener
from paddock.gui.pages.import_dialog import ImportDialog
from paddock.gui.pages.open_sheet import OpenSheet
from paddock.gui.pages.quantize_dialog import QuantizeDialog
from paddock.gui.theme import Theme
from paddock.sdk.errors import ErrorInfo, ModelUnusable, NotFound
from paddock.sdk.hub import FitsRequest
from paddock.sdk.library import ImportPreview, QuantizeRequest
from paddock.sdk.open_address import OpenFile, OpenRepo

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def host(qapp: Any, tmp_path: Path) -> LibraryHost:
    Theme().apply(qapp)
    return LibraryHost(tmp_path)


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    made.resize(1000, 800)
    qtbot.addWidget(made)
    made.show()
    return made


def calls(host: LibraryHost, method: str) -> list[Any]:
    return [value for name, value in host.client.asked if name == method]


def move(host: LibraryHost, id: str, **changes: Any) -> None:
    host.job(msgspec.structs.replace(host.jobs[id], **changes))


# ---------------------------------------------------------------- import


def test_an_import_says_what_it_takes_and_closes_when_it_is_done(
    qtbot: QtBot, host: LibraryHost, window: QWidget
) -> None:
    dialog = ImportDialog(host, ["/down/qwen.gguf"], window)
    came: list[str] = []
    dialog.model_wanted.connect(came.append)
    dialog.open()
    assert not dialog.start.isEnabled()
    qtbot.waitUntil(dialog.start.isEnabled)
    assert dialog.about.text() == "1 model, 4.9 GB. 214 GB are free."
    assert not dialog.methods["hardlink"].isEnabled()
    assert dialog.methods["hardlink"].accessibleDescription().startswith("The file is on another disk")
    dialog.methods["move"].click()
    dialog.name.setText("Qwen/Mine")
    dialog.start.click()
    qtbot.waitUntil(lambda: dialog.start.text() == "Go on in the background")
    assert calls(host, "import") == [("/down/qwen.gguf", "move", "Qwen/Mine")]
    move(host, "j1", done_bytes=10**9, total_bytes=4 * 10**9, seconds_left=30)
    assert dialog.progress.words.text() == "1.0 GB of 4.0 GB · 30 s left"
    move(host, "j1", state="done", model=QWEN)
    assert came == [QWEN]
    assert not dialog.isVisible()


def test_a_copy_without_room_is_not_begun_but_a_link_is(qtbot: QtBot, host: LibraryHost, window: QWidget) -> None:
    host.client.preview = {"free_bytes": 10**9, "refused": {}}
    dialog = ImportDialog(host, ["/down/qwen.gguf"], window)
    dialog.open()
    qtbot.waitUntil(lambda: "too little" in dialog.about.text())
    assert not dialog.start.isEnabled()
    dialog.methods["symlink"].click()
    assert dialog.start.isEnabled()
    dialog.reject()
    assert not calls(host, "import")


def test_stopping_an_import_ends_its_job(qtbot: QtBot, host: LibraryHost, window: QWidget) -> None:
    dialog = ImportDialog(host, ["/a.gguf"], window)
    dialog.open()
    qtbot.waitUntil(dialog.start.isEnabled)
    dialog.start.click()
    qtbot.waitUntil(lambda: dialog.cancel.text() == "Stop")
    dialog.cancel.click()
    qtbot.waitUntil(lambda: calls(host, "cancel_job") == ["j1"])


# ---------------------------------------------------------------- quantise


@pytest.fixture
def quantize(qtbot: QtBot, host: LibraryHost, window: QWidget) -> Callable[[str], QuantizeDialog]:
    def make(model: str) -> QuantizeDialog:
        dialog = QuantizeDialog(host, host.models[model], PLACES, window)
        dialog.open()
        qtbot.waitUntil(dialog.start.isEnabled)
        return dialog

    return make


def test_a_quant_is_chosen_made_and_shown(
    qtbot: QtBot, host: LibraryHost, quantize: Callable[[str], QuantizeDialog]
) -> None:
    dialog = quantize(ORIGINAL)
    came: list[str] = []
    dialog.model_wanted.connect(came.append)
    assert dialog.warning.isHidden()
    assert dialog.about.text() == "Q4_K_M takes about 397 MB (4.9 bits a weight). 214 GB are free on the disk."
    qtbot.keyClick(dialog.view, Qt.Key.Key_Up)
    assert dialog.about.text().startswith("Q6_K takes about 495 MB")
    for _ in range(5):
        qtbot.keyClick(dialog.view, Qt.Key.Key_Down)
    chosen = dialog.choice()
    assert chosen is not None
    assert chosen.quant == "Q3_K_M", "what cannot be made cannot be chosen"
    dialog.start.click()
    qtbot.waitUntil(lambda: bool(calls(host, "quantize")))
    assert calls(host, "quantize") == [QuantizeRequest(model=ORIGINAL, quant="Q3_K_M")]
    move(host, "j2", state="done", model="Qwen/Qwen3-0.6B-GGUF:Q3_K_M")
    assert came == ["Qwen/Qwen3-0.6B-GGUF:Q3_K_M"]


def test_quantised_weights_come_with_a_warning_and_a_failure_with_its_reason(
    qtbot: QtBot, host: LibraryHost, quantize: Callable[[str], QuantizeDialog]
) -> None:
    dialog = quantize(QWEN)
    assert dialog.warning.isVisible()
    dialog.start.click()
    qtbot.waitUntil(lambda: dialog.cancel.text() == "Stop")
    assert calls(host, "quantize")[0].requantize
    move(host, "j2", state="failed", error=ErrorInfo(code="disk", message="The disk is full.", hint="Make room."))
    assert dialog.progress.trouble.isVisible()
    assert dialog.cancel.text() == "Close"
    dialog.cancel.click()
    assert not dialog.isVisible()


# ---------------------------------------------------------------- the sheet


def test_a_file_is_shown_with_size_and_fit_and_nothing_happens_without_a_click(
    qtbot: QtBot, host: LibraryHost, window: QWidget
) -> None:
    sheet = OpenSheet(host, OpenFile(path="/down/qwen.gguf"), window)
    chats: list[str] = []
    sheet.chat_wanted.connect(chats.append)
    sheet.open()
    qtbot.waitUntil(lambda: sheet.first.isEnabled() and sheet.badge.isVisible())
    assert sheet.facts.text() == "4.9 GB."
    assert not {"load", "settings", "import", "download"} & {name for name, _ in host.client.asked}
    assert window.focusWidget() is not sheet.first
    sheet.first.click()
    qtbot.waitUntil(lambda: chats == ["/down/qwen.gguf"])


def test_a_folder_can_be_used_in_place(qtbot: QtBot, host: LibraryHost, window: QWidget) -> None:
    host.client.preview = {"models": 12}
    sheet = OpenSheet(host, OpenFile(path="/disk/models"), window)
    sheet.open()
    qtbot.waitUntil(sheet.third.isEnabled)
    assert not sheet.first.isVisible()
    assert sheet.facts.text() == "12 models, 4.9 GB."
    sheet.third.click()
    qtbot.waitUntil(lambda: bool(calls(host, "settings")))
    assert calls(host, "settings")[0].model_folders == ("/disk/models",)


def test_a_model_on_the_hub_is_downloaded_when_one_says_so(qtbot: QtBot, host: LibraryHost, window: QWidget) -> None:
    sheet = OpenSheet(host, OpenRepo(repo="Qwen/Qwen3-8B-GGUF", quant="q8_0"), window)
    sheet.open()
    qtbot.waitUntil(sheet.first.isEnabled)
    assert sheet.first.text() == "Download Q8_0, 8.7 GB"
    assert not calls(host, "download")
    sheet.first.click()
    qtbot.waitUntil(lambda: calls(host, "download") == ["Qwen/Qwen3-8B-GGUF:Q8_0"])
    unnamed = OpenSheet(host, OpenRepo(repo="Qwen/Qwen3-8B-GGUF"), window)
    unnamed.open()
    qtbot.waitUntil(lambda: unnamed.first.text() == "Download Q4_K_M, 5.0 GB")
    unnamed.close()
    qtbot.waitUntil(lambda: calls(host, "fits")[-1:] == [FitsRequest(repo="Qwen/Qwen3-8B-GGUF", quant="Q4_K_M")])


@pytest.mark.parametrize("name", ["qwen3-Q8_0.gguf", "Q8_0/qwen3-Q8_0.gguf"])
def test_the_address_of_a_file_leads_to_its_quant(qtbot: QtBot, host: LibraryHost, window: QWidget, name: str) -> None:
    host.client.obstacle = "The model is gated. Ask for access first."
    sheet = OpenSheet(host, OpenRepo(repo="Qwen/Qwen3-8B-GGUF", quant=name), window)
    wanted: list[str] = []
    sheet.hub_wanted.connect(wanted.append)
    sheet.open()
    qtbot.waitUntil(lambda: sheet.first.text() == "Download Q8_0, 8.7 GB")
    assert sheet.trouble.isVisible()
    assert not sheet.first.isEnabled(), "what cannot be had is not begun"
    sheet.second.click()
    assert wanted == [f"Qwen/Qwen3-8B-GGUF:{name}"]


def test_a_file_that_is_not_there_says_so(qtbot: QtBot, host: LibraryHost, window: QWidget) -> None:
    host.client.fail["preview"] = NotFound("There is no file at /down/gone.gguf.", hint="It may have been moved.")
    sheet = OpenSheet(host, OpenFile(path="/down/gone.gguf"), window)
    sheet.open()
    qtbot.waitUntil(sheet.trouble.isVisible)
    assert not sheet.first.isEnabled()
    sheet.close()


# ---------------------------------------------------------------- drops and addresses


def mime(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def test_only_model_files_and_folders_are_taken(tmp_path: Path) -> None:
    assert model_paths(mime(tmp_path / "a.GGUF", tmp_path)) == [str(tmp_path / "a.GGUF"), str(tmp_path)]
    assert model_paths(mime(tmp_path / "a.gguf", tmp_path / "cat.png")) == []
    text = QMimeData()
    text.setText("/models/a.gguf")
    assert model_paths(text) == []


def test_a_drop_on_the_window_opens_the_sheet_whatever_lies_below(
    qtbot: QtBot, host: LibraryHost, window: QWidget, tmp_path: Path
) -> None:
    opener = Opener(host, Messages(), window)
    opener.drops.listen()
    handle = window.windowHandle()
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    cat, data = mime(tmp_path / "cat.png"), mime(tmp_path / "a.gguf")  # the events only point at them
    QApplication.sendEvent(handle, QDragEnterEvent(QPoint(5, 5), copy, cat, left, none))
    assert not opener.drops.overlay.isVisible()
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    QApplication.sendEvent(handle, enter)
    assert enter.isAccepted()
    assert opener.drops.overlay.isVisible()
    QApplication.sendEvent(handle, QDragLeaveEvent())
    assert not opener.drops.overlay.isVisible()
    QApplication.sendEvent(handle, QDragEnterEvent(QPoint(5, 5), copy, data, left, none))
    QApplication.sendEvent(handle, QDropEvent(QPointF(5, 5), copy, data, left, none, QEvent.Type.Drop))
    sheet = window.findChild(OpenSheet)
    assert isinstance(sheet, OpenSheet)
    assert sheet.target == OpenFile(path=str(tmp_path / "a.gguf"))
    sheet.close()
    with qtbot.waitSignal(opener.drops.linked) as linked:
        link = QMimeData()
        link.setUrls([QUrl("https://huggingface.co/acme/Rocket-GGUF/blob/main/rocket.gguf")])
        QApplication.sendEvent(handle, QDragEnterEvent(QPoint(5, 5), copy, link, left, none))
        QApplication.sendEvent(handle, QDropEvent(QPointF(5, 5), copy, link, left, none, QEvent.Type.Drop))
    assert linked.args == [OpenRepo(repo="acme/Rocket-GGUF", quant="rocket.gguf")]
    for sheet in window.findChildren(OpenSheet):
        sheet.close()
    link.setUrls([QUrl("https://example.org/acme/rocket")])
    assert model_link(link) is None


def test_an_address_from_outside_is_shown_and_a_wrong_one_explained(
    qtbot: QtBot, host: LibraryHost, window: QWidget
) -> None:
    notices: list[Notice] = []
    messages = Messages()
    messages.listen(notices.append, lambda key: None)
    Opener(host, messages, window)
    host.open_requested.emit("paddock://format-the-disk")
    assert notices[0].text.startswith("“paddock://format-the-disk” cannot be opened.")
    host.open_requested.emit("paddock://open?repo=Qwen/Qwen3-8B-GGUF:Q4_K_M")
    sheet = window.findChild(OpenSheet)
    assert isinstance(sheet, OpenSheet)
    assert sheet.target == OpenRepo(repo="Qwen/Qwen3-8B-GGUF", quant="Q4_K_M")
    sheet.close()


def test_several_files_are_added_together(qtbot: QtBot, host: LibraryHost, window: QWidget) -> None:
    opener = Opener(host, Messages(), window)
    opener.open_paths(["/a.gguf", "/b.gguf"])
    dialog = window.findChild(ImportDialog)
    assert isinstance(dialog, ImportDialog)
    qtbot.waitUntil(lambda: dialog.about.text() == "2 models, 9.8 GB. 214 GB are free.")
    assert calls(host, "preview") == ["/a.gguf", "/b.gguf"]
    assert all(preview.target == OURS for preview in dialog.previews)
    assert dialog.left_out.isHidden()
    dialog.close()


def test_what_cannot_be_added_does_not_keep_the_rest_from_it(
    qtbot: QtBot, host: LibraryHost, window: QWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = host.client.preview_import

    async def preview(path: str) -> ImportPreview:
        if path == "/b.gguf":
            raise ModelUnusable("b.gguf is damaged.")
        return await asked(path)

    monkeypatch.setattr(host.client, "preview_import", preview)
    host.client.preview = {"left_out": ("c.gguf is empty.",)}
    dialog = ImportDialog(host, ["/a.gguf", "/b.gguf"], window)
    dialog.open()
    qtbot.waitUntil(dialog.start.isEnabled)
    assert dialog.left_out.text() == "Left out:\nc.gguf is empty.\nb.gguf is damaged."
    assert [preview.path for preview in dialog.previews] == ["/a.gguf"]
    dialog.close()
