"""The window's composition root. What is slow to import is imported after the first paint, on the bridge's thread."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLockFile, QObject, QTimer
from PySide6.QtWidgets import QApplication

from paddock.gui import icons, window_state
from paddock.gui.bridge import Bridge
from paddock.gui.crash_log import CrashLog
from paddock.gui.host_link import HostLink
from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.notifications import Notifications
from paddock.gui.theme import ThemeSource
from paddock.gui.widgets.conversation.workshop import Workshop
from paddock.gui.window import Window
from paddock.gui.window_state import WindowState
from paddock.sdk.errors import HostUnavailable, PaddockError
from paddock.sdk.host import Settings
from paddock.sdk.paths import Home
from paddock.sdk.version import VERSION

if TYPE_CHECKING:
    from paddock.gui.watchdog import Watchdog

COLLECT_MS = 2_000
WARM_MS = 1_000
FINISH_S, AWAY_S = 5.0, 1.5
"""So long the last requests may take to leave when the window has gone; the second where no host takes them."""


class Collector(QObject):
    """Python's cyclic collector, on the GUI thread only: another thread's could destroy widgets there."""

    def __init__(self) -> None:
        super().__init__()
        self._was_enabled = gc.isenabled()
        gc.disable()

    def stop(self) -> None:
        """Python collects by itself again, where it did before."""
        for timer in self.findChildren(QTimer):
            timer.stop()
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def start(self) -> None:
        """Everything that exists now stays; look only at what comes after."""
        gc.collect()
        gc.freeze()
        timer = QTimer(self)
        timer.setInterval(COLLECT_MS)
        timer.timeout.connect(lambda: gc.collect(1))
        timer.start()


class App:
    """Builds the services and the window, and takes them down again. GUI thread."""

    def __init__(
        self, application: QApplication, home: Home, log: CrashLog, messages: Messages, *, wanted: str = ""
    ) -> None:
        self._application = application
        self._home = home
        self._wanted = wanted
        self._log = log
        self.messages = messages
        self.collector = Collector()
        self.closing = False
        state = window_state.read(home.window_file)
        self.themes = ThemeSource(application)
        self.themes.set(
            choice=state.theme, zoom=state.zoom, system_font=state.system_font, compact=state.density == "compact"
        )
        self.bridge = Bridge(self._unhandled)
        settings = Settings(
            theme=state.theme, text_zoom=state.zoom, system_font=state.system_font, density=state.density
        )
        self.host = HostState(self.bridge, HostLink(home), settings)
        self.workshop = Workshop(self.bridge.submit)
        self.workshop.install(application)
        self.window = Window(self.host, messages, self.themes, state, home, self._save)
        self.window.first_painted.connect(self._painted)
        self.window.closed.connect(application.quit)
        self.notifications = Notifications(self.host, messages, self.bridge, self.window)
        application.commitDataRequest.connect(self._session_ends)

    def _session_ends(self, _: object) -> None:
        self.window.quit_question.session_ends = True

    def _painted(self) -> None:
        self.window.setWindowIcon(icons.icon("horse", self.themes.theme.palette.accent, 64))
        self.bridge.start()
        self.host.start()
        if self._wanted:
            self.host.open_requested.emit(self._wanted)
        QTimer.singleShot(500, self._collect)
        QTimer.singleShot(WARM_MS, self._warm)

    def _collect(self) -> None:
        if not self.closing:
            self.collector.start()

    def _warm(self) -> None:
        """Load what the first answer's code needs, in the bridge's thread and in steps that let others run."""

        async def warm_up() -> None:
            import asyncio

            from paddock.gui.widgets.conversation import warm

            for _ in warm():
                await asyncio.sleep(0.05)

        if not self.closing:
            self.bridge.submit(warm_up)

    def _save(self, state: WindowState) -> None:
        path = self._home.window_file

        async def save() -> None:
            window_state.write(path, state)

        self.bridge.submit(save, None, self._not_saved)

    def _not_saved(self, error: BaseException) -> None:
        self._log.write("window.json", str(error))

    def _unhandled(self, error: BaseException) -> None:
        if isinstance(error, HostUnavailable) and self.host.connection == "lost":
            return  # the window says so already
        if not isinstance(error, PaddockError):
            self._log.report("bridge", error)
        self.messages.error(error)

    def close(self) -> None:
        """After the event loop: let the last requests leave, then end the thread."""
        self.closing = True
        self.workshop.remove(self._application)
        self.bridge.finish(FINISH_S if self.host.connection == "connected" else AWAY_S)
        self.bridge.close()
        try:
            window_state.write(self._home.window_file, self.window.state())
        except OSError as error:
            self._not_saved(error)
        self.collector.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window and stay until it is closed. Returns the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="paddock", description="Open the Paddock window.")
    parser.add_argument("open", nargs="?", default="", help="a model file, or an address of a model")
    parser.add_argument("--new-window", action="store_true", help="open one more window")
    parser.add_argument("--debug", action="store_true", help="write stalls of the window into its log")
    parser.add_argument("--version", action="version", version=VERSION)
    options = parser.parse_args(arguments)
    home = Home.find()
    lock = _window_lock(home)
    first = lock is not None and lock.tryLock(0)
    if not first and not options.new_window and _raise_other(home, options.open):
        return 0
    application = make_application()
    messages = Messages()
    log = CrashLog(home.logs / "window.log", messages.error)
    log.install()
    app = App(application, home, log, messages, wanted=options.open)
    app.window.show()
    watchdog = _watchdog(log) if options.debug else None
    code = application.exec()
    if watchdog is not None:
        watchdog.stop()
    app.close()
    if lock is not None and first:
        lock.unlock()
    return code


def _watchdog(log: CrashLog) -> Watchdog:
    from paddock.gui.watchdog import Watchdog

    return Watchdog(log.write)


def make_application() -> QApplication:
    QCoreApplication.setOrganizationName("Paddock")
    QCoreApplication.setApplicationName("Paddock")
    QCoreApplication.setApplicationVersion(VERSION)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(["paddock"])
    application.setApplicationDisplayName("Paddock")
    application.setDesktopFileName("paddock")
    return application


def _window_lock(home: Home) -> QLockFile | None:
    """Held by the first window: another start then knows at once that it has to ask. Only a hint; the host decides."""
    try:
        home.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None  # the host will say in words that the folder cannot be used
    lock = QLockFile(str(home.run / "window.lock"))
    lock.setStaleLockTime(0)
    return lock


def _raise_other(home: Home, wanted: str = "") -> bool:
    """Ask the open window to come forward, and to open ``wanted``; False when there is none after all."""
    import asyncio

    from paddock.sdk.aclient import AsyncClient

    async def ask() -> int:
        async with await AsyncClient.connect(home, client="cli", start=False) as client:
            return await client.raise_window(os.environ.get("XDG_ACTIVATION_TOKEN", ""), wanted)

    try:
        return asyncio.run(ask()) > 0
    except PaddockError:
        return False


if __name__ == "__main__":
    sys.exit(main())
