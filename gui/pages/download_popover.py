"""What lies behind the rail's download button: the downloads and jobs of now, and what can be done about them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.pages.downloads_rows import DownloadRows
from paddock.gui.widgets import Button, Label
from paddock.gui.widgets.buttons import QUIET
from paddock.gui.widgets.popup import RailPopup

WIDTH = 400
MOST = 6


class DownloadPopover(RailPopup):
    """Follows ``actions`` while it is shown. ``page_wanted``: all of them."""

    page_wanted = Signal()

    def __init__(self, actions: DownloadActions, parent: QWidget) -> None:
        super().__init__("Downloads", WIDTH, parent)
        self._actions = actions
        self.rows = DownloadRows(actions)
        self.none = Label("Nothing is under way.", 13, 400, "text2")
        self.more = Label("", 12, 400, "text2", tabular=True)
        self.all = Button("All downloads", "quiet")
        self._lay_out()
        self.all.clicked.connect(self._to_page)
        for signal in (actions.load_wanted, actions.chat_wanted, actions.account_wanted):
            signal.connect(self.hide)
        actions.changed.connect(self.follow)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(Label("Downloads", 15, 600), 1)
        head.addWidget(self.all)
        head.addSpacing(-QUIET)
        self.column.setSpacing(10)
        self.column.addLayout(head)
        for part in (self.none, self.rows, self.more):
            self.column.addWidget(part)

    def open_beside(self, anchor: QWidget) -> None:
        super().open_beside(anchor)
        self.all.setFocus(Qt.FocusReason.PopupFocusReason)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._actions.seen()

    def refresh(self) -> None:
        """Show what there is now, the first ones of it."""
        found = self._actions.items()
        self.rows.show_items(found[:MOST])
        self.none.setVisible(not found)
        self.more.setText(f"and {len(found) - MOST} more")
        self.more.setVisible(len(found) > MOST)

    def _to_page(self) -> None:
        self.hide()
        self.page_wanted.emit()
