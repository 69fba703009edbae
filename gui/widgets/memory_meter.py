"""The memory of the machine and its GPUs at the foot of the rail."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui import theme
from paddock.gui.models.memory import Gauge
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.memory_bar import THIN, paint_bar
from paddock.sdk.units import bytes_text

WIDEST = "888.8 GB free"


class MemoryMeter(PaintedButton):
    """A row for each gauge: name and per cent, bar, what is free; in narrow windows the bars alone.

    One button: a click opens what lies behind it. Hidden while nothing is known.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = True
        self.gauges: tuple[Gauge, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Memory")
        self.hide()

    def show_gauges(self, gauges: Sequence[Gauge]) -> None:
        """What there is now."""
        shown = tuple(gauges)
        if shown == self.gauges:
            return
        resized = len(shown) != len(self.gauges)
        self.gauges = shown
        said = [gauge.words() for gauge in shown]
        self.setToolTip("\n".join(said))
        self.setAccessibleDescription(". ".join(said))
        self.setVisible(bool(shown))
        if resized:
            self.updateGeometry()
        self.update()

    def set_labels(self, shown: bool) -> None:
        """Words and numbers, or bars alone."""
        self._labels = shown
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme.current()
        rows = max(1, len(self.gauges))
        if not self._labels:
            return QSize(look.px(48), rows * (THIN + 6) + 16)
        words = QFontMetrics(look.font(11, tabular=True)).horizontalAdvance(WIDEST)
        return QSize(words + 2, rows * self._row_height() + 8)

    def _row_height(self) -> int:
        return 2 * theme.current().px(15) + THIN + 12

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect())
        if self.hot() or self.isDown():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("selected" if self.isDown() else "hover"))
            painter.drawRoundedRect(body, BUTTON_RADIUS, BUTTON_RADIUS)
        if self.ring_shown:
            paint_ring(painter, body, BUTTON_RADIUS)
        y = 8.0
        for gauge in self.gauges:
            if self._labels:
                y = self._paint_row(painter, gauge, y - 4, look) + 4
            else:
                paint_bar(painter, QRectF(6, y, self.width() - 12, THIN), gauge.segments, gauge.total)
                y += THIN + 6

    def _paint_row(self, painter: QPainter, gauge: Gauge, y: float, look: theme.Theme) -> float:
        left, width, line = 5.0, self.width() - 10.0, look.px(15)
        middle, share = Qt.AlignmentFlag.AlignVCenter, f"{gauge.per_cent} %"
        bold, plain = look.font(11, 600), look.font(11, tabular=True)
        words = QFontMetrics(bold).horizontalAdvance(gauge.name) + QFontMetrics(plain).horizontalAdvance(share)
        spare = 0.0 if words + look.px(5) <= width else left  # “3 GPUs 100 %” takes the margins too
        top = QRectF(left - spare, y, width + 2 * spare, line)
        painter.setPen(look.color("text2"))
        painter.setFont(bold)
        painter.drawText(top, middle | Qt.AlignmentFlag.AlignLeft, gauge.name)
        painter.setFont(plain)
        painter.drawText(top, middle | Qt.AlignmentFlag.AlignRight, share)
        bar = QRectF(left, y + line + 2, width, THIN)
        paint_bar(painter, bar, gauge.segments, gauge.total)
        below = QRectF(0, bar.bottom() + 1, self.width(), line)
        painter.setPen(look.color("text2"))
        painter.drawText(below, middle | Qt.AlignmentFlag.AlignHCenter, f"{bytes_text(gauge.free)} free")
        return y + self._row_height()
