"""A real host with the echo engine's models, and Compare views on it, for the tests of comparisons."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from held_answers import ENDLESS, Gate
from host_end import end_host
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

T = TypeVar("T")

LONG = "Paddock-Compares-Long-Names-8B-Instruct-2512-" * 5
MODELS: dict[str, dict[str, Any]] = {
    "alpha": {"text": "The **capital** of France is Paris.", "tokens_per_second": 400},
    "beta": {"text": "Paris is the capital of France, and its largest city.", "tokens_per_second": 200},
    "slow": {**ENDLESS, "tokens_per_second": 40},
    "broken": {
        "text": "one two three four",
        "fail_load": {"code": "engine", "message": "Bad file.", "hint": "Get it again."},
    },
}


class Stage:
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
        for name, script in MODELS.items():
            folder = home / "models" / "test" / name
            folder.mkdir(parents=True)
            (folder / f"{name}.echo.json").write_text(json.dumps(script))
        models = home / "models"
        self.gates = {
            "held": Gate(models),
            "heavy": Gate(models, "heavy", {"during": "load"}, text="Loaded.", load_steps=8),
        }
        self._before = {name: os.environ.get(name) for name in ("PADDOCK_HOME", "PADDOCK_STORES")}
        os.environ.update(PADDOCK_HOME=str(home), PADDOCK_STORES="off")
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

    def until(self, done: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(done)

    def ask(self, job: Callable[[Any], Awaitable[T]]) -> T:
        got: list[T] = []
        bad: list[BaseException] = []
        self.host.call(job, got.append, bad.append)
        self.until(lambda: bool(got or bad))
        if bad:
            raise bad[0]
        return got[0]

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
        asyncio.run(end_host(self.home))
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def shown(pane: Any) -> list[str]:
    return [row.full_text() for row in pane.view.column.rows]


def pick(menu: QMenu, words: str) -> None:
    """Choose the entry of a menu."""
    entry = next(entry for entry in menu.actions() if entry.text() == words)
    assert entry.isEnabled(), words
    entry.trigger()
    menu.close()


def choose(stage: Stage, view: Any, number: int, words: str) -> None:
    """Choose an entry of the menu of the pane in a place."""
    pick(view.deeds.open_menu(stage.pane(number).pane), words)


def take_model(stage: Stage, view: Any, name: str) -> None:
    """Choose a model in the picker that is open."""
    picker = view.deeds._picker
    picker.view.setCurrentIndex(picker._model.row_of(f"test/{name}"))
    stage.qtbot.keyClick(picker.view, Qt.Key.Key_Return)
