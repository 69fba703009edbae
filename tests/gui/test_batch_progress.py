"""How far a batch is: its head and the heads of its panes count the same answers, however late those come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.models.batch_table import CellRole
from paddock.gui.pages.batch_run import BatchRun
from paddock.gui.widgets import ElidedLabel, Label
from paddock.gui.widgets.reader import Reader
from paddock.sdk.compare import Batch, BatchCell, BatchPrompt, CheckResult
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.types import Pane, Stats, Usage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

BATCH = Batch(
    id="b", name="n", state="running", prompts=2, panes=(Pane(model="a/x"), Pane(model="a/y")), repeat=1, total=4
)
PROMPTS = (BatchPrompt(prompt="Why?"), BatchPrompt(prompt="Where?"))


class LateHost(QObject):
    """Answers when the test says so: ``pending`` are the questions with what hears their answers."""

    batch_changed = Signal(str, object)
    snapshot = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[Callable[[Any], None]] = []

    def model_title(self, model: str) -> str:
        return model

    def call(self, ask: object, done: Callable[[Any], None], failed: object, owner: object) -> Any:
        self.pending.append(done)
        return self

    def cancel(self) -> None:
        self.pending.clear()

    def answer(self, value: object) -> None:
        """The oldest question that waits."""
        self.pending.pop(0)(value)


def cell(prompt: int, pane: int, change: int, **more: Any) -> BatchCell:
    given: dict[str, Any] = {"state": "done", "text": "Yes.", "usage": Usage(completion_tokens=1)}
    given |= {"checks": (CheckResult(name="c", passed=True),), "stats": Stats(tokens_per_second=20.0, ttft_s=0.5)}
    return BatchCell(prompt=prompt, pane=pane, repeat=0, change=change, **{**given, **more})


@pytest.fixture
def host(qtbot: QtBot) -> LateHost:
    return LateHost()


@pytest.fixture
def run(host: LateHost, qtbot: QtBot) -> BatchRun:
    made = BatchRun(host)  # type: ignore[arg-type]  as much of a HostState as it asks
    qtbot.addWidget(made)
    return made


def heads(run: BatchRun) -> list[Any]:
    return [run.table.headerData(at, Qt.Orientation.Horizontal, CellRole.SUMMARY) for at in (1, 2)]


def further(host: LateHost, **changes: Any) -> None:
    host.batch_changed.emit("b", msgspec.structs.replace(BATCH, **changes))


def test_the_heads_and_the_line_above_them_count_the_same_answers(run: BatchRun, host: LateHost) -> None:
    run.show_batch(BATCH)
    host.answer(PROMPTS)
    host.answer([])
    assert run.state.text() == "Running · 0 of 4 answers"
    further(host, done=3)
    assert run.state.text() == "Running · 0 of 4 answers", "the answers themselves are not here yet"
    host.answer([cell(0, 0, 1), cell(1, 0, 2), cell(0, 1, 3), cell(1, 1, 4, state="failed", text="")])
    assert [(head.answers, head.failed) for head in heads(run)] == [(2, 0), (1, 1)]
    assert run.state.text() == "Running · 4 of 4 answers · 1 failed", "one more came than was told of"
    assert run.bar.value() == run.bar.maximum()
    further(host, done=3, failed=1, state="done")
    assert run.retry.isVisibleTo(run)
    host.answer([BatchCell(prompt=1, pane=1, repeat=0, change=5)])
    assert run.state.text() == "Done · 3 of 4 answers"


def test_a_list_is_done_when_its_last_answers_are_here(run: BatchRun, host: LateHost) -> None:
    run.show_batch(BATCH)
    host.answer(PROMPTS)
    host.answer([cell(0, 0, 1)])
    further(host, done=4, state="done")
    assert run.state.text() == "Reading the last answers · 1 of 4 answers"
    assert not run.pause.isVisibleTo(run)
    assert run.bar.isVisibleTo(run)
    host.answer([cell(1, 0, 2), cell(0, 1, 3), cell(1, 1, 4)])
    assert run.state.text() == "Done · 4 of 4 answers"
    assert not run.bar.isVisibleTo(run), "nothing moves any more"
    further(host, revision=1, state="running")
    assert run.bar.isVisibleTo(run)


def test_before_the_first_answers_have_come_the_panes_say_nothing(run: BatchRun, host: LateHost) -> None:
    run.show_batch(msgspec.structs.replace(BATCH, done=4, state="done"))
    host.answer(PROMPTS)
    assert run.state.text() == "Done · 4 of 4 answers"
    assert heads(run) == [None, None], "a part of the answers would tell another number"
    host.answer([cell(prompt, pane, 1 + prompt + pane) for prompt in (0, 1) for pane in (0, 1)])
    assert [head.answers for head in heads(run)] == [2, 2]
    assert run.state.text() == "Done · 4 of 4 answers"


def test_what_sets_two_panes_of_a_model_apart_is_read_whole_beside_their_answers(run: BatchRun, host: LateHost) -> None:
    panes = tuple(Pane(model="a/" + "long-" * 30, sampling={"temperature": value}) for value in (0.0, 1.2))
    run.resize(500, 400)
    run.show_batch(msgspec.structs.replace(BATCH, panes=panes))
    host.answer(PROMPTS)
    host.answer([cell(0, 0, 1), cell(0, 1, 2)])
    run.show()
    run.view.opened.emit(0, 0)
    said = [label.text() for label in run.answers.columns.findChildren(Label) if not isinstance(label, ElidedLabel)]
    assert [words for words in said if words.startswith("temperature")] == ["temperature 0", "temperature 1.2"]


def test_the_parts_of_answers_side_by_side_begin_at_the_same_height(
    run: BatchRun, host: LateHost, qtbot: QtBot
) -> None:
    panes = (Pane(model="a/x"), Pane(model="a/x", system="Answer like a pirate would."), Pane(model="a/y"))
    plain = [CheckResult(name=name, passed=True) for name in ("first", "second")]
    noted = CheckResult(name="first", passed=False, note="This is not what was asked for, in so many words. " * 3)
    failed = {"state": "failed", "text": "", "error": ErrorInfo(code="engine_died", message="It crashed.")}
    run.resize(900, 500)
    run.show_batch(msgspec.structs.replace(BATCH, panes=panes, total=6))
    host.answer(PROMPTS)
    cells = [cell(0, 0, 1, checks=plain), cell(0, 1, 2, checks=[noted, plain[1]]), cell(0, 2, 3, **failed)]
    host.answer(cells)
    run.show()
    run.view.opened.emit(0, 0)
    columns = run.answers.columns

    def tops(parts: Sequence[QWidget]) -> list[int]:
        return [part.mapTo(columns, QPoint(0, 0)).y() for part in parts]

    def starting(words: str) -> list[int]:
        return tops([label for label in columns.findChildren(Label) if label.text().startswith(words)])

    readers = columns.findChildren(Reader)
    (apart,) = [label for label in columns.findChildren(Label) if label.text().startswith("system prompt")]
    (note,) = [label for label in columns.findChildren(Label) if label.text().startswith("This is not")]
    qtbot.waitUntil(lambda: tops(readers)[0] > tops([note])[0] + note.height() > note.height() > apart.height() > 0)
    (crash,) = starting("It crashed")
    for found in (tops(readers), [*starting("1 token"), crash], starting("Passed: second")):
        assert len(found) > 1
        assert len(set(found)) == 1
    assert crash >= tops([apart])[0] + apart.height()
