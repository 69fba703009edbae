"""Judging a comparison with a real host: blind mode, votes, differences and the common history, in the widgets and in
the store."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest
from compare_stage import Stage
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.pages.compare_verdict import Choice, VerdictRow
from paddock.gui.theme import Theme
from paddock.sdk.aclient import AsyncClient

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

View = Any
NAMES = ("alpha", "beta", "slow", "broken")


def votes(stage: Stage) -> list[Any]:
    chat = stage.view.chat
    return stage.ask(lambda client: client.votes(chat))


def told(widget: QWidget) -> list[str]:
    """Everything that a widget and those in it say to eyes and to a screen reader."""
    found: list[str] = []
    for part in (widget, *widget.findChildren(QWidget)):
        found += [part.accessibleName(), part.accessibleDescription(), part.toolTip(), part.windowTitle()]
        text = getattr(part, "text", None)
        found.append(str(text()) if callable(text) else "")
        found += [action.text() + action.toolTip() for action in part.actions()]
    read(QAccessible.queryAccessibleInterface(widget), found)
    return [words for words in found if words]


def read(node: QAccessibleInterface | None, found: list[str]) -> None:
    if node is None or not node.isValid():
        return
    kinds = (QAccessible.Text.Name, QAccessible.Text.Description, QAccessible.Text.Value, QAccessible.Text.Help)
    found += [node.text(kind) for kind in kinds]
    for number in range(node.childCount()):
        read(node.child(number), found)


def betrayed(view: View) -> list[str]:
    said = told(view) + [text for _, text in view.composer_state().targets] + [view.composer_state().note]
    return [words for words in said if any(name in words.casefold() for name in NAMES)]


def chip(view: View, mark: str) -> Any:
    return next(chip for chip in view.judging.row.chips if chip.text() == mark)


def figures(stage: Stage, number: int) -> tuple[bool, ...]:
    """Whether a pane's strip knows speed, first token and tokens."""
    return tuple(bool(measure.figure) for measure in stage.pane(number).strip.measures[:3])


