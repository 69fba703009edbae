"""The Discover page on a hub that the test holds in its hands: searching, and the page as a whole."""

from typing import Any

import msgspec
import pytest
from discover_page import Show, host_of, names, no_hub, settle, shown, words_of
from hub_fakes import REPO, SUGGESTED, HubHost, download, fits_of, result
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible, QDesktopServices
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages
from paddock.gui.models.hub import HubRole
from paddock.gui.pages.discover import DiscoverPage
from paddock.gui.theme import Theme
from paddock.gui.widgets import ElidedLabel, NumberBox
from paddock.sdk.hub import FitsRequest, HubPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

host = pytest.fixture(host_of)
show = pytest.fixture(shown)


# -------------------------------------------------------------------- searching


def test_the_hub_is_asked_only_when_the_page_is_first_seen(qtbot: QtBot, host: HubHost) -> None:
    page = DiscoverPage(host, Messages())
    qtbot.addWidget(page)
    assert host.client.asked == []
    page.show()
    qtbot.waitUntil(lambda: len(host.asked("search")) == 1)
    page.hide()
    page.show()
    assert len(host.asked("search")) == 1, "what was found stays while other pages are shown"


def test_with_an_empty_field_suggestions_stand_above_what_is_trending(show: Show) -> None:
    page = show()
    assert names(page) == ["SmolLM3 3B", "Qwen3-8B-GGUF", "Model-1-8B-GGUF", "Model-2-8B-GGUF"]
    assert page.search.caption.isVisible()
    assert page.search.count.text() == "", "the suggestions are not counted"
    first = page.search.list.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert first == "SmolLM3 3B, by ggml-org, fits, 3.1 B, 1.9 GB, Open throughout."
    second = page.search.list.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert second == "Qwen3-8B-GGUF, by Qwen, fits, 8.2 B, tools, reasoning, Apache 2.0, 1.4 M downloads"


