"""The table of models as data: order, narrowing, words."""

import time

import msgspec
import pytest
from models_fakes import BROKEN, EMBED, GEMMA, LLAMA, ORIGINAL, PLACES, QWEN, STARTER, library, many
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from paddock.gui.models.model_table import Column, ModelTable, TableRole, Wanted, place_of, used_text
from paddock.gui.pages.models_rows import ModelsView
from paddock.gui.theme import Theme
from paddock.sdk.types import LoadedModel

LOADED = LoadedModel(id="i1", model=GEMMA, engine="llamacpp", state="loading", progress=0.4)


@pytest.fixture
def table(qapp: object) -> ModelTable:
    made = ModelTable(lambda model: 2)
    made.show(library(), [LOADED], PLACES)
    return made


def ids(table: ModelTable) -> list[str]:
    infos = (table.info(table.index(row, 0)) for row in range(table.rowCount()))
    return [info.id for info in infos if info is not None]


def test_the_table_keeps_qts_rules(table: ModelTable, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(table)


def test_unknown_values_stand_last_whichever_way_it_is_sorted(table: ModelTable) -> None:
    table.sort(Column.PARAMETERS)
    assert ids(table)[0] == STARTER
    assert ids(table)[-1] == BROKEN
    table.sort(Column.PARAMETERS, Qt.SortOrder.DescendingOrder)
    assert ids(table)[0] == QWEN
    assert ids(table)[-1] == BROKEN


def test_all_words_must_be_found_in_name_architecture_quant_folder_or_notes(table: ModelTable) -> None:
    for words, wanted in (
        ("qwen bf16", [ORIGINAL]),
        ("OLLAMA", [LLAMA]),
        ("good code", [QWEN]),
        ("gemma3", [GEMMA]),
        ("qwen nothing", []),
    ):
        table.narrow(Wanted(words))
        assert ids(table) == wanted, words


def test_kinds_and_places_narrow_too(table: ModelTable) -> None:
    for kinds, wanted in (
        (Wanted(loaded=True), [GEMMA]),
        (Wanted(embedding=True), [EMBED]),
        (Wanted(vision=True), [GEMMA]),
        (Wanted(place="Ollama"), [LLAMA]),
        (Wanted(chat=True, place="Paddock"), [STARTER]),
    ):
        table.narrow(kinds)
        assert ids(table) == wanted


def test_a_model_that_moves_on_changes_its_row_only(table: ModelTable, qtbot: QtBot) -> None:
    further = LoadedModel(id="i1", model=GEMMA, engine="llamacpp", state="ready")
    with qtbot.assertNotEmitted(table.modelReset), qtbot.waitSignal(table.dataChanged) as told:
        table.show(table._source, [further], PLACES)
    assert told.args is not None
    assert table.info(told.args[0]).id == GEMMA


def test_cells_say_what_a_screen_reader_reads(table: ModelTable) -> None:
    row = table.rows_of([GEMMA])[0]
    said = [str(table.index(row, column).data()) for column in Column]
    assert said == ["Gemma 3 4B", "gemma3", "3.9 B", "Q4_K_M", "2.5 GB", "131,072", "My models", "just now"]
    name = table.index(row, Column.NAME).data(Qt.ItemDataRole.AccessibleTextRole)
    assert name == "Gemma 3 4B, loading 40 %"
    table.show({"gemma": msgspec.structs.replace(library()[GEMMA], id="gemma")}, [], PLACES)
    assert table.index(0, Column.NAME).data(TableRole.ABOUT) == "chat", "nobody made it"


def test_a_model_of_ollama_lies_in_ollamas_place() -> None:
    place = place_of(library()[LLAMA], PLACES)
    assert place is not None
    assert not place.removable


def test_times_are_told_as_near_as_one_wants_to_know() -> None:
    now = time.mktime((2026, 6, 15, 12, 0, 0, 0, 0, -1))
    passed = {10: "just now", 600: "10 min ago", 7200: "2 h ago", 86_400: "yesterday", 86_400 * 40: "6 May"}
    assert {seconds: used_text(now - seconds, now) for seconds in passed} == passed
    assert used_text(now - 86_400 * 300, now) == "Aug 2025"
    assert used_text(None, now) == ""


def test_ten_thousand_models_narrow_to_the_few_that_match(table: ModelTable) -> None:
    table.show(many(10_000), [], PLACES)
    table.narrow(Wanted("evening gemma3"))
    assert table.rowCount() == 0
    table.narrow(Wanted("evening qwen3"))
    assert table.rowCount() == 200
    assert table.total() == 10_000


def test_typing_and_taking_back_show_what_the_whole_words_do(table: ModelTable) -> None:
    words = "gemma3 bf"
    typed = [words[:length] for length in (*range(len(words) + 1), *range(len(words), -1, -1))]
    for wanted in (*map(Wanted, typed), *(Wanted(part, chat=True) for part in typed), Wanted("bf", loaded=True)):
        fresh = ModelTable(lambda model: 2)
        fresh.show(library(), [LOADED], PLACES)
        table.narrow(wanted)
        fresh.narrow(wanted)
        assert ids(table) == ids(fresh), wanted
    table.narrow(Wanted("g"))
    table.narrow(Wanted("ge"))
    table.sort(Column.PARAMETERS, Qt.SortOrder.DescendingOrder)
    fresh.sort(Column.PARAMETERS, Qt.SortOrder.DescendingOrder)
    table.narrow(Wanted("g"))
    fresh.narrow(Wanted("g"))
    assert ids(table) == ids(fresh)
    table.narrow(Wanted(loaded=True))
    table.narrow(Wanted())
    table.show(table._source, [], PLACES)
    table.narrow(Wanted(loaded=True))
    assert ids(table) == []


def test_columns_give_way_to_a_name_of_forty_letters(qtbot: QtBot, qapp: QApplication, table: ModelTable) -> None:
    Theme().apply(qapp)
    view = ModelsView(table)
    qtbot.addWidget(view)
    view.resize(860, 400)
    view.show()

    def rename(name: str) -> int:
        first, *others = library().values()
        table.show({first.id: msgspec.structs.replace(first, name=name), **{one.id: one for one in others}}, [], PLACES)
        view.fit()
        return sum(view.isColumnHidden(column) for column in Column)

    long = "DeepSeek R1 Distill Qwen 32B abliterated"
    assert rename("Short") == 0
    hidden = rename(long)
    assert hidden > 0
    needed = QFontMetrics(Theme().font(13, 600)).horizontalAdvance(long)
    assert view.columnWidth(Column.NAME) - 36 >= needed, "less the silk and the margins"
    assert rename(long * 5) == hidden, "a name that is cut off in any case takes no more"
    view.resize(660, 400)
    rename(long)
    assert not view.isColumnHidden(Column.FOLDER), "what is read more often stays"
    assert view.columnWidth(Column.NAME) >= 200
