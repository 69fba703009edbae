"""What opens over the page and what tells of something: menus, notices, questions."""

from collections.abc import Callable
from typing import Literal

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.messages import sentence
from paddock.gui.theme import Theme
from paddock.gui.widgets import (
    Button,
    Chip,
    Notice,
)
from paddock.gui.widgets.buttons import Kind
from paddock.gui.widgets.menu import MARK, MARK_AT, Menu
from paddock.gui.widgets.question import Question

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Show = Callable[..., QWidget]


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> None:
    Theme().apply(qapp)


def test_notice_offers_its_action(qtbot: QtBot, show: Show) -> None:
    notice = Notice()
    show(notice)
    notice.show_message("bad", "The port 5151 is taken.", "Choose another one.", "Use 5152")
    button = notice.findChild(Button)
    assert button is not None
    with qtbot.waitSignal(notice.action_triggered):
        button.click()
    assert notice.accessibleName() == "The port 5151 is taken. Choose another one."


def test_the_button_of_a_notice_does_not_squeeze_its_sentence(qtbot: QtBot, show: Show) -> None:
    notice = Notice()
    show(notice)
    notice.show_message("warn", "A large model cannot see the pictures of this message.", "", "Choose another model")
    button, words = notice.findChild(Button), notice.findChild(QLabel)
    assert button is not None
    assert words is not None

    def places(wide: int) -> tuple[QRect, QRect]:
        notice.resize(wide, 120)
        notice.layout().activate()
        at = [QRect(part.mapTo(notice, QPoint()), part.size()) for part in (button, words)]
        return at[0], at[1]

    whole = button.sizeHint().width()
    beside, said = places(5 * whole)
    assert beside.left() > said.right(), "there is room for both"
    below, said = places(int(2.4 * whole))
    assert below.top() > said.bottom()
    assert words.heightForWidth(said.width()) < 3 * words.fontMetrics().lineSpacing()


@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_a_question_is_as_high_as_its_words(qtbot: QtBot, qapp: QApplication, zoom: float) -> None:
    Theme(zoom=zoom).apply(qapp)
    window = QWidget()
    qtbot.addWidget(window)
    answers: tuple[tuple[str, Kind], ...] = (("Pause and quit", "secondary"), ("Go on", "primary"))
    about = "It goes on in the background, and the next window shows how far. If stopped, it goes on from where it is."
    box = Question("A download is under way.", about, answers, window, keep="Do not ask again about downloads")
    box.show()
    qtbot.waitExposed(box)
    labels = [label for label in box.findChildren(QLabel) if label.wordWrap()]
    assert len(labels) == 2
    assert [label.text() for label in labels if label.height() < label.heightForWidth(label.width())] == []
    box.close()


def test_a_bug_that_came_through_many_qt_calls_is_told_in_a_line() -> None:
    error = AttributeError("Error calling Python override of QWidget::changeEvent(): " * 300 + "no such thing")
    assert sentence(error) == (
        "Something in Paddock went wrong: AttributeError: no such thing. The details are in the crash log."
    )
    assert len(sentence(ValueError("x" * 5000))) < 300


def test_nothing_shows_outside_the_round_corners_of_a_menu(show: Show) -> None:
    menu = Menu(show())
    move = menu.submenu("Move to")
    move.addAction("Work")
    for each in (menu, move):
        each.popup(QPoint(20, 20))
        picture = each.grab().toImage()
        assert picture.pixelColor(0, 0).alpha() == picture.pixelColor(picture.width() - 1, 0).alpha() == 0
        assert picture.pixelColor(picture.width() // 2, 3).alpha() == 255
        each.close()


def test_a_menu_opens_above_its_chip_where_the_window_ends(show: Show) -> None:
    upper, lower = Chip("Upper", menu=True), Chip("Lower", menu=True)
    page = show(upper, lower)
    page.resize(300, 400)
    page.layout().setAlignment(upper, Qt.AlignmentFlag.AlignTop)
    page.layout().setAlignment(lower, Qt.AlignmentFlag.AlignBottom)
    page.layout().activate()
    for chip in (upper, lower):
        menu = Menu(chip)
        menu.addAction("One")
        menu.addAction("Two")
        chip.setMenu(menu)
        chip.click()
        inside = page.mapFromGlobal(menu.pos()).y()
        place = chip.mapTo(page, QPoint(0, 0)).y()
        assert inside == (place + chip.height() + 4 if chip is upper else place - menu.height() - 4)
        menu.close()


def test_the_mark_of_a_checked_entry_is_drawn_smooth(qtbot: QtBot, qapp: QApplication) -> None:
    Theme().apply(qapp)
    menu = Menu()
    qtbot.addWidget(menu)
    entry = menu.addAction("On")
    entry.setCheckable(True)
    menu.resize(menu.sizeHint())

    def inks() -> set[str]:
        place = menu.actionGeometry(entry)
        picture = menu.grab(QRect(place.left(), place.top(), MARK_AT + MARK, place.height())).toImage()
        return {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}

    assert inks() == {Theme().color("raised").name()}
    entry.setChecked(True)
    assert len(inks()) > 8, "its edges are blended with the ground"


@pytest.mark.parametrize(("look", "token"), [("light", "border"), ("dark", "border_strong")])
def test_a_menu_is_told_from_the_card_that_it_lies_over(
    qtbot: QtBot, qapp: QApplication, look: Literal["light", "dark"], token: str
) -> None:
    Theme(look).apply(qapp)
    menu = Menu()
    qtbot.addWidget(menu)
    menu.addAction("Chat")
    menu.resize(menu.sizeHint())
    picture = menu.grab().toImage()
    Theme().apply(qapp)
    edge, ground = picture.pixelColor(0, picture.height() // 2), picture.pixelColor(3, picture.height() // 2)
    assert edge == Theme(look).color(token)
    assert ground == Theme(look).color("raised")
