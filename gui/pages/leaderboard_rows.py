"""Lines of the leaderboard: standings as bars with whiskers, and votes."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from paddock.gui.models import leaderboard as facts
from paddock.gui.theme import Theme, current
from paddock.gui.widgets import Button, ElidedLabel, IconButton
from paddock.sdk.compare import Standing

AVERAGE = 1000.0
HIGH = 50
CHART = 0.44
"""The part of a line that the bars get."""


@dataclass(frozen=True)
class Scale:
    """The ratings from ``low`` to ``high`` as all lines show them."""

    low: float
    high: float

    def at(self, rating: float) -> float:
        """0 at the left end, 1 at the right."""
        return (rating - self.low) / (self.high - self.low)


def scale_of(standings: list[Standing]) -> Scale:
    """From the lowest whisker to the highest, the average included."""
    low = min((item.low for item in standings), default=AVERAGE)
    high = max((item.high for item in standings), default=AVERAGE)
    return Scale(min(low, AVERAGE) - 20, max(high, AVERAGE) + 20)


class StandingRow(QLabel):
    """One place: name and record, a bar from the average to the rating, a whisker over the interval, the rating."""

    def __init__(self, place: int, name: str, standing: Standing, scale: Scale, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.standing = standing
        self._place, self._name, self._scale = place, name, scale
        words = facts.sentence(place, name, standing)
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(320, current().px(HIGH))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font(13, 600, tabular=True))
        painter.setPen(theme.color("text2"))
        painter.drawText(QRectF(0, 0, theme.px(24), self.height()), middle, str(self._place))
        figure = theme.px(58)
        chart = QRectF(0, 0, (self.width() - figure) * CHART, self.height())
        chart.moveRight(self.width() - figure)
        self._paint_words(painter, theme, QRectF(theme.px(28), 0, chart.left() - theme.px(44), self.height()))
        self._paint_bar(painter, theme, chart)
        painter.setFont(theme.font(14, 600, tabular=True))
        painter.setPen(theme.color("text"))
        area = QRectF(chart.right(), 0, figure, self.height())
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, f"{self.standing.rating:,.0f}")

    def _paint_words(self, painter: QPainter, theme: Theme, area: QRectF) -> None:
        lines = ((theme.font(13, 500), "text", self._name),
                 (theme.font(12, tabular=True), "text2", facts.votes(self.standing)))  # fmt: skip
        half = area.height() / 2
        for number, (font, token, words) in enumerate(lines):
            mode = Qt.TextElideMode.ElideRight if number else Qt.TextElideMode.ElideMiddle
            painter.setFont(font)
            painter.setPen(theme.color(token))
            line = QRectF(area.x(), 5 + number * (half - 5), area.width(), half - 5)
            shown = QFontMetrics(font).elidedText(words, mode, int(area.width()))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_bar(self, painter: QPainter, theme: Theme, area: QRectF) -> None:
        item, y, thick = self.standing, area.center().y(), theme.px(10)

        def x(rating: float) -> float:
            return area.x() + area.width() * self._scale.at(rating)

        painter.setPen(QPen(theme.color("border"), 1))
        painter.drawLine(QPointF(x(AVERAGE), 0), QPointF(x(AVERAGE), self.height()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent"))
        left, right = sorted((x(AVERAGE), x(item.rating)))
        painter.drawRoundedRect(QRectF(left, y - thick / 2, max(2.0, right - left), thick), 3, 3)
        painter.setPen(QPen(theme.color("text"), 1.4))
        painter.drawLine(QPointF(x(item.low), y), QPointF(x(item.high), y))
        for end in (item.low, item.high):
            painter.drawLine(QPointF(x(end), y - thick / 2), QPointF(x(end), y + thick / 2))


class VoteRow(QWidget):
    """A vote: how it went, on which conversation, and the ways to it and away with it."""

    open_wanted = Signal()
    remove_wanted = Signal()

    def __init__(self, verdict: str, about: str, *, there: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open = Button("Open")
        self.open.setAccessibleName(f"Open the conversation of the vote: {verdict}")
        self.open.setVisible(there)
        self.remove = IconButton("trash", f"Remove the vote: {verdict}")
        self.open.clicked.connect(self.open_wanted)
        self.remove.clicked.connect(self.remove_wanted)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(ElidedLabel(verdict, 13, 500))
        words.addWidget(ElidedLabel(about, 12, 400, "text2", tabular=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 6, 0, 6)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self.open)
        row.addWidget(self.remove)
