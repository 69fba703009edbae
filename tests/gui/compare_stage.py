"""A real host with the echo engine's models, and Compare views on it, for the tests of comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from held_answers import ENDLESS, Gate
from own_home import HostUser
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

LONG = "Paddock-Compares-Long-Names-8B-Instruct-2512-" * 5
ALPHA = "The **capital** of France is Paris."
BETA = "Paris is the capital of France, and its largest city."
SLOW: str = ENDLESS["text"]
MODELS: dict[str, dict[str, Any]] = {
    "alpha": {"text": ALPHA, "tokens_per_second": 400},
    "beta": {"text": BETA, "tokens_per_second": 200},
    "slow": {**ENDLESS, "tokens_per_second": 40},
    "broken": {
        "text": "one two three four",
        "fail_load": {"code": "engine", "message": "Bad file.", "hint": "Get it again."},
    },
}


class Stage(HostUser):
    """``view`` is the Compare view of the current test, in a window of its own. ``gates`` are the models that wait for
    the test: at an answer, while they load."""

    def __init__(self, home: Path) -> None:
        from PySide6.QtWidgets import QApplication

        from paddock.gui.bridge import Bridge
        from paddock.gui.host_link import HostLink
        from paddock.gui.host_state import HostState
        from paddock.gui.messages import Messages
        from paddock.gui.theme import Theme
        from paddock.sdk.host import Settings
        from paddock.sdk.paths import Home

        self.home = home
        models = home / "models"
        self.gates = {
            "held": Gate(models),
            "heavy": Gate(models, "heavy", {"during": "load"}, text="Loaded.", load_steps=8),
        }
        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        Theme().apply(app)
        self.said: list[Any] = []
        self.messages = Messages()
        self.messages.listen(self.said.append, lambda key: None)
        self.errors: list[BaseException] = []
        self.bridge = Bridge(self.errors.append)
        self.host = HostState(self.bridge, HostLink(Home(home)), Settings())
        self.bridge.start()
        self.host.start()
        self.windows: list[Any] = []

    def open(self, qtbot: QtBot, width: int = 1200, height: int = 720) -> Any:
        from PySide6.QtWidgets import QWidget

        from paddock.gui.pages.compare import CompareView
        from paddock.gui.window_state import WindowState

        self.qtbot = qtbot
        self.said.clear()
        for gate in self.gates.values():
            gate.shut()
        self.until(lambda: self.host.connection == "connected" and self.host.models_known and self.host.chats_known)
        window = QWidget()
        window.resize(width, height)
        self.view = CompareView(self.host, self.messages, WindowState(), window)
        self.view.resize(width, height)
        window.show()
        self.windows.append(window)
        return self.view

    def begin(self, *models: str) -> None:
        """A new comparison of the models, shown."""
        from paddock.sdk.types import Pane

        panes = [Pane(model=f"test/{name}") for name in models]
        self.view.begin("", panes, model="test/alpha")
        self.until(lambda: len(self.view.panes) == len(panes))

    def stored(self) -> Any:
        """The conversation as the host has it."""
        chat = self.view.chat
        return self.ask(lambda client: client.chat(chat))

    def send(self, text: str) -> None:
        """Ask, and wait for all answers."""
        before = len(self.view.session.turns())
        self.view.send(text)
        self.until(lambda: len(self.view.session.turns()) > before and not self.view.session.running)

    def texts(self, number: int) -> list[str]:
        """What the pane in a place has stored, from the first message on."""
        chat = self.stored()
        return [message.content for message in chat.paths[chat.panes[number].id]]

    def pane(self, number: int) -> Any:
        """The widget in a place."""
        return self.view.grid.panes[number]

    def close_views(self) -> None:
        self.view.leave()
        for window in self.windows:
            window.close()
            window.deleteLater()
        self.windows.clear()
        assert not self.errors, self.errors

    def close(self) -> None:
        self.bridge.close()
        for gate in self.gates.values():
            gate.open()  # a host that ends need not kill what still loads


def shown(pane: Any) -> list[str]:
    return [row.full_text() for row in pane.view.column.rows]


def pick(menu: QMenu, words: str) -> None:
    """Choose the entry of a menu; the mouse does it where the menu is open."""
    entry = next(entry for entry in menu.actions() if entry.text() == words)
    assert entry.isEnabled(), words
    if not menu.isVisible():
        entry.trigger()
        return
    QTest.mouseClick(
        menu, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, menu.actionGeometry(entry).center()
    )


def pick_below(button: QWidget, words: str) -> None:
    """Click on a button that opens a menu, and then on the entry."""
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    pick(menu, words)


def choose(stage: Stage, view: Any, number: int, words: str) -> None:
    """Choose an entry of the menu of the pane in a place, by mouse."""
    pick_below(stage.pane(number).head.menu, words)


def _targets(pane: Any, row: int) -> dict[str, tuple[tuple[int, int, str], Any]]:
    """The buttons and links of a message that a pane shows, by their keys."""
    from paddock.gui.widgets.conversation.walk import stops

    column = pane.view.column
    places = range(len(column.rows[row].blocks))
    return {stop[0][2]: stop for place in reversed(places) for stop in stops(column, row, place, lambda url: None)}


def shows(pane: Any, row: int, key: str) -> bool:
    """Whether there is a button or link to :func:`hit`."""
    return key in _targets(pane, row)


def hit(pane: Any, row: int, key: str) -> None:
    """Click on a button or link in a message that a pane shows, by the key of its target."""
    place, target = _targets(pane, row)[key]
    spot = pane.view.place_of(place, target.rect).translated(0, -pane.view.scrolled()).center()
    QTest.mouseClick(pane.view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)


def take_model(stage: Stage, view: Any, name: str) -> None:
    """Choose a model in the picker that is open."""
    picker = view.deeds._picker
    picker.view.setCurrentIndex(picker._model.row_of(f"test/{name}"))
    stage.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
