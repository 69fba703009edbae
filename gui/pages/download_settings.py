"""Downloads among the settings: how fast, what keeps the computer awake, what is told, what quitting does."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.pages.download_limit import LimitBox
from paddock.gui.pages.form import Card, Row, silently
from paddock.gui.widgets import Select, Switch
from paddock.sdk.host import OnQuit, SettingsPatch

ON_QUIT: dict[OnQuit, str] = {"ask": "Ask", "go_on": "Go on in the background", "pause": "Pause downloads"}


class DownloadsCard(Card):
    """Shows what the host has stored."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.limit = LimitBox(host)
        self.limit.label.hide()
        self.keep_awake = Switch("Keep the computer awake")
        self.notify = Switch("Tell the desktop")
        self.on_quit = Select("When the window is closed", ON_QUIT.values())
        self.add(Row("Limit the speed", "All downloads together. A change holds at once.", self.limit))
        about = "While a download, an answer or a job runs. The screen may still go dark."
        self.add(Row("Keep the computer awake", about, self.keep_awake))
        about = "When a download or a long answer ends while another program is in front."
        self.add(Row("Tell the desktop", about, self.notify))
        about = "What happens to downloads that are under way."
        self.add(Row("When the window is closed", about, self.on_quit))
        self.keep_awake.clicked.connect(lambda on: host.change_settings(SettingsPatch(keep_awake=on)))
        self.notify.clicked.connect(lambda on: host.change_settings(SettingsPatch(notify=on)))
        self.on_quit.activated.connect(lambda n: host.change_settings(SettingsPatch(on_quit=list(ON_QUIT)[n])))
        for signal in (host.settings_changed, host.connection_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is stored."""
        settings = self._host.settings
        for control in (self.keep_awake, self.notify, self.on_quit):
            control.setEnabled(self._host.connection == "connected")
        silently(self.keep_awake, lambda: self.keep_awake.setChecked(settings.keep_awake))
        silently(self.notify, lambda: self.notify.setChecked(settings.notify))
        silently(self.on_quit, lambda: self.on_quit.setCurrentIndex(list(ON_QUIT).index(settings.on_quit)))
