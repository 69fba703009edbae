"""The rail: the mark and the pages."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from paddock.gui.pages.chat_start import Mark
from paddock.gui.theme import current
from paddock.gui.widgets import RailButton
from paddock.gui.widgets.memory_meter import MemoryMeter
from paddock.gui.window_state import Page

PAGES: tuple[tuple[Page, str, str], ...] = (
    ("chat", "chat", "Chat"),
    ("server", "server", "Server"),
    ("settings", "settings", "Settings"),
)
WIDTH, NARROW = 80, 56


class Rail(QWidget):
    """``chosen`` carries a page. The memory meter and the settings stand at the foot."""

    chosen = Signal(str)
    memory_wanted = Signal()

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
        self.buttons: dict[Page, RailButton] = {}
        for page, icon, text in PAGES:
            button = RailButton(icon, text)
            button.clicked.connect(lambda _=False, page=page: self.chosen.emit(page))
            self.buttons[page] = button
            if page == "settings":
                column.addStretch(1)
                column.addWidget(self.meter)
                column.addSpacing(4)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_page(self, page: Page) -> None:
        self.buttons[page].setChecked(True)

    def show_labels(self, shown: bool) -> None:
        """Words under the icons; narrow windows have none."""
        for button in self.buttons.values():
            button.set_labels(shown)
        self.meter.set_labels(shown)
        wide = max(WIDTH, *(part.sizeHint().width() + 8 for part in (self.meter, *self.buttons.values())))
        self.setFixedWidth(wide if shown else current().px(NARROW))
