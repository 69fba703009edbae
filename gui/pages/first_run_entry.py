"""When the first screen comes, and how it goes. Light: the screen itself is imported when it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from paddock.gui.host_state import HostState
from paddock.sdk.host import SettingsPatch

if TYPE_CHECKING:
    from paddock.gui.pages.first_run import FirstRun
    from paddock.gui.window import Window


class Welcome(QObject):
    """Shows the first screen to who has no conversations and has not seen it. However it is left, it does not come
    back by itself."""

    def __init__(self, host: HostState, window: Window) -> None:
        super().__init__(window)
        self._host = host
        self._window = window
        self._decided = False
        self.screen: FirstRun | None = None
        host.chats_changed.connect(self._decide)
        window.stack.currentChanged.connect(self._page_changed)

    def show(self) -> None:
        """The first screen, in place of the page; it leads to the Chat page."""
        from paddock.gui.pages.first_run import FirstRun

        self._window.show_page("chat")
        if self.screen is None:
            self.screen = FirstRun(self._host)
            self.screen.left.connect(self._leave)
            self.screen.chat_wanted.connect(self._window.chat_with)
            self.screen.discover_wanted.connect(lambda: self._window.show_page("discover"))
            self._window.stack.addWidget(self.screen)
        self._window.stack.setCurrentWidget(self.screen)
        self.screen.start.setFocus(Qt.FocusReason.OtherFocusReason)

    def _decide(self) -> None:
        """Once, when settings and conversations are known."""
        if self._decided or not self._host.chats_known:
            return
        self._decided = True
        if self._host.settings.welcomed:
            return
        chat = self._window.chat
        busy = bool(chat.composer.text().strip()) or chat.dialogue.run is not None or self._window.page() != "chat"
        if self._host.chats:
            self._host.change_settings(SettingsPatch(welcomed=True))
        elif not busy:
            self.show()

    def _leave(self) -> None:
        self._window.show_page("chat")
        self._window.chat.focus_composer()

    def _page_changed(self) -> None:
        screen = self.screen
        if screen is None or self._window.stack.currentWidget() is screen:
            return
        self.screen = None
        screen.deleteLater()
        if not self._host.settings.welcomed:
            self._host.change_settings(SettingsPatch(welcomed=True))
