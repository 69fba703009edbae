"""``python -m paddock.gui.screens DIR``: draws every page in light and dark, from a real host with a folder of its own.

``<page>-<theme>.png`` at 1440 x 900, ``<page>-small-<theme>.png`` at the smallest window, ``<page>-200-<theme>.png`` at
960 x 600 logical pixels on a screen of 200 %. The exit code is 1 when a page could not be drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeVar

from PySide6.QtCore import QEventLoop, QRect, QRectF
from PySide6.QtGui import QColor, QPainter, QPainterPath
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from paddock.gui import window_state
from paddock.gui.app import App, make_application
from paddock.gui.crash_log import CrashLog
from paddock.gui.messages import Messages
from paddock.gui.pages.memory_popover import MemoryPopover
from paddock.gui.screens_content import CHATS, ECHO_MODELS, QUESTIONS, RICH
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.window_state import WindowState
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.host import ServerRequest, SettingsPatch
from paddock.sdk.paths import Home
from paddock.sdk.types import ChatPatch, NewChat

T = TypeVar("T")
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
LARGE, SMALL, LAPTOP = (1440, 900), (720, 480), (960, 600)
WAIT_S = 40.0
SETTLE_TURNS = 12


class NotDrawn(Exception):
    """A page did not come to look as it should."""


class Studio:
    """A window, a host and what to photograph."""

    def __init__(self, application: QApplication, home: Home, folder: Path) -> None:
        self._application = application
        self._folder = folder
        self._made: dict[str, str] = {}
        messages = Messages()
        log = CrashLog(home.logs / "window.log", messages.error)
        log.install()
        window_state.write(home.window_file, WindowState(geometry=(0, 0, *LARGE)))
        self.app = App(application, home, log, messages)
        self.window = self.app.window
        self.chat = self.window.chat
        self.host = self.app.host

    # ---------------------------------------------------------------- waiting

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Run the event loop until ``done``; raises NotDrawn after 40 s."""
        end = time.monotonic() + WAIT_S
        while not done():
            if time.monotonic() > end:
                raise NotDrawn(f"{what} did not happen within {WAIT_S:.0f} s; messages: {self.window.bar.texts()}")
            self._application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    def settle(self) -> None:
        for _ in range(SETTLE_TURNS):
            self._application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)

    def ask(self, job: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """One request to the host, waited for."""
        got: list[T] = []
        bad: list[BaseException] = []
        self.host.call(job, got.append, bad.append)
        self.until(lambda: bool(got or bad), "An answer of the host")
        if bad:
            raise NotDrawn(str(bad[0])) from bad[0]
        return got[0]

    # ---------------------------------------------------------------- the set

    def open(self) -> None:
        self.window.show()
        self.until(lambda: self.host.connection == "connected", "The connection to the host")
        self.until(lambda: self.host.models_known and self.host.chats_known, "The list of models")

    def furnish(self) -> None:
        """Chats with real answers; a starter model where there is one, otherwise the echo engine's."""
        for title, pinned in CHATS:
            self.store(title, pinned)
        model = self.answering_model()
        self.converse(model, QUESTIONS)
        self._made["chat"] = self.chat.dialogue.chat
        self.converse(self.echo("demo-writer"), RICH)
        self._made["chat-rich"] = self.chat.dialogue.chat
        self.converse(self.echo("demo-crash"), ("Tell me a short story about a fox",))
        self._made["chat-error"] = self.chat.dialogue.chat

    def store(self, title: str, pinned: bool) -> None:
        chat = self.ask(lambda client: client.create_chat(NewChat(title=title))).summary.id
        if pinned:
            self.ask(lambda client: client.patch_chat(chat, ChatPatch(pinned=True)))

    def answering_model(self) -> str:
        starter = self.host.models.get(self.host.settings.default_model)
        return starter.id if starter is not None and starter.error is None else self.echo("demo-writer")

    def echo(self, name: str) -> str:
        """The id of one of the echo engine's models made for the pictures."""
        found = next((info for info in self.host.models.values() if Path(info.path).stem.startswith(name)), None)
        if found is None:
            raise NotDrawn(f"The model {name} is not listed: {sorted(self.host.models)}")
        return found.id

    def converse(self, model: str, questions: tuple[str, ...]) -> None:
        self.window.show_page("chat")
        self.chat.new_chat()
        self.chat.dialogue.set_model(model)
        for question in questions:
            self.chat.send(question)
            self.until(lambda: self.chat.dialogue.run is None, f"The answer to “{question}”")
            self.settle()
            self.until(lambda: self.chat.dialogue.messages[-1].role == "assistant", "The stored answer")

    # ---------------------------------------------------------------- pictures

    def dress(self, theme: Theme, size: tuple[int, int], variant: str) -> str:
        """Take a theme and size on; what the names of its pictures end in."""
        self.ask(lambda client: client.patch_settings(SettingsPatch(theme=theme)))
        self.until(lambda: self.app.themes.theme.mode == theme, f"The {theme} theme")
        self.window.resize(*size)
        self.window.show_page("chat")
        return f"{variant}-{theme}" if variant else theme

    def shoot_demos(self, name: str) -> None:
        """What needs models that do as they are told."""
        for page in ("chat-rich", "chat-error"):
            self.shoot_chat(page, name)
        self.shoot_loading(name)

    def shoot_pages(self, name: str) -> None:
        """The pages as they are with the models that are really there."""
        self.shoot_chat("chat", name)
        self.chat.new_chat()
        self.chat.dialogue.set_model(self.answering_model())
        self.save(f"chat-empty-{name}")
        for page in ("server", "settings"):
            self.window.show_page(page)
            self.save(f"{page}-{name}")
        self.window.show_page("chat")
        self.shoot_memory(name)

    def shoot_memory(self, name: str) -> None:
        """What lies behind the meter, and the load dialog: what fits, and what does not under a limit of one's own."""
        model = self.answering_model()
        self.ask(lambda client: client.load(model))
        self.until(lambda: bool(self.window.rail.meter.gauges), "The memory meter")
        self.window.show_memory()
        popover = self.window.findChild(MemoryPopover)
        if popover is None:
            raise NotDrawn("The popup of the memory meter did not open.")
        self.save(f"memory-{name}", popover)
        popover.hide()
        needed = self.ask(lambda client: client.estimate(model))
        self.shoot_load_dialog(f"load-fits-{name}", "fits")
        limit = (needed.total_bytes - needed.parts.kv // 2) // 2**20
        self.ask(lambda client: client.patch_settings(SettingsPatch(memory_guard="custom", memory_limit_mib=limit)))
        self.shoot_load_dialog(f"load-does-not-fit-{name}", "fits_with")
        self.ask(lambda client: client.patch_settings(SettingsPatch(memory_guard="balanced", memory_limit_mib=0)))

    def shoot_load_dialog(self, name: str, verdict: str) -> None:
        dialog = self.chat.open_load_dialog(self.answering_model())
        if dialog is None:
            raise NotDrawn("The load dialog did not open.")
        breakdown = dialog.breakdown
        self.until(lambda: breakdown.estimate is not None and dialog.estimator.settled, "The estimate")
        found = breakdown.estimate.verdict if breakdown.estimate is not None else "nothing"
        if found != verdict:
            raise NotDrawn(f"The load dialog was to say {verdict}, but says {found}.")
        self.save(name, dialog)
        dialog.reject()

    def shoot_chat(self, page: str, name: str) -> None:
        self.chat.open(self._made[page])
        self.until(lambda: len(self.chat.dialogue.messages) > 1, f"The conversation of {page}")
        self.save(f"{page}-{name}")

    def clear_demos(self, home: Home) -> None:
        """Take the demo models away, where a real one is left, and switch the API server on."""
        if not self.host.models[self.answering_model()].path.endswith(".echo.json"):
            for name in ECHO_MODELS:
                shutil.rmtree(home.models / "demo" / name)
            self.ask(lambda client: client.refresh_models())
            self.until(lambda: len(self.host.models) == 1, "The list without the demo models")
        self.ask(lambda client: client.set_server(ServerRequest(running=True)))
        self.until(lambda: self.host.server is not None and self.host.server.running, "The API server")

    def shoot_loading(self, name: str) -> None:
        slow = self.echo("demo-large")
        self.chat.new_chat()
        self.chat.dialogue.set_model(slow)
        self.chat.send("What does a paddock hold?")
        self.until(lambda: self.chat.composer.progress.isVisible(), "The loading bar")
        self.until(lambda: self.chat.composer.progress.value() > 350, "Some progress")
        self.until(lambda: bool(self.chat.dialogue.chat), "The conversation that waits for its model")
        self.save(f"chat-loading-{name}")
        chat = self.chat.dialogue.chat
        if chat in self._made.values():
            raise NotDrawn("The loading picture was about to delete the conversation of another one.")
        self.chat.dialogue.stop()
        self.chat.new_chat()
        self.ask(lambda client: client.delete_chat(chat))
        self.until(lambda: chat not in self.host.chats, "The list without that conversation")
        self.host.call(lambda client: client.unload(slow), None, lambda _: None)  # stopping may have unloaded it
        self.until(lambda: self.host.loaded_model(slow) is None, "The unloading")

    def save(self, name: str, over: QWidget | None = None) -> None:
        """The window, with a dialog or popup ``over`` it."""
        self.settle()
        picture = self.window.grab()
        if over is not None:
            painter = QPainter(picture)
            where = self.window.mapFromGlobal(over.pos())
            if isinstance(over, QDialog):
                painter.fillRect(self.window.rect(), QColor(0, 0, 0, 90))
                where = self.window.rect().center() - over.rect().center()
                outline = QPainterPath()
                outline.addRoundedRect(QRectF(QRect(where, over.size())), CARD_RADIUS, CARD_RADIUS)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setClipPath(outline)  # as the desktop rounds its windows
            painter.drawPixmap(where, over.grab())
            painter.end()
        path = self._folder / f"{name}.png"
        if picture.isNull() or not picture.save(str(path)):
            raise NotDrawn(f"{path} could not be written.")
        print(path)  # noqa: T201  the command's output

    def close(self) -> None:
        """Take the window and the host down."""
        self.host.call(lambda client: client.shutdown("now"), None, lambda error: None)
        self.app.close()


def prepare(home: Home) -> None:
    """Models of the echo engine beside the starter: one that writes, one that dies, one that loads slowly."""
    for name, script in ECHO_MODELS.items():
        folder = home.models / "demo" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.echo.json").write_text(json.dumps(script), encoding="utf-8")


def take(folder: Path, sizes: dict[str, tuple[int, int]]) -> int:
    """All pictures of the given variants; the exit code."""
    with tempfile.TemporaryDirectory(prefix="paddock-screens-", ignore_cleanup_errors=True) as place:
        os.environ["PADDOCK_HOME"] = place
        home = Home.find()
        prepare(home)
        studio = Studio(make_application(), home, folder)
        try:
            studio.open()
            studio.furnish()
            looks = [(theme, size, variant) for variant, size in sizes.items() for theme in THEMES]
            for look in looks:
                studio.shoot_demos(studio.dress(*look))
            studio.clear_demos(home)
            for look in looks:
                studio.shoot_pages(studio.dress(*look))
        except NotDrawn as error:
            print(error, file=sys.stderr)  # noqa: T201  the command's output
            return 1
        finally:
            studio.close()
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="screens", description="Draw every page into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--doubled", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if options.doubled:
        return take(options.folder, {"200": LAPTOP})
    os.environ.pop("QT_SCALE_FACTOR", None)
    code = take(options.folder, {"": LARGE, "small": SMALL})
    # the factor is read once, before the application exists
    command = [sys.executable, "-m", "paddock.gui.screens", str(options.folder), "--doubled"]
    doubled = subprocess.run(command, env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=False)
    return code or doubled.returncode


if __name__ == "__main__":
    sys.exit(main())
