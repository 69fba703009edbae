"""Downloads in the window: rail, popover and page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from download_fakes import GB, JOB, DownloadHost, download
from downloads_place import Place
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel, QWidget

from paddock.gui.models.downloads import amount
from paddock.gui.pages.downloads_row import MIME
from paddock.gui.widgets import ElidedLabel
from paddock.gui.widgets.question import Question
from paddock.sdk.downloads import DownloadRemains
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.events import DownloadProgress, Snapshot
from paddock.sdk.host import ServerStatus, Settings

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_the_rail_shows_what_is_under_way_and_nothing_once_it_was_seen(place: Place) -> None:
    button = place.window.rail.downloads
    assert not button.isVisible()
    place.host.tell(download("a", done_bytes=GB, speed=10e6, seconds_left=400.0))
    assert button.isVisible()
    assert button.text() == "7 min left"
    place.host.tell(download("a", "failed", error=ErrorInfo(code="x", message="The hub is away.")))
    assert button.text() == "1 failed"
    assert button.accessibleDescription() == "1 failed"
    place.host.tell(download("a", "running"), download("a", "done"))
    assert button.text() == "done"
    button.click()
    popover = place.window._downloads
    assert popover is not None
    assert list(popover.rows.rows) == ["a"]
    popover.hide()
    assert not button.isVisible()


def test_the_popover_pauses_resumes_tries_again_and_leads_to_the_page(place: Place) -> None:
    place.host.tell(download("a"))
    place.window.show_downloads()
    popover = place.window._downloads
    assert popover is not None
    row = popover.rows.rows["a"]
    assert row.go.accessibleName() == "Pause Model-a-GGUF"
    row.go.click()
    place.qtbot.waitUntil(place.asked("pause"))
    place.host.tell(download("a", "paused"))
    assert popover.rows.rows["a"] is row, "the row stays, and the focus with it"
    assert row.go.accessibleName() == "Resume Model-a-GGUF"
    row.go.click()
    place.qtbot.waitUntil(place.asked("resume"))
    error = ErrorInfo(code="access_denied", message="It asks for your consent.", hint="Accept its licence.")
    place.host.tell(download("a", "failed", error=error))
    assert row.go.accessibleName() == "Try Model-a-GGUF again"
    assert (row.trouble.text(), row.hint.text()) == ("It asks for your consent.", "Accept its licence.")
    assert row.remedy.isVisible()
    popover.all.click()
    assert place.window.page() == "downloads"


@pytest.mark.parametrize("news", [[download("a", "paused")], [download("a", note="It waits. " * 20), JOB]])
def test_the_popover_is_high_enough_for_what_it_shows_when_it_opens(place: Place, news: list[Any]) -> None:
    place.host.tell(*news)
    place.window.show_downloads()
    popover = place.window._downloads
    assert popover is not None
    place.qtbot.waitUntil(popover.isVisible)

    def lowest() -> int:
        return max(row.mapTo(popover, row.rect().bottomLeft()).y() for row in popover.rows.rows.values())

    place.qtbot.waitUntil(lambda: lowest() < popover.height() - 10)
    popover.hide()


def test_a_finished_one_offers_to_load_and_to_chat(place: Place) -> None:
    model = next(iter(place.host.models.values()))
    loads: list[str] = []
    chats: list[str] = []
    place.window.downloads.load_wanted.connect(loads.append)
    place.window.downloads.chat_wanted.connect(chats.append)
    place.host.tell(download("a"), download("a", "done", path=model.path))
    row = place.row("a")
    assert row.load.isVisible()
    row.load.click()
    row.chat.click()
    assert (loads, chats) == ([model.id], [model.id])
    place.host.models = {}
    place.host.models_changed.emit()
    assert not row.load.isVisible(), "the model is gone from the disk"


def test_cancel_can_be_undone_and_removes_the_parts_only_then(place: Place) -> None:
    place.host.tell(download("a"))
    place.row("a").end.click()
    place.qtbot.waitUntil(place.asked("pause"))
    assert place.notices() == ["Model-a-GGUF is cancelled."]
    assert not place.window.rail.downloads.isVisible()
    (notice,) = place.window.bar.rows()
    notice.card.action_triggered.emit()
    place.qtbot.waitUntil(place.asked("resume"))
    assert not place.host.asked("cancel")
    place.row("a").end.click()
    (notice,) = place.window.bar.rows()
    notice.close_button.click()
    place.qtbot.waitUntil(place.asked("cancel"))


def test_a_job_is_cancelled_and_leaves_the_list(place: Place) -> None:
    place.host.tell(JOB)
    row = place.row("j")
    assert not row.go.isVisible(), "a job cannot be paused"
    row.end.click()
    place.window.bar.settle()
    place.qtbot.waitUntil(place.asked("forget job"))
    assert place.host.asked("cancel job", "forget job") == [("cancel job", "j"), ("forget job", "j")]


def test_the_queue_is_reordered_by_keys_and_by_dragging(place: Place) -> None:
    place.host.tell(download("a"), download("b", "queued"), download("c", "queued"), download("d", "queued"))
    row = place.row("c")
    row.setFocus(Qt.FocusReason.TabFocusReason)
    place.qtbot.keyClick(row, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    place.qtbot.waitUntil(place.asked("move"))
    place.qtbot.keyClick(row, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    place.qtbot.waitUntil(lambda: len(place.host.asked("move")) == 2)
    assert [call[1] for call in place.host.asked("move")] == [("c", 1), ("c", 3)], "the running one is number 0"
    rows = place.page().sections["waiting"].rows
    data = QMimeData()
    data.setData(MIME, b"d")
    top = QDropEvent(
        QPointF(5, 1), Qt.DropAction.MoveAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    rows.dropEvent(top)
    place.qtbot.waitUntil(lambda: len(place.host.asked("move")) == 3)
    assert place.host.asked("move")[2][1] == ("d", 1)


def test_the_page_takes_the_order_from_the_host(place: Place) -> None:
    place.host.tell(download("a", "queued"), download("b", "queued"))
    place.host.client.list = dict(reversed(place.host.client.list.items()))
    page = place.page()
    place.qtbot.waitUntil(lambda: list(page.sections["waiting"].rows.rows) == ["b", "a"])


def test_a_list_that_comes_late_tells_the_order_and_takes_nothing_back(place: Place) -> None:
    place.host.tell(download("a"), download("b", "queued"), download("c", "queued"))
    page, late = place.page(), dict(reversed(place.host.client.list.items()))
    place.qtbot.waitUntil(lambda: list(page.sections["waiting"].rows.rows) == ["b", "c"])
    place.host.held = True
    page.hide()
    page.show()
    place.host.tell(download("a", "paused"), download("d", "queued"))
    place.host._update(DownloadProgress(id="b", download=None))
    place.host.client.list = late
    place.host.release()
    states = {item.id: item.state for item in place.host.downloads.values()}
    assert states == {"c": "queued", "a": "paused", "d": "queued"}
    assert list(states) == ["c", "a", "d"], "no event tells their order"


def test_a_list_from_before_the_window_connected_anew_is_passed_over(
    qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = DownloadHost(tmp_path)
    for other in ("refresh_models", "refresh_chats"):
        monkeypatch.setattr(host, other, lambda: None)
    host.tell(download("a"), download("b", "queued"))
    host.held = True
    host.ask_downloads(lambda client: client.downloads())
    server = ServerStatus(running=False, host="127.0.0.1", port=5151)
    host._update(Snapshot(id="h2", loaded=(), server=server, settings=Settings(), downloads=(download("n"),)))
    host.release()
    assert list(host.downloads) == ["n"]
    host.ask_downloads(lambda client: client.downloads())
    host.release()
    assert list(host.downloads) == ["a", "b"], "the next one is taken"


def test_all_are_paused_the_last_one_first_and_resumed_in_their_order(place: Place) -> None:
    place.host.tell(download("a"), download("b", "queued"), download("p", "paused"), download("q", "paused"))
    page = place.page()
    page.pause_all.click()
    place.qtbot.waitUntil(lambda: len(place.host.asked("pause")) == 2)
    page.resume_all.click()
    place.qtbot.waitUntil(lambda: len(place.host.asked("resume")) == 2)
    assert [call[1] for call in place.host.asked("pause", "resume")] == ["b", "a", "p", "q"]


def test_the_page_has_everything_on_the_keyboard_and_under_a_name(place: Place) -> None:
    assert place.page().to_discover.isVisible(), "an empty page leads to Discover"
    place.host.tell(download("a"), download("b", "paused"), download("c", "done"), JOB)
    page = place.page()
    reached = [
        widget for widget in page.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]  # fmt: skip
    unnamed = [widget for widget in reached if not widget.accessibleName()]
    assert unnamed == []
    names = [widget.accessibleName() for widget in reached]
    assert len(names) == len(set(names)), "no two are called the same"
    row = place.row("a")
    place.qtbot.keyClick(row, Qt.Key.Key_Space)
    place.qtbot.waitUntil(place.asked("pause"))
    place.qtbot.keyClick(row, Qt.Key.Key_Delete)
    assert place.notices() == ["Model-a-GGUF is cancelled."]


def test_what_is_left_over_is_named_and_removed_only_after_a_question(place: Place) -> None:
    left = DownloadRemains(
        id="r1", path="/models/.downloads/r1", files=("m.gguf",), size_bytes=12 * GB // 10, changed=0.0
    )
    place.host.client.remains = [left]
    remains = place.page().remains
    place.qtbot.waitUntil(remains.isVisible)
    assert not place.page().empty.isVisible()
    assert remains.buttons[0].accessibleName().startswith("Remove m.gguf, 1.2 GB")
    remains.buttons[0].click()
    (box,) = remains.findChildren(Question)
    assert not place.host.asked("remove remains")
    next(button for button in box.buttons if button.text() == "Remove for good").click()
    place.qtbot.waitUntil(lambda: not remains.isVisible())
    assert place.host.asked("remove remains") == [("remove remains", "r1")]
    assert place.page().empty.isVisible()


def test_what_little_has_come_is_never_called_nothing() -> None:
    assert amount(0, 5 * GB) == "0 of 5.0 GB"
    assert amount(12_000_000, 5 * GB) == "12.0 MB of 5.0 GB"
    assert amount(120_000_000, 5 * GB) == "0.1 of 5.0 GB"
    assert amount(2 * GB, 5 * GB) == "2.0 of 5.0 GB"


def test_the_details_tell_the_files_and_the_revision(place: Place) -> None:
    place.host.tell(download("a"))
    row = place.row("a")
    row.more.click()
    assert row.details.text() == "a.gguf · 5.0 GB\nQwen/Model-a-GGUF, revision 1111111111"


def test_the_limit_is_switched_and_changed_on_the_page(place: Place) -> None:
    limit = place.page().limit
    limit.switch.click()
    place.qtbot.waitUntil(lambda: place.host.settings.download_limit == 5_000_000)
    limit.box.setValue(2.5)
    limit.box.editingFinished.emit()
    place.qtbot.waitUntil(lambda: place.host.settings.download_limit == 2_500_000)
    limit.switch.click()
    place.qtbot.waitUntil(lambda: place.host.settings.download_limit == 0)
    assert not limit.box.isVisible()


def test_no_word_is_clipped_where_there_is_little_room(place: Place) -> None:
    error = ErrorInfo(code="access_denied", message="It asks for your consent first. " * 3, hint="Accept it. " * 9)
    long = download("a-very-long-name-of-a-model-" * 5, "failed", error=error)
    place.host.tell(download("a", note="The hub asks us to wait 20 s."), long, download("c", "done"), JOB)
    place.window.resize(720, 480)
    page = place.page()

    def settled() -> None:
        for label in page.findChildren(QLabel):
            if label.isVisible() and label.text() and not isinstance(label, ElidedLabel):
                needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
                assert label.height() >= needed - 1, label.text()

    place.qtbot.waitUntil(settled)
    assert page.horizontalScrollBar().maximum() == 0
    row = place.row(long.id)
    assert row.title.toolTip() == row.item.title, "a name that does not fit is told whole by the tooltip"
