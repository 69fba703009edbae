"""A window, a host and a camera for :mod:`paddock.gui.screens`."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeVar

from PySide6.QtCore import QEventLoop, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QCursor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget

from paddock.gui import window_state
from paddock.gui.app import App
from paddock.gui.crash_log import CrashLog
from paddock.gui.messages import Messages
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.window_state import WindowState
from paddock.sdk.aclient import AsyncClient
from paddock.sdk.host import SettingsPatch
from paddock.sdk.paths import Home

T = TypeVar("T")
W = TypeVar("W", bound=QWidget)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
LARGE, SMALL, LAPTOP = (1440, 900), (720, 480), (960, 600)
WAIT_S = 120.0
SETTLE_TURNS = 12


class NotDrawn(Exception):
    """A page did not come to look as it should."""


class Studio:
    """A window on a host of its own, and pictures of it in ``folder``. ``failed`` are the pictures that were not
    drawn, each with its reason."""

    def __init__(self, application: QApplication, home: Home, folder: Path) -> None:
        self._application = application
        self._folder = folder
        self.failed: list[str] = []
        messages = self.messages = Messages()
        log = CrashLog(home.logs / "window.log", messages.error)
        log.install()
        window_state.write(home.window_file, WindowState(geometry=(0, 0, *LARGE)))
        self.app = App(application, home, log, messages)
        self.window = self.app.window
        self.chat = self.window.chat
        self.host = self.app.host

    # ---------------------------------------------------------------- waiting

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Run the event loop until ``done``; raises NotDrawn after two minutes."""
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

    def tell(self, job: Callable[[AsyncClient], Awaitable[object]]) -> None:
        """One request whose answer does not matter."""
        self.host.call(job, None, lambda error: None)

    def open(self) -> None:
        """Show the window and wait for the host."""
        self.window.show()
        self.until(lambda: self.host.connection == "connected", "The connection to the host")
        self.until(lambda: self.host.models_known and self.host.chats_known, "The list of models")

    def part(self, kind: type[W], of: QWidget | None = None) -> W:
        """The widget of that kind that shows."""
        found = next((item for item in (of or self.window).findChildren(kind) if item.isVisible()), None)
        if found is None:
            raise NotDrawn(f"There is no {kind.__name__} to be seen.")
        return found

    # ---------------------------------------------------------------- pictures

    def dress(self, theme: Theme, size: tuple[int, int], variant: str) -> str:
        """Take a theme and size on; what the names of its pictures end in."""
        self.ask(lambda client: client.patch_settings(SettingsPatch(theme=theme)))
        self.until(lambda: self.app.themes.theme.mode == theme, f"The {theme} theme")
        return self.frame(theme, size, variant)

    def frame(self, theme: Theme, size: tuple[int, int], variant: str) -> str:
        """The same without the theme."""
        corner = self.window.screen().availableGeometry().bottomRight() - QPoint(size[0] - 1, size[1] - 1)
        self.window.setGeometry(QRect(corner, QSize(*size)))  # there what opens does not leave the window
        QCursor.setPos(corner)  # nothing looks pointed at
        self.window.activateWindow()  # dialogs took the keyboard, and no desktop is here to give it back
        self.window.show_page("chat")
        return f"{variant}-{theme}" if variant else theme

    def attempt(self, shoot: Callable[[str], None], name: str) -> None:
        """Draw something; what cannot be drawn does not keep the others from it."""
        try:
            shoot(name)
        except NotDrawn as error:
            self.failed.append(f"{shoot.__name__} {name}: {error}")
            print(self.failed[-1], file=sys.stderr)  # noqa: T201  the command's output

    def save(self, name: str, *over: QWidget) -> None:
        """The window, with a dialog ``over`` its middle, or popups, or both."""
        for part in over:  # no grab holds one open on this platform: it may have closed when it is drawn
            part.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.settle()
        self._let_go()
        picture = self.window.grab()
        moved = QPoint(0, 0)
        for part in over:
            painter = QPainter(picture)
            where = self.window.mapFromGlobal(part.mapToGlobal(moved))
            if isinstance(part, QDialog):
                painter.fillRect(self.window.rect(), QColor(0, 0, 0, 90))
                middle = self.window.rect().center() - part.rect().center()
                moved, where = middle - where, middle
                outline = QPainterPath()
                outline.addRoundedRect(QRectF(QRect(where, part.size())), CARD_RADIUS, CARD_RADIUS)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setClipPath(outline)  # as the desktop rounds its windows
            painter.drawPixmap(where, part.grab())
            if isinstance(part, QDialog):
                painter.setPen(QPen(self.app.themes.theme.color("border"), 2))  # half of it lies outside
                painter.drawPath(outline)
            painter.end()
        path = self._folder / f"{name}.png"
        if picture.isNull() or not picture.save(str(path)):
            raise NotDrawn(f"{path} could not be written.")
        print(path)  # noqa: T201  the command's output

    def _let_go(self) -> None:
        """Buttons that came to lie under the pointer while others went do not look pointed at."""
        for button in self.window.findChildren(QAbstractButton):
            if button.underMouse():
                button.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)
                button.update()

    def close(self) -> None:
        """Take the window and the host down."""
        self.tell(lambda client: client.shutdown("now"))
        self.app.close()
        self.window.deleteLater()
