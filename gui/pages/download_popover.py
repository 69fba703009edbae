"""What lies behind the rail's download button: the downloads and jobs of now, and what can be done about them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.pages.downloads_rows import DownloadRows
from paddock.gui.theme import current
from paddock.gui.widgets import Button, Label
from paddock.gui.widgets.buttons import QUIET
from paddock.gui.widgets.popup import Popup

WIDTH = 400
MOST = 6


class DownloadPopover(Popup):
    """Follows ``actions`` while it is shown. ``page_wanted``: all of them."""

    page_wanted = Signal()

    def __init__(self, actions: DownloadActions, parent: QWidget) -> None:
        super().__init__("Downloads", parent)
        self._actions = actions
        self.rows = DownloadRows(actions)
        self.none = Label("Nothing is under way.", 13, 400, "text2")
        self.more = Label("", 12, 400, "text2", tabular=True)
        self.all = Button("All downloads", "quiet")
        self._lay_out()
        self.all.clicked.connect(self._to_page)
        for signal in (actions.load_wanted, actions.chat_wanted, actions.account_wanted):
            signal.connect(self.hide)
        actions.changed.connect(self._changed)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(Label("Downloads", 15, 600), 1)
        head.addWidget(self.all)
        head.addSpacing(-QUIET)
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(16, 10, 16, 16)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self.none)
        column.addWidget(self.rows)
        column.addWidget(self.more)
        column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2, 2, 2, 2)
        outer.addWidget(scroll)

    def open_beside(self, anchor: QWidget) -> None:
        """Show it at the right of ``anchor``, with the same foot."""
        self._anchor = anchor
        self.refresh()
        self._place()
        self.show()
        self._place()  # what was never shown before has its height only now
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

    def _changed(self) -> None:
        if self.isVisible():
            before = self._body.sizeHint().height()
            self.refresh()
            if self._body.sizeHint().height() != before:
                self._place()

    def _place(self) -> None:
        self.place_beside(self._anchor, self._body, current().px(WIDTH))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationFontChange and self.isVisible():
            self._place()

    def _to_page(self) -> None:
        self.hide()
        self.page_wanted.emit()
