"""The rail's button for what is under way: a ring that fills, and two words below it."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui import icons, theme
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.focus import paint_ring

RING, GLYPH, STROKE = 24, 13, 2.4
WIDEST = "88 min left"


class RingButton(PaintedButton):
    """``name`` is what a screen reader says; :meth:`show_progress` gives the rest. Hidden until then."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = True
        self._shown: tuple[float | None, str, str, str] = (None, "download", "accent", "")
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_progress(self, fraction: float | None, icon: str, ink: str, words: str, sentence: str) -> None:
        """``fraction`` 0 to 1, None for a ring without an end; ``ink`` is the token of ring and words."""
        self.setToolTip(f"{self.accessibleName()}: {sentence}")
        self.setAccessibleDescription(sentence)
        wanted = (fraction, icon, ink, words)
        if wanted != self._shown:
            self._shown = wanted
            self.setText(words)
            self.update()
        self.setVisible(True)

    def set_labels(self, shown: bool) -> None:
        """Words, or the ring alone."""
        self._labels = shown
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme.current()
        if not self._labels:
            return QSize(look.px(48), RING + 14)
        words = QFontMetrics(look.font(11, tabular=True)).horizontalAdvance(WIDEST)
        return QSize(words + 6, RING + 14 + look.px(15))

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        fraction, icon, ink, words = self._shown
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = QRectF((self.width() - RING) / 2, 7, RING, RING)
        if self.hot() or self.isDown():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("selected" if self.isDown() else "hover"))
            painter.drawEllipse(ring.adjusted(-4, -4, 4, 4))
        if self.ring_shown:
            paint_ring(painter, ring.adjusted(-6, -6, 6, 6), RING)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        inner = ring.adjusted(STROKE / 2, STROKE / 2, -STROKE / 2, -STROKE / 2)
        painter.setPen(QPen(look.color("track"), STROKE))
        painter.drawEllipse(inner)
        if fraction:
            painter.setPen(QPen(look.color(ink), STROKE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawArc(inner, 90 * 16, -round(360 * 16 * min(1.0, fraction)))
        mark = icons.pixmap(icon, look.color(ink if ink != "accent" else "text2"), GLYPH, stroke=2.2,
                            ratio=self.devicePixelRatioF())  # fmt: skip
        painter.drawPixmap(QPointF(ring.center().x() - GLYPH / 2, ring.center().y() - GLYPH / 2), mark)
        if self._labels:
            painter.setFont(look.font(11, 500 if ink == "bad" else 400, tabular=True))
            painter.setPen(look.color(ink if ink in ("bad", "warn") else "text2"))
            line = QRectF(0, ring.bottom() + 4, self.width(), look.px(15))
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)
