"""The window's tests run without a display, at 100 %, whatever the desktop they are started from says.

``open_window`` opens real windows on a real host with a folder of its own and the echo engine's models.
"""

import dataclasses
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from held_answers import ENDLESS, Gate
from PySide6.QtWidgets import QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

sys.path.insert(0, str(Path(__file__).parent))

from chat_stage import SICK
from own_home import HostUser, own_home

os.environ["QT_QPA_PLATFORM"] = "offscreen"
for name in ("QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS", "QT_STYLE_OVERRIDE", "QT_QPA_PLATFORMTHEME"):
    os.environ.pop(name, None)

PATIENCE_MS = 120_000
"""For what comes at all; only a test that fails waits so long."""

MODELS: dict[str, dict[str, Any]] = {
    "fast": {"text": "The **capital** of France is Paris.\n\n```python\nprint(1)\n```\n", "tokens_per_second": 200},
    "slow": ENDLESS,
    **SICK,
}


def make_gates(home: Path) -> dict[str, Gate]:
    """Models that go on when a test says so: at an answer, while they load, while they read."""
    models = home / "models"
    return {
        "held": Gate(models),
        "heavy": Gate(models, "heavy", {"during": "load"}, text="Loaded.", load_steps=20),
        "reader": Gate(models, "reader", {"during": "prompt"}, text="Read."),
    }


class PatientBot(QtBot):
    """Its waits end when what they wait for is there, however slow the machine."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **more)

    def waitExposed(self, widget: QWidget, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)

    def waitActive(self, widget: QWidget, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitActive(widget, timeout=timeout)


@pytest.fixture(scope="module", autouse=True)
def one_collector() -> Iterator[None]:
    """Python's cyclic collector runs on this thread alone, as in the window: in the thread of a bridge or of a hub of
    the test it would end widgets there, which hangs, or ends the program when the next page is made."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def collected(one_collector: None) -> Iterator[None]:
    """What a test leaves in cycles ends with it."""
    yield
    gc.collect(1)


@pytest.fixture
def qtbot(qapp: Any, request: pytest.FixtureRequest) -> PatientBot:
    return PatientBot(request)


class Scene(HostUser):
    """A window under test. ``gates`` are the models that wait for the test."""

    def __init__(self, qtbot: QtBot, home: Path, gates: dict[str, Gate]) -> None:
        from paddock.gui.app import App, make_application
        from paddock.gui.crash_log import CrashLog
        from paddock.gui.messages import Messages
        from paddock.sdk.paths import Home

        self.qtbot, self.gates = qtbot, gates
        self.messages = Messages()
        post = self.messages._post  # notices stay until they are closed, so that a slow machine finds them
        self.messages._post = lambda notice: post(dataclasses.replace(notice, seconds=None))
        self.log = CrashLog(home / "logs" / "window.log", self.messages.error)
        self.app = App(make_application(), Home(home), self.log, self.messages)
        self.window = self.app.window
        self.host = self.app.host
        self.chat = self.window.chat
        self.dialogue = self.chat.dialogue

    def show(self, *, connected: bool = True) -> None:
        self.window.show()
        if connected:
            self.until(lambda: self.host.connection == "connected" and self.host.models_known and self.host.chats_known)

    def model(self, name: str) -> str:
        return next(info.id for info in self.host.models.values() if Path(info.path).name.startswith(name))

    def take_model(self, name: str) -> None:
        self.dialogue.set_model(self.model(name))

    def type_and_send(self, text: str) -> None:
        from PySide6.QtCore import Qt

        self.qtbot.keyClicks(self.chat.composer.field, text)
        self.qtbot.keyClick(self.chat.composer.field, Qt.Key.Key_Return)

    def answered(self) -> None:
        self.until(lambda: self.dialogue.run is None and self.dialogue.messages[-1].role == "assistant")
        assert self.dialogue.messages[-1].state != "generating"

    def answering(self, text: str = "") -> None:
        """Wait until an answer is being written, and shows ``text``."""

        def shown() -> bool:
            run = self.dialogue.run
            return run is not None and run.phase == "answering" and text in self.chat.view.column.rows[-1].full_text()

        self.until(shown)

    def close(self) -> None:
        self.window.close()
        self.app.close()
        self.window.deleteLater()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "settings.toml").write_text("welcomed = true\n")  # else the first screen covers the Chat page
    with own_home(tmp_path, MODELS):
        yield tmp_path


@pytest.fixture
def gates(home: Path) -> Iterator[dict[str, Gate]]:
    made = make_gates(home)
    yield made
    for gate in made.values():
        gate.open()  # a host that ends need not kill what still loads


