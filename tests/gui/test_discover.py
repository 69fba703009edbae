"""The Discover page on a hub that the test holds in its hands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hub_fakes import REPO, SUGGESTED, HubHost, download, fits_of, hub_model, quant, result
from memory_fakes import GB
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible, QDesktopServices
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages
from paddock.gui.models.hub import HubRole
from paddock.gui.pages.discover import DiscoverPage
from paddock.gui.theme import Theme
from paddock.gui.widgets import ElidedLabel, NumberBox
from paddock.sdk.errors import RemoteFailed
from paddock.sdk.hub import FitsRequest, HubFileInfo, HubPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

Show = Callable[..., DiscoverPage]


@pytest.fixture
def host(qapp: Any, tmp_path: Path) -> HubHost:
    Theme().apply(qapp)
    return HubHost(tmp_path)


@pytest.fixture
def show(qtbot: QtBot, host: HubHost) -> Show:
    def make(width: int = 1280, height: int = 860) -> DiscoverPage:
        page = DiscoverPage(host, Messages())
        qtbot.addWidget(page)
        page.resize(width, height)
        page.show()
        qtbot.waitUntil(lambda: page.search._task is None, timeout=5000)
        if page.model.isVisible():
            settle(qtbot, page)
        return page

    return make


def settle(qtbot: QtBot, page: DiscoverPage) -> None:
    model = page.model
    qtbot.waitUntil(lambda: model.fits is not None and model.fits.repo == model.repo, timeout=5000)
    qtbot.waitUntil(lambda: model.asker.settled, timeout=5000)


def names(page: DiscoverPage) -> list[str]:
    return [row.name for row in page.search.list.rows]


def words_of(page: DiscoverPage, label: str) -> str:
    index = page.model.table.view.files.row_of(label)
    return str(index.data(Qt.ItemDataRole.AccessibleTextRole))


def no_hub() -> RemoteFailed:
    return RemoteFailed("hub.test cannot be reached, or the connection broke.", hint="Check the connection.")


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


def test_a_pasted_address_goes_straight_to_the_model(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    host.client.pages = [HubPage(results=(result(7, id="acme/Rocket-7B-GGUF", name="Rocket-7B-GGUF"),))]
    page.search.search.setText("https://huggingface.co/acme/Rocket-7B-GGUF/tree/main")
    qtbot.keyClick(page.search.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.model.repo == "acme/Rocket-7B-GGUF")


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


# -------------------------------------------------------------------- fits


def test_the_best_file_is_chosen_and_its_load_is_simulated(host: HubHost, show: Show) -> None:
    page = show()
    assert page.model.repo == "ggml-org/SmolLM3-3B-GGUF", "the first of the list is shown beside it"
    assert [row.label for row in page.model.table.view.files.rows] == ["Q8_0", "Q6_K", "Q4_K_M", "IQ4_XS", "Q3_K_M"]
    assert words_of(page, "Q4_K_M") == (
        "Q4_K_M, 5.0 GB, fits, Best here: best quality with room for 8k context, Download"
    )
    assert words_of(page, "Q8_0") == "Q8_0, 8.7 GB, does not fit, near lossless, Download"
    fit = page.model.fit
    assert fit.title.text() == "Q4_K_M on this machine"
    assert fit.need.text() == "needs 6.2 of 7.2 GB free on RTX 4060 Laptop"
    assert fit.source.text() == "Simulated by the engine from 6.0 MB of the file. Largest context that fits: 14,848."
    assert [len(host.asked(kind)) for kind in ("quick fits", "full fits")] == [1, 1]
    assert page.model.action.primary.text() == "Download Q4_K_M, 5.0 GB"
    assert page.model.action.words.text() == "214 GB free on disk"


def test_the_context_slider_moves_every_badge_at_once(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    host.client.asked.clear()
    page.model.fit.context.set_number(40_960)
    qtbot.waitUntil(lambda: len(host.asked("quick fits")) == 1)
    assert not host.asked("full fits"), "it has only just moved"
    qtbot.waitUntil(lambda: "does not fit" in words_of(page, "Q4_K_M"))
    settle(qtbot, page)
    assert host.asked("full fits")[-1].options == {"n_ctx": 40_960}
    page.model.fit.kv.menus[0].actions_[1].trigger()
    settle(qtbot, page)
    assert host.asked("full fits")[-1].options["cache_type_k"] == "q8_0"


def test_arrow_keys_go_through_the_files_and_the_card_follows(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    view = page.model.table.view
    view.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert page.model.fit.title.text() == "IQ4_XS on this machine"
    assert page.model.action.primary.text() == "Download IQ4_XS, 4.6 GB"
    settle(qtbot, page)
    assert host.asked("full fits")[-1].quant == "IQ4_XS"
    page.model.table.heads.click()
    assert view.files.rows[0].label == "Q3_K_M"
    assert view.label() == "IQ4_XS"


def test_another_machine_is_described_in_words_and_kept(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    chip = page.model.fit.machine
    chip.ask()
    popup = chip._popup
    assert popup is not None
    popup.field.setText("gold")
    popup.add.click()
    qtbot.waitUntil(lambda: "does not describe a computer" in popup.hint.text())
    popup.field.setText("24GB")
    popup.add.click()
    qtbot.waitUntil(lambda: not popup.isVisible())
    settle(qtbot, page)
    assert host.asked("full fits")[-1].on == "24GB"
    assert page.model.fit.title.text() == "Q8_0 on 24GB", "another file is the best there"
    assert host.asked("search")[-1].on == "24GB", "the results' badges are about it too"
    assert host.settings.planned_machines == ("24GB",)


def test_a_repository_that_does_not_open_says_why(qtbot: QtBot, host: HubHost, show: Show) -> None:
    host.fail("hub_model", no_hub())
    page = DiscoverPage(host, Messages())
    qtbot.addWidget(page)
    page.resize(1280, 860)
    page.show()
    qtbot.waitUntil(lambda: page.model.notice.isVisible())
    assert "cannot be reached" in page.model.notice.accessibleName()
    del host.client.fail["hub_model"]
    page.model.notice.action_triggered.emit()
    settle(qtbot, page)


def test_what_cannot_be_told_shows_no_numbers_of_another_model(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    fits = fits_of(FitsRequest(repo=REPO))
    unknown = [
        msgspec.structs.replace(
            fit,
            estimate=msgspec.structs.replace(
                fit.estimate, devices=(), verdict="cannot_tell", sentence="What it takes cannot be told."
            ),
        )
        for fit in fits.fits
    ]
    page.model.asker.arrived.emit(msgspec.structs.replace(fits, fits=tuple(unknown), best="", reason=""), True)
    card = page.model.fit
    assert card.verdict.text() == "What it takes cannot be told."
    assert not any(part.isVisible() for part in (card.bar, card.legend, card.need, card.source, card.context, card.kv))
    assert "cannot tell" in words_of(page, "Q4_K_M")


def test_the_name_stands_there_before_the_hub_answers(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show(720, 480)
    host.held = True
    page.show_repo(REPO)
    qtbot.waitUntil(page.model.head.title.isVisible)
    page.model.area.fit()
    assert page.model.area.maximumHeight() >= page.model.head.sizeHint().height()
    assert page.model.head.title.text() == "Qwen3 8B"


# -------------------------------------------------------------------- getting it


def test_download_pause_and_resume_are_one_button(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.show_repo(f"{REPO}:Q4_K_M")
    settle(qtbot, page)
    action = page.model.action
    action.primary.click()
    qtbot.waitUntil(lambda: host.asked("download") == [f"{REPO}:Q4_K_M"])
    qtbot.waitUntil(lambda: action.primary.text() == "Pause")
    host.learn_downloads([download()])
    assert action.words.text() == "2.1 GB of 5.0 GB, 12.0 MB/s, 4 min left"
    assert words_of(page, "Q4_K_M").endswith("42 %, 4 min left, Pause")
    action.primary.click()
    qtbot.waitUntil(lambda: action.primary.text() == "Resume")
    assert action.words.text().startswith("Paused.")
    host.learn_downloads([download(state="failed")])
    assert action.primary.text() == "Try again"
    action.primary.click()
    qtbot.waitUntil(lambda: host.asked("resume") == ["d1"])
    page.model.table.view.setCurrentIndex(page.model.table.view.files.row_of("IQ4_XS"))
    assert action.words.text() == "about 6 min at 12.0 MB/s, 214 GB free on disk", "its speed is known now"


def test_what_is_on_disk_is_loaded_or_chatted_with(qtbot: QtBot, host: HubHost, show: Show) -> None:
    host.client.downloaded = "Q4_K_M"
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    assert words_of(page, "Q4_K_M").endswith("downloaded, Chat")
    with qtbot.waitSignal(page.chat_wanted) as chat:
        qtbot.keyClick(page.model.table.view, Qt.Key.Key_Return)
    with qtbot.waitSignal(page.load_wanted) as load:
        page.model.action.load.click()
    assert chat.args == load.args == [f"{REPO}:Q4_K_M"]
    menu = page.model.menu_for("Q4_K_M")
    assert menu is not None
    assert [action.text() for action in menu.actions() if action.text()] == ["Chat", "Load with settings", "Copy name"]


def test_a_full_disk_and_a_model_too_large_say_so(qtbot: QtBot, host: HubHost, show: Show) -> None:
    host.client.disk_free = 6 * GB
    page = show()
    page.show_repo(f"{REPO}:Q8_0")
    settle(qtbot, page)
    assert not page.model.action.primary.isEnabled()
    assert page.model.action.words.text() == "Not enough room: it needs 8.7 GB, 6.0 GB are free on disk."
    host.client.disk_free = 60 * GB
    page.model.fit.changed.emit()
    settle(qtbot, page)
    assert page.model.action.primary.isEnabled()
    assert page.model.action.primary.text() == "Download anyway, 8.7 GB"
    assert page.model.action.words.text().startswith("It does not fit, and may not load.")


def test_a_gated_repository_explains_the_way_in(
    qtbot: QtBot, host: HubHost, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True)
    gated = result(gated="manual")
    host.client.model = hub_model(result=gated, obstacle="Its publisher wants to be asked first.")
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    head = page.model.head
    assert head.gate.accessibleName() == "Its publisher wants to be asked first."
    head.gate.action_triggered.emit()
    assert opened == [f"https://hub.test/{REPO}"]
    assert not page.model.action.primary.isEnabled()
    with qtbot.waitSignal(page.settings_wanted):
        head.sign_in.click()


def test_missing_parts_and_projectors_are_told(qtbot: QtBot, host: HubHost, show: Show) -> None:
    quants = (quant("Q4_K_M"), quant("Q8_0", parts=2, missing=("three.gguf",)))
    projector = HubFileInfo(path="mmproj.gguf", size_bytes=850_000_000)
    host.client.model = hub_model(quants=quants, projectors=(projector,))
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    assert words_of(page, "Q8_0").endswith("1 of 3 parts are missing on the hub")
    assert page.model.files_about.text() == "2 quants, 1 of them in parts"
    assert page.model.projector.text().startswith("Comes with a 850 MB projector")
    page.model.table.view.setCurrentIndex(page.model.table.view.files.row_of("Q8_0"))
    assert not page.model.action.primary.isEnabled()
    page.model.act("Q8_0")
    assert not host.asked("download")


def test_the_model_card_is_read_in_place_and_links_leave_only_on_a_click(
    qtbot: QtBot, host: HubHost, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True)
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    page.model.head.card_button.click()
    reader = page.model.card.reader
    assert reader.isVisible()
    reader._select_all()
    assert "Picture: Chart (x.test)" in reader.selected_text()
    assert "<img" not in reader.selected_text()
    assert opened == []
    reader.open_link("https://x.test/p.png")
    assert opened == ["https://x.test/p.png"]
    qtbot.keyClick(page.model.card, Qt.Key.Key_Escape)
    assert page.model.table.isVisible()


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
    host.learn_downloads([download()])
    qtbot.wait(30)
    assert page.width() == width, "the page forces the window wider"
    for label in page.findChildren(QLabel):
        if not label.isVisible() or not label.text() or isinstance(label, ElidedLabel):
            continue
        needed = label.heightForWidth(label.width()) if label.wordWrap() else 0
        assert label.height() >= needed - 1, label.text()
        assert label.wordWrap() or label.width() >= label.sizeHint().width() - 1, label.text()
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
