"""What the tests of the Discover page share: the page, and what they wait for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub_fakes import HubHost
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from paddock.gui.messages import Messages
from paddock.gui.pages.discover import DiscoverPage
from paddock.gui.theme import Theme
from paddock.sdk.errors import RemoteFailed

Show = Callable[..., DiscoverPage]


def host_of(qapp: Any, tmp_path: Path) -> HubHost:
    """A fixture."""
    Theme().apply(qapp)
    return HubHost(tmp_path)


def shown(qtbot: QtBot, host: HubHost) -> Show:
    """A fixture: shows the page, and waits until it has settled."""

    def make(width: int = 1280, height: int = 860) -> DiscoverPage:
        page = DiscoverPage(host, Messages())
        qtbot.addWidget(page)
        page.resize(width, height)
        page.show()
        qtbot.waitUntil(lambda: page.search._task is None)
        if page.model.isVisible():
            settle(qtbot, page)
        return page

    return make


def settle(qtbot: QtBot, page: DiscoverPage) -> None:
    model = page.model
    qtbot.waitUntil(lambda: model.fits is not None and model.fits.repo == model.repo)
    qtbot.waitUntil(lambda: model.asker.settled)


def names(page: DiscoverPage) -> list[str]:
    return [row.name for row in page.search.list.rows]


def words_of(page: DiscoverPage, label: str) -> str:
    index = page.model.table.view.files.row_of(label)
    return str(index.data(Qt.ItemDataRole.AccessibleTextRole))


def no_hub() -> RemoteFailed:
    return RemoteFailed("hub.test cannot be reached, or the connection broke.", hint="Check the connection.")
