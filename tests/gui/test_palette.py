"""The command palette and the list of shortcuts, by keys alone."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.modeltest import ModelTester

from paddock.gui.pages.palette import ENTRY, Palette
from paddock.gui.palette_entries import Entry, found, of_chats
from paddock.sdk.types import ChatSummary

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Scene = Any


def entry(title: str, words: str = "", kind: str = "View") -> Entry:
    return Entry(id=title, title=title, kind=kind, run=lambda: None, words=words)


def titles(entries: list[Entry]) -> list[str]:
    return [entry.title for entry in entries]


ENTRIES = [entry("Larger text", "zoom"), entry("New chat", kind="Chat"), entry("Next part"), entry("Show the chat")]


def test_the_beginning_of_the_title_is_better_than_the_middle_and_letters_between_are_allowed() -> None:
    assert titles(found(ENTRIES, "chat", ())) == ["New chat", "Show the chat"]
    assert titles(found(ENTRIES, "ne", ()))[:2] == ["New chat", "Next part"]
    assert titles(found(ENTRIES, "zoom", ())) == ["Larger text"]
    assert titles(found(ENTRIES, "lgtx", ())) == ["Larger text"]
    assert titles(found(ENTRIES, "chat new", ())) == ["New chat"]
    assert found(ENTRIES, "nothing like it", ()) == []


def test_what_was_used_lately_comes_first() -> None:
    assert titles(found(ENTRIES, "", ("Next part",)))[0] == "Next part"
    assert titles(found(ENTRIES, "chat", ("Show the chat",)))[0] == "Show the chat"


def test_chats_stand_in_the_order_of_their_last_change() -> None:
    chats = [
        ChatSummary(id=str(n), title=f"Chat {n}", created=0.0, updated=float(n), model="", system="") for n in range(3)
    ]
    assert titles(list(of_chats(chats, lambda id: None))) == ["Chat 2", "Chat 1", "Chat 0"]


def open_palette(qtbot: Any, names: Iterable[str], ran: list[str], *, height: int = 480) -> Palette:
    """Shown over a window of its own, with an entry for each name; what is run is put into ``ran``."""
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(720, height)
    window.show()
    offered = [Entry(id=name, title=name, kind="View", run=partial(ran.append, name), keys="Ctrl+N") for name in names]
    palette = Palette(lambda: offered, window)
    palette.open_over(window)
    return palette


def test_keys_alone_find_choose_and_run(qtbot: Any, qtmodeltester: ModelTester) -> None:
    ran: list[str] = []
    palette = open_palette(qtbot, ("First", "Second", "Third"), ran)
    qtmodeltester.check(palette.list)
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)  # round to the last
    assert palette.view.currentIndex().data() == "Third"
    assert palette.field.accessibleDescription() == "Third, View, Ctrl+N"
    qtbot.keyClicks(palette.field, "sec")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert not palette.isVisible()
    qtbot.waitUntil(lambda: ran == ["Second"])
    window = palette.parentWidget()
    assert window is not None
    palette.open_over(window)
    assert palette.list.index(0).data(ENTRY).title == "Second"  # used lately
    qtbot.keyClicks(palette.field, "xyz")
    assert palette.none.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.hide()


def test_page_up_and_page_down_go_by_what_is_in_sight_and_stop_at_the_ends(qtbot: Any) -> None:
    ran: list[str] = []
    palette = open_palette(qtbot, (f"Part {number:02}" for number in range(25)), ran, height=600)
    down, up = Qt.Key.Key_PageDown, Qt.Key.Key_PageUp
    for key, row in ((down, 9), (down, 18), (down, 24), (down, 24), (up, 15), (up, 6), (up, 0), (up, 0), (down, 9)):
        qtbot.keyClick(palette.field, key)
        shown = palette.view.currentIndex()
        assert shown.data() == f"Part {row:02}"
        assert palette.view.viewport().rect().contains(palette.view.visualRect(shown))
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ran == ["Part 09"])


def test_the_palette_of_a_window_opens_chats_pages_and_models(scene: Scene) -> None:
    from paddock.sdk.types import NewChat

    chat = scene.ask(lambda client: client.create_chat(NewChat(title="Saddles and bridles"))).summary.id
    scene.until(lambda: chat in scene.host.chats)

    def take(words: str) -> None:
        if scene.window.findChild(Palette) is None:
            scene.qtbot.keyClick(scene.window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        else:  # Qt's offscreen platform does not make the window the active one again
            next(action for action in scene.window.commands.all() if action.title == "Command palette").run()
        scene.until(lambda: scene.window.findChild(Palette) is not None and scene.window.findChild(Palette).isVisible())
        palette = scene.window.findChild(Palette)
        scene.qtbot.keyClicks(palette.field, words)
        scene.qtbot.keyClick(palette.field, Qt.Key.Key_Return)

    take("saddles")
    scene.until(lambda: scene.dialogue.chat == chat)
    take("use fast")
    scene.until(lambda: scene.dialogue.model == scene.model("fast"))
    scene.until(lambda: bool(scene.chat.inspector.presets.usable()))
    preset = scene.chat.inspector.presets.usable()[0]
    take(f"{preset.name} preset")
    scene.until(lambda: scene.chat.inspector.presets.current == preset)
    take("settings data")
    scene.until(lambda: scene.window.page() == "settings")
    take("discover")
    scene.until(lambda: scene.window.page() == "discover")


def test_the_shortcuts_are_listed_and_searched(scene: Scene) -> None:
    from paddock.gui.pages.shortcuts import ShortcutsDialog

    scene.qtbot.keyClick(scene.window, Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)
    scene.until(lambda: scene.window.findChild(ShortcutsDialog) is not None)
    dialog = scene.window.findChild(ShortcutsDialog)
    listed = {row.title: row.keys for _, rows in dialog.groups.values() for row in rows}
    assert listed["New chat"] == "Ctrl+N"
    assert "Send the message" in listed
    assert {action.title for action in scene.window.commands.all() if action.keys} <= listed.keys()
    dialog.field.setText("chat private")
    shown = [row.title for _, rows in dialog.groups.values() for row in rows if row.isVisible()]
    assert shown == ["New private chat"]
    dialog.field.setText("qqq")
    assert dialog.none.isVisible()
    cut, line = dialog.area.geometry(), dialog.line.geometry()
    assert (line.left(), line.top(), line.width()) == (0, cut.bottom() + 1, dialog.width()), "what is cut ends there"
    assert dialog.line.isVisible()
    dialog.reject()
