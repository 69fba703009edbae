"""A window on a host whose downloads and jobs the tests hold in their hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from download_fakes import DownloadHost
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages
from paddock.gui.pages.downloads import DownloadsPage
from paddock.gui.pages.downloads_row import DownloadRow
from paddock.gui.quit_question import QuitQuestion
from paddock.gui.theme import Theme, ThemeSource
from paddock.gui.window import Window
from paddock.gui.window_state import WindowState
from paddock.sdk.paths import Home


class Place:
    """A window on a host that does as it is told."""

    def __init__(self, qtbot: QtBot, home: Path) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        Theme().apply(application)
        self.qtbot = qtbot
        self.host = DownloadHost(home)
        self.host.settings = msgspec.structs.replace(self.host.settings, welcomed=True)
        self.messages = Messages()
        state = WindowState(geometry=(0, 0, 800, 640))
        self.window = Window(self.host, self.messages, ThemeSource(application), state, Home(home), lambda state: None)
        self.window.show()
        self.question: QuitQuestion = self.window.quit_question

    def page(self) -> DownloadsPage:
        self.window.show_page("downloads")
        page = self.window.stack.currentWidget()
        assert isinstance(page, DownloadsPage)
        self.qtbot.waitUntil(page.isVisible)
        return page

    def row(self, id: str) -> DownloadRow:
        page = self.page()
        return next(part.rows.rows[id] for part in page.sections.values() if id in part.rows.rows)

    def asked(self, *methods: str) -> Callable[[], bool]:
        return lambda: bool(self.host.asked(*methods))

    def notices(self) -> list[str]:
        return self.window.bar.texts()
