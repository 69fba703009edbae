"""Every item model of the window under Qt's own tester, while rows come, go, move, change and are all replaced."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hub_fakes import hub_model, result
from models_fakes import PLACES, choices, many
from PySide6.QtCore import QAbstractItemModel, QSortFilterProxyModel, Qt
from pytestqt.modeltest import ModelTester

import paddock.gui.window
from paddock.gui.models.batch_table import BatchTable
from paddock.gui.models.chats import ChatList, ListDeeds, rows
from paddock.gui.models.hub import HubList
from paddock.gui.models.hub_files import FileList, FileRow, file_rows
from paddock.gui.models.library import ModelList
from paddock.gui.models.model_table import Column, ModelTable, Wanted
from paddock.gui.pages.palette import EntryList
from paddock.gui.pages.quantize_dialog import QuantList
from paddock.gui.palette_entries import Entry
from paddock.gui.widgets.token_chart import BarRows, TokenBar
from paddock.sdk.chats import ChatFolder, ChatHit
from paddock.sdk.compare import Batch, BatchCell, BatchPrompt
from paddock.sdk.types import ChatSummary, LoadedModel, Pane

Steps = Iterator[Any]
"""First the model, then after each change what its first column must say."""
STEPS = 40


def chats(chance: random.Random) -> Steps:
    model = ChatList(ListDeeds(lambda *_: None))
    yield model
    noon, today = datetime(2026, 11, 21, 12), date(2026, 11, 21)
    folders = [ChatFolder(id=f"f{n}", name=f"Folder {n}", parent="f0" if n == 2 else "", position=n) for n in range(3)]

    def chat(number: int) -> ChatSummary:
        when = (noon - timedelta(days=chance.randrange(4), minutes=chance.randrange(60))).timestamp()
        return ChatSummary(
            id=f"c{number}",
            title=f"Chat {number}",
            created=when,
            updated=when,
            pinned=chance.random() < 0.2,
            folder=chance.choice(("", "", "f0", "f1", "f2")),
            tags=("old",) if number % 2 else (),
        )

    for _ in range(2 * STEPS):
        some = [chat(n) for n in chance.sample(range(14), k=chance.randrange(12))]
        hits = [ChatHit(chat=one.id, message=f"m{n}", title=one.title) for one in some[:3] for n in range(2)]
        found = rows(
            some,
            chance.choice(("", "", "chat 1", "nothing")),
            today,
            folders=chance.sample(folders, k=chance.randrange(4)),
            closed=chance.sample(["f0", "f1", "f2"], k=chance.randrange(2)),
            tag=chance.choice(("", "", "old")),
            hits=hits,
        )
        model.show(found)
        yield [row.text for row in found]


def hub(chance: random.Random) -> Steps:
    model = HubList()
    yield model
    listed: list[str] = []
    for _ in range(STEPS):
        page = [result(n) for n in chance.sample(range(30), k=chance.randrange(6))]
        names, coming = [one.name for one in page], chance.randrange(4)
        match chance.randrange(3):
            case 0:
                model.show(page, coming)
                listed = names
            case 1:
                model.append(page, coming)
                listed = [*listed, *(name for name in names if name not in listed)]
            case _:
                model.set_coming(coming)
        yield [*listed, *[None] * coming]


def files(chance: random.Random) -> Steps:
    model = FileList()
    yield model
    repo = hub_model()
    for _ in range(STEPS):
        on_disk = [quant.source for quant in repo.quants if chance.random() < 0.3]
        shown: list[FileRow] = file_rows(repo, None, (), on_disk, ascending=chance.random() < 0.3)
        model.show(shown := shown[: chance.choice((5, 5, 3, 0))])
        yield [row.label for row in shown]


def library(chance: random.Random) -> Steps:
    model = ModelList()
    yield model
    known = many(12)
    for _ in range(STEPS):
        some = sorted(chance.sample(list(known), k=chance.choice((12, 12, 5))))
        model.show([known[id] for id in some], loaded(chance, some))
        yield sorted((known[id].name for id in some), key=str.casefold)


def loaded(chance: random.Random, models: list[str]) -> list[LoadedModel]:
    chosen = chance.sample(models, k=chance.randrange(3))
    return [LoadedModel(id=id, model=id, engine="e", state="loading", progress=chance.random()) for id in chosen]


def model_table(chance: random.Random) -> Steps:
    model = ModelTable(lambda id: 0)
    yield model
    known = many(30)
    for _ in range(STEPS):
        match chance.randrange(4):
            case 0:
                known = {id: known[id] for id in chance.sample(list(known), k=len(known))}
                model.show(known, loaded(chance, list(known)), PLACES)
            case 1:
                model.show(model._source, loaded(chance, list(known)), PLACES)
            case 2:
                model.sort(chance.choice(list(Column)), chance.choice(list(Qt.SortOrder)))
            case _:
                model.narrow(Wanted(chance.choice(("", "g", "gemma", "none")), loaded=chance.random() < 0.2))
        shown = [model.info(model.index(row, 0)) for row in range(model.rowCount())]
        yield [info.name for info in shown if info is not None]


def batch_table(chance: random.Random) -> Steps:
    model = BatchTable(lambda id: id)
    yield model
    prompts: list[BatchPrompt] = []
    for _ in range(STEPS):
        if chance.random() < 0.3 or not prompts:
            prompts = [BatchPrompt(prompt=f"p{n}") for n in range(chance.randrange(1, 6))]
            panes = tuple(Pane(model=f"m{n}") for n in range(chance.randrange(1, 4)))
            total = len(prompts) * len(panes)
            batch = Batch(id="b", name="b", state="running", prompts=len(prompts), panes=panes, repeat=1, total=total)
            model.show(batch, prompts)
        else:
            place = chance.randrange(len(prompts)), chance.randrange(model.columnCount() - 1)
            done = BatchCell(prompt=place[0], pane=place[1], repeat=0, state="done", text="x")
            model.learn([done, BatchCell(prompt=0, pane=0, repeat=0)])
        yield [prompt.prompt for prompt in prompts]


def palette(chance: random.Random) -> Steps:
    model = EntryList()
    yield model
    for _ in range(STEPS):
        names = [f"Entry {n}" for n in chance.sample(range(9), k=chance.randrange(9))]
        model.show([Entry(id=name, title=name, kind="View", run=lambda: None) for name in names])
        yield names


def quants(chance: random.Random) -> Steps:
    offered = chance.sample(choices(), k=len(choices()))
    model = QuantList(offered)
    yield model
    yield [one.quant for one in sorted(offered, key=lambda one: (bool(one.refusal), -one.size_bytes))]


def bars(chance: random.Random) -> Steps:
    model = BarRows()
    yield model
    for _ in range(STEPS):
        shown = [TokenBar(f"t{n}", 0.5, chance.random()) for n in range(chance.choice((0, 3, 3, 5)))]
        model.show(shown)
        yield [bar.text for bar in shown]


STORIES: dict[type[QAbstractItemModel], Callable[[random.Random], Steps]] = {
    ChatList: chats,
    HubList: hub,
    FileList: files,
    ModelList: library,
    ModelTable: model_table,
    BatchTable: batch_table,
    EntryList: palette,
    QuantList: quants,
    BarRows: bars,
}


@pytest.mark.parametrize("kind", STORIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_changes_is_told_as_it_is(
    qapp: object, qtmodeltester: ModelTester, kind: type[QAbstractItemModel], seed: int
) -> None:
    steps = STORIES[kind](random.Random(seed))
    model = next(steps)
    assert type(model) is kind
    qtmodeltester.check(model)
    mirror = QSortFilterProxyModel()  # knows of rows only what it is told
    mirror.setSourceModel(model)
    for wanted in steps:
        for shown in (model, mirror):
            assert [shown.index(row, 0).data() for row in range(shown.rowCount())] == wanted


def test_no_model_of_the_window_is_left_out() -> None:
    found = re.compile(r"^class (\w+)\(QAbstract\w*Model\)|^class (\w+)\(QStandardItemModel\)", re.MULTILINE)
    sources = Path(paddock.gui.window.__file__).parent.rglob("*.py")
    names = {match[1] or match[2] for source in sources for match in found.finditer(source.read_text("utf-8"))}
    assert names == {kind.__name__ for kind in STORIES}