@pytest.fixture
def open_window(qtbot: QtBot, home: Path, gates: dict[str, Gate]) -> Iterator[Callable[[], Scene]]:
    scenes: list[Scene] = []

    def make() -> Scene:
        scenes.append(Scene(qtbot, home, gates))
        return scenes[-1]

    yield make
    for scene in scenes:
        if not scene.app.closing:
            scene.window._quitting = True
            scene.close()


@pytest.fixture
def scene(open_window: Callable[[], Scene]) -> Scene:
    made = open_window()
    made.show()
    return made


@pytest.fixture(scope="module")
def chat_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One window for all tests of a module; see ``chat_scene``."""
    from chat_stage import stage

    home = tmp_path_factory.mktemp("chat")
    gates = make_gates(home)
    with stage(home, lambda: Scene(None, home, gates)) as scene:
        yield scene
        for gate in gates.values():
            gate.open()


@pytest.fixture
def chat_scene(chat_stage: Scene, qtbot: QtBot) -> Scene:
    """The module's window, at a new conversation with the model ``fast``."""
    scene = chat_stage
    for gate in scene.gates.values():
        gate.shut()
    scene.qtbot = qtbot
    if not scene.window.isVisible():
        scene.show()
        scene.window.resize(1280, 800)
    scene.window.activateWindow()  # a dialog of the test before may have had the focus
    for row in list(scene.window.bar.rows()):
        row.gone.emit(False)
    scene.chat.new_chat()
    scene.chat.composer.set_text("")
    scene.take_model("fast")
    return scene


@pytest.fixture(scope="module")
def stage(qapp: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One host without a window for all tests of a module; see ``compare_stage``."""
    from compare_stage import MODELS, Stage

    home = tmp_path_factory.mktemp("stage")
    with own_home(home, MODELS):
        made = Stage(home)
        yield made
        made.close()


@pytest.fixture
def view(stage: Any, qtbot: QtBot) -> Iterator[Any]:
    """A Compare view of its own on ``stage``."""
    yield stage.open(qtbot)
    stage.close_views()


@pytest.fixture
def place(qtbot: QtBot, qapp: Any, tmp_path: Path) -> Iterator[Any]:
    """A window on a host that does as it is told; see ``downloads_place``."""
    from downloads_place import Place

    made = Place(qtbot, tmp_path)
    yield made
    made.window._quitting = True
    made.window.close()
    made.window.deleteLater()


@pytest.fixture
def make(qtbot: QtBot, qapp: Any) -> Callable[..., Any]:
    """Shows a conversation view with the given messages."""
    from paddock.gui.theme import Theme
    from paddock.gui.widgets.conversation import ConversationView

    Theme().apply(qapp)
    kept: list[Any] = []

    def view(messages: list[Any], width: int = 760, height: int = 600) -> Any:
        made = ConversationView(editable=True)
        kept.append(made)
        qtbot.addWidget(made)
        made.resize(width, height)
        made.set_messages(messages)
        with qtbot.waitExposed(made):
            made.show()
        qtbot.waitUntil(lambda: not any(row.pending() for row in made.column.rows if row.parsed))
        return made

    return view


@pytest.fixture
def free_host(qapp: Any, tmp_path: Path) -> Any:
    """A host that the test holds in its hands; no model is on its GPU. See ``memory_fakes``."""
    from memory_fakes import FakeHost

    from paddock.gui.theme import Theme

    Theme().apply(qapp)
    made = FakeHost(tmp_path)
    made.client.gemma = False
    return made


@pytest.fixture
def open_load_dialog(qtbot: QtBot, free_host: Any) -> Callable[..., Any]:
    """Opens the load dialog over a window of a size, by itself as large as it wants to be."""
    from memory_fakes import QWEN
    from PySide6.QtWidgets import QWidget

    from paddock.gui.pages.load_dialog import LoadDialog

    parents: list[QWidget] = []

    def opened(size: tuple[int, int] = (1000, 800), model: str = QWEN) -> LoadDialog:
        parent = QWidget()
        parent.resize(*size)
        parents.append(parent)
        qtbot.addWidget(parent)
        dialog = LoadDialog(free_host, model, parent)
        dialog.open()
        return dialog

    return opened


@pytest.fixture
def show(qtbot: QtBot) -> Callable[..., QWidget]:
    """Shows widgets in a window that lives as long as the test."""
    pages: list[QWidget] = []

    def make(*widgets: QWidget) -> QWidget:
        page = QWidget()
        pages.append(page)
        row = QHBoxLayout(page)
        for widget in widgets:
            row.addWidget(widget)
        qtbot.addWidget(page)
        with qtbot.waitActive(page):
            page.show()
            page.activateWindow()
        return page

    return make
