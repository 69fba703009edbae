"""What is asked for again and again is shown as it was told last, in whatever order the answers come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from memory_fakes import FakeHost
from msgspec.structs import replace
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages
from paddock.gui.pages.chats_trash import ChatsTrash
from paddock.gui.pages.data_settings import DataCard
from paddock.gui.pages.folder_settings import FoldersCard
from paddock.gui.pages.inspector_presets import PresetRow
from paddock.gui.pages.models_problems import ProblemStrip
from paddock.sdk.chats import Backup, StoreState
from paddock.sdk.library import LibraryProblem, Place
from paddock.sdk.presets import Preset
from paddock.sdk.types import ChatSummary

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Store:
    """Answers with what there is when an answer is made."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    async def places(self) -> list[Place]:
        return [Place(path=f"/{name}", source="folder", name=name) for name in self.names]

    async def presets(self) -> list[Preset]:
        return [Preset(id=name, name=name) for name in self.names]

    async def model_problems(self) -> list[LibraryProblem]:
        return [LibraryProblem(path=f"/{name}", sentence=name) for name in self.names]

    async def deleted_chats(self) -> list[ChatSummary]:
        return [ChatSummary(id=name, title=name, created=0, updated=0, deleted=1.0) for name in self.names]

    async def chat_store(self) -> StoreState:
        return StoreState(path="/chats.db", size_bytes=1, backups_path="/", backups_bytes=1)

    async def backups(self) -> list[Backup]:
        return [Backup(name=name, path=f"/{name}", created=0, size_bytes=1, chats=1) for name in self.names]


class Asker(NamedTuple):
    """A widget, how it asks, and the names it has been told."""

    widget: QWidget
    ask: Callable[[], None]
    told: Callable[[], list[str]]


def folders(host: FakeHost, window: QWidget) -> Asker:
    card = FoldersCard(host, window)
    return Asker(card, card.look, lambda: [row.place.name for row in card.rows])


def presets(host: FakeHost, window: QWidget) -> Asker:
    row = PresetRow(lambda preset: preset, lambda preset: False, window)
    row.bind(host, Messages())
    return Asker(row, row.refresh, lambda: [preset.name for preset in row.all])


def problems(host: FakeHost, window: QWidget) -> Asker:
    strip = ProblemStrip(host, Messages(), window)
    return Asker(strip, strip.refresh, lambda: [problem.sentence for problem in strip.problems])


def trash(host: FakeHost, window: QWidget) -> Asker:
    sheet = ChatsTrash(host, window)
    return Asker(sheet, sheet.refresh, lambda: [chat.title for chat in sheet.chats])


def backups(host: FakeHost, window: QWidget) -> Asker:
    card = DataCard(host, Messages(), window)
    return Asker(card, card.look, lambda: [row.backup.name for row in card.rows])


@pytest.fixture
def host(qapp: Any, tmp_path: Any) -> FakeHost:
    made = FakeHost(tmp_path)
    made.held = True
    return made


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    return made


def test_a_folder_can_be_removed_though_the_settings_are_told_after_it(host: FakeHost, window: QWidget) -> None:
    card = FoldersCard(host, window)
    place = Place(path="/mine", source="folder", name="mine")
    card.show_places([place])
    assert card.rows[0].remove.isHidden()
    host.settings = replace(host.settings, model_folders=("/mine",))
    card.show_places([place])
    assert not card.rows[0].remove.isHidden()


@pytest.mark.parametrize("make", [folders, presets, problems, trash, backups])
def test_an_answer_that_a_later_one_has_overtaken_is_passed_over(
    host: FakeHost, window: QWidget, make: Callable[[FakeHost, QWidget], Asker]
) -> None:
    host.client = store = Store()  # type: ignore[assignment]
    asker = make(host, window)
    asker.widget.show()
    host.release()
    asker.ask()
    earlier, host._waiting = host._waiting, []
    asker.ask()
    store.names = ("old", "new")
    host.release()
    assert asker.told() == ["old", "new"]
    store.names = ("old",)
    for come in earlier:
        come()
    assert asker.told() == ["old", "new"]
