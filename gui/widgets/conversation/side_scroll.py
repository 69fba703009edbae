"""Scrolling a block sideways: its bar, and the place where the keyboard takes hold of it."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPainterPath

from paddock.gui.widgets.conversation.blocks import Paint, Side, Target
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.focus import paint_ring

SIDE = "side"
THIN, THICK, HOLD = 4, 6, 16
"""Of the bar, of the bar under the mouse, and of the strip in which the mouse takes hold of it."""


def bar(style: Style, offset: int, natural: int, room: int, left: float, bottom: float) -> Side | None:
    """The bar of what is ``natural`` wide in ``room`` pixels; None where all is seen."""
    overflow = natural - room
    if overflow <= 0 or room <= 0:
        return None
    height = style.px(HOLD)
    track = QRectF(left, bottom - height, room, height)
    length = max(float(style.px(32)), room * room / natural)
    x = left + (room - length) * min(offset, overflow) / overflow
    return Side(offset, overflow, QRectF(x, track.top(), length, height), track)


def paint_bar(painter: QPainter, style: Style, side: Side, paint: Paint) -> None:
    """A thin bar that darkens and grows under the mouse."""
    thick = style.px(THICK if paint.hot == SIDE else THIN)
    path = QPainterPath()
    rect = QRectF(side.thumb.left(), side.thumb.center().y() - thick / 2, side.thumb.width(), thick)
    path.addRoundedRect(rect, thick / 2, thick / 2)
    painter.fillPath(path, style.color("text2" if paint.hot == SIDE else "border_strong"))
    if paint.ring and paint.focused == SIDE:
        paint_ring(painter, side.track, 4)


def stop(side: Side | None, what: str) -> list[Target]:
    """Where Tab stops so that the arrow keys can scroll ``what``."""
    if side is None:
        return []
    name = f"Scroll the {what} sideways with the arrow keys"
    return [Target(SIDE, name, side.track.toAlignedRect(), lambda: None, kind="scroll")]