def click(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_a_vote_is_stored_changed_and_taken_back(stage: Stage, view: View, qtbot: QtBot) -> None:
    stage.begin("alpha", "beta")
    assert view.judging.row.isHidden(), "there is nothing to vote on"
    stage.send("What is the capital of France?")
    row = view.judging.row
    stage.until(lambda: row.words.text() == "Which is best?")
    assert row.bad.text() == "Both bad"
    click(qtbot, chip(view, "2"))
    stage.until(lambda: chip(view, "2").isChecked())
    (vote,) = votes(stage)
    assert (vote.outcome, vote.pane, vote.blind) == ("pane", view.session.panes[1].id, False)
    click(qtbot, row.tie)
    stage.until(lambda: row.tie.isChecked())
    assert [vote.outcome for vote in votes(stage)] == ["tie"]
    click(qtbot, row.back)
    stage.until(lambda: row.words.text() == "Which is best?")
    assert votes(stage) == []
    row.setFocus()
    chip(view, "1").setFocus()
    qtbot.keyClick(chip(view, "1"), Qt.Key.Key_B)
    stage.until(lambda: row.bad.isChecked())
    assert [vote.outcome for vote in votes(stage)] == ["both_bad"]
    qtbot.keyClick(row.bad, Qt.Key.Key_1)
    stage.until(lambda: chip(view, "1").isChecked())
    click(qtbot, chip(view, "1"))
    stage.until(lambda: not votes(stage))


def test_of_two_votes_that_are_on_their_way_together_the_later_one_holds(
    stage: Stage, view: View, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is slow, and so is a look at the votes before it; one that overtook them would be undone."""
    stage.begin("alpha", "beta")
    stage.send("What is the capital of France?")
    row, goes = view.judging.row, threading.Event()
    begun: list[str] = []
    done: list[str] = []
    stage.until(lambda: row.words.text() == "Which is best?")
    for name, job in (("votes", AsyncClient.votes), ("vote", AsyncClient.vote)):

        async def late(client: AsyncClient, *asked: Any, name: str = name, job: Any = job) -> Any:
            begun.append(name)
            held = len(begun) < 3
            if held and name == "vote":
                await asyncio.to_thread(goes.wait, 60)
            got = await job(client, *asked)
            if held and name == "votes":
                await asyncio.to_thread(goes.wait, 60)
            done.append(name)
            return got

        monkeypatch.setattr(AsyncClient, name, late)
    view.judging.read_votes()
    click(qtbot, row.bad)
    click(qtbot, row.tie)
    stage.until(lambda: bool(begun))
    stage.ask(lambda client: client.chats())  # the others have had their time
    goes.set()
    stage.until(lambda: len(done) == 3)
    assert [vote.outcome for vote in votes(stage)] == ["tie"]
    stage.until(row.tie.isChecked)


def test_blind_mode_tells_nobody_who_answers_until_the_vote(stage: Stage, view: View, qtbot: QtBot) -> None:
    stage.begin("alpha", "beta", "slow")
    assert betrayed(view), "the test sees names where there are some"
    click(qtbot, view.head_tools.toggles[1].chip)
    assert view.judging.blind.on
    assert not betrayed(view)
    view.composer_tools.choose(view.grid.panes[0].pane)
    assert view.composer_state().blind.startswith("None of these"), "which pane has no vision would tell"
    view.composer_tools.choose("")
    view.send("Where?")
    stage.until(lambda: [run.phase for run in view.session.runs.values()] == ["answering"])  # the slow one alone
    rows = [row for pane in view.grid.panes for row in pane.view.column.rows]
    assert {row.progress for row in rows} == {"Shown when all answers are there"}
    assert [row.full_text() for row in rows] == ["", "", ""]
    assert all(pane.head.stop.isHidden() for pane in view.grid.panes)
    assert not betrayed(view)
    view.stop()
    stage.until(lambda: len(view.judging.row.chips) == 3)
    assert not betrayed(view)
    assert [chip.text() for chip in view.judging.row.chips] == ["A", "B", "C"]
    stage.until(lambda: all(pane.view.column.rows[-1].full_text() for pane in view.grid.panes))
    shown = [pane.view.column.rows[-1].full_text() for pane in view.grid.panes]
    menu = view.deeds.open_menu(view.grid.panes[0].pane)
    said = [action.text() for action in menu.actions()]
    assert said
    assert not [words for words in said if "model" in words or "alone" in words]
    menu.close()
    from paddock.gui.pages.export_dialog import ExportDialog

    view.judging.export()
    (dialog,) = view.findChildren(ExportDialog)
    request = dialog.request("somewhere.html", replace=False)
    assert (request.blind, request.side_by_side) == (True, True)
    assert not betrayed(view)
    dialog.close()
    best = view.grid.panes[1].pane
    click(qtbot, chip(view, "B"))
    stage.until(lambda: not view.judging.hidden)
    assert any("alpha" in words for words in betrayed(view))
    assert [pane.view.column.rows[-1].full_text() for pane in view.grid.panes] == shown, "nothing changes places"
    (vote,) = votes(stage)
    assert (vote.blind, vote.pane) == (True, best)
    assert all(pane.strip.isVisible() for pane in view.grid.panes)
    view.send("And now?")
    assert not betrayed(view), "the next question is blind again"
    view.stop()
    stage.until(lambda: not view.session.running)


def test_the_choices_wear_the_silks_of_the_theme(stage: Stage, view: View, qapp: QApplication) -> None:
    stage.begin("alpha", "beta")
    stage.send("Where?")
    stage.until(lambda: len(view.judging.row.chips) == 2)
    try:
        Theme("dark").apply(qapp)
        assert [chip._dot for chip in view.judging.row.chips] == [pane.color for pane in view.grid.panes]
    finally:
        Theme().apply(qapp)


def test_a_failed_answer_keeps_its_name_until_the_vote_and_is_no_choice(stage: Stage, view: View, qtbot: QtBot) -> None:
    view.judging.blind.set(True)
    stage.begin("alpha", "broken", "beta")
    stage.send("Where?")
    stage.until(lambda: len(view.judging.row.chips) == 2)
    assert not betrayed(view)
    failed = next(pane for pane in view.grid.panes if "failed" in pane.view.column.rows[-1].full_text())
    assert failed.mark not in [chip.text() for chip in view.judging.row.chips]
    row = view.judging.row
    assert row.bad.text() == "Both bad"
    with qtbot.assertNotEmitted(row.voted):
        row.choose_number("ABC".index(failed.mark) + 1)
    view.judging.vote("tie")
    stage.until(lambda: not view.judging.hidden)
    (vote,) = votes(stage)
    assert failed.isVisible()
    assert "broken" in failed.title
    assert vote.outcome == "tie"
    assert sorted(one.model for one in vote.contestants) == ["test/alpha", "test/beta"]
    assert "test/broken" not in [place.name for place in stage.ask(lambda client: client.leaderboard())]


@pytest.mark.parametrize("failed", ["A", "B", "C"])
def test_keys_are_those_of_the_letters_whichever_answer_has_failed(qtbot: QtBot, failed: str) -> None:
    row = VerdictRow()
    qtbot.addWidget(row)
    left = [letter for letter in "ABC" if letter != failed]
    row.show_choices([Choice(letter, letter, "red", letter) for letter in left], None, adoptable=False)
    voted: dict[str, str] = {}
    for key in "0123456":
        with qtbot.wait_signal(row.voted, raising=False, timeout=0) as vote:
            qtbot.keyClicks(row, key)
        if vote.args:
            voted[key] = vote.args[1]
    assert voted == {str("ABC".index(letter) + 1): letter for letter in left}


def test_with_one_answer_left_there_is_nothing_to_vote_on_and_nobody_stays_hidden(stage: Stage, view: View) -> None:
    view.judging.blind.set(True)
    stage.begin("alpha", "broken")
    stage.send("Where?")
    stage.until(lambda: not view.judging.hidden)
    assert view.judging.row.isHidden()
    view.judging.vote("tie")
    view.judging.row.choose_number(1)
    assert any("broken" in words for words in betrayed(view))
    assert not votes(stage)


def test_a_vote_on_an_answer_that_failed_since_can_be_taken_back(stage: Stage, view: View, qtbot: QtBot) -> None:
    stage.begin("alpha", "beta")
    stage.send("Where?")
    stage.until(lambda: len(view.judging.row.chips) == 2)
    click(qtbot, chip(view, "2"))
    stage.until(lambda: chip(view, "2").isChecked())
    pane = view.session.panes[1]
    view.set_pane(msgspec.structs.replace(pane, model="test/broken"))
    stage.until(lambda: stage.stored().panes[1].model == "test/broken")
    view.regenerate()
    row = view.judging.row
    stage.until(lambda: not view.session.running and row.tie.isHidden())
    assert [(chip.text(), chip.isChecked()) for chip in row.chips] == [("2", True)]
    assert row.words.text() == "Your vote"
    click(qtbot, row.back)
    stage.until(row.isHidden)
    assert not votes(stage)


def test_differences_are_marked_in_the_answers(stage: Stage, view: View, qtbot: QtBot) -> None:
    stage.begin("alpha", "beta")
    stage.send("What is the capital of France?")
    click(qtbot, view.judging.differences.toggle.chip)

    def marked(number: int) -> list[tuple[str, str]]:
        shown = stage.pane(number).view
        message = shown.column.rows[-1].message.id
        text = shown.plain_text(message)
        return [(text[a:b], kind) for a, b, kind in shown._marks.get(message, ())]

    stage.until(lambda: bool(marked(1)))
    assert ("and its largest city", "added") in [(words.lstrip(", "), kind) for words, kind in marked(1)]
    legend = view.judging.differences.legend
    assert legend.only.isVisible()
    legend.chosen.emit(view.session.panes[0].id)
    stage.until(lambda: any(kind == "removed" for _, kind in marked(0)))
    assert [swatch.isVisible() for swatch in legend.kinds] == [True, True, True]
    click(qtbot, view.judging.differences.toggle.chip)
    assert not marked(0)
    assert legend.isHidden()


def test_one_answer_becomes_the_history_of_all_panes_and_each_gets_its_own_back(
    stage: Stage, view: View, qtbot: QtBot
) -> None:
    stage.begin("alpha", "beta")
    stage.send("What is the capital of France?")
    own = [stage.texts(number) for number in (0, 1)]
    stage.until(lambda: len(view.judging.row.chips) == 2)
    click(qtbot, chip(view, "2"))
    stage.until(lambda: view.judging.row.adopt.isVisible())
    click(qtbot, view.judging.row.adopt)
    stage.until(lambda: stage.texts(0) == own[1])
    stage.until(lambda: stage.pane(0).view.column.rows[-1].full_text() == own[1][1])
    assert [figures(stage, number) for number in (0, 1)] == [(False, False, False), (True, True, True)]
    assert [notice.text for notice in stage.said if notice.key == "adopted"]
    notice = next(notice for notice in stage.said if notice.key == "adopted")
    notice.action.run()
    stage.until(lambda: stage.texts(0) == own[0])
    assert stage.texts(1) == own[1]


def test_what_is_switched_on_is_remembered(stage: Stage, view: View) -> None:
    from paddock.gui.window_state import WindowState

    view.judging.blind.set(True)
    view.judging.differences.toggle.set(True)
    kept = view.remember(WindowState())
    assert (kept.compare_blind, kept.compare_differences) == (True, True)
