"""The Compare view with a real host: turns, coming back, and looks."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from compare_stage import ALPHA, BETA, LONG, SLOW, Stage, pick, shown
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from paddock.gui.pages import compare_jobs as jobs
from paddock.sdk.types import Pane

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
View = Any


# ---------------------------------------------------------------- turns, coming back


def test_what_comes_from_before_a_change_of_the_panes_does_not_undo_it(
    stage: Stage, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.begin("alpha", "beta", "slow")
    before, goes, real = stage.stored(), threading.Event(), jobs.put

    async def late(*given: Any) -> Any:
        await asyncio.to_thread(goes.wait, 60)
        return await real(*given)

    monkeypatch.setattr(jobs, "put", late)
    view.deeds.order(0, 1)
    view.session.show(before)
    view.deeds.order(2, 1)
    goes.set()
    stage.until(lambda: not view.session._unsaved)
    order = [pane.model for pane in stage.stored().panes]
    assert order == [pane.model for pane in view.session.panes] == ["test/beta", "test/slow", "test/alpha"]


def test_questions_are_gone_through_in_all_panes(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    for question in ("one", "two", "three"):
        stage.send(question)
    assert view.question.place.text() == "turn 3 of 3"
    view.question.back.click()
    assert (view.question.text.text(), view.question.place.text()) == ("two", "turn 2 of 3")
    first = view.session.turns()[0]
    view.follower.step(-1)
    assert view.turn == first
    assert not view.question.back.isEnabled()


def test_a_question_on_its_way_stays_whatever_older_comes_meanwhile(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("one")
    before = stage.stored()
    view.send("two")
    view.session.show(before)  # as the answer to a change of settings just before brings it
    assert [path[-1].content for path in view.session.paths.values()] == ["two", "two"]
    stage.until(lambda: not view.session.running)
    assert [path[2].content for path in stage.stored().paths.values()] == ["two", "two"]
    assert [len(path) for path in view.session.paths.values()] == [4, 4]


def test_panes_scroll_together_by_turns(stage: Stage, view: View) -> None:
    stage.begin("slow", "alpha")
    view.send("long")
    stage.until(lambda: any(run.pieces > 40 for run in view.session.runs.values()))
    view.stop()
    stage.until(lambda: not view.session.running)
    view.resize(500, 330)
    for question in ("second", "third"):
        view.composer_tools.choose(stage.pane(1).pane)
        stage.send(question)
    one, two = stage.pane(0).view, stage.pane(1).view
    assert two.verticalScrollBar().maximum() > 0
    two.verticalScrollBar().setValue(two.verticalScrollBar().maximum())
    one.verticalScrollBar().setValue(0)
    one.scrolled_by_user.emit()
    assert two.scrolled() < two.verticalScrollBar().maximum(), "it came along"
    view.head_tools.together.chip.click()
    two.verticalScrollBar().setValue(two.verticalScrollBar().maximum())
    one.scrolled_by_user.emit()
    assert two.scrolled() == two.verticalScrollBar().maximum(), "it stays"
    assert view.remember(view_state()).compare_together is False


def view_state() -> Any:
    from paddock.gui.window_state import WindowState

    return WindowState()


def test_leaving_and_coming_back_follows_the_running_answers(stage: Stage, view: View) -> None:
    stage.begin("slow", "slow")
    view.send("count")
    stage.until(lambda: all(run.pieces > 3 for run in view.session.runs.values()) and len(view.session.runs) == 2)
    chat = view.chat
    view.leave()
    assert not view.panes
    view.open(chat)
    stage.until(lambda: len(view.session.runs) == 2 and all(run.pieces > 1 for run in view.session.runs.values()))
    assert SLOW.startswith(shown(stage.pane(0))[0]), "what was stored does not come twice"
    view.stop()
    stage.until(lambda: not view.session.running)
    assert shown(stage.pane(0)) == [stage.texts(0)[1]]


def test_what_is_asked_elsewhere_is_shown_here(stage: Stage, view: View) -> None:
    from paddock.sdk.compare import AskPanes

    stage.begin("alpha", "beta")
    chat = view.chat
    stage.ask(lambda client: client.ask_panes(chat, AskPanes(content="from a script")))
    stage.until(lambda: shown(stage.pane(1)) == [BETA] and not view.session.running)
    assert view.question.text.text() == "from a script"
    stage.ask(lambda client: client.delete_chat(chat))
    stage.until(lambda: view.chat == "" and not view.panes)


def test_a_host_that_comes_again_is_read_again(stage: Stage, view: View) -> None:
    stage.begin("slow", "alpha")
    view.send("count")
    stage.until(lambda: any(run.pieces > 3 for run in view.session.runs.values()))
    went: list[str] = []
    stage.host.connection_changed.connect(lambda: went.append(stage.host.connection))
    stage.host.call(lambda client: client.shutdown("now"), None, lambda error: None)
    stage.until(lambda: "lost" in went and went[-1] == "connected")
    stage.until(lambda: view.answer(stage.pane(0).pane, view.turn).state == "interrupted")
    assert not view.session.running
    view.composer_tools.choose(stage.pane(1).pane)
    stage.send("and now")
    assert stage.texts(1)[-1] == ALPHA


# ---------------------------------------------------------------- looks


def test_a_long_question_is_read_whole(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    question = "\n".join(f"line {number} of a long question" for number in range(40))
    stage.send(question)
    stage.until(view.question.all.isVisible)
    head = view.panes[view.session.panes[0].id].head
    for height in (720, 400):
        view.resize(view.width(), height)
        stage.qtbot.mouseClick(view.question.all, Qt.MouseButton.LeftButton)
        field = view.question.findChild(QPlainTextEdit)
        assert field.toPlainText() == question
        stage.until(field.isVisible)

        def covered(field: QPlainTextEdit = field) -> bool:
            foot = field.mapTo(view, field.rect().bottomLeft()).y()
            return bool(foot >= head.mapTo(view, head.rect().topLeft()).y())

        stage.until(lambda covered=covered: not covered())
        assert view.minimumSizeHint().height() <= height, "the panes give way, the window does not grow"
        stage.qtbot.mouseClick(view.question.all, Qt.MouseButton.LeftButton)
        assert view.question.whole is None
        assert view.question.text.isVisible()
    stage.qtbot.mouseClick(view.question.all, Qt.MouseButton.LeftButton)
    stage.send("short")
    stage.until(lambda: not view.question.all.isVisible())
    assert view.question.whole is None


def test_small_windows_have_pages_and_two_numbers(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta", "slow")
    assert not view.grid.pages.isVisible()
    view.resize(520, 380)
    stage.until(lambda: view.grid.pages.isVisible())
    assert [pane.isVisible() for pane in view.grid.panes] == [True, True, False]
    assert len(stage.pane(0).strip.shown()) == 2
    stage.qtbot.keyClick(view.grid.dots, Qt.Key.Key_Right)
    assert [pane.isVisible() for pane in view.grid.panes] == [False, False, True]
    assert not view.grid.on.isEnabled()
    view.grid.back.click()
    assert view.grid.page == 0


def test_four_panes_stand_two_by_two_or_in_a_row(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta", "alpha", "beta")
    assert len({pane.y() for pane in view.grid.panes}) == 2
    pick(view.head_tools.menu, "Four panes in a row")
    assert len({pane.y() for pane in view.grid.panes}) == 1
    assert view.remember(view_state()).compare_four == "row"


def test_everything_that_takes_the_focus_has_a_name(stage: Stage, view: View) -> None:
    view.begin("", [Pane(model="test/alpha", name=LONG), Pane(model="test/gone")])
    stage.until(lambda: len(view.panes) == 2)
    stage.send("hello")
    unnamed = [
        type(widget).__name__
        for widget in view.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.accessibleName()
    ]
    assert unnamed == []
    reader = QAccessible.queryAccessibleInterface(stage.pane(0).view)
    assert reader is not None
    assert LONG in reader.text(QAccessible.Text.Name)
    assert LONG in stage.pane(0).head.model.toolTip()