def test_typing_asks_once_when_it_pauses_and_enter_at_once(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.focus_search()
    before = len(host.asked("search"))
    qtbot.keyClicks(page.search.search, "qwen 8b")
    assert len(host.asked("search")) == before
    qtbot.waitUntil(lambda: len(host.asked("search")) == before + 1)
    assert host.asked("search")[-1].words == "qwen 8b"
    qtbot.waitUntil(lambda: page.search._task is None)
    assert SUGGESTED.name not in names(page)
    qtbot.keyClicks(page.search.search, "!")
    qtbot.keyClick(page.search.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: host.asked("search")[-1].words == "qwen 8b!")
    qtbot.keyClick(page.search.search, Qt.Key.Key_Escape)
    assert page.search.search.text() == ""
    qtbot.waitUntil(lambda: host.asked("search")[-1].words == "")


def test_the_model_that_is_shown_is_marked_where_it_is_found_again(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.show_repo(result(1).id)
    host.client.pages = [HubPage(results=(result(0), result(1)))]
    qtbot.keyClicks(page.search.search, "8b")
    qtbot.waitUntil(lambda: host.asked("search")[-1].words == "8b" and page.search._task is None)
    assert page.search.view.currentIndex().data(HubRole.REPO) == page.model.repo == result(1).id
    host.client.pages = [HubPage(results=(result(0),))]
    qtbot.keyClicks(page.search.search, "x")
    qtbot.waitUntil(lambda: host.asked("search")[-1].words == "8bx" and page.search._task is None)
    assert not page.search.view.currentIndex().isValid()


def test_a_pasted_address_goes_straight_to_the_model(
    qtbot: QtBot, host: HubHost, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = show()
    found = (result(7, id="acme/Rocket-7B-GGUF", name="Rocket-7B-GGUF"),)
    host.client.pages = [HubPage(results=found, hub="https://mirror.test", named=f"{found[0].id}:Q6_K-0.gguf")]
    page.search.search.setText("lmstudio://open_from_hf?model=acme/Rocket-7B-GGUF&file=Q6_K-0.gguf")
    qtbot.keyClick(page.search.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.model.repo == "acme/Rocket-7B-GGUF")

    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    (entry,) = [action for action in page.search.menu_for(found[0].id).actions() if action.text().startswith("Open on")]
    assert entry.text() == "Open on mirror.test"
    entry.trigger()
    qtbot.waitUntil(page.model.head.open_button.isEnabled)
    assert (row := page.model.row()) is not None
    assert row.label == "Q6_K", "the file that was named is the one that is offered"
    assert page.model.head.open_button.text() == "Open on hub.test"
    page.model.head.open_button.click()
    assert opened == ["https://mirror.test/acme/Rocket-7B-GGUF", f"https://hub.test/{REPO}"]


def test_filters_narrow_the_search_and_are_cleared_together(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    filters = page.search.filters
    filters.fits.click()
    filters.capability.menus[0].actions_[1].trigger()
    filters.size_.menus[0].actions_[3].trigger()
    filters.more.menus[2].actions_[1].trigger()
    filters.sort.menus[0].actions_[1].trigger()
    qtbot.waitUntil(lambda: page.search._task is None)
    asked = host.asked("search")[-1]
    assert (asked.fits, asked.badge, asked.language, asked.sort) == (True, "tools", "ar", "downloads")
    assert (asked.min_parameters, asked.max_parameters) == (5 * 10**9, 10 * 10**9)
    assert filters.capability.accessibleName() == "Capability: Tools"
    assert filters.capability.isChecked()
    filters.clear_button.click()
    qtbot.waitUntil(lambda: page.search._task is None)
    asked = host.asked("search")[-1]
    assert (asked.fits, asked.badge, asked.max_parameters, asked.language) == (False, None, None, "")
    assert asked.sort == "downloads", "an order leaves nothing out"
    assert not filters.clear_button.isVisible()


def test_the_next_page_comes_before_the_end_is_reached(qtbot: QtBot, host: HubHost, show: Show) -> None:
    first = tuple(result(number) for number in range(60))
    second = tuple(result(number) for number in range(58, 90))
    page = show()
    host.client.pages = [HubPage(results=first, cursor="two"), HubPage(results=second)]
    host.client.asked.clear()
    page.search.search.setText("model")
    qtbot.waitUntil(lambda: page.search._task is None and len(names(page)) == 60)
    assert page.search.count.text() == "60+ results"
    bar = page.search.view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    assert len(host.asked("search")) == 1
    bar.setValue(bar.maximum() * 7 // 8)
    qtbot.waitUntil(lambda: page.search.count.text() == "90 results")
    assert host.asked("search")[-1].cursor == "two"
    assert len(set(names(page))) == 90, "what both pages hold is listed once"


def test_a_page_that_the_filters_emptied_is_followed_by_the_next(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    host.client.pages = [HubPage(cursor="two"), HubPage(cursor="three"), HubPage(results=(result(5),))]
    page.search.filters.fits.click()
    qtbot.waitUntil(lambda: names(page) == ["Model-5-8B-GGUF"])


def test_nothing_found_says_what_to_change(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    host.client.pages = [HubPage()]
    page.search.filters.fits.click()
    qtbot.waitUntil(lambda: page.search.nothing.isVisible())
    assert page.search.nothing.text() == "Nothing on the hub matches with these filters."
    page.search.widen.click()
    qtbot.waitUntil(lambda: not host.asked("search")[-1].fits)


def test_results_of_an_earlier_time_say_so_and_can_be_asked_again(qtbot: QtBot, host: HubHost, show: Show) -> None:
    host.client.pages[0] = msgspec.structs.replace(host.client.pages[0], stale=True)
    page = show()
    said = page.search.notice.accessibleName()
    assert said.startswith("The hub cannot be reached. These are results of ")
    host.client.pages = [HubPage(results=(result(1),), notes=("It was asked twice.",))]
    page.search.notice.action_triggered.emit()
    qtbot.waitUntil(lambda: page.search.notes.text() == "It was asked twice.")
    assert not page.search.notice.isVisible()


def test_a_hub_that_does_not_answer_is_an_error_with_its_hint(qtbot: QtBot, host: HubHost, show: Show) -> None:
    host.fail("search", no_hub())
    page = show(800)
    assert "cannot be reached" in page.search.notice.accessibleName()
    assert "Check the connection." in page.search.notice.accessibleName()
    assert [row.name for row in page.search.list.rows] == [SUGGESTED.name], "what needs no hub is still there"


# -------------------------------------------------------------------- keyboard, names, sizes


def test_the_page_is_used_without_a_mouse(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.activateWindow()
    qtbot.keyClick(page, Qt.Key.Key_Slash)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.search.search)
    qtbot.keyClick(page.search.search, Qt.Key.Key_Down)
    assert page.search.view.hasFocus()
    qtbot.keyClick(page.search.view, Qt.Key.Key_Down)
    chosen = page.search.view.currentIndex().data(HubRole.REPO)
    qtbot.waitUntil(lambda: page.model.repo == chosen and page.model.model is not None)
    menu = page.search.menu_for(chosen)
    assert [action.text() for action in menu.actions()] == ["Copy name", "Open on Hugging Face"]
    assert page.model.table.view in page.regions()


def test_tab_visits_everything_and_comes_round(qtbot: QtBot, show: Show) -> None:
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    page.activateWindow()
    page.search.search.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(page.search.search.hasFocus)
    wanted = {
        widget
        for widget in page.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled()
        and widget.focusProxy() is None and not isinstance(widget.parent(), NumberBox)
    }  # fmt: skip
    order: list[QWidget] = []
    focus = QApplication.focusWidget()
    while focus is not None and focus not in order:
        order.append(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
    assert wanted <= set(order)
    parts = [page.search.search, page.search.view, page.model.head.copy_button, page.model.fit.context,
             page.model.table.view, page.model.action.primary]  # fmt: skip
    assert sorted(parts, key=order.index) == parts, "as it is read"


def test_an_answer_about_another_repository_changes_nothing(qtbot: QtBot, show: Show) -> None:
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    other = fits_of(FitsRequest(repo="acme/other", options={"n_ctx": 40_960}))
    page.model.asker.arrived.emit(other, True)
    assert ", fits," in words_of(page, "Q4_K_M")


def test_a_narrow_window_shows_the_list_or_the_model(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show(720, 480)
    assert page.search.isVisible()
    assert not page.model.isVisible()
    assert not host.asked("hub_model"), "nothing is fetched for what is not seen"
    page.search.view.setCurrentIndex(page.search.list.index(1, 0))
    assert not page.model.isVisible()
    page.search.view.activated.emit(page.search.list.index(1, 0))
    assert page.model.isVisible()
    assert not page.search.isVisible()
    settle(qtbot, page)
    page.back.click()
    assert page.search.isVisible()


@pytest.mark.parametrize(
    ("width", "height", "zoom"), [(1280, 860, 1.0), (664, 480, 1.0), (880, 600, 1.0), (1360, 900, 2.0)]
)
def test_nothing_is_clipped_and_everything_has_a_name(
    qtbot: QtBot, host: HubHost, show: Show, qapp: Any, width: int, height: int, zoom: float
) -> None:
    Theme(zoom=zoom).apply(qapp)
    page = show(width, height)
    page.show_repo(REPO)
    settle(qtbot, page)
    host.tell(download())

    def settled() -> None:
        assert page.width() == width, "the page forces the window wider"
        for label in page.findChildren(QLabel):
            if not label.isVisible() or not label.text() or isinstance(label, ElidedLabel):
                continue
            needed = label.heightForWidth(label.width()) if label.wordWrap() else 0
            assert label.height() >= needed - 1, label.text()
            assert label.wordWrap() or label.width() >= label.sizeHint().width() - 1, label.text()

    qtbot.waitUntil(settled)
    named = []
    for widget in page.findChildren(QWidget):
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
            interface = QAccessible.queryAccessibleInterface(widget)
            name = interface.text(QAccessible.Text.Name)
            assert name, widget
            named.append((name, type(widget).__name__))
            if isinstance(widget, QAbstractButton):
                assert widget.width() >= widget.minimumSizeHint().width(), name
                frame = widget.parentWidget()
                assert frame is not None
                assert frame.rect().contains(QRect(widget.pos(), widget.size())), name
    assert len(named) == len(set(named))
