"""The list of sections at the left of the settings: a click goes to one, and scrolling marks the one in sight."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.theme import current
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring

SettingsSection = Literal[
    "appearance", "models", "data", "folders", "account", "downloads", "memory", "machines", "prompt_cache", "about"
]
TITLES: dict[SettingsSection, str] = {
    "appearance": "Appearance",
    "models": "Models",
    "data": "Data",
    "folders": "Model folders",
    "account": "Hugging Face",
    "downloads": "Downloads",
    "memory": "Memory",
    "machines": "Planned machines",
    "prompt_cache": "Prompt cache on disk",
    "about": "About",
}
WIDTH = 200


class SectionButton(PaintedButton):
    """A line of the list."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        look = current()
        return QSize(QFontMetrics(look.font(13, 600)).horizontalAdvance(self.text()) + 24, look.px(32))

    def paintEvent(self, event: QPaintEvent) -> None:
        look = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect())
        if self.isChecked() or self.hot():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("selected" if self.isChecked() else "hover"))
            painter.drawRoundedRect(body, BUTTON_RADIUS, BUTTON_RADIUS)
        if self.ring_shown:
            paint_ring(painter, body, BUTTON_RADIUS)
        painter.setFont(look.font(13, 600 if self.isChecked() else 400))
        painter.setPen(look.color("text"))
        painter.drawText(body.adjusted(12, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, self.text())


class SectionList(QWidget):
    """``chosen`` carries a section."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[SettingsSection, SectionButton] = {}
        column = self._column = QVBoxLayout(self)
        column.setSpacing(2)
        for section, title in TITLES.items():
            button = self.buttons[section] = SectionButton(title)
            button.clicked.connect(lambda _=False, section=section: self.chosen.emit(section))
            column.addWidget(button)
        column.addStretch(1)

    def place(self, left: int) -> None:
        """Stand ``left`` pixels from the left, a little at least; its first line is beside the first section."""
        left = max(16, left)
        self._column.setContentsMargins(left, 44 + current().px(24), 0, 16)
        self.setFixedWidth(left + current().px(WIDTH))

    def mark(self, section: SettingsSection) -> None:
        """Show where the page stands."""
        self.buttons[section].setChecked(True)

    def marked(self) -> SettingsSection:
        """Where the page is shown to stand."""
        return next((section for section, button in self.buttons.items() if button.isChecked()), "appearance")
