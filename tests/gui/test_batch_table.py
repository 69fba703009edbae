"""The answers of a batch as a table: what its cells and heads say, and what changes when something is told."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from paddock.gui.models.batch_table import BatchTable, CellRole
from paddock.sdk.compare import Batch, BatchCell, BatchPrompt, CheckResult
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.types import Pane, Stats, Usage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

PANES = (Pane(model="a/x"), Pane(model="a/y", sampling={"seed": 1}), Pane(model="a/y", sampling={"seed": 2}))
BATCH = Batch(id="b", name="n", state="running", prompts=2, panes=PANES, repeat=2, total=12, running=(5,))
PROMPTS = (BatchPrompt(prompt="What is\nit?"), BatchPrompt(prompt="long", name="second"))


def cell(prompt: int, pane: int, repeat: int = 0, *, passed: bool | None = True, **more: Any) -> BatchCell:
    given: dict[str, Any] = {
        "state": "done",
        "text": "Paris\nindeed",
        "checks": (CheckResult(name="c", passed=passed),),
    }
    given |= {"usage": Usage(completion_tokens=4), "stats": Stats(tokens_per_second=20.0, ttft_s=0.5)}
    return BatchCell(prompt=prompt, pane=pane, repeat=repeat, **{**given, **more})


@pytest.fixture
def table(qapp: QApplication) -> BatchTable:
    made = BatchTable(lambda model: model.rpartition("/")[2])
    made.show(BATCH, PROMPTS)
    made.tell_summaries()
    return made


def said(table: BatchTable, row: int, column: int) -> str:
    return str(table.index(row, column).data(Qt.ItemDataRole.AccessibleTextRole))


def test_the_table_keeps_qts_rules(table: BatchTable, qtmodeltester: ModelTester) -> None:
    table.learn([cell(0, 0), cell(1, 2)])
    qtmodeltester.check(table)


def test_cells_say_their_state_their_marks_and_their_numbers(table: BatchTable) -> None:
    error = ErrorInfo(code="engine_died", message="It crashed.")
    table.learn([cell(0, 0), cell(0, 0, 1, passed=False), cell(1, 0, state="failed", text="", error=error, checks=())])
    table.learn([cell(1, 1, judging=True, passed=None)])
    assert said(table, 0, 1) == "x: 1 of 2 passed, 8 tokens · 20.0 tok/s, Paris indeed"
    assert said(table, 1, 1) == "x: No answer, It crashed."
    assert said(table, 1, 2).startswith("y · seed 1: Not judged yet")
    assert said(table, 0, 3) == "y · seed 2: being answered"
    assert said(table, 1, 3) == "y · seed 2: waits"
    assert said(table, 1, 0) == "Prompt 2: second"
    assert table.index(0, 0).data() == "What is it?"
    head = str(table.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole))
    assert head == "x\nPassed 50 % (1 of 2) · 1 without an answer\n20.0 tok/s · first 0.50 s · 8 tokens"


def test_what_moves_on_changes_its_rows_only_and_a_retried_cell_waits_again(table: BatchTable, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(table.modelReset), qtbot.waitSignal(table.dataChanged) as told:
        table.learn([cell(1, 0)])
    assert told.args is not None
    assert (told.args[0].row(), told.args[1].row()) == (1, 1)
    table.learn([BatchCell(prompt=1, pane=0, repeat=0)])
    assert table.index(1, 1).data(CellRole.CELLS) == ()
    assert table.summary(0).answers == 0


def test_what_runs_is_not_told_of_rows_that_have_not_come_yet(qapp: QApplication, qtbot: QtBot) -> None:
    made = BatchTable(lambda model: model.rpartition("/")[2])
    with qtbot.assertNotEmitted(made.dataChanged):
        made.show(BATCH, ())
    made.show(BATCH, PROMPTS)
    assert said(made, 0, 3) == "y · seed 2: being answered"
