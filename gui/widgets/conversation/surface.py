"""The painted surface: scrolling, painting, finding what lies where. The conversation's logic is in ``view``."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from paddock.gui import theme
from paddock.gui.stylesheet import LARGE_RADIUS
from paddock.gui.widgets.conversation.blocks import Block, NodeBlock, Paint, Target
from paddock.gui.widgets.conversation.column import Column, Spot
from paddock.gui.widgets.conversation.documents import Mark
from paddock.gui.widgets.conversation.nodes import opens
from paddock.gui.widgets.conversation.pointer import Pointer
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.gui.widgets.conversation.selection import Selection
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.conversation.walk import LINK, Key, link_targets
from paddock.gui.widgets.focus import KeyboardRing, paint_ring

MARGIN, NARROW_MARGIN = 32, 16
"""Left and right of the column. Both have room for the scroll bar, which takes none of the column's."""
RING_GAP = 8
"""Between a message and the ring around it."""
KEEP_SCREENS = 6
"""Documents further than this many screens away are dropped."""
STICK = 6


class Surface(KeyboardRing, QAbstractScrollArea):
    """Paints a :class:`Column`. Geometry changes only outside paintEvent: what is seen is laid out before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        look = theme.current()
        self.style_ = Style(look, look.zoom)
        self.column = Column(self.style_)
        self.selection = Selection(self.column)
        self.focused: Key | None = None
        self.hot: Key | None = None
        self.at_row: MessageRow | None = None
        """The message that the keyboard is at."""
        self.accent: QColor | None = None
        self._hot_row = -1
        self._laying_out = False
        self._top: int | None = None
        self._pointer = Pointer(self)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.viewport().setMouseTracking(True)
        self.verticalScrollBar().setSingleStep(40)

    # ------------------------------------------------------------ geometry

    def room(self) -> int:
        """The width there is, in pixels, whether or not the scroll bar shows: were the bar to narrow the column, text
        that fits without it could wrap until the bar is needed, and which of the two one sees would be chance."""
        return self.maximumViewportSize().width()

    def column_left(self) -> int:
        return (self.room() - self.column.width) // 2

    def scrolled(self) -> int:
        return self.verticalScrollBar().value()

    def at_bottom(self) -> bool:
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - STICK

    def fit(self) -> None:
        """Give the column the width there is."""
        room = self.room()
        margin = MARGIN if room > 560 else NARROW_MARGIN
        self.column.place(max(120, min(self.style_.column, room - 2 * margin)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        stick = self.at_bottom()
        anchor, sunk = self.anchor(), self._sunk()
        self.fit()
        self.settle(stick, anchor and (*anchor[:2], anchor[2] - sunk))

    def _sunk(self) -> int:
        """How far the view has gone down in its window since it was last asked, in pixels: something came above it, and
        what is read stays where it is."""
        before, self._top = self._top, self.mapTo(self.window(), QPoint()).y()
        return 0 if before is None else self._top - before

    def anchor(self) -> tuple[MessageRow, int, int] | None:
        """What is pinned: a row and block at the top of the view, already laid out if there is one, and its y."""
        top, height = self.scrolled(), self.viewport().height()
        fallback = None
        for number in range(self.column.at(top), len(self.column.rows)):
            row = self.column.rows[number]
            if row.top > top + height:
                break
            if not row.parsed:
                fallback = fallback or (row, -1, row.top - top)
                continue
            for place in range(row.first_block(top - row.top), len(row.blocks)):
                y = row.top + row.blocks[place].top - top
                if y > height:
                    break
                fallback = fallback or (row, place, y)
                if row.blocks[place].built and y >= 0:
                    return (row, place, y)
        return fallback

    def settle(self, stick: bool, anchor: tuple[MessageRow, int, int] | None, *, repaint: bool = True) -> None:
        """Lay out what is seen, correct the scroll bar, and keep the end or the pinned block where it was."""
        if self._laying_out:
            return
        self._laying_out = True
        try:
            for _ in range(8):
                self._range()
                if stick:
                    self._scroll_to(self.verticalScrollBar().maximum())
                elif anchor is not None:
                    row, place, y = anchor
                    inside = row.blocks[place].top if 0 <= place < len(row.blocks) else 0
                    self._scroll_to(row.top + inside - y)
                top = self.scrolled()
                if not self.column.lay_out(top, top + self.viewport().height()):
                    break
            self._range()
            if stick:
                self._scroll_to(self.verticalScrollBar().maximum())
        finally:
            self._laying_out = False
        if repaint:
            self.viewport().update()
        self.seen()

    def seen(self) -> None:
        """Rows were laid out."""

    def _range(self) -> None:
        bar = self.verticalScrollBar()
        height = self.viewport().height()
        bar.setPageStep(max(40, height - 40))
        bar.setRange(0, max(0, self.column.height - height))

    def _scroll_to(self, value: int) -> None:
        self.verticalScrollBar().setValue(value)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._laying_out:
            return
        top, height = self.scrolled(), self.viewport().height()
        anchor, stick = self.anchor(), self.at_bottom()
        self._laying_out = True
        try:
            moved = self.column.lay_out(top, top + height)
        finally:
            self._laying_out = False
        if moved:
            self.settle(stick, anchor)
        else:
            self.shift(dy)
        self.seen()
        keep = KEEP_SCREENS * max(400, height)
        self.column.forget(top - keep, top + keep)

    def reveal(self, rect: QRect) -> None:
        """Scroll so that ``rect`` (absolute) is seen."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if rect.top() < bar.value() + 8:
            bar.setValue(rect.top() - 24)
        elif rect.bottom() > bar.value() + height - 8:
            bar.setValue(rect.bottom() - height + 24)

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        clip = event.rect()
        painter.setClipRect(clip)
        painter.fillRect(clip, self.style_.color("surface"))
        left, top = self.column_left(), self.scrolled()
        for number in range(self.column.at(top + clip.top()), len(self.column.rows)):
            row = self.column.rows[number]
            if row.top > top + clip.bottom():
                break
            if row.parsed:
                self._paint_row(painter, number, row, left, row.top - top, clip)
        if self.framed():
            paint_ring(painter, QRectF(self.viewport().rect()), 4)
        painter.end()

    def framed(self) -> bool:
        """Whether the ring is around the whole view: it has the focus, but none of its parts."""
        return self.ring_shown and self.focused is None and self.at_row is None

    def marks_of(self, row: MessageRow, block: Block) -> Sequence[Mark]:
        """What is marked in a block that is painted."""
        return ()

    def shift(self, distance: int) -> None:
        """Move what is painted by ``distance`` pixels; all is painted again where that would leave marks."""
        if abs(distance) < self.viewport().height() and not self.framed():
            self.viewport().scroll(0, distance)
        else:
            self.viewport().update()

    def _paint_row(self, painter: QPainter, number: int, row: MessageRow, left: int, y: int, clip: QRect) -> None:
        if row.bubble is not None:
            bx, by, bw, bh = row.bubble
            radius = self.style_.px(LARGE_RADIUS)
            path = QPainterPath()
            path.addRoundedRect(QRectF(left + bx, y + by, bw, bh), radius, radius)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillPath(path, self.style_.color("bubble"))
        caret = self.caret_block(row)
        for place in range(row.first_block(clip.top() - y), len(row.blocks)):
            block = row.blocks[place]
            if y + block.top > clip.bottom():
                break
            painter.save()
            painter.translate(left + block.left, y + block.top)
            paint = self._paint(number, place, row, block, left, y, clip, block is caret)
            block.paint(painter, paint)
            if paint.ring and paint.focused.startswith(LINK):
                for target in link_targets(block, self.open_link):
                    if target.key == paint.focused:
                        paint_ring(painter, QRectF(target.rect).adjusted(-2, -1, 2, 1), 4)
            painter.restore()
        if row is self.at_row and self.ring_shown and self.focused is None:
            bx, width = (row.bubble[0], row.bubble[2]) if row.bubble is not None else (0, self.column.width)
            height = row.bubble[3] if row.bubble is not None else row.height
            ring = QRectF(left + bx - RING_GAP, y - 6, width + 2 * RING_GAP, height + 12)
            ring.setRight(min(ring.right(), self.viewport().width() - 1))  # beside the bar there may be less room
            paint_ring(painter, ring, self.style_.px(LARGE_RADIUS))

    def _paint(
        self, number: int, place: int, row: MessageRow, block: Block, left: int, y: int, clip: QRect, caret: bool
    ) -> Paint:
        x = left + block.left
        return Paint(
            self.style_,
            QRectF(clip).translated(-x, -(y + block.top)),
            ratio=self.devicePixelRatioF(),
            selected=self.selection.within(number, place) if block.selectable() else None,
            hot=self.hot[2] if self.hot is not None and self.hot[:2] == (number, place) else "",
            focused=self.focused[2] if self.focused is not None and self.focused[:2] == (number, place) else "",
            ring=self.ring_shown,
            caret=caret,
            caret_color=self.accent,
            marks=self.marks_of(row, block) if isinstance(block, NodeBlock) else (),
            active=number == self._hot_row,
        )

    @staticmethod
    def caret_block(row: MessageRow) -> Block | None:
        """Where the caret of an answer being written stands."""
        if row.generating and row.blocks and isinstance(row.blocks[-1], NodeBlock):
            return row.blocks[-1]
        return None

    # ------------------------------------------------------------ what lies where

    def block_at(self, point: QPointF) -> tuple[int, int, Block, QPointF] | None:
        """Row, block and the point within it."""
        if not self.column.rows:
            return None
        y = int(point.y()) + self.scrolled()
        number = self.column.at(y)
        row = self.column.rows[number]
        if not row.blocks or y >= row.top + row.height:
            return None
        place = row.first_block(y - row.top)
        block = row.blocks[place]
        inside = QPointF(point.x() - self.column_left() - block.left, y - row.top - block.top)
        return number, place, block, inside

    def target_at(self, point: QPointF) -> tuple[Key, Target] | None:
        found = self.block_at(point)
        if found is None:
            return None
        number, place, block, inside = found
        for target in block.targets():
            if QRectF(target.rect).contains(inside):
                return (number, place, target.key), target
        return None

    def link_at(self, point: QPointF) -> str:
        found = self.block_at(point)
        return found[2].link(found[3]) if found is not None else ""

    def spot_at(self, point: QPointF) -> Spot | None:
        """The place in the text nearest to ``point``."""
        y = int(point.y()) + self.scrolled()
        found = self.column.nearest_selectable(y)
        if found is None:
            return None
        number, place, block = found
        row = self.column.rows[number]
        inside = QPointF(point.x() - self.column_left() - block.left, y - row.top - block.top)
        return Spot(number, place, block.hit(inside))

    def open_link(self, url: str) -> None:
        """A link was clicked."""

    # ------------------------------------------------------------ mouse

    def hover(self, point: QPointF) -> None:
        """Show what is under the mouse."""
        found = self.target_at(point)
        key = found[0] if found is not None else None
        under = self.block_at(point)
        row = under[0] if under is not None else -1
        if key != self.hot or row != self._hot_row:
            self.hot, self._hot_row = key, row
            self.viewport().update()
        if found is not None or opens(self.link_at(point)):
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        elif under is not None and under[2].selectable():
            self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        else:
            self.viewport().unsetCursor()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pointer.press(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._pointer.double_click(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pointer.release(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
        sideways = delta.x() or (delta.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if sideways and abs(sideways) >= abs(delta.y()):
            found = self.block_at(event.position())
            if found is not None and found[2].scroll_x(-sideways):
                self.viewport().update()
                event.accept()
                return
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
        else:
            event.ignore()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.hot, self._hot_row = None, -1
            self.viewport().update()
        elif event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            found = self.target_at(QPointF(event.pos()))
            link = self.link_at(QPointF(event.pos()))
            if found is not None and not found[1].words and found[1].icon:
                QToolTip.showText(event.globalPos(), found[1].name, self.viewport())
            elif link:
                words = link if opens(link) else f"Not opened: {link}\nOnly web and mail addresses are."
                QToolTip.showText(event.globalPos(), words, self.viewport())
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)
