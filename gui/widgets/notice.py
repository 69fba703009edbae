"""A card that says what happened and what to do about it."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui import icons, theme
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.widgets.buttons import Button, Kind
from paddock.gui.widgets.labels import Label, no_word_alone

Severity = Literal["bad", "warn", "ok", "info"]
ICONS: dict[Severity, str] = {"bad": "error", "warn": "alert", "ok": "check", "info": "info"}


def severity_tokens(severity: Severity) -> tuple[str, str]:
    """Ink and background of a severity."""
    return ("accent", "accent_soft") if severity == "info" else (severity, f"{severity}_soft")


class Notice(QWidget):
    """Icon, sentence, hint and at most two actions. Hidden until :meth:`show_message`. ``edged``: with a border, for
    one that lies over other things."""

    action_triggered = Signal()
    second_triggered = Signal()

    def __init__(self, parent: QWidget | None = None, *, action_kind: Kind = "secondary", edged: bool = False) -> None:
        super().__init__(parent)
        self._edged = edged
        self._severity: Severity = "info"
        self._text = Label("", 13, 500, wrap=True)
        self._hint = Label("", 13, 400, "text2", wrap=True)
        self._button = Button("", action_kind)
        self._button.clicked.connect(self.action_triggered)
        self._second = Button("")
        self._second.clicked.connect(self.second_triggered)
        self._buttons = QWidget()
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(8)
        buttons.addWidget(self._button)
        buttons.addWidget(self._second)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(self._text)
        words.addWidget(self._hint)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setSpacing(12)
        self._row = row
        row.addLayout(words, 1)
        row.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignVCenter)
        self._beside = 0
        self._fit()
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_measures(event):
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def keep_free(self, beside: int) -> None:
        """Leave so many pixels at the right edge to something else."""
        self._beside = beside
        self._fit()

    def _fit(self) -> None:
        """Room for the mark at the left; long buttons stand below the words, as do those that would squeeze them."""
        left, right = 22 + theme.current().px(18), 12 + self._beside
        self._row.setContentsMargins(left, 10, right, 10)
        buttons = self._buttons.sizeHint().width()
        room = self.width() - left - right - self._row.spacing() - buttons
        squeezed = 3 * buttons > self.width() and self._lines(room) > 2
        below = (squeezed or 2 * buttons > self.width()) and bool(self._button.text())
        way = QBoxLayout.Direction.TopToBottom if below else QBoxLayout.Direction.LeftToRight
        if way != self._row.direction():
            self._row.setDirection(way)
            side = Qt.AlignmentFlag.AlignLeft if below else Qt.AlignmentFlag.AlignVCenter
            self._row.setAlignment(self._buttons, side)

    def _lines(self, room: int) -> int:
        """So many the sentence has where it is ``room`` pixels wide."""
        line = self._text.fontMetrics().lineSpacing()
        return round(self._text.heightForWidth(max(room, 1)) / line)

    def show_message(self, severity: Severity, text: str, hint: str = "", action: str = "", second: str = "") -> None:
        """Show ``text`` with what to do next; ``action`` and ``second`` are the buttons' words, empty for none."""
        self._severity = severity
        self._text.setText(no_word_alone(text))
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self._second.setText(second)
        self._second.setVisible(bool(second))
        self._buttons.setVisible(bool(action or second))
        self.setAccessibleName(f"{text} {hint}".strip())
        self._fit()
        self.show()
        self.update()

    def set_action_enabled(self, enabled: bool) -> None:
        """Whether the action can be pressed now."""
        self._button.setEnabled(enabled)

    def focus_action(self) -> bool:
        """Give the keyboard to the action; False where there is none."""
        button = self.action_button()
        if button is not None:
            button.setFocus(Qt.FocusReason.OtherFocusReason)
        return button is not None

    def action_button(self) -> Button | None:
        """None where there is no action."""
        return None if self._button.isHidden() else self._button

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        ink, back = severity_tokens(self._severity)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(look.color(ink), 1) if self._edged else Qt.PenStyle.NoPen)
        painter.setBrush(look.color(back))
        inset = 0.5 if self._edged else 0.0
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), CARD_RADIUS, CARD_RADIUS)
        side = look.px(18)
        mark = icons.pixmap(ICONS[self._severity], QColor(look.color(ink)), side, ratio=self.devicePixelRatioF())
        line = min(self._text.height(), self._text.fontMetrics().lineSpacing())
        painter.drawPixmap(QPointF(12, self._text.y() + (line - side) / 2), mark)
