"""Formulas within a line: objects of a document that paint themselves on the line's baseline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPixmap,
    QPixmapCache,
    QPyTextObject,
    QTextCharFormat,
    QTextDocument,
    QTextFormat,
)

from paddock.gui.widgets.conversation.workshop import SIZE, Formula, workshop

FORMULA = QTextFormat.ObjectTypes.UserObject.value + 1
_SOURCE = QTextFormat.Property.UserProperty.value + 1
_DISPLAY = _SOURCE + 1
LARGEST = 4_096
"""Device pixels of a drawn formula in either direction; a larger one is drawn smaller."""


def dressed(style: QTextCharFormat, source: str, display: bool) -> QTextCharFormat:
    """A format for the character that stands for a formula."""
    style = QTextCharFormat(style)
    style.setObjectType(FORMULA)
    style.setProperty(_SOURCE, source)
    style.setProperty(_DISPLAY, display)
    style.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
    return style


def paint_formula(painter: QPainter, formula: Formula, left: float, baseline: float, scale: float, ink: QColor) -> None:
    """Paint ``formula`` with its letters' foot at ``baseline``; drawn once for every size and colour."""
    ratio = painter.device().devicePixelRatio()
    width, height = formula.width * scale, (formula.ascent + formula.descent) * scale
    fine = min(ratio, LARGEST / max(1.0, width), LARGEST / max(1.0, height))
    key = f"paddock-formula:{ink.name()}:{scale:.3f}:{fine:.3f}:{formula.svg}"
    drawn = QPixmap()
    if not QPixmapCache.find(key, drawn):
        from PySide6.QtSvg import QSvgRenderer

        drawn = QPixmap(round(width * fine) + 1, round(height * fine) + 1)
        drawn.fill(Qt.GlobalColor.transparent)
        svg = formula.svg.replace('"black"', f'"{ink.name()}"')
        inside = QPainter(drawn)
        QSvgRenderer(QByteArray(svg.encode())).render(inside, QRectF(0, 0, width * fine, height * fine))
        inside.end()
        drawn.setDevicePixelRatio(fine)
        QPixmapCache.insert(key, drawn)
    painter.drawPixmap(QPointF(left, baseline - formula.ascent * scale), drawn)


class InlineFormulas(QPyTextObject):
    """Measures and paints the formulas of the documents it is registered with."""

    def __init__(self) -> None:
        super().__init__()
        self._painted: dict[int, tuple[QRectF, QTextFormat]] | None = None

    def remember(self) -> None:
        """Until :meth:`bring_out`: where formulas are painted."""
        self._painted = {}

    def bring_out(self, painter: QPainter, selected: Iterable[tuple[int, int, QTextCharFormat]]) -> None:
        """Paint those again that are ``selected``, places of the document: Qt lays the ground over an object."""
        painted, self._painted = self._painted or {}, None
        for start, end, look in selected:
            for place in (place for place in painted if start <= place < end):
                rect, style = painted[place]
                painter.fillRect(rect, look.background())
                self._paint(painter, rect, style, look.foreground().color())

    def _shape(self, style: QTextFormat) -> tuple[Formula | None, float, float, QFont]:
        """The formula, its scale, the height that gives it room on the baseline, and the font around it."""
        font = style.toCharFormat().font()
        formula = workshop().formula(str(style.property(_SOURCE)), bool(style.property(_DISPLAY)))
        if formula is None:
            return None, 1.0, 1.0, font
        scale = font.pixelSize() / SIZE
        half = QFontMetricsF(font).xHeight() / 2
        # Qt centres an object on half the height of an x.
        return formula, scale, max(2 * formula.ascent * scale - half, 2 * formula.descent * scale + half), font

    def intrinsicSize(self, document: QTextDocument, position: int, style: QTextFormat) -> QSizeF:
        formula, scale, height, _ = self._shape(style)
        return QSizeF(formula.width * scale if formula is not None else 8, height)

    def drawObject(
        self, painter: QPainter, rect: QRectF | Any, document: QTextDocument, position: int, style: QTextFormat
    ) -> None:
        if self._painted is not None:
            self._painted[position] = QRectF(rect), QTextFormat(style)
        self._paint(painter, rect, style, style.toCharFormat().foreground().color())

    def _paint(self, painter: QPainter, rect: QRectF | Any, style: QTextFormat, ink: QColor) -> None:
        formula, scale, height, font = self._shape(style)
        if formula is not None:
            baseline = rect.top() + (height + QFontMetricsF(font).xHeight() / 2) / 2
            paint_formula(painter, formula, rect.left(), baseline, scale, ink)
