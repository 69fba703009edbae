"""Conversations to files and from files, by the widgets, with what the host then has."""

import asyncio
import itertools
import json
from typing import Any

import pytest
from compare_stage import Stage
from hands import click
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.pages import files_sheet
from paddock.gui.pages.export_dialog import FORMATS, ExportDialog
from paddock.gui.pages.import_chats_dialog import PROGRAMS, ImportChatsDialog
from paddock.sdk.jobs import Job
from paddock.sdk.types import NewChat, Pane

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Scene:
    """The module's host, and a window for the dialogs of one test."""

    numbers = itertools.count()

    def __init__(self, stage: Stage, qtbot: QtBot) -> None:
        stage.qtbot = qtbot
        stage.said.clear()
        self.qtbot, self.host, self.messages = qtbot, stage.host, stage.messages
        self.ask, self.until, self._said = stage.ask, stage.until, stage.said
        self.until(lambda: self.host.connection == "connected" and self.host.chats_known)
        self.window = QWidget()
        self.window.resize(1000, 800)
        qtbot.addWidget(self.window)
        self.window.show()

    def chat(self, title: str = "") -> str:
        """A new conversation, known to the window."""
        title = title or f"Where: number {next(self.numbers)}?"
        made: str = self.ask(lambda client: client.create_chat(NewChat(title=title, system="Be *brief*."))).summary.id
        self.until(lambda: made in self.host.chats)
        return made

    def told(self) -> str:
        return " ".join(notice.text for notice in self._said)


@pytest.fixture
def scene(stage: Stage, qtbot: QtBot) -> Scene:
    return Scene(stage, qtbot)


@pytest.fixture
def chat(scene: Scene) -> str:
    return scene.chat()


def opened(scene: Scene, *chats: str, **more: Any) -> ExportDialog:
    dialog = ExportDialog(scene.host, scene.messages, chats, parent=scene.window, **more)
    dialog.open()
    return dialog


def gone(scene: Scene, dialog: QWidget) -> None:
    ended: list[bool] = []
    dialog.destroyed.connect(lambda: ended.append(True))
    scene.until(lambda: bool(ended))


def test_a_conversation_is_written_where_the_save_dialog_says(scene, chat, tmp_path, monkeypatch):
    asked: list[str] = []

    def save(parent: QWidget, title: str, proposed: str, kinds: str) -> tuple[str, str]:
        asked.extend((proposed, kinds))
        return str(tmp_path / "out"), kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    dialog = opened(scene, chat)
    assert dialog.formats["markdown"].isChecked()
    dialog.formats["html"].click()
    scene.qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    gone(scene, dialog)
    assert asked[0].endswith(f"{scene.host.chats[chat].title.replace(':', '').rstrip('?')}.html")
    assert asked[1] == "HTML (*.html)"
    assert "<em>brief</em>" in (tmp_path / "out.html").read_text()
    assert "The conversation is exported." in scene.told()


def test_options_show_where_they_fit_and_are_asked_for(scene, chat):
    dialog = opened(scene, chat)
    fitting = {}
    for format, card in dialog.formats.items():
        card.click()
        fitting[format] = [name for name, option in dialog.options.items() if option.isVisible()]
    assert fitting["markdown"] == fitting["html"] == fitting["pdf"] == ["reasoning", "versions", "numbers"]
    assert (fitting["jsonl"], fitting["csv"]) == (["reasoning"], ["numbers"])
    dialog.formats["pdf"].click()
    dialog.options["versions"].switch.click()
    dialog.options["reasoning"].switch.click()
    request = dialog.request("/x.pdf", replace=True)
    assert (request.format, request.versions, request.reasoning, request.numbers) == ("pdf", True, False, False)
    dialog.reject()


def test_a_blind_comparison_is_exported_without_names(scene, chat, tmp_path):
    panes = [Pane(model="test/alpha"), Pane(model="test/beta")]
    scene.ask(lambda client: client.set_panes(chat, panes))
    scene.until(lambda: scene.host.chats[chat].panes == 2)
    dialog = opened(scene, chat, blind=True, side_by_side=True)
    assert dialog.formats["html"].isChecked()
    assert dialog.options["side_by_side"].isVisible()
    assert not dialog.options["numbers"].isVisible()
    dialog.write(str(tmp_path / "blind.html"), replace=True)
    gone(scene, dialog)
    page = (tmp_path / "blind.html").read_text()
    assert "alpha" not in page
    assert "beta" not in page


def test_what_is_there_already_is_replaced_only_when_agreed_to(scene, tmp_path, monkeypatch):
    target = tmp_path / "folder"
    target.mkdir()
    two = [scene.chat("Mine"), scene.chat("Yours")]
    (target / "Mine.md").write_text("mine")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *asked: str(target))
    dialog = opened(scene, *two)
    dialog.start.click()
    scene.until(dialog.trouble.isVisible)
    assert (target / "Mine.md").read_text() == "mine"
    assert "is there already" in dialog.trouble.accessibleName()
    dialog.trouble.focus_action()
    scene.qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Space)
    gone(scene, dialog)
    assert "Be *brief*." in (target / "Mine.md").read_text()
    assert (target / "Yours.md").exists()
    assert "2 conversations are exported." in scene.told()


