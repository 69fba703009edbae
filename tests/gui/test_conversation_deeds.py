"""What can be copied, in which form, and what can be done with a message by menu and keyboard."""

import pytest
from conversations import Make, child_names, exchange, message
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from paddock.gui.widgets.conversation import ConversationView, menus
from paddock.gui.widgets.conversation.renderings import markdown

ALL = frozenset(("branch", "continue", "delete", "insert", "role", "revisions", "edit"))
RICH = "Say **bold** and `code`, $x^2$.\n\n- one\n- two\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---:|\n| 1 | 2 |"


def offering(qtbot: QtBot, messages: list) -> ConversationView:
    view = ConversationView(editable=True, actions=ALL)
    qtbot.addWidget(view)
    view.resize(760, 600)
    view.set_messages(messages)
    with qtbot.waitExposed(view):
        view.show()
    return view


def words(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if action.text()]


def test_copying_gives_plain_text_and_html_together(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", RICH)])
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    data = QGuiApplication.clipboard().mimeData()
    assert data.text() == "Say bold and code, $x^2$.\n\n• one\n• two\n\nprint(1)\n\na\tb\n1\t2"
    for part in (
        "<b>bold</b>",
        "<code>code</code>",
        "$x^2$",
        "<li>one</li>",
        "<pre><code>print(1)",
        '<td align="right">2',
    ):
        assert part in data.html()


def test_a_selection_can_be_copied_as_markdown(make: Make, qtbot: QtBot) -> None:
    view = make([message("a", "assistant", RICH)])
    view.select_all()
    menu = view.menu_at(QPointF(200, 200))
    qtbot.addWidget(menu)
    next(action for action in menu.actions() if action.text() == "Copy as Markdown").trigger()
    assert QGuiApplication.clipboard().text() == RICH.replace("|---|---:|", "| --- | ---: |")


def test_markdown_of_nodes_parses_to_the_same_nodes(make: Make) -> None:
    view = make(exchange())
    entries = [entry.node for entry in view.column.rows[1].body.entries]
    again = make([message("b", "assistant", markdown(entries))])
    assert [entry.node for entry in again.column.rows[0].body.entries] == entries


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\nx = 1\n```", ["Copy code", "Wrap long lines"]),
        ("| a |\n|---|\n| b |", ["Copy table for a spreadsheet", "Copy table as Markdown"]),
        ("$$\nx\n$$", ["Copy formula as LaTeX"]),
    ],
)
def test_the_menu_knows_what_lies_under_it(make: Make, qtbot: QtBot, text: str, expected: list[str]) -> None:
    view = make([message("a", "assistant", text)])
    row = view.column.rows[0]
    block = row.blocks[1]
    menu = view.menu_at(QPointF(view.column_left() + 20, row.top + block.top + 5 - view.scrolled()))
    qtbot.addWidget(menu)
    assert set(expected) <= set(words(menu))


def test_stored_messages_offer_what_the_page_answers(qtbot: QtBot, qapp: object) -> None:
    stored = [
        message("q", "user", "Why?", created=1.0),
        message("a", "assistant", "So.", created=2.0, revisions=1),
        message("b", "assistant", "Cut", created=3.0, stop_reason="length"),
    ]
    view = offering(qtbot, stored)
    asked: list[tuple[str, str]] = []
    edited: list[str] = []
    view.action_requested.connect(lambda *what: asked.append(what))
    view.edit_requested.connect(edited.append)
    assert "Continue" in child_names(view.access.row(view.column.rows[2]))
    for number, name in enumerate(("q", "a", "b")):
        menu = menus.of_message(view, view.column.rows[number])
        for action in menu.actions():
            if action.text() and not action.text().startswith("Copy"):
                action.trigger()
        menu.deleteLater()
        assert edited.pop() == name
    assert [what for what, name in asked if name == "q"] == ["branch", "insert", "role", "delete"]
    assert [what for what, name in asked if name == "a"] == ["branch", "insert", "role", "revisions", "delete"]
    assert [what for what, name in asked if name == "b"] == ["continue", "branch", "insert", "role", "delete"]


def test_the_keyboard_goes_by_message_and_opens_its_menu(
    qtbot: QtBot, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[list[str]] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, place: shown.append(words(menu)))
    stored = [message(f"m{n}", "user" if n % 2 == 0 else "assistant", "words " * 80, created=1.0) for n in range(8)]
    view = offering(qtbot, stored)
    view.setFocus()
    for _ in range(3):
        qtbot.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert view.at_row is view.column.rows[5]
    qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert view.at_row is view.column.rows[6]
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert "Edit" in shown[0]
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert view.at_row is None
