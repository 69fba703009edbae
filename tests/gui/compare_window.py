"""A comparison in the window of a Scene: what a person does to it, what its panes show and what is stored of them."""

from __future__ import annotations

from typing import Any

from compare_stage import pick, shown
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from paddock.gui import window_state
from paddock.gui.pages.palette import Palette
from paddock.gui.widgets.conversation import menus
from paddock.gui.window_state import WindowState
from paddock.sdk.types import Pane

Scene = Any
FAST = "The **capital** of France is Paris."
HELD = "one two three four five six"


class Panes:
    """A new comparison of models; without any the one that a person began."""

    def __init__(self, scene: Scene, *models: str) -> None:
        self.scene, self.compare = scene, scene.chat.compare
        if models:
            wanted = tuple(Pane(model=scene.model(name)) for name in models)
            self.compare.begin("", model=scene.model("fast"), system="", panes=wanted)
        count = len(models) or 2
        scene.until(lambda: self.compare.shown and len(self.compare.view.panes) == count)
        self.view = self.compare.view

    def ask(self, text: str) -> None:
        before = len(self.view.session.turns())
        self.scene.type_and_send(text)
        self.scene.until(lambda: len(self.view.session.turns()) > before and not self.view.session.running)

    def chat(self) -> Any:
        """The conversation as the host has it."""
        chat = self.compare.chat
        return self.scene.ask(lambda client: client.chat(chat))

    def votes(self) -> list[tuple[str, str]]:
        """Outcome and pane of the stored votes."""
        chat = self.compare.chat
        return [(vote.outcome, vote.pane) for vote in self.scene.ask(lambda client: client.votes(chat))]

    def stored(self, number: int) -> list[str]:
        found = self.chat()
        return [message.content for message in found.paths[found.panes[number].id]]

    def versions(self) -> list[int]:
        """So many versions the first answer of each pane has."""
        found = self.chat()
        return [found.paths[pane.id][1].versions for pane in found.panes]

    def seen(self, number: int) -> list[str]:
        return shown(self.view.grid.panes[number])

    def choose(self, number: int, row: int, words: str) -> None:
        """An entry of the menu of a message that a pane shows."""
        conversation = self.view.grid.panes[number].view
        pick(menus.of_message(conversation, conversation.column.rows[row]), words)

    def write(self, text: str, key: Qt.Key = Qt.Key.Key_Return, *modifiers: Qt.KeyboardModifier) -> None:
        field = self.scene.chat.composer.field
        field.selectAll()
        self.scene.qtbot.keyClicks(field, text)
        self.scene.qtbot.keyClick(field, key, *modifiers)


def press(scene: Scene, key: Qt.Key, *held: Qt.KeyboardModifier) -> None:
    """A key with Ctrl, or with the keys that are ``held``, wherever the focus is."""
    modifiers = Qt.KeyboardModifier.NoModifier
    for one in held or (Qt.KeyboardModifier.ControlModifier,):
        modifiers |= one
    scene.window.activateWindow()  # without a window manager nobody does when a menu has closed
    scene.until(lambda: QApplication.activeWindow() is scene.window)
    scene.qtbot.keyClick(scene.window.focusWidget() or scene.window, key, modifiers)


def command(scene: Scene, title: str) -> None:
    """Choose an action in the palette, by keys."""
    press(scene, Qt.Key.Key_K)
    palette = scene.window.findChild(Palette)
    scene.qtbot.keyClicks(palette.field, title)
    assert palette.view.currentIndex().data() == title
    scene.qtbot.keyClick(palette.field, Qt.Key.Key_Return)


def click(scene: Scene, widget: QWidget) -> None:
    scene.until(widget.isVisible)
    scene.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def kept(scene: Scene) -> WindowState:
    """What the window has written of itself, without the usual pause."""
    scene.window._saving.setInterval(10)
    return window_state.read(scene.app._home.window_file)
