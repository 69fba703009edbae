"""Pictures of a kept message as small squares in lines; each opens by a click or the keyboard."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from paddock.gui import icons
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.theme import current
from paddock.gui.widgets.buttons import PaintedButton
from paddock.gui.widgets.conversation.gallery import Gallery, paint_covering
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.layouts import empty
from paddock.sdk.pictures import Picture

RING_ROOM = 3


class PictureThumbs(QWidget):
    """``opened`` carries the hash of a picture. ``side`` is the length of their sides in logical pixels."""

    opened = Signal(str)

    def __init__(self, gallery: Gallery, side: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gallery, self._side = gallery, side
        self._flow = FlowLayout(self, gap=0)
        self.pictures: tuple[Picture, ...] = ()
        self.setAccessibleName("Pictures of this question")
        self.hide()

    def show_pictures(self, pictures: tuple[Picture, ...]) -> None:
        """These in place of those that are shown; hidden without any."""
        if pictures == self.pictures:
            return
        self.pictures = pictures
        empty(self._flow)
        for number, picture in enumerate(pictures, 1):
            thumb = _Thumb(picture, number, self._gallery, self._side)
            thumb.clicked.connect(partial(self.opened.emit, picture.hash))
            self._flow.addWidget(thumb)
        self.setVisible(bool(pictures))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        side = current().px(self._side) + 2 * RING_ROOM
        return QSize(side * len(self.pictures), side)


class _Thumb(PaintedButton):
    def __init__(self, picture: Picture, number: int, gallery: Gallery, side: int) -> None:
        super().__init__()
        self._picture, self._gallery, self._side = picture, gallery, side
        words = f"Picture {number}, {picture.width} × {picture.height} pixels"
        self.setAccessibleName(f"{words}. Open")
        self.setToolTip(words)
        gallery.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        side = current().px(self._side) + 2 * RING_ROOM
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter = current(), QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        room = RING_ROOM + 0.5
        body = QRectF(self.rect()).adjusted(room, room, -room, -room)
        path = QPainterPath()
        path.addRoundedRect(body, BUTTON_RADIUS - 2, BUTTON_RADIUS - 2)
        painter.setClipPath(path)
        painter.fillPath(path, look.color("hover"))
        image = self._gallery.image(self._picture.hash)
        if image is None or image.isNull():
            side = look.px(14)
            mark = icons.pixmap("image", look.palette.muted, side, ratio=self.devicePixelRatioF())
            painter.drawPixmap(round(body.center().x() - side / 2), round(body.center().y() - side / 2), mark)
        else:
            paint_covering(painter, image, body)
        painter.setClipping(False)
        painter.setPen(QPen(look.color("text2" if self.hot() else "border"), 1))
        painter.drawPath(path)
        if self.ring_shown:
            paint_ring(painter, QRectF(self.rect()), BUTTON_RADIUS)
