"""Lists of prompts in the window: set up, run, looked at, paused, exported, removed; the store is looked at too."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batch_lists import forgotten, lists, open_list
from compare_stage import pick, pick_below
from compare_window import command
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QInputDialog, QMenu, QWidget

from paddock.gui.pages.batch_dialog import BatchDialog
from paddock.sdk.types import Pane

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Any) -> Iterator[Any]:
    with forgotten(chat_scene):
        yield chat_scene


@pytest.fixture
def dialog(scene: Any) -> Callable[[], BatchDialog]:
    return partial(open_list, scene)


def test_a_list_is_written_run_looked_at_and_exported(
    scene: Any, dialog: Callable[[], BatchDialog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, fast = dialog(), scene.model("fast")
    setup, run = shown.setup, shown.run
    assert not setup.start.isEnabled()
    setup.set_panes([Pane(model=fast)])
    scene.qtbot.keyClicks(setup.source.text, "prompt,contain")
    scene.until(lambda: setup.source.trouble.isVisible())
    assert "“contain”" in setup.source.trouble.accessibleName()
    assert not setup.start.isEnabled()
    scene.qtbot.keyClicks(setup.source.text, "s")
    scene.qtbot.keyClick(setup.source.text, Qt.Key.Key_Return)
    scene.qtbot.keyClicks(setup.source.text, "What is it?,Paris")
    scene.until(lambda: setup.source.prompts is not None)
    scene.qtbot.mouseClick(setup.add, Qt.MouseButton.LeftButton)
    setup.cards[1].fields["temperature"].setText("warm")
    check = setup.checks.add_row()
    check.value.setText("London")
    setup.repeat.setValue(2)
    assert setup.count.text() == "1 prompt × 2 panes × 2 times = 4 answers"
    scene.qtbot.mouseClick(setup.start, Qt.MouseButton.LeftButton)
    assert "takes a number" in setup.trouble.accessibleName()
    setup.cards[1].fields["temperature"].setText("0.2")
    scene.qtbot.mouseClick(setup.start, Qt.MouseButton.LeftButton)
    scene.until(lambda: run.batch is not None and run.batch.state == "done")
    scene.until(lambda: [len(run.table.at(0, pane)) for pane in (0, 1)] == [2, 2])

    stored = scene.ask(lambda client: client.batches())[0]
    assert (stored.done, stored.panes[1].sampling) == (4, {"temperature": 0.2})
    assert [check.passed for check in run.table.at(0, 0)[0].checks] == [True, False]
    run.view.setCurrentIndex(run.table.index(0, 2))
    scene.qtbot.keyClick(run.view, Qt.Key.Key_Return)
    assert run.answers.isVisible()
    assert run.answers.again.text() == "Answer 1 of 2"
    scene.qtbot.mouseClick(run.answers.again, Qt.MouseButton.LeftButton)
    assert run.answers.again.text() == "Answer 2 of 2"
    scene.qtbot.keyClick(run.answers, Qt.Key.Key_Escape)
    assert run.view.isVisible()
    files = [tmp_path / "out.jsonl", tmp_path / "out.csv", tmp_path / "out.html"]
    for file, words in zip(
        files, ("JSON lines…", "Table for spreadsheets (CSV)…", "Page to read (HTML)…"), strict=True
    ):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *asked, file=file: (str(file), asked[-1]))
        pick_below(run.export, words)
        scene.until(lambda file=file: str(file) in run.trouble.accessibleName())
    assert len(files[0].read_text().splitlines()) == 4
    assert all("What is it?" in file.read_text() for file in files)
    scene.qtbot.mouseClick(shown.new, Qt.MouseButton.LeftButton)
    assert setup.isVisible()
    shown.close()


def test_a_list_is_put_together_from_a_file_and_a_set_with_panes_and_checks(
    scene: Any, dialog: Callable[[], BatchDialog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def click(widget: QWidget) -> None:
        scene.until(widget.isVisible)
        scene.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def select(choice: QComboBox, words: str) -> None:
        scene.qtbot.keyClicks(choice, words)
        assert choice.currentText().startswith(words)

    (file := tmp_path / "capitals.txt").write_text("France?\nSpain?\n")
    shown, fast = dialog(), scene.model("fast")
    setup, source, run = shown.setup, shown.setup.source, shown.run
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *asked: (str(file), ""))
    click(source.file)
    scene.until(lambda: source.prompts is not None and source.about.text().startswith("capitals"))
    monkeypatch.setattr(QInputDialog, "getText", lambda *asked, **more: (f"mine, from {more['text']}", True))
    click(source.keep)
    scene.until(source.sets.isEnabled)
    kept = scene.ask(lambda client: client.prompt_sets())
    assert [(one.name, len(one.prompts)) for one in kept] == [("mine, from capitals", 2)]
    scene.qtbot.keyClicks(source.text, "another")
    scene.until(lambda: source.prompts is not None and len(source.prompts.prompts) == 1)
    pick_below(source.sets, "mine, from capitals (2)")
    assert setup.count.text().startswith("2 prompts")
    assert source.text.toPlainText() == ""

    (card,) = setup.cards
    select(card.model, "fast")
    click(card.fold)
    scene.qtbot.keyClicks(card.fields["seed"], "7")
    scene.qtbot.keyClicks(card.system, "Be brief.")
    click(setup.add)
    click(setup.add)
    click(setup.cards[1].remove)
    scene.qtbot.keyClick(setup.repeat, Qt.Key.Key_Up)
    for kind, value in (
        ("Contains", "Paris"),
        ("Matches", "^The"),
        ("A model judges", "Is it short?"),
        ("Contains", ""),
    ):
        click(setup.checks.add)
        row = setup.checks.rows[-1]
        select(row.kind, kind)
        scene.qtbot.keyClicks(row.value, value)
        if kind == "A model judges":
            select(row.judge, "fast")
    click(setup.checks.rows[1].remove)
    click(setup.start)
    scene.until(lambda: run.batch is not None and run.batch.state == "done")
    (stored,) = scene.ask(lambda client: client.batches())
    assert [(p.model, p.sampling, p.system) for p in stored.panes] == [(fast, {"seed": 7}, "Be brief.")] * 2
    assert (stored.repeat, stored.done) == (2, 8)
    prompts = scene.ask(lambda client: client.batch_prompts(stored.id))
    judge = [(check.kind, check.value, check.model) for check in prompts[1].checks]
    assert judge == [("contains", "Paris", ""), ("judge", "Is it short?", fast)]

    scene.until(lambda: len(run.table.at(1, 1)) == 2)
    spot = run.view.visualRect(run.table.index(0, 1)).center()
    scene.qtbot.mouseClick(run.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    scene.qtbot.mouseDClick(run.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    click(run.answers.after)
    assert run.answers.title.text() == "2. Spain?"
    click(run.answers.before)
    click(run.answers.back)
    assert run.view.isVisible()
    click(shown.new)
    (entry,) = shown._menu.actions()
    pick_below(shown.past, entry.text())
    assert run.isVisible()
    click(shown.new)
    remove = source._menu.findChildren(QMenu)[-1]
    pick(remove, "mine, from capitals")
    scene.until(lambda: not source.sets.isEnabled())
    assert scene.ask(lambda client: client.prompt_sets()) == []
    undo = next(row for row in scene.window.bar.rows() if "was removed" in row.card.accessibleName())
    click(undo.card._button)
    scene.until(source.sets.isEnabled)
    assert [one.prompts for one in scene.ask(lambda client: client.prompt_sets())] == [kept[0].prompts]
    scene.qtbot.keyClick(shown, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_a_list_by_keys_alone(scene: Any) -> None:
    command(scene, "Compare a list of prompts")
    scene.until(lambda: bool(lists(scene)))
    (shown,) = lists(scene)
    setup, run, key = shown.setup, shown.run, scene.qtbot.keyClick
    shown.activateWindow()
    scene.until(lambda: QApplication.activeWindow() is shown and setup.source.text.hasFocus())
    scene.qtbot.keyClicks(setup.source.text, "France?")
    key(setup.source.text, Qt.Key.Key_Return)
    scene.qtbot.keyClicks(setup.source.text, "Spain?")
    key(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert shown.isVisible(), "what was written is not thrown away"
    scene.until(setup.start.isEnabled)

    def tab_to(wanted: QWidget, back: bool = False) -> list[str]:
        """What the Tab key passes on its way to a widget, that included."""
        passed: list[str] = []
        while (focus := QApplication.focusWidget()) is not wanted:
            key(focus, Qt.Key.Key_Backtab if back else Qt.Key.Key_Tab)
            here = QApplication.focusWidget()
            passed.append(here.accessibleName() or getattr(here, "text", str)())
            assert len(passed) < 30, passed
        return passed

    tab_to(setup.checks.add)
    key(setup.checks.add, Qt.Key.Key_Space)
    scene.qtbot.keyClicks(QApplication.focusWidget(), "Paris")
    key(QApplication.focusWidget(), Qt.Key.Key_Backtab)
    assert tab_to(setup.source.text, back=True) == [
        "Times each prompt is asked",
        "Add a pane",
        "Settings",
        "Model",
        "Prompts",
    ]
    pane = ["Model", "Settings", "Remove this pane"]
    tab_to(setup.add)
    key(setup.add, Qt.Key.Key_Space)
    scene.until(setup.cards[1].isVisible)
    tab_to(setup.source.text, back=True)
    check = ["Kind of check", "What is looked for", "Remove this check"]
    rest = ["Add a pane", "Times each prompt is asked", *check, "Add a check", "Start"]
    assert tab_to(setup.start) == [*pane, *pane, *rest]
    key(setup.start, Qt.Key.Key_Space)
    scene.until(lambda: run.batch is not None and run.batch.state == "done" and len(run.table.at(1, 1)) == 1)
    for _ in range(2):
        key(QApplication.focusWidget(), Qt.Key.Key_Down)
    key(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert run.answers.isVisible()
    assert run.answers.title.text() == "2. Spain?"
    key(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert run.view.hasFocus()
    assert tab_to(run.export, back=True)[-2:] == ["Remove", "Export"]
    key(run.export, Qt.Key.Key_Down)
    menu = QApplication.activePopupWidget()
    assert menu is not None
    key(menu, Qt.Key.Key_Escape)
    shown.activateWindow()
    scene.until(lambda: QApplication.activeWindow() is shown)
    tab_to(run.delete)
    key(run.delete, Qt.Key.Key_Space)
    tab_to(run.trouble._button)
    key(run.trouble._button, Qt.Key.Key_Space)
    scene.until(lambda: setup.isVisible() and scene.ask(lambda client: client.batches()) == [])
    setup.source.text.clear()
    key(setup.source.text, Qt.Key.Key_Escape)
    assert not lists(scene)


def test_a_running_list_is_shown_again_paused_gone_on_with_removed_and_retried(
    scene: Any, dialog: Callable[[], BatchDialog], tmp_path: Path
) -> None:
    (file := tmp_path / "two.txt").write_text("one\ntwo\n")
    first = dialog()
    first.setup.set_panes([Pane(model=scene.model("slow"))])
    first.setup.source.read_file(str(file))
    scene.until(lambda: first.setup.start.isEnabled())
    first.setup.begin()
    scene.until(lambda: first.run.batch is not None and bool(first.run.batch.running))
    first.close()

    shown = dialog()
    scene.until(lambda: shown.run.isVisible() and shown.run.batch is not None)
    run = shown.run
    assert shown.title.text() == "two"
    scene.until(lambda: "being answered" in str(run.table.index(0, 1).data(Qt.ItemDataRole.AccessibleTextRole)))
    scene.qtbot.mouseClick(run.pause, Qt.MouseButton.LeftButton)
    scene.until(lambda: run.state.text().startswith("Paused · 0 of 2"))
    assert scene.ask(lambda client: client.batches())[0].state == "paused"
    scene.qtbot.mouseClick(run.pause, Qt.MouseButton.LeftButton)
    scene.until(lambda: run.state.text().startswith("Running"))
    scene.qtbot.mouseClick(run.delete, Qt.MouseButton.LeftButton)
    scene.qtbot.mouseClick(run.trouble._second, Qt.MouseButton.LeftButton)
    assert run.trouble.isHidden()
    scene.qtbot.mouseClick(run.delete, Qt.MouseButton.LeftButton)
    scene.qtbot.mouseClick(run.trouble._button, Qt.MouseButton.LeftButton)
    scene.until(lambda: shown.setup.isVisible())
    assert scene.ask(lambda client: client.batches()) == []

    shown.setup.set_panes([Pane(model=scene.model("crash"))])
    shown.setup.source.text.setPlainText("one")
    scene.until(lambda: shown.setup.start.isEnabled())
    shown.setup.begin()
    scene.until(lambda: run.retry.isVisible() and bool(run.table.at(0, 0)))
    (before,) = run.table.at(0, 0)
    scene.qtbot.mouseClick(run.retry, Qt.MouseButton.LeftButton)
    scene.until(lambda: bool(found := run.table.at(0, 0)) and found[0].change > before.change)
    assert run.table.at(0, 0)[0].error is not None
    shown.close()


def test_a_list_that_ends_behind_its_closed_dialog_is_told_and_shown_again(
    scene: Any, dialog: Callable[[], BatchDialog]
) -> None:
    shown, heavy = dialog(), scene.model("heavy")
    shown.setup.set_panes([Pane(model=heavy)])
    shown.setup.source.text.setPlainText("Is it loaded?")
    scene.until(lambda: shown.setup.start.isEnabled())
    shown.setup.begin()
    scene.until(lambda: f"Loading {scene.host.model_name(heavy)}" in shown.run.state.text())
    assert scene.host.model_name(heavy) != heavy
    shown.close()
    scene.gates["heavy"].open()
    scene.until(lambda: "“Is it loaded?” is done: 1 answer." in scene.window.bar.texts())
    row = next(row for row in scene.window.bar.rows() if "Is it loaded?" in row.card.accessibleName())
    row.card.action_triggered.emit()
    (again,) = lists(scene)
    assert again.run.isVisible()
    assert again.title.text() == "Is it loaded?"
    again.close()


def test_a_list_on_view_is_read_again_when_a_backup_is_put_back(scene: Any, dialog: Callable[[], BatchDialog]) -> None:
    shown = dialog()
    run = shown.run
    shown.setup.set_panes([Pane(model=scene.model("fast"), system="Be brief."), Pane(model=scene.model("fast"))])
    shown.setup.source.text.setPlainText("one\ntwo")
    before = scene.ask(lambda client: client.back_up())
    scene.until(lambda: shown.setup.start.isEnabled())
    shown.setup.begin()
    scene.until(lambda: run.batch is not None and run.batch.state == "done" and len(run.table.at(1, 1)) == 1)
    assert run.table.name(0) == "fast · system prompt “Be brief.”"
    whole = scene.ask(lambda client: client.back_up())
    with scene.qtbot.waitSignal(run.table.modelReset):
        scene.ask(lambda client: client.restore_backup(whole.name))
    scene.until(lambda: len(run.table.at(1, 1)) == 1)
    scene.ask(lambda client: client.restore_backup(before.name))
    scene.until(lambda: shown.setup.isVisible() and not shown.batches)
    shown.close()


def test_the_form_of_a_list_is_as_wide_as_its_text_is_large(scene: Any, dialog: Callable[[], BatchDialog]) -> None:
    shown = dialog()
    form = shown.setup.source.parentWidget()
    widest = form.maximumWidth()
    scene.app.themes.set(zoom=2.0)
    try:
        scene.until(lambda: form.maximumWidth() == 2 * widest)
    finally:
        scene.app.themes.set(zoom=1.0)
    scene.until(lambda: form.maximumWidth() == widest)
    shown.close()
