"""The conversation view for a screen reader."""

import gc
import subprocess
import sys
import textwrap

import pytest
from conversations import Make, child_names, exchange, message
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_a_screen_reader_finds_a_list_of_messages(make: Make) -> None:
    view = make(exchange())
    interface = QAccessible.queryAccessibleInterface(view)
    assert interface.role() == QAccessible.Role.List
    assert interface.text(QAccessible.Text.Name) == "Conversation"
    assert interface.childCount() == 2
    first, second = interface.child(0), interface.child(1)
    assert first.role() == QAccessible.Role.ListItem
    assert first.text(QAccessible.Text.Name) == "You: Why is it faster?"
    assert second.text(QAccessible.Text.Name).startswith("Starter: Because only the")
    assert first.parent().object() is view
    roles = {second.child(i).role() for i in range(second.childCount())}
    assert roles == {QAccessible.Role.Button, QAccessible.Role.Link}
    assert all(child_names(second))
    assert interface.indexOfChild(second) == 1


def test_a_screen_reader_can_press_a_button(make: Make, qtbot: QtBot) -> None:
    view = make(exchange())
    item = QAccessible.queryAccessibleInterface(view).child(1)
    button = item.child(child_names(item).index("Regenerate"))
    action = button.actionInterface()
    with qtbot.waitSignal(view.regenerate_requested):
        action.doAction("Press")


def test_interfaces_of_removed_messages_become_invalid(make: Make) -> None:
    view = make(exchange())
    interface = QAccessible.queryAccessibleInterface(view)
    item = interface.child(1)
    item.child(0)
    view.set_messages([message("z", "user", "other")])
    gc.collect()
    assert interface.childCount() == 1
    assert interface.child(0).text(QAccessible.Text.Name) == "You: other"


def test_ending_the_program_with_interfaces_alive_does_not_crash() -> None:
    program = textwrap.dedent("""
        import sys
        from PySide6.QtGui import QAccessible
        from PySide6.QtWidgets import QApplication
        from paddock.gui.theme import Theme
        from paddock.gui.widgets.conversation import ConversationView, Turns
        from paddock.sdk.types import ChatMessage
        app = QApplication(sys.argv)
        Theme().apply(app)
        views = [ConversationView() for _ in range(3)]
        for view in views:
            view.set_messages([ChatMessage(id="a", chat_id="c", parent=None, role="user", content="x")])
            view.show()
            top = QAccessible.queryAccessibleInterface(view)
            for i in range(top.childCount()):
                top.child(i).childCount() and top.child(i).child(0).text(QAccessible.Text.Name)
        app.processEvents()
        views[0].deleteLater()
        app.processEvents()
        del views[0]
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr.replace("This plugin does not support propagateSizeHints()\n", "")) == (0, "")


def test_closing_a_pane_that_a_screen_reader_has_seen_does_not_crash() -> None:
    program = textwrap.dedent("""
        import sys
        from PySide6.QtCore import QTimer
        from PySide6.QtGui import QAccessible
        from PySide6.QtWidgets import QApplication, QWidget
        from paddock.gui.theme import Theme
        from paddock.gui.widgets.conversation import Turns
        from paddock.gui.widgets.pane_view import PaneView
        from paddock.sdk.types import ChatMessage
        app = QApplication(sys.argv)
        Theme().apply(app)
        QAccessible.setActive(True)
        top = QWidget()
        panes = [PaneView(str(number), Turns()) for number in range(3)]
        for pane in panes:
            pane.setParent(top)
            pane.view.set_messages([ChatMessage(id="a", chat_id="c", parent=None, role="user", content="x")])
        top.show()
        app.processEvents()
        for pane in panes:
            assert QAccessible.queryAccessibleInterface(pane.view).child(0).text(QAccessible.Text.Name) == "You: x"
            pane.deleteLater()
        QTimer.singleShot(0, app.quit)
        app.exec()
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr.replace("This plugin does not support propagateSizeHints()\n", "")) == (0, "")
