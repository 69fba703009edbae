"""Conversations and folders of a real host for the tests of their list, and how a person's hand gets at them there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from paddock.gui.widgets import LineField
from paddock.sdk.chats import ChatFolder, NewMessage
from paddock.sdk.types import ChatSummary, NewChat

Scene = Any
LEFT = Qt.MouseButton.LeftButton


def fresh(scene: Scene) -> Iterator[Scene]:
    """The list as it is at first; what a test leaves in it goes with the test."""
    column = scene.chat.chats
    column.search.clear()
    column.show_tag("")
    yield scene
    for chat in chats(scene):
        scene.ask(lambda client, chat=chat: client.delete_chat(chat))
    for folder in folders(scene):
        scene.ask(lambda client, folder=folder: client.delete_chat_folder(folder.id))
    scene.until(lambda: not scene.host.chats and not column.deeds.folders)


# -------------------------------------------------------------------- the store


def make(scene: Scene, title: str, *texts: str) -> str:
    chat = scene.ask(lambda client: client.create_chat(NewChat(title=title))).summary.id
    for number, text in enumerate(texts):
        new = NewMessage(role="assistant" if number % 2 else "user", content=text)
        scene.ask(lambda client, new=new: client.add_message(chat, new))
    scene.until(lambda: chat in scene.host.chats)
    return str(chat)


def chats(scene: Scene) -> dict[str, ChatSummary]:
    return {chat.id: chat for chat in scene.ask(lambda client: client.chats())}


def folders(scene: Scene) -> list[ChatFolder]:
    return list(scene.ask(lambda client: client.chat_folders()))


# -------------------------------------------------------------------- the list


def lines(scene: Scene) -> list[str]:
    model = scene.chat.chats._model
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def click(scene: Scene, index: QModelIndex, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    view = scene.chat.chats.view
    scene.qtbot.mouseClick(view.viewport(), LEFT, keys, view.visualRect(index).center())


def select(scene: Scene, *ids: str) -> None:
    column = scene.chat.chats
    for number, chat in enumerate(ids):
        keys = Qt.KeyboardModifier.ControlModifier if number else Qt.KeyboardModifier.NoModifier
        click(scene, column._model.row_of(chat), keys)


def focus(scene: Scene) -> QWidget:
    """Give the keyboard to the list; a menu may have had it, and Qt's offscreen platform gives it back to nobody."""
    view: QWidget = scene.chat.chats.view
    scene.window.activateWindow()
    view.setFocus()
    scene.until(view.hasFocus)
    return view


def menu_at(scene: Scene, index: QModelIndex) -> QMenu:
    """What a right click on a row opens."""
    column = scene.chat.chats
    place, viewport = column.view.visualRect(index).center(), column.view.viewport()
    scene.qtbot.mouseClick(viewport, Qt.MouseButton.RightButton, pos=place)
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, viewport.mapToGlobal(place))
    QApplication.sendEvent(viewport, asked)
    return shown_menu(column)


def shown_menu(column: QWidget) -> QMenu:
    menu = next(menu for menu in column.findChildren(QMenu) if menu.isVisible())
    assert isinstance(menu, QMenu)
    return menu


def pick(menu: QMenu, *path: str) -> None:
    """Choose an entry, of a menu within it where ``path`` names one."""
    inner = menu
    for words in path[:-1]:
        within = next(entry for entry in inner.actions() if entry.text() == words).menu()
        assert isinstance(within, QMenu)
        inner = within
    next(entry for entry in inner.actions() if entry.text() == path[-1]).trigger()
    menu.close()


def press(scene: Scene, menu: QMenu, words: str) -> None:
    """Choose an entry of an open menu with the mouse."""
    entry = next(entry for entry in menu.actions() if entry.text() == words)
    scene.qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry).center())
    scene.until(lambda: not menu.isVisible())


def rename_in_place(scene: Scene, name: str, end: Qt.Key = Qt.Key.Key_Return) -> None:
    """Type into the field that is open in the list."""
    view = scene.chat.chats.view
    scene.until(lambda: bool(view.findChildren(LineField)))
    editor = view.findChildren(LineField)[-1]
    editor.selectAll()
    scene.qtbot.keyClicks(editor, name)
    scene.qtbot.keyClick(editor, end)


def drop(scene: Scene, rows: list[QModelIndex], onto: QModelIndex) -> None:
    """Let ``rows`` go above ``onto``, as the system tells the list of it."""
    view, model = scene.chat.chats.view, scene.chat.chats._model
    mime, place = model.mimeData(rows), view.visualRect(onto).center()
    action, keys = Qt.DropAction.MoveAction, Qt.KeyboardModifier.NoModifier
    for event in (
        QDragEnterEvent(place, action, mime, LEFT, keys),
        QDragMoveEvent(place, action, mime, LEFT, keys),
        QDropEvent(QPoint(place).toPointF(), action, mime, LEFT, keys),
    ):
        QApplication.sendEvent(view.viewport(), event)
        assert event.isAccepted()
