"""Stored messages in the panes of a comparison, through the window: edited, put in, continued, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from compare_stage import hit, pick, take_model
from compare_window import FAST, HELD, Panes
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractSlider, QApplication, QMenu, QWidget

from paddock.gui.widgets.conversation.chrome import CardBlock
from paddock.gui.widgets.pane_view import ROOM
from paddock.sdk.types import Pane

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Scene = Any


def test_answers_and_questions_of_panes_are_worded_anew(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "fast", "fast")
    panes.ask("helo")
    panes.ask("more")
    panes.choose(1, 0, "Edit")
    panes.write("As I would say it.")
    chat_scene.until(lambda: panes.seen(1)[0] == "As I would say it.")
    assert (panes.stored(0)[1], panes.stored(1)[1]) == (FAST, "As I would say it.")
    assert not panes.view.session.running, "nothing is asked again"

    panes.choose(1, 1, "Edit")
    panes.write("rather", Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    chat_scene.until(lambda: panes.seen(0)[1] == panes.seen(1)[1] == "rather")
    panes.choose(1, 0, "Earlier wordings")
    chat_scene.until(lambda: _dialog(chat_scene) is not None)
    _dialog(chat_scene).buttons[0].click()
    chat_scene.until(lambda: panes.seen(1)[0] == FAST)

    panes.choose(0, 1, "Edit")
    panes.write("or this")
    chat_scene.until(lambda: panes.seen(0)[1:] == panes.seen(1)[1:] == ["or this", FAST])
    assert panes.stored(1) == ["helo", FAST, "or this", FAST]


def _dialog(scene: Scene) -> Any:
    from paddock.gui.pages.dialogue_revisions import RevisionsDialog

    return next((item for item in scene.window.findChildren(RevisionsDialog) if item.isVisible()), None)


def test_messages_are_put_into_one_pane_and_a_question_goes_with_its_answer(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "fast", "fast")
    composer = chat_scene.chat.composer
    panes.ask("hello")
    panes.choose(1, 0, "Insert a message below")
    panes.write("and then?")
    chat_scene.until(lambda: panes.seen(1) == [FAST, "and then?"])
    assert (panes.stored(0), panes.stored(1)) == (["hello", FAST], ["hello", FAST, "and then?"])
    turn = panes.view.session.turns()[-1]
    panes.view.follower.step(1)
    assert panes.view.turn == turn
    panes.view.regenerate()
    chat_scene.until(lambda: panes.seen(1)[-1:] == [FAST] and not panes.view.session.running)
    assert panes.stored(0) == ["hello", FAST], "it was asked in the pane that has it"

    panes.choose(1, 0, "Insert a message below")
    composer.task.role.click()
    composer.task.place.click()
    panes.write("By hand.")
    chat_scene.until(lambda: panes.seen(1) == ["By hand.", FAST, "and then?", FAST])
    assert panes.stored(1) == ["hello", "By hand.", FAST, "and then?", FAST]
    answer = panes.view.answer(panes.view.grid.panes[1].pane, panes.view.session.turns()[0])
    assert answer.content == FAST, "what the model said is compared"

    panes.choose(1, 2, "Delete")
    (asked,) = [menu for menu in panes.view.grid.panes[1].view.findChildren(QMenu) if menu.isVisible()]
    assert [entry.text() for entry in asked.actions()] == ["Delete it and the 1 below"]
    pick(asked, "Delete it and the 1 below")
    chat_scene.until(lambda: panes.seen(1) == ["By hand.", FAST])


def test_an_answer_that_was_stopped_is_continued_in_its_pane(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "held", "fast")
    pane = panes.view.grid.panes[0]
    chat_scene.type_and_send("count")
    chat_scene.until(lambda: panes.seen(0) == ["one two three"])
    chat_scene.chat._stop()
    chat_scene.until(lambda: not panes.view.session.running)
    panes.choose(0, 0, "Continue this answer")
    chat_scene.until(lambda: panes.seen(0) == ["one two three" * 2])
    chat = panes.compare.chat
    chat_scene.chat.new_chat()
    chat_scene.chat.open(chat)
    chat_scene.until(lambda: bool(panes.view.panes) and panes.seen(0) == ["one two three" * 2])
    chat_scene.gates["held"].open()
    chat_scene.until(lambda: not panes.view.session.running and panes.seen(0) == ["one two three" + HELD])
    assert panes.stored(0) == ["count", "one two three" + HELD]
    assert panes.stored(1) == ["count", FAST]
    assert pane is not panes.view.grid.panes[0]


def test_what_cannot_be_put_in_now_comes_back_into_the_composer(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "held", "fast")
    chat_scene.type_and_send("count")
    two = panes.view.grid.panes[1].pane
    chat_scene.until(lambda: panes.seen(0) == ["one two three"] and two not in panes.view.session.runs)
    panes.choose(1, 0, "Insert a message below")
    panes.write("not yet")
    assert chat_scene.chat.composer.text() == "not yet", "nothing can be put in while a pane answers"
    panes.view.deeds.stored.insert("not yet", panes.view.session.paths[two][1].id, "user", above=False)
    chat_scene.chat.composer.stop_editing()
    chat_scene.until(lambda: chat_scene.chat.composer.text() == "not yet")
    panes.view.deeds.stored.insert("beside nothing", "gone", "user", above=False)
    assert chat_scene.chat.composer.text() == "beside nothing\n\nnot yet", "no words are lost"
    assert panes.stored(1) == ["count", FAST]
    chat_scene.gates["held"].open()
    chat_scene.until(lambda: not panes.view.session.running)
    chat_scene.chat.composer.set_text("")


def test_a_missing_model_is_told_once_with_its_remedy(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "fast", "fast")
    wanted = (panes.view.session.panes[0], Pane(model="test/gone"))
    panes.view.session.put(wanted)
    chat_scene.until(lambda: panes.view.grid.panes[1].notice.isVisible())
    panes.ask("hello")
    pane = panes.view.grid.panes[1]
    chat_scene.until(lambda: not pane.notice.isVisible())
    (card,) = [block for block in pane.view.column.rows[0].blocks if isinstance(block, CardBlock)]
    assert [button.words for button in card.buttons] == ["Choose another model", "Retry"]
    hit(pane, 0, card.buttons[0].key)
    take_model(chat_scene, panes.view, "fast")
    chat_scene.until(lambda: panes.view.session.panes[1].model == "test/fast")
    hit(pane, 0, card.buttons[1].key)
    chat_scene.until(lambda: panes.seen(1) == [FAST])
    answer = panes.chat().paths[pane.pane][1]
    assert (answer.content, answer.state, answer.versions) == (FAST, "done", 2)

    chat_scene.chat.new_chat()
    chat_scene.dialogue.set_model("test/gone")
    chat_scene.type_and_send("hello")
    chat_scene.until(lambda: chat_scene.dialogue.run is None and len(chat_scene.dialogue.messages) == 2)
    chat_scene.chat.view.remedy_requested.emit(chat_scene.dialogue.messages[-1].id)
    assert chat_scene.chat.head.picker.isVisible()
    chat_scene.chat.head.picker.hide()


def test_a_comparison_is_opened_at_the_beginning_of_its_last_answers(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "fast", "fast")
    panes.ask("hello")
    panes.ask("more")
    chat, text = panes.compare.chat, "\n\n".join(f"Paragraph {number} of a long answer." for number in range(80))
    last = panes.view.session.paths[panes.view.grid.panes[0].pane][-1].id
    panes.view.deeds.stored.change(last, text)
    chat_scene.until(lambda: panes.seen(0)[-1] == text)
    chat_scene.chat.new_chat()
    chat_scene.chat.open(chat)
    chat_scene.until(lambda: bool(panes.view.panes) and panes.seen(0)[-1:] == [text])
    conversation = panes.view.grid.panes[0].view
    asked, viewport = conversation.column.rows[1], conversation.viewport()

    def at_its_beginning() -> bool:
        begins = asked.top - conversation.style_.px(ROOM)
        return conversation.scrolled() == begins > 0 and conversation.verticalScrollBar().maximum() > asked.top

    chat_scene.until(at_its_beginning)
    chat_scene.window.resize(1100, 760)
    chat_scene.until(at_its_beginning)
    with chat_scene.qtbot.waitSignal(conversation.scrolled_by_user):
        conversation.verticalScrollBar().triggerAction(QAbstractSlider.SliderAction.SliderToMaximum)
        QApplication.sendEvent(viewport, QResizeEvent(viewport.size(), viewport.size()))
        assert conversation.at_bottom(), "a layout that comes right behind does not take it back"
    chat_scene.window.resize(1280, 800)
    assert conversation.at_bottom()
    panes.ask("and now")
    assert conversation.at_bottom(), "what is written is followed"


def test_a_double_click_sends_once_and_votes_once(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "fast", "fast")
    chat_scene.chat.composer.set_text("hello")
    button = chat_scene.chat.composer.button

    def double_click(widget: QWidget) -> None:
        chat_scene.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
        chat_scene.qtbot.mouseDClick(widget, Qt.MouseButton.LeftButton)

    double_click(button)
    chat_scene.until(lambda: panes.seen(0) == panes.seen(1) == [FAST] and not panes.view.session.running)
    chat, pane = panes.compare.chat, panes.view.grid.panes[0]
    for _ in range(2):  # the second one in the same moment is none
        pane.view.regenerate_requested.emit(panes.view.session.paths[pane.pane][-1].id)
    chat_scene.until(lambda: panes.view.session.paths[pane.pane][-1].versions == 2 and not panes.view.session.running)
    row = panes.view.judging.row
    chat_scene.until(lambda: bool(row.chips) and row.chips[0].isVisible())
    double_click(row.chips[0])
    chat_scene.until(lambda: panes.view.judging.vote_given is not None)
    (vote,) = chat_scene.ask(lambda client: client.votes(chat))
    assert (vote.outcome, vote.pane) == ("pane", pane.pane)


def test_an_old_answer_is_made_again_in_one_pane_and_chosen_back(chat_scene: Scene) -> None:
    chat_scene.type_and_send("hello")
    chat_scene.answered()
    chat_scene.chat.head.compare.click()
    compare = chat_scene.chat.compare
    chat_scene.until(lambda: compare.shown and len(compare.view.panes) == 2)
    session = compare.view.session
    pane = next(view for view in compare.view.grid.panes if session.model(_of(session, view.pane)) == "test/fast")
    old = session.paths[pane.pane][-1].id
    pane.view.regenerate_requested.emit(old)
    chat_scene.until(lambda: session.paths[pane.pane][-1].versions == 2 and not session.running)
    pane.view.version_requested.emit(old)
    chat_scene.until(lambda: session.paths[pane.pane][-1].id == old)


def _of(session: Any, pane: str) -> Pane:
    return next(item for item in session.panes if item.id == pane)


def test_an_answer_of_a_pane_is_made_a_question_and_an_answer_again(chat_scene: Scene) -> None:
    panes = Panes(chat_scene, "fast", "fast")
    panes.ask("hello")
    turn = panes.view.turn
    panes.choose(0, 0, "Change to a message of yours")
    chat_scene.until(lambda: len(panes.view.session.turns()) == 2)
    one, two = (pane.pane for pane in panes.view.grid.panes)
    assert panes.view.answer(one, turn) is None
    assert panes.view.answer(two, turn).content == FAST
    panes.view.deeds.stored.act(two, "role", panes.view.session.paths[two][0].id, panes.view)
    assert "Several panes go on from this question. It stays." in chat_scene.window.bar.texts()
    panes.view.deeds.stored.act(one, "role", panes.view.session.paths[one][1].id, panes.view)
    chat_scene.until(lambda: panes.view.session.turns() == [turn])
    assert panes.view.answer(one, turn).content == FAST


def test_what_waits_in_a_comparison_is_sent_behind_when_its_panes_have_answered(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "held", "fast")
    scene.type_and_send("count")
    one, two = (pane.pane for pane in panes.view.grid.panes)
    scene.until(lambda: panes.seen(0) == ["one two three"] and two not in panes.view.session.runs)
    panes.view.composer_tools.choose(one)
    scene.type_and_send("second")
    scene.type_and_send("third")
    chat, queue = panes.compare.chat, scene.chat.composer.queue
    scene.chat.new_chat()
    assert queue.texts == ()
    scene.chat.open(chat)
    scene.until(lambda: queue.texts == ("second", "third") and queue.isVisible())
    assert panes.view.composer_tools.target == one
    scene.chat.new_chat()
    scene.gates["held"].open()

    def stored() -> list[str]:
        return [message.content for message in scene.ask(lambda client: client.chat(chat)).paths[one]]

    scene.until(lambda: stored() == ["count", HELD, "second", HELD, "third", HELD])
    assert len(scene.ask(lambda client: client.chat(chat)).paths[two]) == 2
    assert panes.compare.chat == "", "nobody looked"
