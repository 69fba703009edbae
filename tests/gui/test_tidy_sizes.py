"""What is small, what is large, and what lies over something else stays as it should look."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.message_bar import MessageBar
from paddock.gui.messages import Messages
from paddock.gui.models.memory import Segment
from paddock.gui.pages.inspector import Inspector
from paddock.gui.theme import Theme
from paddock.gui.widgets import MessageField, NumberBox, Switch
from paddock.gui.widgets.buttons import RailButton
from paddock.gui.widgets.conversation.turns import Turns
from paddock.gui.widgets.fit_scroll import FitScroll
from paddock.gui.widgets.labels import Label, no_word_alone
from paddock.gui.widgets.memory_bar import THIN, paint_bar
from paddock.gui.widgets.pane_view import PaneView

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> None:
    Theme().apply(qapp)


def test_a_hatched_part_too_narrow_for_hatching_is_flat() -> None:
    image = QImage(100, THIN, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    paint_bar(
        painter, QRectF(0, 0, 100, THIN), [Segment("Model", 50, 0), Segment("Others", 8, "muted", "hatched")], 100
    )
    painter.end()
    assert len({image.pixel(x, y) for x in range(51, 57) for y in range(1, THIN - 1)}) == 1


def test_controls_grow_with_the_text(qtbot: QtBot, qapp: QApplication) -> None:
    field, switch, button = MessageField("Message"), Switch("On"), RailButton("chat", "Chat")
    field.setPlaceholderText("Message Qwen3 8B")
    for widget in (field, switch, button):
        qtbot.addWidget(widget)
    field.show()
    before = switch.sizeHint(), button.sizeHint()
    Theme(zoom=1.5).apply(qapp)
    assert field.viewport().font().pixelSize() == field.font().pixelSize() == 22, "the placeholder is written in it"
    assert switch.sizeHint().width() == round(before[0].width() * 1.5)
    assert button.sizeHint().height() == before[1].height() + 17, "7 of the icon, 10 of the word"


def test_a_notice_lies_in_the_middle_of_what_is_looked_at(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    stack = QStackedWidget(window)
    plain, columns = QWidget(), QWidget()
    columns.main = QWidget(columns)  # type: ignore[attr-defined]
    for page in (plain, columns):
        stack.addWidget(page)
    messages = Messages()
    bar = MessageBar(messages, stack, window)
    window.resize(1000, 600)
    stack.setGeometry(100, 0, 900, 600)
    columns.main.setGeometry(250, 0, 650, 600)  # type: ignore[attr-defined]
    window.show()
    messages.info("Here.", seconds=None)
    assert bar.geometry().center().x() == QRect(100, 0, 900, 600).center().x()
    stack.setCurrentWidget(columns)
    assert bar.geometry().center().x() == QRect(350, 0, 650, 600).center().x()
    columns.main.setGeometry(0, 0, 400, 600)  # type: ignore[attr-defined]
    assert bar.geometry().center().x() == QRect(100, 0, 400, 600).center().x(), "a column was folded"
    assert bar.width() < 400


def test_a_long_last_word_may_stand_alone() -> None:
    assert no_word_alone("Its log is in ~/.local/share/paddock/logs") == "Its log is in ~/.local/share/paddock/logs"


def test_what_is_the_matter_with_a_low_pane_is_read_whole(qtbot: QtBot) -> None:
    pane = PaneView("p", Turns())
    qtbot.addWidget(pane)
    pane.resize(307, 235)
    pane.show()
    pane.show_trouble("Paddock Starter cannot see the pictures of this message.")
    qtbot.waitUntil(lambda: pane.notice.height() >= pane.notice.heightForWidth(pane.notice.width()))


def test_what_is_unfolded_is_brought_into_sight(qtbot: QtBot) -> None:
    inspector = Inspector()
    qtbot.addWidget(inspector)
    inspector.resize(316, 480)
    inspector.show()
    fold = inspector.section.more

    def place() -> int:
        return fold.mapTo(inspector, QPoint()).y()

    assert place() > 400, "at the foot"
    fold.head.click()
    qtbot.waitUntil(lambda: place() < 80)
    assert place() >= 52, "its head stands below the inspector's"
    bases = {box.lineEdit().palette().base().color().alpha() for box in inspector.findChildren(NumberBox)}
    assert bases == {0}, "no box in the box"


def test_words_that_a_scroll_bar_would_break_are_shown_without_one(qtbot: QtBot) -> None:
    words = Label("Judged by the size of the file alone: its header has not been read. " * 6, wrap=True)
    content, page = QWidget(), QWidget()
    qtbot.addWidget(page)
    inside, outside = QVBoxLayout(content), QVBoxLayout(page)
    inside.setContentsMargins(0, 0, 0, 0)
    outside.setContentsMargins(0, 0, 0, 0)
    inside.addWidget(words)
    area = FitScroll(content)
    outside.addWidget(area, 1)
    outside.addStretch(0)
    bar = area.verticalScrollBar().sizeHint().width()
    width = next(w for w in range(400, 900) if words.heightForWidth(w) < words.heightForWidth(w - bar))
    whole = words.heightForWidth(width)
    page.resize(width, whole - 20)
    page.show()
    qtbot.waitUntil(area.verticalScrollBar().isVisible)
    for height in (whole, whole + 200):
        page.resize(width, height)
        qtbot.waitUntil(lambda: not area.verticalScrollBar().isVisible() and words.height() == whole == area.height())
