"""The Downloads page: everything that comes to this computer, in the order it comes, and what came."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.models.downloads import SECTIONS, Item, Section
from paddock.gui.pages.download_limit import LimitBox
from paddock.gui.pages.downloads_actions import DownloadActions
from paddock.gui.pages.downloads_remains import Remains
from paddock.gui.pages.downloads_rows import DownloadRows
from paddock.gui.pages.form import Card, FormPage
from paddock.gui.widgets import Button, Label


class SectionPart(QWidget):
    """A heading with how many there are, and the rows."""

    def __init__(self, title: str, actions: DownloadActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = Label(title, 15, 600)
        self.count = Label("", 13, 400, "text2", tabular=True)
        self.rows = DownloadRows(actions, detailed=True)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.head.addWidget(self.title)
        self.head.addWidget(self.count)
        self.head.addStretch(1)
        card = Card()
        card.column.setContentsMargins(8, 0, 8, 0)
        card.column.addWidget(self.rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self.head)
        column.addWidget(card)

    def show_items(self, items: list[Item]) -> None:
        self.setVisible(bool(items))
        self.count.setText(str(len(items)))
        self.rows.show_items(items)


class DownloadsPage(FormPage):
    """Follows ``actions``. ``discover_wanted``: there is nothing yet, and the way to something."""

    discover_wanted = Signal()

    def __init__(self, host: HostState, actions: DownloadActions, parent: QWidget | None = None) -> None:
        super().__init__("Downloads", parent)
        self._actions = actions
        self.pause_all = Button("Pause all", "secondary", "pause")
        self.resume_all = Button("Resume all", "secondary", "play")
        self.clear = Button("Clear", "secondary")
        self.clear.setAccessibleName("Take what is done out of the list")
        self.limit = LimitBox(host)
        self.sections = {section: SectionPart(title, actions) for section, title in SECTIONS.items()}
        self.remains = Remains(host)
        self.to_discover = Button("Find a model", "primary", "discover")
        self.empty = self._empty()
        self._lay_out()
        self.pause_all.clicked.connect(actions.pause_all)
        self.resume_all.clicked.connect(actions.resume_all)
        self.clear.clicked.connect(self._clear)
        actions.changed.connect(self._changed)
        host.connection_changed.connect(self._changed)
        host.snapshot.connect(self._changed)
        self.remains.changed.connect(self.refresh)
        self.refresh()

    def _empty(self) -> QWidget:
        box = QWidget()
        self.to_discover.clicked.connect(self.discover_wanted)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 48, 0, 0)
        column.setSpacing(8)
        for widget in (
            Label("Nothing is being downloaded", 15, 600),
            Label("Models that you download appear here, and go on when this window is closed.", 13, 400, "text2"),
            self.to_discover,
        ):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        return box

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(8)
        tools.addWidget(self.pause_all)
        tools.addWidget(self.resume_all)
        tools.addStretch(1)
        tools.addWidget(self.limit)
        self.column.addLayout(tools)
        self.sections["done"].head.addWidget(self.clear)
        for section in self.sections.values():
            self.column.addWidget(section)
        self.column.addWidget(self.remains)
        self.column.addWidget(self.empty)
        self.column.addStretch(1)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._actions.refresh_order()
        self._actions.seen()
        self.remains.look()
        self.refresh()
        QTimer.singleShot(0, self, self._focus_first)  # after the stack has moved the focus

    def _focus_first(self) -> None:
        rows = (row for part in self.sections.values() for row in part.rows.rows.values())
        next(rows, self.to_discover).setFocus(Qt.FocusReason.OtherFocusReason)

    def _changed(self) -> None:
        if self.isVisible():
            self._actions.seen()
            self.refresh()

    def refresh(self) -> None:
        """Show what there is now."""
        found: dict[Section, list[Item]] = {section: [] for section in SECTIONS}
        for item in self._actions.items():
            found[item.section].append(item)
        for section, items in found.items():
            self.sections[section].show_items(items)
        self.empty.setVisible(not any(found.values()) and not self.remains.found)
        moving, paused = self._actions.moving(), self._actions.paused()
        self.pause_all.setVisible(bool(moving))
        self.resume_all.setVisible(bool(paused))

    def _clear(self) -> None:
        self._actions.forget(*(item for item in self._actions.items() if item.section == "done"))
