"""Every command of the window, by its key or from the palette; the rail; what a notice offers, by keys alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from listed_chats import LEFT, chats, folders, fresh, make, rename_in_place
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog

from paddock.gui.pages.chats_tags import TagsDialog
from paddock.gui.pages.chats_trash import ChatsTrash
from paddock.gui.pages.export_dialog import ExportDialog
from paddock.gui.pages.import_chats_dialog import ImportChatsDialog
from paddock.gui.pages.inspector_import import ImportPreset
from paddock.gui.pages.inspector_prompts import PromptLibrary
from paddock.gui.pages.load_dialog import LoadDialog
from paddock.gui.pages.memory_popover import MemoryPopover
from paddock.gui.pages.palette import Palette
from paddock.gui.pages.shortcuts import ShortcutsDialog

Scene = Any
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def scene(chat_scene: Scene) -> Iterator[Scene]:
    yield from fresh(chat_scene)
    chat_scene.window.show_page("chat")


def keys(scene: Scene, shortcut: str) -> None:
    """Press a shortcut as it is written, wherever the focus is. Where a dialog was closed just before no window is in
    front, and shortcuts go nowhere until this one is, which is later than it is asked for."""
    scene.window.activateWindow()
    scene.until(scene.window.isActiveWindow)
    pressed = QKeySequence(shortcut)[0]
    scene.qtbot.keyClick(scene.window, pressed.key(), pressed.keyboardModifiers())


def command(scene: Scene, title: str) -> None:
    """Find a command in the palette by its title, and take it with the mouse."""
    scene.window.finder.show_palette()
    palette = scene.window.findChild(Palette)
    scene.qtbot.keyClicks(palette.field, title)
    assert palette.list.index(0).data() == title
    scene.qtbot.mouseClick(palette.view.viewport(), LEFT, pos=palette.view.visualRect(palette.list.index(0)).center())
    scene.until(lambda: not palette.isVisible())


def shown(scene: Scene, kind: type[Any]) -> Any:
    scene.until(lambda: any(found.isVisible() for found in scene.window.findChildren(kind)))
    return next(found for found in scene.window.findChildren(kind) if found.isVisible())


def test_f6_comes_to_what_a_notice_offers(scene: Scene) -> None:
    chat = make(scene, "Horses")
    scene.chat.open(chat)
    keys(scene, "Ctrl+Shift+F")
    scene.qtbot.keyClick(scene.chat.chats.search, Qt.Key.Key_Down)
    scene.qtbot.keyClick(scene.chat.chats.view, Qt.Key.Key_Delete)
    scene.until(lambda: not chats(scene))
    for _ in range(9):
        keys(scene, "F6")
        if scene.window.bar.isAncestorOf(scene.window.focusWidget()):
            break
    scene.qtbot.keyClick(scene.window.focusWidget(), Qt.Key.Key_Space)
    scene.until(lambda: list(chats(scene)) == [chat])
    scene.until(lambda: scene.dialogue.chat == chat)


def test_keys_and_the_rail_lead_to_every_page(scene: Scene) -> None:
    ways = {"Ctrl+1": "chat", "Ctrl+2": "discover", "Ctrl+3": "models", "Ctrl+4": "server", "Ctrl+5": "settings"}
    for shortcut, page in {**ways, "Ctrl+J": "downloads", "Ctrl+,": "settings"}.items():
        keys(scene, shortcut)
        assert scene.window.page() == page
    for page, button in scene.window.rail.buttons.items():
        scene.qtbot.mouseClick(button, LEFT)
        assert scene.window.page() == page
        assert button.isChecked()
    button.setFocus()
    scene.qtbot.keyClick(button, Qt.Key.Key_Up)
    assert scene.window.page() == "server", "the arrows go along the rail"
    scene.until(scene.window.rail.meter.isVisible)
    scene.qtbot.mouseClick(scene.window.rail.meter, LEFT)
    popover = shown(scene, MemoryPopover)
    popover.hide()
    keys(scene, "Ctrl+M")
    assert popover.isVisible()
    popover.hide()


def test_commands_of_the_list_reach_the_store(scene: Scene) -> None:
    chat = make(scene, "Horses")
    scene.chat.open(chat)
    keys(scene, "Ctrl+Shift+F")
    scene.until(lambda: scene.window.focusWidget() is scene.chat.chats.search)
    command(scene, "Tags of the chat")
    tags = shown(scene, TagsDialog)
    scene.qtbot.keyClicks(tags.field, "animals")
    scene.qtbot.keyClick(tags.field, Qt.Key.Key_Return)
    scene.until(lambda: chats(scene)[chat].tags == ("animals",))
    tags.reject()
    command(scene, "New folder of chats")
    rename_in_place(scene, "Work")
    scene.until(lambda: [folder.name for folder in folders(scene)] == ["Work"])
    command(scene, "Rename the chat")
    rename_in_place(scene, "Ponies")
    scene.until(lambda: chats(scene)[chat].title == "Ponies")
    command(scene, "Export the chat")
    export = shown(scene, ExportDialog)
    assert export.request("/x", replace=False).chats == (chat,)
    export.reject()
    command(scene, "Delete the chat")
    scene.until(lambda: not chats(scene))
    assert scene.dialogue.chat == ""


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Deleted chats", ChatsTrash),
        ("Import chats", ImportChatsDialog),
        ("Saved system prompts", PromptLibrary),
        ("Import a preset", ImportPreset),
        ("Load with settings", LoadDialog),
        ("Keyboard shortcuts", ShortcutsDialog),
    ],
)
def test_commands_open_their_dialogs_from_any_page(scene: Scene, title: str, kind: type[QDialog]) -> None:
    scene.window.show_page("settings")
    command(scene, title)
    shown(scene, kind).reject()


def test_a_new_chat_and_the_composer_are_a_key_away_from_any_page(scene: Scene) -> None:
    marks: list[tuple[str, Callable[[], bool]]] = [
        ("Ctrl+N", lambda: scene.chat.head.title.text() == "New chat"),
        ("Ctrl+Shift+N", lambda: scene.chat.head.title.text() == "New private chat"),
        ("Ctrl+L", lambda: scene.window.focusWidget() is scene.chat.composer.field),
    ]
    for shortcut, reached in marks:
        scene.window.show_page("settings")
        keys(scene, shortcut)
        assert scene.window.page() == "chat"
        scene.until(reached)
