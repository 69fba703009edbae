"""The rail: the mark and the pages."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.models.downloads import RailState, Summary
from paddock.gui.pages.chat_start import Mark
from paddock.gui.theme import current
from paddock.gui.widgets import RailButton
from paddock.gui.widgets.memory_meter import MemoryMeter
from paddock.gui.widgets.ring import RingButton
from paddock.gui.window_state import Page

PAGES: tuple[tuple[Page, str, str], ...] = (
    ("chat", "chat", "Chat"),
    ("discover", "discover", "Discover"),
    ("models", "models", "Models"),
    ("server", "server", "Server"),
    ("settings", "settings", "Settings"),
)
WIDTH, NARROW = 80, 56
MARKS: dict[RailState, tuple[str, str]] = {
    "running": ("arrow-down", "accent"),
    "paused": ("pause", "text2"),
    "failed": ("alert", "bad"),
    "done": ("check", "ok"),
}
"""Icon and colour of the download button."""


class Rail(QWidget):
    """``chosen`` carries a page. Downloads, the memory meter and the settings stand at the foot."""

    chosen = Signal(str)
    memory_wanted = Signal()
    downloads_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 12, 4, 8)
        column.setSpacing(4)
        column.addWidget(Mark(28), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        self.meter = MemoryMeter()
        self.meter.clicked.connect(self.memory_wanted)
        self.downloads = RingButton("Downloads")
        self.downloads.clicked.connect(self.downloads_wanted)
        self.buttons: dict[Page, RailButton] = {}
        for page, icon, text in PAGES:
            button = RailButton(icon, text)
            button.clicked.connect(lambda _=False, page=page: self.chosen.emit(page))
            self.buttons[page] = button
            if page == "settings":
                column.addStretch(1)
                column.addWidget(self.downloads)
                column.addWidget(self.meter)
                column.addSpacing(4)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_page(self, page: Page) -> None:
        """Mark a page; one that has no button leaves none marked."""
        for button in self.buttons.values():
            button.setAutoExclusive(page in self.buttons)
            if page not in self.buttons:
                button.setChecked(False)
        if page in self.buttons:
            self.buttons[page].setChecked(True)

    def button(self, page: Page) -> QWidget:
        """What leads to a page, or the first button for one that has none now."""
        other = self.downloads if self.downloads.isVisible() else next(iter(self.buttons.values()))
        return self.buttons.get(page, other)

    def show_downloads(self, summary: Summary | None) -> None:
        """How far the downloads are; None where there is nothing to say."""
        if summary is None:
            self.downloads.hide()
            return
        icon, ink = MARKS[summary.state]
        self.downloads.show_progress(summary.fraction, icon, ink, summary.words, summary.sentence)

    def show_labels(self, shown: bool) -> None:
        """Words under the icons; narrow windows have none."""
        for button in self.buttons.values():
            button.set_labels(shown)
        self.meter.set_labels(shown)
        self.downloads.set_labels(shown)
        parts = (self.meter, self.downloads, *self.buttons.values())
        wide = max(WIDTH, *(part.sizeHint().width() + 8 for part in parts))
        self.setFixedWidth(wide if shown else current().px(NARROW))