def test_what_cannot_be_written_is_said_in_place(scene, chat, tmp_path):
    (tmp_path / "file").write_text("")
    dialog = opened(scene, chat)
    dialog.write(str(tmp_path / "file" / "x.md"))
    scene.until(dialog.trouble.isVisible)
    assert "could not be written" in dialog.trouble.accessibleName()
    assert dialog.start.isEnabled()
    assert not dialog.running()
    dialog.reject()


def test_show_in_folder_opens_the_folder(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(files_sheet.QDesktopServices, "openUrl", lambda url: asked.append(url.toLocalFile()))
    files_sheet.show_in_folder("/some/where/x.md")
    assert asked == ["/some/where"]


# -------------------------------------------------------------------- import


def importing(scene: Scene, **more: Any) -> ImportChatsDialog:
    dialog = ImportChatsDialog(scene.host, scene.messages, parent=scene.window, **more)
    dialog.open()
    return dialog


def test_a_file_is_chosen_and_imported_once(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *asked: (str(tmp_path / "second.jsonl"), ""))
    line = {"messages": [{"role": "user", "content": "A second one"}]}
    (tmp_path / "second.jsonl").write_text(json.dumps(line))
    dialog = importing(scene)
    assert not dialog.start.isEnabled()
    dialog.file.click()
    dialog.start.click()
    gone(scene, dialog)
    scene.until(lambda: any(known.title == "A second one" for known in scene.host.chats.values()))
    assert "1 conversation is here now." in scene.told()
    dialog = importing(scene, path=str(tmp_path / "second.jsonl"))
    dialog.start.click()
    gone(scene, dialog)
    assert "Nothing new came in. 1 was there already." in scene.told()


def test_a_folder_is_chosen_and_all_in_it_imported(scene, tmp_path, monkeypatch):
    folder = tmp_path / "conversations"
    folder.mkdir()
    for at, title in enumerate(("Fox", "Hen")):
        said = {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": f"Which {title}?"}]}
        turns = [{"versions": [said], "currentlySelected": 0}]
        chat = {"name": title, "createdAt": 1_732_000_000_000 + at, "messages": turns}
        (folder / f"{at}.conversation.json").write_text(json.dumps(chat))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *asked: str(folder))
    dialog = importing(scene)
    click(dialog.directory)
    assert dialog.path.text() == str(folder)
    click(dialog.start)
    gone(scene, dialog)
    assert "2 conversations are here now." in scene.told()
    stored = {chat.title: chat.id for chat in scene.ask(lambda client: client.chats())}
    whole = [scene.ask(lambda client, title=title: client.chat(stored[title])) for title in ("Fox", "Hen")]
    assert [[message.content for message in chat.messages] for chat in whole] == [["Which Fox?"], ["Which Hen?"]]


def test_problems_and_errors_stay_in_the_dialog(scene, tmp_path):
    said = [{"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image_url"}]}]
    (tmp_path / "x.jsonl").write_text(json.dumps({"messages": said}) + "\n{\n")
    (tmp_path / "bad.zip").write_text("no archive")
    dialog = importing(scene, path=str(tmp_path / "bad.zip"))
    dialog.start.click()
    scene.until(dialog.trouble.isVisible)
    assert "“bad.zip” is damaged" in dialog.trouble.accessibleName()
    dialog.path.setText(str(tmp_path / "x.jsonl"))
    dialog.start.click()
    scene.until(dialog.problems.isVisible)
    assert dialog.problems.toPlainText().splitlines() == [
        "“x.jsonl, line 2” is cut off: it ends in the middle.",
        "“See”: 1 image was left out.",
    ]
    assert dialog.cancel.text() == "Close"
    assert dialog.start.isHidden()
    dialog.cancel.click()


def test_every_program_says_where_its_conversations_are(scene):
    dialog = importing(scene)
    for at, (format, (name, hint)) in enumerate(PROGRAMS.items()):
        dialog.program.setCurrentIndex(at)
        assert (dialog.format(), dialog.program.currentText(), dialog.hint.text()) == (format, name, hint)
    dialog.reject()
    assert all(about for _, about, _ in FORMATS.values())


def test_what_takes_long_says_how_far_it_is(scene: Scene, chat: str) -> None:
    dialog = opened(scene, chat)

    async def forever(client: object) -> None:
        await asyncio.Event().wait()

    dialog.run("Writing…", forever, lambda done: None)
    said = Job(id=dialog.job, kind="chat-export", title="Export", state="running", note="5 of 20 conversations")
    scene.host.jobs[dialog.job] = said
    scene.host.jobs_changed.emit()
    assert (dialog.doing.text(), dialog.cancel.text()) == ("Writing… 5 of 20 conversations", "Stop")
    del scene.host.jobs[dialog.job]
    dialog.reject()
    gone(scene, dialog)
