"""The numbers of a pane in a row: speed, first token, tokens, memory, each with its bar on the panes' common scale."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui.models.panes import Measure
from paddock.gui.theme import Theme, current, new_measures

SIDE, GAP = 16, 12
BAR = 4
NOTHING = "–"


class PaneStrip(QWidget):
    """Painted. What has no room is in the tool tip, as everything is for screen readers in the name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._who = ""
        self._color = ""
        self.compact = self.low = False
        self.measures: tuple[Measure, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_measures(self, who: str, color: str, measures: Sequence[Measure]) -> None:
        """``who`` is the pane in words, ``color`` its silk."""
        new = (who, color, tuple(measures))
        if new != (self._who, self._color, self.measures):
            self._who, self._color, self.measures = new
            said = ", ".join(measure.words() for measure in measures)
            self.setAccessibleName(f"{who}: {said}")
            self.setToolTip("\n".join(measure.words() for measure in measures if measure.figure))
            self.update()

    def set_room(self, *, compact: bool, low: bool) -> None:
        """``compact``: speed and first token alone; ``low``: in one line, without bars."""
        if (compact, low) != (self.compact, self.low):
            self.compact, self.low = compact, low
            self.updateGeometry()
            self.update()

    def shown(self) -> tuple[Measure, ...]:
        """The measures that have room."""
        return self.measures[:2] if self.compact else self.measures

    def sizeHint(self) -> QSize:
        return QSize(120, current().px(20 if self.low else 50))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if new_measures(event):
            self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        measures = self.shown()
        if not measures:
            return
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.low:
            self._paint_line(painter, theme)
            return
        room = self.width() - 2 * theme.px(SIDE) - (len(measures) - 1) * theme.px(GAP)
        widths = _widths(measures, room, theme)
        x = float(theme.px(SIDE))
        for measure, width in zip(measures, widths, strict=True):
            self._paint(painter, measure, QRectF(x, theme.px(2), width, self.height()), theme)
            x += width + theme.px(GAP)

    def _paint_line(self, painter: QPainter, theme: Theme) -> None:
        x = float(theme.px(SIDE))
        for measure in self.shown():
            if not measure.figure:
                continue
            unit = (measure.unit or measure.name) + (" · best" if measure.best else "")
            parts = (
                (theme.font(13, 600, tabular=True), measure.figure, "text"),
                (
                    theme.font(12, 600 if measure.best else 400),
                    unit,
                    "ok" if measure.best else "text2",
                ),
            )
            if x + sum(_advance(words, font) for font, words, _ in parts) > self.width() - theme.px(SIDE):
                break
            for font, words, token in parts:
                painter.setFont(font)
                painter.setPen(theme.color(token))
                line = QRectF(x, 0, _advance(words, font) + 2, self.height())
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, words)
                x += _advance(words, font) + theme.px(4)
            x += theme.px(GAP)

    def _paint(self, painter: QPainter, measure: Measure, area: QRectF, theme: Theme) -> None:
        strong, small = theme.font(15, 600, tabular=True), theme.font(12)
        baseline = area.top() + QFontMetricsF(strong).ascent()
        painter.setFont(strong)
        painter.setPen(theme.color("text" if measure.figure else "muted"))
        figure = measure.figure or NOTHING
        painter.drawText(QPointF(area.left(), baseline), figure)
        used = QFontMetricsF(strong).horizontalAdvance(figure) + theme.px(4)
        if measure.unit and used + QFontMetricsF(small).horizontalAdvance(measure.unit) <= area.width() + 1:
            painter.setFont(small)
            painter.setPen(theme.color("text2"))
            painter.drawText(QPointF(area.left() + used, baseline), measure.unit)
        caption = theme.font(11, 600 if measure.best else 400)
        label = next((words for words in _labels(measure) if _advance(words, caption) <= area.width() + 1), "")
        top = area.top() + QFontMetricsF(strong).height() + theme.px(1)
        painter.setFont(caption)
        painter.setPen(theme.color("ok" if measure.best else "text2"))
        painter.drawText(QPointF(area.left(), top + QFontMetricsF(caption).ascent()), label)
        bar = QRectF(area.left(), top + theme.px(17), area.width(), theme.px(BAR))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("track"))
        painter.drawRoundedRect(bar, BAR / 2, BAR / 2)
        if measure.share > 0:
            painter.setBrush(QColor(self._color))
            bar.setWidth(max(bar.height(), bar.width() * min(1.0, measure.share)))
            painter.drawRoundedRect(bar, BAR / 2, BAR / 2)


def _labels(measure: Measure) -> tuple[str, ...]:
    """What stands below the figure, the longest first."""
    return (f"{measure.name} · best", "best") if measure.best else (measure.name,)


def _advance(words: str, font: QFont) -> float:
    return QFontMetricsF(font).horizontalAdvance(words)


def _widths(measures: Sequence[Measure], room: float, theme: Theme) -> list[float]:
    """Equal columns, or by what each needs where equal ones would cut a label."""
    strong, small = theme.font(15, 600, tabular=True), theme.font(12)
    needed = []
    for measure in measures:
        caption = theme.font(11, 600 if measure.best else 400)
        unit = theme.px(4) + _advance(measure.unit, small) if measure.unit else 0.0
        figure = _advance(measure.figure or NOTHING, strong) + unit
        needed.append(max(figure, _advance(_labels(measure)[-1], caption)))
    equal = room / len(measures)
    if all(width <= equal for width in needed):
        return [equal] * len(measures)
    spare = (room - sum(needed)) / len(measures)
    return [max(8.0, width + spare) for width in needed]
