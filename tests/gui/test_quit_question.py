"""The question when the window is closed while there is work."""

from __future__ import annotations

import pytest
from download_fakes import JOB, download
from downloads_place import Place
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from paddock.gui.quit_question import Work
from paddock.gui.widgets.question import Question

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def answer(words: str, *, keep: bool = False) -> list[tuple[str, str]]:
    """Answer the coming question with the button called ``words``; what was asked is in the list afterwards."""
    asked: list[tuple[str, str]] = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, Question):
            QTimer.singleShot(20, press)
            return
        asked.append((box.text, box.about))
        if keep:
            box.keep.setChecked(True)
        next(button for button in box.buttons if button.text() == words).click()

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
        "It goes on in the background, and the next window shows how far. If paused, a download goes on from where"
        " it is."
    )
    assert one.stop_label() == "Pause and quit"
    both = Work(answers=2, downloads=1)
    assert "If stopped, an answer keeps what it has, a download goes on" in both.about()
    assert both.text() == "2 answers are being written, and a download is under way."
    assert both.stop_label() == "Stop and quit"
