"""The Compare view with a real host: what is done in the widgets, and what the store holds then."""

from __future__ import annotations

from typing import Any

import pytest
from compare_stage import ALPHA, BETA, Stage, choose, hit, pick, shown, shows, take_model
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu

from paddock.gui import theme
from paddock.gui.models.panes import NOISE
from paddock.gui.pages import compare_jobs as jobs
from paddock.sdk.types import Pane

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
View = Any


# ---------------------------------------------------------------- asking


def test_a_question_to_all_panes_is_answered_and_stored_in_each(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    assert view.composer_state().placeholder == "Message both"
    stage.send("What is the capital of France?")
    assert [stage.texts(number)[1] for number in (0, 1)] == [ALPHA, BETA]
    assert shown(stage.pane(0)) == [ALPHA], "the question stands above the panes"
    assert view.question.text.text() == "What is the capital of France?"
    speed, first, tokens, _ = stage.pane(0).strip.measures
    assert speed.figure
    assert first.figure
    assert tokens.figure == "6"
    speeds = [stage.stored().paths[pane][1].stats.tokens_per_second for pane in view.panes]
    apart = min(speeds) < max(speeds) * (1 - NOISE)
    assert [pane.strip.measures[0].best for pane in view.grid.panes] == [apart and s == max(speeds) for s in speeds]
    stage.until(lambda: view.composer_state().note.startswith("Runs side by side"))


def test_what_was_read_before_a_question_does_not_take_it_back(stage: Stage, view: View) -> None:
    stage.begin("held", "beta")
    before = stage.stored()
    view.send("first")
    stage.until(lambda: bool(view.session.runs) and len(view.session.turns()) == 1)
    pane = stage.pane(0).pane
    path = view.session.paths[pane]
    view.session.show(before)
    assert view.session.paths[pane] == path
    stage.gates["held"].open()
    stage.until(lambda: not view.session.running)
    assert len(stage.texts(0)) == 2


def test_a_question_to_one_pane_leaves_the_others_alone(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("first")
    view.composer_tools.choose(stage.pane(1).pane)
    assert view.composer_state().placeholder == "Message beta"
    stage.send("only you,\nplease")
    assert len(stage.texts(0)) == 2
    assert stage.texts(1)[2:] == ["only you,\nplease", BETA]
    assert shown(stage.pane(1))[1] == "only you, please…", "a line between the answers"
    stage.pane(1).view.copy_text("only you, please…", "message")
    from PySide6.QtGui import QGuiApplication

    assert QGuiApplication.clipboard().text() == "only you,\nplease", "copied whole"


def test_one_pane_is_stopped_and_then_all(stage: Stage, view: View) -> None:
    stage.begin("slow", "slow", "alpha")
    view.send("count")
    both = [(stage.pane(number).pane, True) for number in (0, 1)]
    stage.until(lambda: [(run.pane, run.pieces > 2) for run in view.session.runs.values()] == both)
    assert view.composer_state().running
    assert stage.pane(0).head.stop.isVisible()
    first, other = stage.pane(0).pane, view.session.runs[stage.pane(1).pane]
    stage.pane(0).head.stop.click()
    stage.until(lambda: first not in view.session.runs)
    written = other.pieces
    stage.until(lambda: other.pieces > written + 5)
    view.stop()
    stage.until(lambda: not view.session.running)
    chat = stage.stored()
    assert [path[1].state for path in chat.paths.values()] == ["cancelled", "cancelled", "done"]
    assert not view.composer_state().running


def test_answers_are_made_again_and_versions_chosen(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("hello")
    choose(stage, view, 0, "Regenerate the answer")
    stage.until(lambda: stage.stored().panes[0].id not in view.session.runs and not view.session.running)
    assert [stage.stored().paths[pane][1].versions for pane in view.panes] == [2, 1]
    pick(view.head_tools.menu, "Regenerate all answers")
    stage.until(lambda: view.session.running)
    stage.until(lambda: not view.session.running)
    assert [stage.stored().paths[pane][1].versions for pane in view.panes] == [3, 2]
    answer = view.answer(stage.pane(1).pane, view.turn)
    stage.pane(1).view.version_requested.emit(answer.siblings[0])
    stage.until(lambda: view.answer(stage.pane(1).pane, view.turn).version == 1)
    assert stage.stored().paths[stage.pane(1).pane][1].id == answer.siblings[0]
    assert stage.stored().paths[stage.pane(0).pane][1].version == 3


def test_the_question_is_edited_in_all_panes(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("helo")
    with stage.qtbot.waitSignal(view.edit_wanted) as wanted:
        view.question.edit.click()
    assert wanted.args == [view.turn, "helo"]
    view.send("hello", wanted.args[0])
    stage.until(lambda: view.question.text.text() == "hello" and not view.session.running)
    assert [stage.texts(number)[0] for number in (0, 1)] == ["hello", "hello"]
    assert {stage.stored().paths[pane][0].versions for pane in view.panes} == {2}
    assert view.question.place.text() == "turn 1 of 1"


def test_a_pane_that_fails_disturbs_no_other_and_is_tried_again(stage: Stage, view: View) -> None:
    stage.begin("broken", "alpha")
    stage.send("hello")
    states = [stage.stored().paths[pane.id][1].state for pane in stage.stored().panes]
    assert states == ["failed", "done"]
    failed = view.answer(stage.pane(0).pane, view.turn)
    hit(stage.pane(0), 0, "retry")
    stage.until(lambda: view.session.running)
    stage.until(lambda: not view.session.running)
    again = stage.stored().paths[stage.pane(0).pane][1]
    assert (again.versions, again.id != failed.id) == (2, True)


def test_a_link_in_a_pane_opens_by_a_click(stage: Stage, view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    stage.begin("alpha", "beta")
    stage.send("hello")
    answer = view.answer(stage.pane(1).pane, view.turn)
    view.deeds.stored.change(answer.id, "It stands on [the page](https://example.org/a).")
    stage.until(lambda: shows(stage.pane(1), 0, "link0"))
    assert opened == []
    hit(stage.pane(1), 0, "link0")
    assert opened == ["https://example.org/a"]


def test_a_pane_says_what_it_waits_for(stage: Stage, view: View) -> None:
    from paddock.sdk.compare import ComparePlan

    stage.begin("slow", "heavy")
    first, second = view.panes
    view.planner._planned = lambda chat, plan: None  # the plan of this test stays
    view.planner.plan = ComparePlan(groups=((first,), (second,)), sentence="One after another: slow, then heavy.")
    assert view.composer_state().note == "One after another: slow, then heavy."
    said: list[str] = []
    column = view.panes[second].view.column
    view.composer_state_changed.connect(lambda: said.extend(row.progress for row in column.rows))
    view.send("go")
    stage.until(lambda: "Waits for slow" in said and said[-1].startswith("Loading heavy… "))
    stage.gates["heavy"].open()
    stage.until(lambda: second not in view.session.runs)
    view.stop()
    stage.until(lambda: not view.session.running)


def test_a_question_does_not_undo_panes_that_are_changed_after_it(
    stage: Stage, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.begin("alpha", "beta")
    told: list[str] = []
    for name, job in (("put", jobs.put), ("ask", jobs.ask)):

        async def noted(*given: Any, name: str = name, job: Any = job) -> Any:
            told.append(name)
            result = await job(*given)
            told.append(f"{name} done")
            return result

        monkeypatch.setattr(jobs, name, noted)
    first, second = view.session.panes
    for words, system in (("How warm?", "Be brief."), ("", "Be exact.")):
        view.session.put([first, replace(second, system=system)])
        if words:
            view.send(words)
    stage.until(lambda: len(told) == 6 and not view.session.running)
    assert told == ["put", "put done", "ask", "ask done", "put", "put done"]
    assert stage.stored().panes[1].system == "Be exact."


def test_answers_are_counted_also_where_the_host_tells_of_them_before_it_has_answered(
    stage: Stage, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(*given: Any, ask: Any = jobs.ask) -> Any:
        chat = await ask(*given)
        return replace(chat, summary=replace(chat.summary, revision=-1))

    monkeypatch.setattr(jobs, "ask", late)
    stage.begin("slow", "beta")
    view.send("go")
    stage.until(lambda: all(measure.figure for measure in stage.pane(0).strip.measures[:3]))
    assert view.session.runs
    view.stop()
    stage.until(lambda: not view.session.running)


def test_a_question_refused_comes_back(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    gone = view.chat
    stage.ask(lambda client: client.set_panes(gone, ()))
    stage.until(lambda: view.chat == "")
    stage.begin("alpha", "beta")
    view.session._ask.__self__.panes = ()  # as if they had gone in another window at this moment
    with stage.qtbot.waitSignal(view.given_back) as back:
        view.session.again("no such turn", ("strange",))
        view.session.send("keep me", ("strange",))
    assert back.args == ["keep me", ()]
    chat = view.chat
    with stage.qtbot.waitSignal(view.session.returned) as later:
        view.session.send("me too", ("strange",))
        view.leave()
    assert later.args == [chat, "me too", ()]


# ---------------------------------------------------------------- panes


def test_panes_are_added_up_to_six(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta", "alpha", "beta", "alpha")
    view.head_tools.add.click()
    take_model(stage, view, "slow")
    stage.until(lambda: len(view.panes) == 6)
    assert [pane.model for pane in stage.stored().panes][-1] == "test/slow"
    colors = [pane.color for pane in view.grid.panes]
    assert len(set(colors)) == 6, "two panes of one model wear two silks"
    view.head_tools.add.click()
    assert stage.said[-1].text == "6 panes are the most that can be compared."
    assert view.composer_state().placeholder == "Message all six"


def test_panes_keep_their_colours_and_the_models_in_memory_follow_them(stage: Stage, view: View) -> None:
    def worn(name: str) -> str:
        return theme.current().silk(stage.host.silk(f"test/{name}"))

    for item in list(stage.host.loaded.values()):
        stage.ask(lambda client, id=item.id: client.unload(id))
    stage.until(lambda: not stage.host.loaded)
    stage.begin("alpha", "beta")
    first, second = colours = [pane.color for pane in view.grid.panes]
    assert first != second
    view.session.send("only you", (stage.pane(1).pane,))
    stage.until(lambda: not view.session.running and stage.host.loaded_model("test/beta") is not None)
    assert [pane.color for pane in view.grid.panes] == colours
    assert worn("beta") == second
    view.session.put([view.session.panes[0], replace(view.session.panes[1], model="test/alpha")])
    stage.send("and again")
    assert [pane.color for pane in view.grid.panes] == colours
    assert worn("alpha") == first
    assert worn("beta") not in colours, "a model without a pane leaves it its colour"


def test_the_model_of_a_pane_is_changed_by_its_name(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.pane(1).head.model.click()
    take_model(stage, view, "slow")
    stage.until(lambda: [pane.model for pane in stage.stored().panes] == ["test/alpha", "test/slow"])
    assert stage.pane(1).head.model.accessibleName() == "Pane 2: slow"


def test_a_pane_is_duplicated_and_gets_settings_of_its_own(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    with stage.qtbot.waitSignal(view.settings_wanted) as wanted:
        choose(stage, view, 0, "Duplicate with other settings")
    title, pane = wanted.args
    assert title == "Pane 2: alpha"
    assert pane.id == stage.pane(1).pane
    view.set_pane(Pane(id=pane.id, model=pane.model, sampling={"temperature": 0.2}, system="Be brief."))
    stage.until(lambda: stage.stored().panes[1].sampling == {"temperature": 0.2})
    stage.until(lambda: stage.pane(1).title == "Pane 2: alpha temp 0.2, prompt “Be brief.”")
    with stage.qtbot.waitSignal(view.settings_wanted):
        stage.pane(0).head.settings.click()


def test_panes_are_moved_by_keyboard_and_by_mouse(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta", "slow")
    before = [pane.id for pane in stage.stored().panes]
    head = stage.pane(0).head
    stage.qtbot.keyClick(head.model, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    stage.until(lambda: [p.id for p in stage.stored().panes] == [before[1], before[0], before[2]])
    assert [pane.pane for pane in view.grid.panes] == [before[1], before[0], before[2]]
    chain = [stage.pane(0).head.model]
    while len(chain) < 200:
        chain.append(chain[-1].nextInFocusChain())
    places = [chain.index(pane.view) for pane in view.grid.panes]
    assert places == sorted(places), "Tab goes from left to right"
    start, name = QPoint(40, 15), stage.pane(2).head.model
    target = name.mapFromGlobal(stage.pane(0).mapToGlobal(QPoint(60, 30)))
    stage.qtbot.mousePress(name, Qt.MouseButton.LeftButton, pos=start)
    stage.qtbot.mouseMove(name, target)
    stage.qtbot.mouseRelease(name, Qt.MouseButton.LeftButton, pos=target)
    stage.until(lambda: [p.id for p in stage.stored().panes] == [before[2], before[1], before[0]][:1] + before[1::-1])


def test_a_pane_is_removed_while_it_answers_and_the_last_but_one_ends_it(stage: Stage, view: View) -> None:
    stage.begin("alpha", "slow", "beta")
    view.send("hello")
    stage.until(lambda: any(run.pieces for run in view.session.runs.values()))
    choose(stage, view, 1, "Remove this pane")
    stage.until(lambda: len(view.panes) == 2 and not view.session.running)
    assert [pane.model for pane in stage.stored().panes] == ["test/alpha", "test/beta"]
    chat = view.chat
    with stage.qtbot.waitSignal(view.ended) as ended:
        choose(stage, view, 0, "Remove this pane")
    assert ended.args == [chat]
    found = stage.ask(lambda client: client.chat(chat))
    assert found.panes == ()
    assert [message.content for message in found.messages] == ["hello", BETA]


def test_one_panes_way_becomes_that_of_all(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("hello")
    choose(stage, view, 1, "Go on from here in all panes")
    stage.until(lambda: shown(stage.pane(0)) == [BETA])
    assert stage.texts(0) == stage.texts(1) == ["hello", BETA]


def test_going_on_alone_ends_the_comparison(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("hello")
    chat = view.chat
    with stage.qtbot.waitSignal(view.ended):
        choose(stage, view, 1, "Go on in this pane alone")
    found = stage.ask(lambda client: client.chat(chat))
    assert (found.panes, found.messages[-1].content) == ((), BETA)
    assert not view.panes


def test_an_answer_becomes_a_conversation_of_its_own(stage: Stage, view: View) -> None:
    stage.begin("alpha", "beta")
    stage.send("hello")
    with stage.qtbot.waitSignal(view.open_wanted) as opened:
        stage.pane(1).view.action_requested.emit("branch", view.answer(stage.pane(1).pane, view.turn).id)
    made = stage.ask(lambda client: client.chat(opened.args[0]))
    assert [message.content for message in made.messages] == ["hello", BETA]
    assert made.panes == ()


def test_an_answer_is_deleted_in_its_pane_alone_and_brought_back(stage: Stage, view: View) -> None:
    def menu(row: int) -> QMenu:
        from paddock.gui.widgets.conversation import menus

        shown = stage.pane(1).view
        return menus.of_message(shown, shown.column.rows[row])

    def undo() -> None:
        (notice,) = [item for item in stage.said if item.text == "The answer was deleted."]
        stage.said.clear()
        notice.action.run()

    stage.begin("alpha", "beta")
    stage.send("hello")
    stage.send("again")
    whole = ["hello", BETA, "again", BETA]
    assert shown(stage.pane(1)) == [BETA, "again", BETA]
    pick(menu(2), "Delete")
    stage.until(lambda: shown(stage.pane(1)) == [BETA, "again"] and bool(stage.said))
    undo()
    stage.until(lambda: shown(stage.pane(1)) == [BETA, "again", BETA])

    pick(menu(0), "Delete")
    (asked,) = [item for item in stage.pane(1).view.findChildren(QMenu) if item.isVisible()]
    pick(asked, "Delete it and the 2 below")
    stage.until(lambda: shown(stage.pane(1)) == [] and bool(stage.said))
    assert (stage.texts(0), stage.texts(1)) == (["hello", ALPHA, "again", ALPHA], ["hello"])
    undo()
    stage.until(lambda: shown(stage.pane(1)) == [BETA, "again", BETA])
    assert (stage.texts(0), stage.texts(1)) == (["hello", ALPHA, "again", ALPHA], whole)
    assert [item.content for item in stage.stored().messages] == stage.texts(0), "the first pane's, as ever"

    view.adopt(stage.pane(1).pane)
    stage.until(lambda: shown(stage.pane(0)) == [BETA, "again", BETA])
    pick(menu(2), "Delete")
    assert stage.said[-1].text == "Several panes go on from this answer. It stays."
    assert stage.texts(1) == whole


def test_a_pane_without_its_model_says_so_and_takes_another(stage: Stage, view: View) -> None:
    view.begin("", [Pane(model="test/gone"), Pane(model="test/beta")])
    stage.until(lambda: len(view.panes) == 2)
    pane = stage.pane(0)
    assert pane.notice.isVisible()
    assert "is not on this computer" in pane.notice.accessibleName()
    pane.notice._button.click()
    take_model(stage, view, "alpha")
    stage.until(lambda: not stage.pane(0).notice.isVisible())
    stage.until(lambda: stage.stored().panes[0].model == "test/alpha")
