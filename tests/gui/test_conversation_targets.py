"""The buttons and links of the conversation view, by keyboard and mouse."""

import pytest
from conversations import ANSWER, Make, child_names, exchange, message
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from paddock.gui.widgets.conversation import ConversationView
from paddock.gui.widgets.conversation.blocks import TextBlock

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_a_failure_shows_cause_hint_and_retry(make: Make, qtbot: QtBot) -> None:
    failed = message(
        "a",
        "assistant",
        "Half",
        state="failed",
        error={"code": "engine_died", "message": "The engine ended with SIGSEGV.", "hint": "Load it again."},
    )
    view = make([message("q", "user", "x"), failed])
    interface = view.access.row(view.column.rows[1])
    assert "The engine ended with SIGSEGV. Load it again." in interface.text(QAccessible.Text.Name)
    number = child_names(interface).index("Retry")
    with qtbot.waitSignal(view.retry_requested) as caught:
        rect = interface.child(number).rect()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.viewport().mapFromGlobal(rect.center()))
    assert caught.args == ["a"]


@pytest.mark.parametrize(("state", "button"), [("interrupted", "Retry"), ("cancelled", "Answer again")])
def test_other_unfinished_answers_can_be_answered_again(make: Make, state: str, button: str) -> None:
    view = make([message("a", "assistant", "Half", state=state)])
    assert button in child_names(view.access.row(view.column.rows[0]))


def test_tab_visits_every_hit_area_and_ends(make: Make, qtbot: QtBot, qapp: QApplication) -> None:
    page = QWidget()
    before, view, after = QPushButton("before"), ConversationView(), QPushButton("after")
    line = QHBoxLayout(page)
    for widget in (before, view, after):
        line.addWidget(widget)
    page.resize(900, 500)
    view.set_messages(exchange())
    view.verticalScrollBar().setValue(0)
    qtbot.addWidget(page)
    with qtbot.waitActive(page):
        page.show()
        page.activateWindow()
    before.setFocus()
    view.verticalScrollBar().setValue(0)
    visited: list[str] = []
    for _ in range(30):
        focus = qapp.focusWidget()
        assert focus is not None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
        if qapp.focusWidget() is after:
            break
        target = view.focused_target()
        visited.append(target.name if target is not None else "view")
        assert view.ring_shown
    assert qapp.focusWidget() is after
    assert visited == [
        "view",
        "Copy message",
        "the page",
        "Wrap long lines",
        "Copy code",
        "Copy answer",
        "Regenerate",
    ]


def test_enter_runs_the_focused_hit_area(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    row = view.column.rows[1]
    place = len(row.blocks) - 1
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focus_target((1, place, "again"), "keyboard")
    with qtbot.waitSignal(view.regenerate_requested) as caught:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert caught.args == ["a"]


def test_links_open_only_by_click_or_enter(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    row = view.column.rows[1]
    place = next(i for i, b in enumerate(row.blocks) if isinstance(b, TextBlock))
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focus_target((1, place, "link0"), "keyboard")
    with qtbot.waitSignal(view.link_activated) as caught:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert caught.args == ["https://example.org/a"]
    _, _, rect = row.blocks[place].links()[0]
    spot = view.place_of((1, place, "link0"), rect.toRect()).translated(0, -view.scrolled()).center()
    with qtbot.waitSignal(view.link_activated):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def test_home_end_and_page_keys_scroll(make: Make, qtbot: QtBot) -> None:
    view = make([message(f"m{i}", "assistant", ANSWER) for i in range(12)])
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.scrolled() == 0
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert view.scrolled() > 300
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.at_bottom()


def test_versions_are_asked_for_by_sibling(make: Make, qtbot: QtBot) -> None:
    view = make([message("b", "assistant", "two", version=2, versions=3, siblings=("a", "b", "c"))])
    targets = {t.key: t for block in view.column.rows[0].blocks for t in block.targets()}
    with qtbot.waitSignal(view.version_requested) as caught:
        targets["later"].run()
    assert caught.args == ["c"]
    with qtbot.waitSignal(view.version_requested) as caught:
        targets["earlier"].run()
    assert caught.args == ["a"]


def test_links_in_tables_can_be_reached(make: Make) -> None:
    view = make([message("a", "assistant", "| a | b |\n|--|--|\n| 😀 x | see [here](https://example.org/t) |")])
    item = view.access.row(view.column.rows[0])
    names = child_names(item)
    assert "here" in names
    assert item.child(names.index("here")).rect().width() > 10


def test_only_a_stored_message_can_be_edited(make: Make) -> None:
    view = make([message("stored", "user", "hello", created=1.0), message("local-1", "user", "hello")])
    first, second = (child_names(QAccessible.queryAccessibleInterface(view).child(row)) for row in (0, 1))
    assert "Edit message" in first
    assert "Edit message" not in second
