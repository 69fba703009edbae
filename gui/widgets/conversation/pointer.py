"""The mouse over the conversation: hovering, clicking hit areas and links, selecting, scrolling while dragging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from paddock.gui.widgets.conversation.blocks import Block
from paddock.gui.widgets.conversation.column import Spot

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.surface import Surface

DRAG_MS = 30


class Pointer(QObject):
    """Turns mouse events of the viewport into selection and clicks."""

    def __init__(self, surface: Surface) -> None:
        super().__init__(surface)
        self._surface = surface
        self._pressed_key: tuple[int, int, str] | None = None
        self._pressed_link = ""
        self._held: tuple[Block, float] | None = None
        self._dragging = False
        self._clicks = 0
        self._last_press = QPoint()
        self._last_time = 0
        self._place = QPointF()
        self._scroll = QTimer(self)
        self._scroll.setInterval(DRAG_MS)
        self._scroll.timeout.connect(self._auto_scroll)

    def press(self, event: QMouseEvent) -> None:
        surface = self._surface
        point = event.position()
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self._take_bar(point):
            return
        target = surface.target_at(point)
        if target is not None:
            self._pressed_key = target[0]
            return
        self._count_clicks(event)
        spot = surface.spot_at(point)
        if spot is None:
            return
        self._pressed_link = surface.link_at(point)
        self._dragging = True
        self._place = point
        selection = surface.selection
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and selection.anchor is not None:
            selection.extend(spot)
        elif self._clicks == 2:
            self._select_part(spot, "word")
        elif self._clicks >= 3:
            self._select_part(spot, "paragraph")
        else:
            selection.start(spot)
        surface.viewport().update()

    def _take_bar(self, point: QPointF) -> bool:
        """Take hold of a block's scroll bar; beside its thumb, put the thumb under the mouse first."""
        found = self._surface.block_at(point)
        side = found[2].side() if found is not None else None
        if found is None or side is None or not side.track.contains(found[3]):
            return False
        self._held = (found[2], point.x())
        if not side.thumb.contains(found[3]):
            self._pull(found[2], found[3].x() - side.thumb.center().x())
        return True

    def _pull(self, block: Block, distance: float) -> None:
        side = block.side()
        if side is not None:
            block.scroll_x(round(distance * side.overflow / max(1.0, side.track.width() - side.thumb.width())))
            self._surface.viewport().update()

    def _count_clicks(self, event: QMouseEvent) -> None:
        near = (event.position().toPoint() - self._last_press).manhattanLength() < 6
        soon = event.timestamp() - self._last_time < QApplication.doubleClickInterval()
        self._clicks = self._clicks + 1 if near and soon else 1
        self._last_press, self._last_time = event.position().toPoint(), event.timestamp()

    def double_click(self, event: QMouseEvent) -> None:
        """Qt reports the second press of a quick pair this way."""
        if self._surface.target_at(event.position()) is not None:
            self.press(event)
            return
        self._clicks = max(1, self._clicks)
        self._last_press, self._last_time = event.position().toPoint(), event.timestamp()
        self.press(event)

    def _select_part(self, spot: Spot, part: str) -> None:
        block = self._surface.column.rows[spot.row].blocks[spot.block]
        start, end = block.word(spot.offset) if part == "word" else block.paragraph(spot.offset)
        first, last = Spot(spot.row, spot.block, start), Spot(spot.row, spot.block, end)
        self._surface.selection.start_with(first, last)

    def move(self, event: QMouseEvent) -> None:
        surface = self._surface
        self._place = event.position()
        if self._held is not None:
            block, x = self._held
            self._held = (block, self._place.x())
            self._pull(block, self._place.x() - x)
            return
        if self._dragging and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag()
            inside = 0 <= self._place.y() < surface.viewport().height()
            if inside:
                self._scroll.stop()
            elif not self._scroll.isActive():
                self._scroll.start()
            return
        surface.hover(self._place)

    def release(self, event: QMouseEvent) -> None:
        surface = self._surface
        self._scroll.stop()
        self._dragging = False
        self._held = None
        pressed, self._pressed_key = self._pressed_key, None
        link, self._pressed_link = self._pressed_link, ""
        if pressed is not None:
            target = surface.target_at(event.position())
            if target is not None and target[0] == pressed:
                target[1].run()
            return
        if link and surface.selection.range() is None and surface.link_at(event.position()) == link:
            surface.open_link(link)

    def _drag(self) -> None:
        spot = self._surface.spot_at(self._place)
        if spot is not None:
            self._surface.selection.extend(spot)
            self._surface.viewport().update()

    def _auto_scroll(self) -> None:
        """The further outside, the faster."""
        height = self._surface.viewport().height()
        beyond = self._place.y() if self._place.y() < 0 else self._place.y() - height
        bar = self._surface.verticalScrollBar()
        bar.setValue(bar.value() + int(beyond / 2) + (4 if beyond > 0 else -4))
        self._drag()
