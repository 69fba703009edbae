"""What needs room gets it: notices that stay, examples, menus, names under edit, what is wrong in the folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from models_fakes import LibraryHost
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLayout,
    QScrollArea,
    QStackedWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from paddock.gui.message_bar import MessageBar
from paddock.gui.messages import Messages
from paddock.gui.pages.chat_head import ChatHead
from paddock.gui.pages.chat_rows import TitleField
from paddock.gui.pages.chat_start import ChatStart
from paddock.gui.pages.chats_column import ChatsColumn
from paddock.gui.pages.inspector import Inspector
from paddock.gui.pages.models_problems import ProblemStrip
from paddock.gui.pages.sampling import SamplerControl
from paddock.gui.theme import Theme
from paddock.gui.widgets import Chip
from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.menu import Menu
from paddock.sdk.library import LibraryProblem
from paddock.sdk.types import ChatMessage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> None:
    Theme().apply(qapp)


def test_a_notice_that_stays_covers_nothing(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    stack = QStackedWidget()
    messages = Messages()
    bar = MessageBar(messages, stack, window)
    QVBoxLayout(window).addLayout(bar.room_and_pages())
    plain, roomy = QWidget(), QWidget()
    roomy.notice_room, content = QWidget(), QTextEdit()  # type: ignore[attr-defined]
    column = QVBoxLayout(roomy)
    for part in (QLabel("Head"), roomy.notice_room, content):  # type: ignore[attr-defined]
        column.addWidget(part)
    for page in (plain, roomy):
        stack.addWidget(page)
    window.resize(800, 600)
    window.show()

    def free(widget: QWidget) -> bool:
        return widget.mapTo(window, QPoint()).y() >= bar.geometry().bottom()

    messages.info("This passes.", seconds=3600)
    assert not free(plain), "it lies over the page"
    messages.warn("This stays. " * 30, key="stays")
    qtbot.waitUntil(lambda: free(plain) is False and bar.room.height() > 40)
    staying, passing = (row.geometry() for row in sorted(bar.rows(), key=lambda row: not row.stays))
    assert staying.top() == 0
    assert passing.top() > staying.bottom(), "what passes lies below"
    qtbot.waitUntil(lambda: plain.mapTo(window, QPoint()).y() > bar.y() + staying.bottom())
    stack.setCurrentWidget(roomy)
    assert bar.room.height() == 0
    qtbot.waitUntil(lambda: content.mapTo(window, QPoint()).y() > bar.y() + staying.bottom())
    before = roomy.notice_room.height()  # type: ignore[attr-defined]
    window.resize(400, 600)
    qtbot.waitUntil(lambda: roomy.notice_room.height() > before)  # type: ignore[attr-defined]
    messages.withdraw("stays")
    assert roomy.notice_room.height() == 0  # type: ignore[attr-defined]


def test_what_passes_goes_before_what_stays_where_there_are_too_many(qtbot: QtBot) -> None:
    window, messages = QWidget(), Messages()
    qtbot.addWidget(window)
    bar = MessageBar(messages, QStackedWidget(window), window)

    def texts() -> list[str]:
        return sorted(bar.texts())

    messages.warn("stays 1")
    for number in (1, 2, 3):
        messages.info(f"passes {number}", seconds=3600)
    assert texts() == ["passes 2", "passes 3", "stays 1"]
    for number in (2, 3):
        messages.warn(f"stays {number}")
    assert texts() == ["stays 1", "stays 2", "stays 3"]
    messages.info("passes 4", seconds=3600)
    assert texts() == ["passes 4", "stays 1", "stays 2", "stays 3"], "it goes by itself"
    messages.info("passes 5", seconds=3600)
    assert texts() == ["passes 5", "stays 1", "stays 2", "stays 3"]
    messages.warn("stays 4")
    assert texts() == ["stays 2", "stays 3", "stays 4"]


def told_over_pages(qtbot: QtBot) -> tuple[QWidget, QStackedWidget, Messages, MessageBar]:
    """A window with an empty page, its notices, and the bar that shows them."""
    window = QWidget()
    qtbot.addWidget(window)
    stack = QStackedWidget()
    stack.addWidget(QWidget())
    messages = Messages()
    bar = MessageBar(messages, stack, window)
    QVBoxLayout(window).addLayout(bar.room_and_pages())
    window.resize(800, 600)
    window.show()
    return window, stack, messages, bar


def test_a_notice_follows_the_room_that_is_made_for_it(qtbot: QtBot) -> None:
    window, stack, messages, bar = told_over_pages(qtbot)
    messages.warn("This stays.", key="stays")
    qtbot.waitUntil(lambda: stack.y() > bar.y())
    right = bar.y() - bar.room.y()
    bar.room.move(bar.room.x(), bar.room.y() + 21)
    assert bar.y() - bar.room.y() == right
    window.layout().invalidate()
    window.layout().activate()
    assert bar.y() - bar.room.y() == right


def test_what_passes_lies_below_a_head_of_large_text(qtbot: QtBot, qapp: QApplication) -> None:
    window, stack, messages, bar = told_over_pages(qtbot)
    messages.info("This passes.", seconds=3600)
    top = bar.y() - stack.mapTo(window, QPoint()).y()
    Theme(zoom=1.5).apply(qapp)
    messages.info("This too.", seconds=3600)
    assert (top, bar.y() - stack.mapTo(window, QPoint()).y()) == (62, 88)


def test_a_notice_that_comes_and_goes_leaves_what_is_read_in_its_place(qtbot: QtBot) -> None:
    page, room, view = QWidget(), QWidget(), ConversationView()
    qtbot.addWidget(page)
    room.setFixedHeight(0)
    column = QVBoxLayout(page)
    column.setSpacing(0)
    column.addWidget(room)
    column.addWidget(view, 1)
    page.resize(700, 500)
    page.show()
    view.set_messages(
        [ChatMessage(id=str(n), chat_id="c", parent=None, role="user", content="word " * 300) for n in range(9)]
    )
    bar = view.verticalScrollBar()

    def place() -> int:
        return view.mapTo(page, QPoint()).y() - bar.value()

    for value in (0, bar.maximum() // 2, bar.maximum()):
        bar.setValue(value)
        before = place()
        for height in (84, 30, 0):
            room.setFixedHeight(height)
            qtbot.waitUntil(lambda height=height: view.y() == room.y() + height)
            assert place() == before
        assert bar.value() == value


def test_examples_that_have_no_room_are_left_out_whole(qtbot: QtBot) -> None:
    start = ChatStart()
    qtbot.addWidget(start)
    start.show_model("Shetland answers on this computer.")
    start.show()
    seen = set()
    for height in range(120, 420, 20):
        start.resize(700, height)
        start.layout().activate()
        shown = [card for card in start.cards if card.isVisible()]
        seen.add(len(shown))
        qtbot.waitUntil(lambda shown=shown: all(card.height() == card.sizeHint().height() for card in shown))
    assert seen == {0, 2, 4}


def test_a_passing_notice_hides_nothing_of_an_empty_chat(qtbot: QtBot) -> None:
    window, messages, start = QWidget(), Messages(), ChatStart()
    qtbot.addWidget(window)
    stack = QStackedWidget()
    bar = MessageBar(messages, stack, window)
    column = bar.room_and_pages()
    column.setContentsMargins(0, 0, 0, 0)
    column.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # lower than all examples are
    window.setLayout(column)
    page = QWidget()
    page.notice_room, page.keep_clear = QWidget(), start.keep_clear  # type: ignore[attr-defined]
    page.notice_room.setFixedHeight(0)  # type: ignore[attr-defined]
    inside = QVBoxLayout(page)
    inside.setContentsMargins(0, 0, 0, 0)
    inside.setSpacing(0)
    inside.addWidget(page.notice_room)  # type: ignore[attr-defined]
    inside.addWidget(start, 1)
    stack.addWidget(page)
    start.show_model("Shetland answers on this computer.")
    mark = start._mark

    def top() -> int:
        return mark.mapTo(window, QPoint()).y()

    for height in (300, 800):
        window.resize(700, height)
        window.show()
        qtbot.waitUntil(lambda height=height: start.height() == height)
        window.layout().activate()
        before = top()
        messages.info("This passes.", seconds=3600, key="passes")
        qtbot.waitUntil(lambda: top() > bar.geometry().bottom())
        assert height == 300 or top() == before, "where there is room nothing moves"
        messages.withdraw("passes")
        qtbot.waitUntil(lambda before=before: top() == before)


def test_the_boxes_of_all_samplers_are_equally_wide(qtbot: QtBot) -> None:
    inspector = Inspector()
    qtbot.addWidget(inspector)
    inspector.section.more.head.click()
    boxes = [control.box for control in inspector.samplers.values() if isinstance(control, SamplerControl)]
    assert len(boxes) > 10
    assert len({box.sizeHint().width() for box in boxes}) == 1


def test_a_menu_wider_than_its_chip_stays_within_the_window(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.setGeometry(0, 0, 500, 400)
    chip = Chip("Preset", window)
    chip.setGeometry(340, 20, 140, 30)
    menu = Menu(window)
    menu.aboutToShow.connect(lambda: menu.addAction("As long as the name of a preset can become"))
    chip.setMenu(menu)
    window.show()
    chip.click()
    assert menu.width() > chip.width()
    assert window.mapFromGlobal(menu.geometry().topRight()).x() == chip.geometry().right()
    menu.close()


def test_a_long_title_under_edit_is_seen_from_its_beginning(qtbot: QtBot) -> None:
    field = TitleField("New title")
    qtbot.addWidget(field)
    field.resize(150, 32)
    field.setText("Why is the second question about the same document so much faster?")
    field.selectAll()
    field.show()
    assert field.selectedText() == field.text()
    assert field.cursorPosition() == 0


def test_what_is_wrong_in_the_folders_scrolls_where_the_page_is_low(qtbot: QtBot, tmp_path: Path) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    strip = ProblemStrip(LibraryHost(tmp_path), Messages())
    below = QTextEdit()
    column = QVBoxLayout(page)
    column.addWidget(strip)
    column.addWidget(below, 1)
    strip.show_problems([LibraryProblem(path=f"/m/{n}.gguf", sentence="It is damaged. " * 12) for n in range(4)])
    strip.unfold.click()
    page.resize(500, 260)
    page.show()
    body = strip.findChild(QScrollArea)
    qtbot.waitUntil(lambda: strip.rect().contains(body.geometry()))
    assert body.verticalScrollBar().maximum() > 0
    assert not strip.geometry().intersects(below.geometry())


def test_the_heads_of_the_columns_grow_with_the_text(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    host = LibraryHost(tmp_path)
    chats, head, inspector = ChatsColumn(host, Messages()), ChatHead(host), Inspector()
    for column in (chats, head, inspector):
        qtbot.addWidget(column)
        column.show()
    low = head.height(), inspector._head.height(), chats._column.contentsMargins().top()
    Theme(zoom=1.5).apply(qapp)
    high = head.height(), inspector._head.height(), chats._column.contentsMargins().top()
    assert low == (53, 52, 11)
    assert high == (79, 78, 16)
    assert head.chip.height() + 16 <= head.height(), "room above and below the model's name"
