"""Every way to what a comparison can do, from a person's hand to the store: keys, menus, the mouse, the palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compare_stage import hit, pick_below, shown, shows, take_model
from compare_window import FAST, Panes, click, command, kept, press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QWidget

from paddock.gui.pages.export_dialog import ExportDialog
from paddock.gui.pages.leaderboard import LeaderboardDialog
from paddock.gui.pages.load_dialog import LoadDialog
from paddock.sdk.compare import ComparePlan

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Scene = Any
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


def models(panes: Panes) -> list[str]:
    return [pane.model.removeprefix("test/") for pane in panes.chat().panes]


def dialog(scene: Scene, kind: type[QWidget]) -> Any:
    """The dialog of a kind that is open."""
    scene.until(lambda: any(item.isVisible() for item in scene.window.findChildren(kind)))
    return next(item for item in scene.window.findChildren(kind) if item.isVisible())


def test_a_comparison_by_keys_alone(chat_scene: Scene) -> None:
    scene, key = chat_scene, Qt.Key
    press(scene, key.Key_M, CTRL, SHIFT)
    panes = Panes(scene)
    view = panes.view
    press(scene, key.Key_A, CTRL, SHIFT)
    take_model(scene, view, "fast")
    scene.until(lambda: len(view.panes) == 3)
    assert models(panes)[2] == "fast"
    scene.qtbot.keyClick(view.grid.panes[1].head.model, key.Key_Space)
    take_model(scene, view, "fast")
    scene.until(lambda: models(panes) == ["fast"] * 3)
    panes.ask("hello")
    second = view.grid.panes[1].pane
    for pressed, vote in ((key.Key_2, ("pane", second)), (key.Key_T, ("tie", "")), (key.Key_B, ("both_bad", ""))):
        press(scene, pressed, ALT)
        scene.until(lambda vote=vote: panes.votes() == [vote])
    press(scene, key.Key_R, CTRL, SHIFT)
    scene.until(lambda: panes.versions() == [2, 2, 2] and not view.session.running)

    panes.ask("more")
    for pressed, words in ((key.Key_Up, "hello"), (key.Key_Down, "more")):
        press(scene, pressed)
        assert view.question.text.text() == words
    on = view.judging.differences.toggle.on
    press(scene, key.Key_D, CTRL, SHIFT)
    scene.until(lambda: kept(scene).compare_differences is not on)
    press(scene, key.Key_D, CTRL, SHIFT)
    scene.until(lambda: kept(scene).compare_differences is on)
    scene.window.resize(720, 760)
    scene.until(view.grid.pages.isVisible)
    press(scene, key.Key_PageDown)
    assert view.grid.panes[2].isVisible()
    press(scene, key.Key_PageUp)
    assert view.grid.panes[0].isVisible()
    click(scene, view.grid.on)
    scene.qtbot.mouseClick(view.grid.dots, Qt.MouseButton.LeftButton, pos=QPoint(8, 10))
    assert view.grid.page == 0
    scene.window.resize(1280, 800)


def test_a_comparison_is_begun_by_the_small_button_of_a_narrow_window(chat_scene: Scene) -> None:
    scene, head = chat_scene, chat_scene.chat.head
    scene.window.resize(720, 760)
    scene.until(lambda: head.compare_small.isVisible() and not head.compare.isVisible())
    click(scene, head.compare_small)
    panes = Panes(scene)
    assert len(panes.chat().panes) == 2
    assert models(panes)[0] == "fast"
    assert not head.compare_small.isVisible()
    scene.window.resize(1280, 800)


def test_what_is_switched_at_the_head_is_kept(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "fast", "fast", "fast", "fast")
    view, tools = panes.view, panes.view.head_tools
    toggles = {
        "compare_together": tools.together,
        "compare_blind": view.judging.blind,
        "compare_differences": view.judging.differences.toggle,
    }
    for name, toggle in toggles.items():
        on, title = toggle.on, toggle.entry.text()
        switches = (
            lambda title=title: pick_below(tools.more, title),
            lambda title=title: command(scene, title),
            toggle.chip.click,
            toggle.chip.click,
        )
        for switch in switches:
            on = not on
            switch()
            scene.until(lambda: toggle.chip.isChecked() is on and getattr(kept(scene), name) is on)  # noqa: B023
    for four in ("row", "grid"):
        pick_below(tools.more, "Four panes in a row")
        scene.until(lambda: kept(scene).compare_four == four)  # noqa: B023


def test_a_comparison_is_written_from_its_menu_and_from_the_palette(
    chat_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "fast", "fast")
    panes.ask("hello")
    files = [tmp_path / "menu.html", tmp_path / "palette.csv"]
    paths = iter(files)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *asked: (str(next(paths)), asked[-1]))
    for format, open_it in (
        ("html", lambda: pick_below(panes.view.head_tools.more, "Export side by side…")),
        ("csv", lambda: command(scene, "Export side by side")),
    ):
        open_it()
        sheet = dialog(scene, ExportDialog)
        click(scene, sheet.formats[format])
        click(scene, sheet.start)
        scene.until(lambda: "exported" in " ".join(scene.window.bar.texts()))
        for row in scene.window.bar.rows():
            row.gone.emit(False)
    assert all(page.read_text().count("Paris") == 2 for page in files)


def test_a_pane_by_its_menu_and_its_head(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "fast", "fast", "slow")
    view, grid = panes.view, panes.view.grid
    ids = [pane.id for pane in panes.chat().panes]
    view.composer_tools.choose(ids[1])
    panes.ask("hello")
    pick_below(grid.panes[1].head.menu, "Copy the answer")
    assert QGuiApplication.clipboard().text() == FAST
    pick_below(grid.panes[2].head.menu, "Change the model…")
    take_model(scene, view, "fast")
    scene.until(lambda: models(panes) == ["fast"] * 3)

    def order() -> list[int]:
        return [ids.index(pane.id) for pane in panes.chat().panes]

    pick_below(grid.panes[0].head.menu, "Move right")
    scene.until(lambda: order() == [1, 0, 2])
    pick_below(grid.panes[2].head.menu, "Move left")
    scene.until(lambda: order() == [1, 2, 0])
    head = grid.panes[0].head
    beside = QPoint(3, 3)  # of the head itself, not of its buttons
    target = head.mapFromGlobal(grid.panes[2].mapToGlobal(QPoint(60, 30)))
    scene.qtbot.mousePress(head, Qt.MouseButton.LeftButton, pos=beside)
    scene.qtbot.mouseMove(head, target)
    scene.qtbot.mouseRelease(head, Qt.MouseButton.LeftButton, pos=target)
    scene.until(lambda: order() == [2, 0, 1])

    pick_below(grid.panes[1].head.menu, "Settings of this pane")
    inspector = scene.chat.inspector
    scene.until(inspector.isVisible)
    click(scene, inspector.prompt.own)
    scene.qtbot.keyClicks(inspector.system, "Be brief.")
    inspector.answer.limit.switch.click()
    scene.until(lambda: panes.chat().panes[1].system == "Be brief." and panes.chat().panes[1].max_tokens is not None)
    assert [pane.system for pane in panes.chat().panes][::2] == [None, None]
    click(scene, inspector.back)
    assert not inspector.back.isVisible()


def test_the_question_by_its_row(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "fast", "fast")
    view = panes.view
    panes.ask("helo " + "and so on " * 40)
    panes.ask("more")
    click(scene, view.question.back)
    scene.until(view.question.all.isVisible)
    click(scene, view.question.all)
    field = view.question.findChild(QPlainTextEdit)
    assert field.toPlainText().startswith("helo and so on")
    scene.qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert view.question.whole is None
    click(scene, view.question.edit)
    assert scene.chat.composer.text().startswith("helo")
    panes.write("hello")
    scene.until(lambda: panes.stored(0) == panes.stored(1) == ["hello", FAST] and not view.session.running)
    assert {path[0].versions for path in panes.chat().paths.values()} == {2}


def test_answers_are_asked_again_stopped_and_gone_through_by_mouse(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "held", "fast")
    view, composer = panes.view, scene.chat.composer
    one, two = view.grid.panes
    scene.qtbot.keyClicks(composer.field, "count")
    click(scene, composer.button)
    scene.until(lambda: panes.seen(0) == ["one two three"] and two.pane not in view.session.runs)
    click(scene, composer.button)
    scene.until(lambda: not view.session.running and panes.chat().paths[one.pane][1].state == "cancelled")
    scene.until(lambda: shows(two, 0, "again"))
    hit(two, 0, "again")
    scene.until(lambda: panes.versions() == [1, 2] and not view.session.running)
    scene.until(lambda: shows(two, 0, "earlier"))
    hit(two, 0, "earlier")
    scene.until(lambda: panes.chat().paths[two.pane][1].version == 1)
    scene.until(lambda: shows(two, 0, "later"))
    hit(two, 0, "later")
    scene.until(lambda: panes.chat().paths[two.pane][1].version == 2)
    pick_below(composer_choice := view.composer_tools.choice, two.title)
    assert composer_choice.text() == "To pane 2"
    panes.ask("only you")
    pick_below(composer_choice, "To all panes")
    assert [len(panes.stored(number)) for number in (0, 1)] == [2, 4]
    panes.choose(1, 0, "Branch from here")
    scene.until(lambda: not panes.compare.shown and [m.content for m in scene.dialogue.messages] == ["count", FAST])


def test_votes_and_a_common_history_are_undone_in_the_message_bar(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "held", "fast")
    view = panes.view
    row, legend = view.judging.row, view.judging.differences.legend
    scene.gates["held"].open()
    panes.ask("hello")
    own = [panes.stored(number) for number in (0, 1)]
    click(scene, row.bad)
    scene.until(lambda: panes.votes() == [("both_bad", "")])
    click(scene, row.chips[1])
    scene.until(lambda: panes.votes() == [("pane", view.grid.panes[1].pane)] and row.adopt.isVisible())
    click(scene, row.adopt)
    scene.until(lambda: panes.stored(0) == own[1] and bool(scene.window.bar.rows()))
    (notice,) = scene.window.bar.rows()
    click(scene, notice.card._button)
    scene.until(lambda: panes.stored(0) == own[0])

    click(scene, view.judging.differences.toggle.chip)
    scene.until(lambda: view.judging.differences.marked)
    scene.qtbot.keyClick(legend.reference, Qt.Key.Key_Down)
    assert legend.reference.currentText() == "pane 1"
    scene.until(lambda: all(swatch.isVisible() for swatch in legend.kinds))
    view.judging.differences.toggle.chip.click()

    command(scene, "Leaderboard")
    board = dialog(scene, LeaderboardDialog)
    scene.until(lambda: board.known == "model")
    click(scene, board.close_button)
    pick_below(view.head_tools.more, "Leaderboard")
    board = dialog(scene, LeaderboardDialog)
    click(scene, board.chips["votes"])
    scene.until(lambda: board.known == "votes" and bool(board.rows))
    click(scene, board.rows[0].remove)
    scene.until(lambda: panes.votes() == [] and not row.back.isVisible())
    board.reject()


def test_load_settings_are_those_of_the_pane_in_use(chat_scene: Scene) -> None:
    scene, panes = chat_scene, Panes(chat_scene, "fast", "slow")
    view, fast = panes.view, scene.model("fast")

    def offered() -> str:
        press(scene, Qt.Key.Key_L, CTRL, SHIFT)
        sheet = dialog(scene, LoadDialog)
        model = str(sheet._model)
        sheet.reject()
        scene.until(lambda: not any(item.isVisible() for item in scene.window.findChildren(LoadDialog)))
        return model

    scene.dialogue.set_model("test/held")
    assert offered() == fast, "the first in view, not that of the last chat"
    view.composer_tools.choose(view.grid.panes[1].pane)
    scene.chat.focus_composer()
    assert offered() == scene.model("slow"), "the one that is asked"
    view.grid.panes[0].view.setFocus()
    assert offered() == fast, "the one that has the focus"
    view.composer_tools.choose("")
    view.judging.blind.chip.click()
    press(scene, Qt.Key.Key_L, CTRL, SHIFT)
    assert any(words.startswith("Vote first") for words in scene.window.bar.texts())
    view.judging.blind.chip.click()

    view.planner._planned = lambda chat, plan: None  # the plan of this test stays
    view.planner.plan = ComparePlan(groups=(), refused={view.grid.panes[1].pane: "It does not fit."}, sentence="")
    view._ticked()
    pane = view.grid.panes[1]
    scene.until(pane.notice.isVisible)
    click(scene, pane.notice._button)
    sheet = dialog(scene, LoadDialog)
    assert sheet._model == scene.model("slow")
    scene.until(sheet.load.isEnabled)
    sheet.reject()
    click(scene, pane.notice._second)
    take_model(scene, view, "fast")
    scene.until(lambda: models(panes) == ["fast", "fast"])
    assert scene.dialogue.model == "test/held", "a pane's model is not that of the next chat"
    assert shown(pane) == []
