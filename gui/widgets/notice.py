"""A card that says what happened and what to do about it."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui import icons, theme
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.widgets.buttons import Button
from paddock.gui.widgets.labels import Label

Severity = Literal["bad", "warn", "ok", "info"]
ICONS: dict[Severity, str] = {"bad": "error", "warn": "alert", "ok": "check", "info": "info"}


def severity_tokens(severity: Severity) -> tuple[str, str]:
    """Ink and background of a severity."""
    return ("accent", "accent_soft") if severity == "info" else (severity, f"{severity}_soft")


class Notice(QWidget):
    """Icon, sentence, hint and at most one action. Hidden until :meth:`show_message`."""

    action_triggered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._severity: Severity = "info"
        self._text = Label("", 13, 500, wrap=True)
        self._hint = Label("", 13, 400, "text2", wrap=True)
        self._button = Button("")
        self._button.clicked.connect(self.action_triggered)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._text)
        words.addWidget(self._hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(40, 10, 12, 10)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self._button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def show_message(self, severity: Severity, text: str, hint: str = "", action: str = "") -> None:
        """Show ``text`` with what to do next; ``action`` is the button's word, empty for none."""
        self._severity = severity
        self._text.setText(text)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self.setAccessibleName(f"{text} {hint}".strip())
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        ink, back = severity_tokens(self._severity)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color(back))
        painter.drawRoundedRect(QRectF(self.rect()), CARD_RADIUS, CARD_RADIUS)
        side = look.px(18)
        mark = icons.pixmap(ICONS[self._severity], QColor(look.color(ink)), side, ratio=self.devicePixelRatioF())
        painter.drawPixmap(QPointF(12, 11), mark)
