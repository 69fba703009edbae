"""How hit areas look: icon buttons, buttons with words, and the ring around the focused one."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen

from paddock.gui import icons
from paddock.gui.stylesheet import FIELD_RADIUS
from paddock.gui.widgets.conversation.blocks import Paint, Target
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.focus import paint_ring


def label_width(style: Style, words: str, icon: bool = True) -> int:
    """The width of a button with words."""
    return QFontMetrics(style.label_font).horizontalAdvance(words) + style.px(38 if icon else 20)


def _state(target: Target, paint: Paint) -> tuple[bool, bool]:
    return paint.hot == target.key, paint.ring and paint.focused == target.key


def _background(painter: QPainter, target: Target, paint: Paint, token: str = "") -> None:
    hot, ring = _state(target, paint)
    rect = QRectF(target.rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if hot or token:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(paint.style.color("selected" if hot else token))
        painter.drawRoundedRect(rect, FIELD_RADIUS, FIELD_RADIUS)
    if ring:
        paint_ring(painter, rect, FIELD_RADIUS)


def paint_icon_button(painter: QPainter, target: Target, paint: Paint) -> None:
    """A bare icon that darkens under the mouse."""
    _background(painter, target, paint)
    hot, _ = _state(target, paint)
    palette = paint.style.palette
    paint_icon(painter, target.icon, target.rect, palette.text if hot else palette.text2, paint)


def paint_icon(painter: QPainter, icon: str, area: QRect, ink: str, paint: Paint) -> None:
    """An icon in the middle of ``area``."""
    side = paint.style.px(17)
    mark = icons.pixmap(icon, ink, side, ratio=paint.ratio)
    center = QRectF(area).center()
    painter.drawPixmap(QPointF(center.x() - side / 2, center.y() - side / 2), mark)


def paint_label_button(
    painter: QPainter, target: Target, paint: Paint, *, active: bool = False, border: bool = False
) -> None:
    """Icon and words. ``active``: switched on; ``border``: a real button on a card."""
    style = paint.style
    hot, ring = _state(target, paint)
    if border:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(style.color("border"), 1))
        painter.setBrush(style.color("hover" if hot else "raised"))
        painter.drawRoundedRect(QRectF(target.rect).adjusted(0.5, 0.5, -0.5, -0.5), FIELD_RADIUS, FIELD_RADIUS)
        if ring:
            paint_ring(painter, QRectF(target.rect), FIELD_RADIUS)
    else:
        _background(painter, target, paint, "selected" if active else "")
    token = "text" if hot or active or border else "text2"
    x = target.rect.left() + style.px(9)
    if target.icon:
        side = style.px(15)
        mark = icons.pixmap(target.icon, style.color(token), side, ratio=paint.ratio)
        painter.drawPixmap(QPointF(x, QRectF(target.rect).center().y() - side / 2), mark)
        x += style.px(20)
    painter.setFont(style.label_font)
    painter.setPen(style.color(token))
    words = QRectF(x, target.rect.top(), target.rect.right() - x + 1, target.rect.height())
    shown = painter.fontMetrics().elidedText(target.words, Qt.TextElideMode.ElideRight, round(words.width()))
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shown)
