"""The Discover page on a hub that the test holds in its hands: a model, its fits, getting it."""

import msgspec
import pytest
from discover_page import Show, host_of, no_hub, settle, shown, words_of
from hub_fakes import REPO, HubHost, download, fits_of, hub_model, quant, result
from memory_fakes import GB
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages
from paddock.gui.pages.discover import DiscoverPage
from paddock.gui.pages.discover_action import ActionBar
from paddock.gui.pages.discover_files import Heads
from paddock.gui.widgets.buttons import LargeButton
from paddock.sdk.hub import FitsRequest, HubFileInfo, RepoFits
from paddock.sdk.memory import Estimate, Verdict

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

host = pytest.fixture(host_of)
show = pytest.fixture(shown)


def foot_of(page: DiscoverPage, part: QWidget) -> int:
    """Where ``part`` ends, in pixels from the top of the page."""
    return part.mapTo(page, QPoint(0, part.height())).y()


def untold(estimate: Estimate, verdict: Verdict) -> Estimate:
    """``estimate`` with another verdict, which nothing would change."""
    return msgspec.structs.replace(estimate, verdict=verdict, remedy=None)


def said(action: ActionBar) -> str:
    """What stands beside the button; its last two words are held together."""
    return action.words.text().replace("\u00a0", " ")


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
    assert said(page.model.action) == "214 GB free on disk"


def test_where_nothing_fits_the_file_that_is_shown_is_the_one_that_is_looked_at(
    qtbot: QtBot, host: HubHost, show: Show
) -> None:
    notes = ("There is no Q4_K_M.gguf at hub.test.",)

    def none_fits(request: FitsRequest) -> RepoFits:
        found = fits_of(request)
        fits = [msgspec.structs.replace(fit, estimate=untold(fit.estimate, "does_not_fit")) for fit in found.fits]
        return msgspec.structs.replace(found, fits=tuple(fits), best="", reason="", notes=notes)

    host.client.answer_fits = none_fits
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    row = page.model.row()
    assert row is not None
    assert row.label == "Q4_K_M"
    assert [asked.quant for asked in host.asked("full fits")][-1] == "Q4_K_M"
    assert page.model.fit.source.text().endswith(notes[0])

    host.client.model = hub_model(obstacle="Its publisher wants to be asked first.")
    page.show_repo("Qwen/other")
    page.show_repo(REPO)
    settle(qtbot, page)
    qtbot.waitUntil(lambda: page.model.head.gate.isVisible())
    assert notes[0] not in page.model.fit.source.text(), "the head says why"


def test_a_file_of_which_nothing_can_be_told_is_not_asked_for(qtbot: QtBot, host: HubHost, show: Show) -> None:
    def untold_all(request: FitsRequest) -> RepoFits:
        found = fits_of(request)
        fits = [msgspec.structs.replace(fit, estimate=untold(fit.estimate, "cannot_tell")) for fit in found.fits]
        return msgspec.structs.replace(found, fits=tuple(fits), best="", reason="")

    host.client.answer_fits = untold_all
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    assert [asked.quant for asked in host.asked("full fits")][-1] == ""


