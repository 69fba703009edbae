"""Selecting and copying in the conversation view."""

import pytest
from conversations import ANSWER, Make, child_names, exchange, message
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.blocks import NodeBlock, TextBlock

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def drag(qtbot: QtBot, view: ConversationView, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view.viewport(), end)
    view._pointer._place = QPointF(end)
    view._pointer._drag()
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=end)


def test_select_all_copies_every_message_with_its_speaker(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    with qtbot.waitSignal(view.copied):
        qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == (
        "You:\nWhy is it faster?\n\nStarter:\nBecause only the new tokens are evaluated, see the page:\n\n"
        "def reuse(tokens):\n    return tokens\n\n1. one\n2. two\n\na\tb\n1\t2\n\nThe end."
    )
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert view.selected_text() == ""


def test_dragging_selects_over_text_and_code(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", ANSWER)])
    view.verticalScrollBar().setValue(0)
    blocks = [b for b in view.column.rows[0].blocks if isinstance(b, NodeBlock)]
    row = view.column.rows[0]
    start = QPoint(view.column_left(), row.top + blocks[0].top + 8)
    end = QPoint(view.column_left() + 700, row.top + blocks[1].top + blocks[1].height - 4)
    drag(qtbot, view, start, end)
    assert view.selected_text() == (
        "Because only the new tokens are evaluated, see the page:\n\ndef reuse(tokens):\n    return tokens"
    )


def test_double_click_takes_a_word_and_triple_the_paragraph(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "alpha beta gamma")])
    row = view.column.rows[0]
    block = next(b for b in row.blocks if isinstance(b, TextBlock))
    place = QPoint(view.column_left() + 60, row.top + block.top + 10)
    target = view.viewport()
    qtbot.mouseClick(target, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(target, Qt.MouseButton.LeftButton, pos=place)
    assert view.selected_text() == "beta"
    qtbot.mouseClick(target, Qt.MouseButton.LeftButton, pos=place)
    assert view.selected_text() == "alpha beta gamma"


def test_shift_click_extends(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", "alpha beta gamma")])
    row = view.column.rows[0]
    block = next(b for b in row.blocks if isinstance(b, TextBlock))
    y = row.top + block.top + 10
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(view.column_left(), y))
    qtbot.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ShiftModifier,
        QPoint(view.column_left() + 600, y),
    )
    assert view.selected_text() == "alpha beta gamma"


def test_copy_button_copies_the_source_of_the_answer(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    names = child_names(view.access.row(view.column.rows[1]))
    assert names == ["the page", "Wrap long lines", "Copy code", "Copy answer", "Regenerate"] or set(names) == {
        "the page",
        "Wrap long lines",
        "Copy code",
        "Copy answer",
        "Regenerate",
    }
    row = view.column.rows[1]
    target = next(t for b in row.blocks for t in b.targets() if t.name == "Copy answer")
    target.run()
    assert QGuiApplication.clipboard().text() == ANSWER
    target = next(t for b in row.blocks for t in b.targets() if t.name == "Copy code")
    target.run()
    assert QGuiApplication.clipboard().text() == "def reuse(tokens):\n    return tokens"
