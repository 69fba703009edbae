"""Downloads in the window: rail, popover, page, notices, and the question when the window is closed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from download_fakes import GB, DownloadHost, download
from PySide6.QtCore import QMimeData, QPointF, Qt, QTimer
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.bridge import Bridge
from paddock.gui.messages import Messages
from paddock.gui.notifications import Notifications
from paddock.gui.pages.downloads import DownloadsPage
from paddock.gui.pages.downloads_row import MIME, DownloadRow
from paddock.gui.quit_question import QuitQuestion, Work
from paddock.gui.theme import Theme, ThemeSource
from paddock.gui.widgets import ElidedLabel
from paddock.gui.window import Window
from paddock.gui.window_state import WindowState
from paddock.sdk.downloads import DownloadRemains
from paddock.sdk.errors import ErrorInfo
from paddock.sdk.jobs import Job
from paddock.sdk.paths import Home

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

JOB = Job(id="j", kind="quantize", title="Quantise it", state="running", done_bytes=GB, total_bytes=4 * GB)


class Place:
    """A window on a host that does as it is told."""

    def __init__(self, qtbot: QtBot, home: Path) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        Theme().apply(application)
        self.qtbot = qtbot
        self.host = DownloadHost(home)
        self.host.settings = msgspec.structs.replace(self.host.settings, welcomed=True)
        self.messages = Messages()
        state = WindowState(geometry=(0, 0, 800, 640))
        self.window = Window(self.host, self.messages, ThemeSource(application), state, Home(home), lambda state: None)
        self.window.show()
        self.question: QuitQuestion = self.window.quit_question

    def page(self) -> DownloadsPage:
        self.window.show_page("downloads")
        page = self.window.stack.currentWidget()
        assert isinstance(page, DownloadsPage)
        self.qtbot.waitUntil(page.isVisible)
        return page

    def row(self, id: str) -> DownloadRow:
        page = self.page()
        return next(part.rows.rows[id] for part in page.sections.values() if id in part.rows.rows)

    def asked(self, *methods: str) -> Callable[[], bool]:
        return lambda: bool(self.host.asked(*methods))

    def notices(self) -> list[str]:
        return self.window.bar.texts()


@pytest.fixture
def place(qtbot: QtBot, tmp_path: Path) -> Any:
    made = Place(qtbot, tmp_path)
    yield made
    made.window._quitting = True
    made.window.close()
    made.window.deleteLater()


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
    (box,) = remains.findChildren(QMessageBox)
    assert not place.host.asked("remove remains")
    next(button for button in box.buttons() if button.text() == "Remove for good").click()
    place.qtbot.waitUntil(lambda: not remains.isVisible())
    assert place.host.asked("remove remains") == [("remove remains", "r1")]
    assert place.page().empty.isVisible()


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


# -------------------------------------------------------------------- notices


class Desktop:
    """What the desktop was told; the first notice is answered with ``choice``."""

    def __init__(self, choice: str) -> None:
        self.choice = choice
        self.told: list[tuple[str, list[str]]] = []

    async def show(self, title: str, body: str, actions: Mapping[str, str]) -> AsyncGenerator[str, None]:
        self.told.append((body, list(actions)))
        yield self.choice


class Goals:
    """Where a notice led to."""

    def __init__(self) -> None:
        self.gone: list[tuple[str, str]] = []

    def chat_with(self, model: str) -> None:
        self.gone.append(("chat", model))

    def load_with_settings(self, model: str) -> None:
        self.gone.append(("load", model))

    def show_page(self, page: str) -> None:
        self.gone.append(("page", page))

    def come_forward(self, token: str = "") -> None:
        self.gone.append(("forward", token))


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere Qt's tray icon speaks")
def test_a_download_that_ends_behind_another_window_is_told_on_the_desktop(place: Place) -> None:
    bridge = Bridge(lambda error: None)
    bridge.start()
    desktop, goals = Desktop("chat"), Goals()
    in_front = True
    Notifications(place.host, place.messages, bridge, goals, show=desktop.show, in_front=lambda: in_front).setParent(
        place.window
    )
    model = next(iter(place.host.models.values()))
    place.host.tell(download("a"), download("a", "done", path=model.path))
    assert place.notices() == ["Model-a-GGUF Q4_K_M is here, 5.0 GB."]
    (notice,) = place.window.bar.rows()
    notice.card.second_triggered.emit()
    assert goals.gone == [("chat", model.id)]
    assert desktop.told == [], "whoever looks at the window sees it there"
    in_front = False
    place.host.tell(download("b"), download("b", "done", path=model.path))
    place.qtbot.waitUntil(lambda: len(goals.gone) == 3)
    assert desktop.told == [("Model-b-GGUF Q4_K_M is here, 5.0 GB.", ["load", "chat"])]
    assert goals.gone[1:] == [("forward", ""), ("chat", model.id)]
    place.host.settings = msgspec.structs.replace(place.host.settings, notify=False)
    place.host.tell(msgspec.structs.replace(JOB, state="failed", error=ErrorInfo(code="x", message="No room.")))
    assert place.notices()[-1] == "Quantise it: failed. No room."
    assert len(desktop.told) == 1, "the setting holds"
    full = ErrorInfo(code="storage_failed", message="The disk is full.", hint="Make room and resume.")
    place.host.tell(download("c"), download("c", "paused", error=full), download("c", "paused", error=full))
    assert place.notices()[-1] == "Model-c-GGUF Q4_K_M had to be paused. The disk is full. Make room and resume."
    bridge.close()


# -------------------------------------------------------------------- quitting


def answer(words: str, *, keep: bool = False) -> list[tuple[str, str]]:
    """Answer the coming question with the button called ``words``; what was asked is in the list afterwards."""
    asked: list[tuple[str, str]] = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, press)
            return
        asked.append((box.text(), box.informativeText()))
        if keep:
            box.checkBox().setChecked(True)
        next(button for button in box.buttons() if button.text() == words).click()

    QTimer.singleShot(0, press)
    return asked


def test_closing_asks_once_about_everything_that_runs(place: Place) -> None:
    place.host.tell(download("a"), download("b", "queued"), JOB)
    asked = answer("Cancel")
    assert not place.question.may_quit()
    assert asked[0][0] == "2 downloads are under way, and a job is running."
    answer("Go on in the background")
    assert place.question.may_quit()
    assert not place.host.asked("pause", "cancel job")
    answer("Stop and quit")
    assert place.question.may_quit()
    place.qtbot.waitUntil(lambda: len(place.host.asked("pause", "cancel job")) == 3)


def test_the_answer_can_be_kept_and_then_nothing_is_asked(place: Place) -> None:
    place.host.tell(download("a"))
    answer("Pause and quit", keep=True)
    assert place.question.may_quit()
    place.qtbot.waitUntil(lambda: place.host.settings.on_quit == "pause")
    place.qtbot.waitUntil(lambda: len(place.host.asked("pause")) == 1)
    assert place.question.may_quit(), "without a question, which nobody would answer here"
    place.qtbot.waitUntil(lambda: len(place.host.asked("pause")) == 2)


def test_the_end_of_the_session_asks_nothing(place: Place) -> None:
    place.host.tell(download("a"))
    place.question.session_ends = True
    assert place.question.may_quit()
    assert not place.host.asked("pause")


def test_the_question_says_what_each_way_means() -> None:
    one = Work(downloads=1)
    assert one.text() == "A download is under way."
    assert one.about() == (
        "It goes on in the background, and the next window shows how far. If stopped, a download goes on from where"
        " it is."
    )
    assert one.stop_label() == "Pause and quit"
    both = Work(answers=2, downloads=1)
    assert both.text() == "2 answers are being written, and a download is under way."
    assert both.stop_label() == "Stop and quit"


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