def test_the_heads_of_the_table_name_the_machine_that_is_planned_for(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    heads = page.model.table.heads
    assert heads.machine == "this machine"
    page.model.fit.machine.choose("24GB")
    settle(qtbot, page)
    assert heads.machine == "24GB"
    assert page.model.fit.title.text().endswith(" on 24GB")
    drawn = Heads()
    qtbot.addWidget(drawn)
    drawn.resize(900, 34)
    here = drawn.grab().toImage()
    drawn.show_machine("24GB")
    assert drawn.grab().toImage() != here
    drawn.show_machine("")
    assert drawn.grab().toImage() == here


def test_the_context_slider_moves_every_badge_at_once(qtbot: QtBot, host: HubHost, show: Show) -> None:
    page = show()
    host.client.asked.clear()
    page.model.fit.context.set_number(40_960)
    qtbot.waitUntil(lambda: "does not fit" in words_of(page, "Q4_K_M"))
    settle(qtbot, page)
    asked = [method for method, _ in host.client.asked if method.endswith(" fits")]
    assert asked == ["quick fits", "full fits"], "the full one when it has come to rest"
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
    host.tell(download())
    host.tell(download("Q6_K", id="d2", state="queued"))
    assert said(action) == "2.1 GB of 5.0 GB, 12.0 MB/s, 4 min left"
    assert words_of(page, "Q4_K_M").endswith("42 %, 4 min left, Pause")
    action.primary.click()
    qtbot.waitUntil(lambda: action.primary.text() == "Resume")
    assert said(action).startswith("Paused.")
    assert list(host.downloads) == ["d1", "d2"], "it keeps its place in the queue"
    host.tell(download(state="failed"))
    assert action.primary.text() == "Try again"
    action.primary.click()
    qtbot.waitUntil(lambda: host.asked("resume") == ["d1"])
    page.model.table.view.setCurrentIndex(page.model.table.view.files.row_of("IQ4_XS"))
    assert said(action) == "about 6 min at 12.0 MB/s, 214 GB free on disk", "its speed is known now"


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
    assert said(page.model.action) == "Not enough room: it needs 8.7 GB, 6.0 GB are free on disk."
    host.client.disk_free = 60 * GB
    page.model.fit.changed.emit()
    settle(qtbot, page)
    assert page.model.action.primary.isEnabled()
    assert page.model.action.primary.text() == "Download anyway, 8.7 GB"
    assert said(page.model.action).startswith("It does not fit, and may not load.")


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
        head.gate.second_triggered.emit()


def test_missing_parts_and_projectors_are_told(qtbot: QtBot, host: HubHost, show: Show) -> None:
    quants = (quant("Q4_K_M"), quant("Q8_0", parts=2, missing=("three.gguf",)))
    projector = HubFileInfo(path="mmproj.gguf", size_bytes=850_000_000)
    host.client.model = hub_model(quants=quants, projectors=(projector,))
    page = show()
    page.show_repo(REPO)
    settle(qtbot, page)
    assert words_of(page, "Q8_0").endswith("1 of 3 parts are missing on the hub")
    assert page.model.files_about.text() == "2 quants, 1 of them in parts"
    assert page.model.projector.text() == "Comes with a projector of 850 MB, with which it sees pictures."
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
    reader.select_all()
    assert "Picture: Chart (x.test)" in reader.selected_text()
    assert "<img" not in reader.selected_text()
    assert opened == []
    reader.open_link("https://x.test/p.png")
    assert opened == ["https://x.test/p.png"]
    qtbot.keyClick(page.model.card, Qt.Key.Key_Escape)
    assert page.model.table.isVisible()


def test_a_narrow_card_has_one_way_back_and_the_focus_stays_on_the_page(
    qtbot: QtBot, host: HubHost, show: Show
) -> None:
    page = show(720, 480)
    QPushButton("What comes next in the order of Tab", page).show()
    page.show_repo("Qwen/Qwen3-8B-GGUF")
    settle(qtbot, page)
    assert page.back.isVisible()
    page.model.show_card()
    assert page.model.card.back.isVisible()
    assert not page.back.isVisible()
    page.model.show_files()
    assert page.back.isVisible()
    page.model.show_repo("unsloth/Qwen3-8B-GGUF")
    assert page.focusWidget() is page.model.head.copy_button


# -------------------------------------------------------------------- heights


def test_a_window_that_grew_behind_another_page_leaves_no_gaps(qtbot: QtBot, host: HubHost) -> None:
    pages = QStackedWidget()
    qtbot.addWidget(pages)
    page, other = DiscoverPage(host, Messages()), QWidget()
    pages.addWidget(page)
    pages.addWidget(other)
    pages.resize(640, 480)
    pages.show()
    page.show_repo(REPO)
    settle(qtbot, page)
    model, legend = page.model, page.model.fit.legend
    qtbot.waitUntil(lambda: legend.height() == 2 * legend.LINE)
    pages.setCurrentWidget(other)
    pages.resize(1360, 900)
    pages.setCurrentWidget(page)
    qtbot.waitUntil(lambda: legend.height() == legend.LINE)
    qtbot.waitUntil(lambda: model.head._facts.height() == model.head._flow.heightForWidth(model.head._facts.width()))
    qtbot.waitUntil(lambda: model.area.verticalScrollBar().maximum() == 0)
    qtbot.waitUntil(
        lambda: foot_of(page, model.action.primary) - foot_of(page, model.table) == 8 + 8 + LargeButton.HIGH
    )
