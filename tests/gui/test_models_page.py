"""The Models page on a host that the test holds in its hands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from models_fakes import BROKEN, GEMMA, LLAMA, ORIGINAL, PROBLEMS, QWEN, STARTER, LibraryHost
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages, Notice
from paddock.gui.models.model_table import Column
from paddock.gui.pages import models_actions, models_trash
from paddock.gui.pages.models import ModelsPage
from paddock.gui.theme import Theme
from paddock.gui.widgets.question import Question
from paddock.gui.window_state import WindowState
from paddock.sdk.downloads import Download

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def host(qapp: Any, tmp_path: Path) -> LibraryHost:
    Theme().apply(qapp)
    return LibraryHost(tmp_path)


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def show(qtbot: QtBot, host: LibraryHost, notices: list[Notice]) -> Callable[..., ModelsPage]:
    def make(width: int = 1200, height: int = 800, state: WindowState | None = None) -> ModelsPage:
        messages = Messages()
        messages.listen(notices.append, lambda key: None)
        page = ModelsPage(host, messages, state or WindowState())
        qtbot.addWidget(page)
        page.resize(width, height)
        page.show()
        qtbot.waitUntil(lambda: bool(page._places))
        return page

    return make


def calls(host: LibraryHost, method: str) -> list[Any]:
    return [value for name, value in host.client.asked if name == method]


def press(monkeypatch: pytest.MonkeyPatch, module: Any, label: str) -> list[str]:
    """Answer the next question with the button that says ``label``; the questions that were asked."""
    asked: list[str] = []

    def run(box: Question) -> int:
        asked.append(box.text)
        next(button for button in box.buttons if button.text() == label).click()
        return 0

    monkeypatch.setattr(module.Question, "exec", run)
    return asked


def planned(qtbot: QtBot, page: ModelsPage) -> Any:
    def settled() -> bool:
        plan = page.pane.plan
        return plan is not None and plan.breakdown.estimate is not None and plan.estimator.settled

    qtbot.waitUntil(settled)
    return page.pane.plan


# ---------------------------------------------------------------- table and selection


def test_the_page_opens_at_the_loaded_model_and_tells_the_sums(show: Callable[..., ModelsPage]) -> None:
    page = show()
    assert page.current() == GEMMA
    assert page.pane.title.text() == "Gemma 3 4B"
    assert page.count.text() == "7"
    assert page.foot.text() == "7 models · 11.9 GB · 214 GB free on the disk"


def test_typing_narrows_and_the_pane_keeps_its_model(qtbot: QtBot, show: Callable[..., ModelsPage]) -> None:
    page = show()
    qtbot.keyClicks(page.filter.search, "qwen3 bf16")
    assert page.table.rowCount() == 1
    assert page.count.text() == "1 of 7"
    assert page.pane.model == GEMMA
    assert page.selected() == []
    qtbot.keyClick(page.filter.search, Qt.Key.Key_Escape)
    assert page.table.rowCount() == 7
    assert page.selected() == [GEMMA]
    page.filter.search.setText("no such thing")
    assert page.stack.currentWidget() is page.nothing
    assert page.nothing.first.text() == "Show all"
    page.nothing.first.click()
    assert page.stack.currentWidget() is page.view


def test_sorting_keeps_the_selection_and_is_remembered(show: Callable[..., ModelsPage]) -> None:
    page = show()
    page.view.selectAll()
    page.view.sort_by(Column.SIZE, True)
    assert len(page.selected()) == 7
    assert page.filter.order.text() == "Sorted by size"
    page.view.widths[Column.QUANT] = 120
    state = page.remember(WindowState())
    assert state.models_sort == "-size"
    assert state.models_widths["quant"] == 120
    again = show(state=state)
    assert again.table.sorted_by == Column.SIZE
    assert again.table.downwards
    assert again.view.columnWidth(Column.QUANT) == 120


def test_a_narrow_table_drops_columns_before_the_name_suffers(show: Callable[..., ModelsPage]) -> None:
    page = show(664, 480)
    assert page.view.columnWidth(Column.NAME) >= 200
    assert page.view.isColumnHidden(Column.ARCHITECTURE)
    assert not page.view.isColumnHidden(Column.SIZE)
    wide = show(1900, 800)
    assert not any(wide.view.isColumnHidden(column) for column in Column)


def test_keys_drive_the_table(qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost) -> None:
    page = show()
    chats: list[str] = []
    page.chat_wanted.connect(chats.append)
    page.view.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(page.view, Qt.Key.Key_Down)
    assert page.current() == LLAMA == page.pane.model
    qtbot.keyClick(page.view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert len(page.selected()) == 2
    assert not page.bulk.isHidden()
    assert page.chosen.text() == "2 selected, 2.1 GB"
    qtbot.keyClick(page.view, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(page.view, Qt.Key.Key_Down)
    qtbot.keyClick(page.view, Qt.Key.Key_Return)
    assert chats == [GEMMA]


def test_in_a_narrow_window_the_details_lie_over_the_table(qtbot: QtBot, show: Callable[..., ModelsPage]) -> None:
    page = show(664, 480)
    assert not page.pane.isVisible()
    assert page.details.isVisible()
    qtbot.keyClick(page.view, Qt.Key.Key_Return, Qt.KeyboardModifier.AltModifier)
    assert page.pane.isVisible()
    assert page._scrim.isVisible()
    assert page.pane.chat.hasFocus() or page.focusWidget() is page.pane.chat
    qtbot.keyClick(page.pane.chat, Qt.Key.Key_Escape)
    assert not page.pane.isVisible()
    page.details.click()
    page.pane.close_button.click()
    assert not page.pane.isVisible()


def test_no_models_lead_to_the_hub_and_a_host_that_reads_says_so(
    show: Callable[..., ModelsPage], host: LibraryHost
) -> None:
    page = show()
    host.models_known = False
    host.put({})
    assert page.nothing.title.text() == "Reading your folders…"
    host.models_known = True
    host.put({})
    wanted: list[str] = []
    page.hub_wanted.connect(wanted.append)
    assert page.nothing.title.text() == "No models yet"
    assert not page.pane.isVisible()
    page.nothing.first.click()
    assert wanted == [""]


def test_a_model_that_is_not_known_yet_is_shown_as_soon_as_it_is(
    show: Callable[..., ModelsPage], host: LibraryHost
) -> None:
    page = show()
    page.filter.search.setText("llama")
    wanted = host.models.pop(QWEN)
    host.put(dict(host.models))
    page.show_model(QWEN)
    assert page.pane.model != QWEN
    host.put({**host.models, QWEN: wanted})
    assert page.current() == QWEN == page.pane.model
    assert page.filter.search.text() == ""


def test_everything_that_takes_the_keyboard_has_a_name(show: Callable[..., ModelsPage]) -> None:
    page = show()
    from PySide6.QtWidgets import QWidget

    for widget in page.findChildren(QWidget):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible():
            interface = QAccessible.queryAccessibleInterface(widget)
            assert interface.text(QAccessible.Text.Name), widget


def test_tab_goes_down_the_page_and_then_down_the_pane(qtbot: QtBot, show: Callable[..., ModelsPage]) -> None:
    page = show()
    page.show_model(QWEN)
    plan = planned(qtbot, page)
    pane = page.pane
    wanted = [page.trash, page.add, page.filter.search, page.filter.loaded, page.problems.unfold, page.view, pane.chat]
    wanted += [pane.load, pane.facts.reveal, plan.settings.context.slider, plan.defaults, pane.aliases.line]
    wanted += [pane.notes, pane.delete]
    met, widget = [page.trash], page.trash.nextInFocusChain()
    while widget is not page.trash:
        met += [widget] if widget in wanted else []
        widget = widget.nextInFocusChain()
    assert met == wanted
    assert page.regions() == [page.filter.search, page.view, pane.chat]


# ---------------------------------------------------------------- pane


def test_the_estimate_moves_with_the_settings_and_they_are_kept(
    qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost
) -> None:
    page = show()
    page.show_model(QWEN)
    plan = planned(qtbot, page)
    before = plan.breakdown.estimate.total_bytes
    plan.settings.change_options({"n_ctx": 4096})
    plan.move()
    planned(qtbot, page)
    assert plan.breakdown.estimate.total_bytes < before
    plan.save.click()
    qtbot.waitUntil(lambda: plan.save.text() == "Saved")
    assert host.client.saved == {"n_ctx": 4096}
    page.pane.load.click()
    qtbot.waitUntil(lambda: bool(calls(host, "load")))
    assert calls(host, "load") == [({"n_ctx": 4096}, False)]


def test_what_does_not_fit_is_loaded_in_the_dialog_only(
    qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost
) -> None:
    page = show()
    page.show_model(QWEN)
    plan = planned(qtbot, page)
    plan.settings.change_options({"n_ctx": 40_960})
    plan.move()
    planned(qtbot, page)
    wanted: list[str] = []
    page.load_wanted.connect(wanted.append)
    page.pane.load.click()
    assert plan.refuses
    assert wanted == [QWEN]
    assert not calls(host, "load")


def test_notes_are_kept_when_one_looks_elsewhere(
    qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost
) -> None:
    page = show()
    page.show_model(QWEN)
    assert page.pane.notes.toPlainText() == "Good at code"
    page.pane.notes.setPlainText("Slow")
    page.show_model(LLAMA)
    qtbot.waitUntil(lambda: calls(host, "patch_model") == [(QWEN, "Slow")])
    page.show_model(QWEN)
    assert page.pane.notes.toPlainText() == "Slow"


def test_facts_tell_what_is_known_and_lead_to_the_same_content(show: Callable[..., ModelsPage]) -> None:
    page = show()
    facts = dict(page.pane.facts.shown)
    assert facts["Vision file"] == "on disk: it sees pictures"
    assert facts["Licence"] == "Gemma"
    page.pane.facts.other_wanted.emit(LLAMA)
    assert page.current() == LLAMA
    assert page.pane.kept.text().startswith("Ollama keeps this model.")
    assert not page.pane.delete.isVisible()
    page.show_model(BROKEN)
    assert page.pane.trouble.isVisible()
    assert not page.pane.chat.isVisible()
    assert page.pane.delete.isVisible()


# ---------------------------------------------------------------- deleting


def test_deleting_says_what_becomes_free_and_is_undone_as_one(
    qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost, notices: list[Notice]
) -> None:
    page = show()
    page.show_model(QWEN)
    page.view.selectionModel().select(
        page.table.index(page.table.rows_of([ORIGINAL])[0], 0),
        page.view.selectionModel().SelectionFlag.Select | page.view.selectionModel().SelectionFlag.Rows,
    )
    qtbot.keyClick(page.view, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: bool(notices))
    assert notices[-1].text == "2 models were deleted. 6.1 GB are free once the trash is emptied."
    assert QWEN not in host.models
    assert page.current() not in ("", QWEN)
    qtbot.waitUntil(lambda: page.trash.text() == "Trash (2)")
    assert notices[-1].action is not None
    notices[-1].action.run()
    qtbot.waitUntil(lambda: QWEN in host.models and ORIGINAL in host.models)
    qtbot.waitUntil(lambda: page.trash.text() == "Trash")


def test_a_loaded_model_is_unloaded_before_it_is_deleted_when_one_agrees(
    qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = show()
    asked = press(monkeypatch, models_actions, "Cancel")
    page.delete([GEMMA])
    assert asked == ["Gemma 3 4B is loaded."]
    assert not calls(host, "delete")
    press(monkeypatch, models_actions, "Unload and delete")
    page.delete([GEMMA])
    qtbot.waitUntil(lambda: calls(host, "delete") == [GEMMA])
    assert calls(host, "unload") == ["i1"]


def test_what_belongs_to_others_stays_and_says_why(
    show: Callable[..., ModelsPage], host: LibraryHost, notices: list[Notice]
) -> None:
    page = show()
    page.delete([LLAMA])
    assert notices[-1].text == "Ollama keeps this model. Remove it with “ollama rm llama3.2:3b”."
    page.delete([LLAMA, STARTER])
    assert notices[-1].text.startswith("2 of them")
    assert not calls(host, "delete")


def test_the_trash_gives_back_and_asks_before_it_forgets(
    qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = show()
    page.delete([QWEN, ORIGINAL])
    qtbot.waitUntil(lambda: len(host.client.trashed) == 2)
    page.doing.open_trash()
    dialog = page.findChild(models_trash.TrashDialog)
    qtbot.waitUntil(lambda: len(dialog.rows) == 2)
    assert dialog.about.text() == "6.1 GB are free once it is emptied."
    dialog.rows[0].restore.click()
    qtbot.waitUntil(lambda: len(dialog.rows) == 1 and QWEN in host.models)
    asked = press(monkeypatch, models_trash, "Remove for good")
    dialog.empty.click()
    qtbot.waitUntil(lambda: not dialog.rows)
    assert asked == ["Remove “Qwen3 0.6B” for good?"]
    assert not host.client.trashed
    assert not dialog.empty.isEnabled()
    dialog.close()


# ---------------------------------------------------------------- problems


def test_each_problem_has_its_remedy(qtbot: QtBot, show: Callable[..., ModelsPage], host: LibraryHost) -> None:
    page = show()
    strip = page.problems
    assert strip.text.text() == "4 things in your folders need attention."
    strip.unfold.click()
    words = [row.button.text() for row in strip.rows]
    assert words == ["Download again", "Resume", "Delete", ""]
    for row in strip.rows[:2]:
        row.button.click()
    qtbot.waitUntil(lambda: bool(calls(host, "download") and calls(host, "resume")))
    assert calls(host, "download") == ["unsloth/Mistral-Small:Q4_K_M"]
    assert calls(host, "resume") == ["d1"]
    coming = Download(
        id="d9", model="unsloth/Mistral-Small:Q4_K_M", repo="unsloth/Mistral-Small", revision="c", files=()
    )
    host.downloads = {"d9": msgspec.structs.replace(coming, state="running")}
    host.downloads_changed.emit()
    assert (strip.rows[0].button.text(), strip.rows[0].button.isEnabled()) == ("Downloading…", False)
    host.downloads = {"d9": msgspec.structs.replace(coming, state="failed")}
    host.downloads_changed.emit()
    assert (strip.rows[0].button.text(), strip.rows[0].button.isEnabled()) == ("Download again", True)
    host.problems = PROBLEMS[3:]
    strip.refresh()
    qtbot.waitUntil(lambda: strip.text.text() == "One thing in your folders needs attention.")
    host.problems = ()
    strip.refresh()
    qtbot.waitUntil(lambda: not strip.isVisible())
