"""The pictures of messages: kept as they are drawn, fetched when they are first seen, and laid out in rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, QRect, QRectF, Signal
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen

from paddock.gui import icons
from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.widgets.conversation.blocks import Block, Paint, Target
from paddock.gui.widgets.conversation.offers import Deeds
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.focus import paint_ring
from paddock.sdk.pictures import Picture

HIGH, WIDE, LEAST, GAP = 180, 280, 48, 8
KEPT = 64


class Gallery(QObject):
    """What is drawn of pictures, by their hashes. GUI thread. ``wanted``: one that is seen and not here yet; whoever
    has it calls :meth:`put`."""

    wanted = Signal(str)
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._images: OrderedDict[str, QImage | None] = OrderedDict()

    def image(self, name: str) -> QImage | None:
        """None while there is none."""
        if name not in self._images:
            self._images[name] = None
            self.wanted.emit(name)
        self._images.move_to_end(name)
        return self._images[name]

    def kept(self, name: str) -> QImage | None:
        """The same, without wanting it where there is none."""
        return self._images.get(name)

    def put(self, name: str, image: QImage) -> None:
        """A null image: there is none to be had."""
        self._images[name] = image
        while len(self._images) > KEPT:
            self._images.popitem(last=False)
        self.changed.emit()

    def forget_missing(self) -> None:
        """Ask again for what could not be had."""
        for name in [name for name, image in self._images.items() if image is None or image.isNull()]:
            del self._images[name]


@dataclass(eq=False)
class PicturesBlock(Block):
    """Pictures in lines that end at the right, with a gap below; each opens by a click or Enter."""

    pictures: tuple[Picture, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    open: Callable[[str], None] = lambda name: None
    _places: list[QRect] = field(default_factory=list)

    def estimate(self, width: int) -> int:
        lines: list[list[tuple[int, int]]] = [[]]
        gap = self.style.px(GAP)
        for picture in self.pictures:
            size = self._size(picture, width)
            taken = sum(wide + gap for wide, _ in lines[-1])
            if lines[-1] and taken + size[0] > width:
                lines.append([])
            lines[-1].append(size)
        self._places, top = [], 0
        for line in lines:
            high = max((high for _, high in line), default=0)
            x = width - sum(wide for wide, _ in line) - gap * (len(line) - 1)
            for wide, own in line:
                self._places.append(QRect(x, top + high - own, wide, own))
                x += wide + gap
            top += high + gap
        return top

    def _size(self, picture: Picture, width: int) -> tuple[int, int]:
        wide, high = max(picture.width, 1), max(picture.height, 1)
        most, least = min(self.style.px(WIDE), width), self.style.px(LEAST)
        scale = min(most / wide, self.style.px(HIGH) / high, 2.0)
        return max(round(wide * scale), least), max(round(high * scale), least)

    def targets(self) -> list[Target]:
        found = []
        for number, (picture, place) in enumerate(zip(self.pictures, self._places, strict=True), 1):
            name = f"Picture {number}, {picture.width} × {picture.height} pixels. Open"
            found.append(Target(f"picture-{number}", name, place, lambda name=picture.hash: self.open(name)))  # type: ignore[misc]
        return found

    def paint(self, painter: QPainter, paint: Paint) -> None:
        style, ratio = self.style, paint.ratio
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        for target, picture in zip(self.targets(), self.pictures, strict=True):
            body = QRectF(target.rect).adjusted(0.5, 0.5, -0.5, -0.5)
            image = self.gallery.image(picture.hash)
            path = QPainterPath()
            path.addRoundedRect(body, CARD_RADIUS, CARD_RADIUS)
            painter.save()
            painter.setClipPath(path)
            painter.fillPath(path, style.color("hover"))
            if image is None or image.isNull():
                side = style.px(18)
                mark = icons.pixmap("image", style.palette.muted, side, ratio=ratio)
                painter.drawPixmap(round(body.center().x() - side / 2), round(body.center().y() - side / 2), mark)
            else:
                paint_covering(painter, image, body)
            painter.restore()
            painter.setPen(QPen(style.color("text2" if paint.hot == target.key else "border"), 1))
            painter.drawPath(path)
            if paint.ring and paint.focused == target.key:
                paint_ring(painter, body.adjusted(-2, -2, 2, 2), CARD_RADIUS + 2)


def pictures_block(style: Style, pictures: tuple[Picture, ...], deeds: Deeds) -> PicturesBlock:
    """The pictures of a message, which ``deeds`` fetches and opens."""
    return PicturesBlock(style, pictures=pictures, gallery=deeds.gallery, open=deeds.open_picture)


def paint_covering(painter: QPainter, image: QImage, body: QRectF) -> None:
    """As much of the middle of ``image`` as fills ``body``."""
    if image.isNull():
        return
    scale = max(body.width() / image.width(), body.height() / image.height())
    width, height = body.width() / scale, body.height() / scale
    part = QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)
    painter.drawImage(body, image, part)
