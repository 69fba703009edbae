"""Builds a page when it is first shown, and connects it with the window. Each page is imported here alone, and late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from paddock.gui.host_state import HostState
from paddock.gui.messages import Messages
from paddock.gui.window_state import Page, WindowState
from paddock.sdk.paths import Home

if TYPE_CHECKING:
    from paddock.gui.window import Window


@dataclass(frozen=True, kw_only=True)
class PageParts:
    """What pages are made of. ``changed``: to be called when something that the window stores has changed."""

    window: Window
    host: HostState
    messages: Messages
    state: WindowState
    home: Home
    changed: Callable[[], None]


def build_page(page: Page, parts: PageParts) -> QWidget:
    """The page named ``page``; not the Chat page, which is there from the start."""
    window = parts.window

    if page == "server":
        from paddock.gui.pages.server import ServerPage

        return ServerPage(parts.host)
    if page == "discover":
        from paddock.gui.pages.discover import DiscoverPage

        discover = DiscoverPage(parts.host, parts.messages)
        discover.chat_wanted.connect(window.chat_with)
        discover.load_wanted.connect(window.load_with_settings)
        discover.downloads_wanted.connect(lambda: window.show_page("downloads"))
        discover.settings_wanted.connect(lambda: window.show_settings("account"))
        return discover
    if page == "models":
        from paddock.gui.pages.models import ModelsPage

        models = ModelsPage(parts.host, parts.messages, parts.state)
        models.chat_wanted.connect(window.chat_with)
        models.load_wanted.connect(window.load_with_settings)
        models.hub_wanted.connect(lambda repo: window.show_repo(repo) if repo else window.show_page("discover"))
        models.state_changed.connect(parts.changed)
        return models
    if page == "downloads":
        from paddock.gui.pages.downloads import DownloadsPage

        downloads = DownloadsPage(parts.host, window.downloads)
        downloads.discover_wanted.connect(lambda: window.show_page("discover"))
        return downloads
    from paddock.gui.pages.settings import SettingsPage

    settings = SettingsPage(parts.host, parts.home, parts.messages)
    settings.welcome_wanted.connect(window.welcome.show)
    settings.shortcuts_wanted.connect(window.finder.show_shortcuts)
    return settings
