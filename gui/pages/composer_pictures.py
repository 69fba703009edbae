"""The pictures of the message that is being written: read, shown small above its words, and taken out again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageIOHandler, QImageReader, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.theme import current
from paddock.gui.widgets import IconButton
from paddock.gui.widgets.conversation.gallery import paint_covering
from paddock.gui.widgets.flow import FlowLayout
from paddock.gui.widgets.layouts import empty
from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import LARGEST_BYTES, MOST_PIXELS, Picture, picture_of

SIDE, REMOVE = 64, 22
THUMBNAIL = 640
"""Pixels of the longer side of what is kept to be drawn."""
MOST = 8
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_PLAIN = QImageIOHandler.Transformation.TransformationNone


@dataclass(frozen=True)
class Shown:
    """A picture with what is drawn of it."""

    picture: Picture
    thumbnail: QImage


def shown_of(data: bytes) -> Shown:
    """The picture in a file's content; one of another format, or one that a camera has turned, is written anew. Takes
    long: no job for the GUI thread. Raises BadRequest."""
    problem: BadRequest | None = None
    try:
        picture = picture_of(data)
    except BadRequest as error:
        problem = error
    reader, _kept = _reader(data)
    size = reader.size()
    if problem is not None or reader.transformation() != _PLAIN:
        image = reader.read() if 0 < size.width() * size.height() <= MOST_PIXELS else QImage()
        if image.isNull():
            raise problem or BadRequest("The picture’s file is damaged.", hint="Save it again as PNG or JPEG.")
        picture = picture_of(encoded(image))
        return Shown(picture, _small(image))
    small = thumbnail_of(data)
    if small.isNull():
        raise BadRequest("The picture’s file is damaged.", hint="Save it again as PNG or JPEG.")
    return Shown(picture, small)


def thumbnail_of(data: bytes) -> QImage:
    """What is drawn of a picture; null where nothing can be. No job for the GUI thread."""
    reader, _kept = _reader(data)
    size = reader.size()
    if max(size.width(), size.height()) > THUMBNAIL:
        reader.setScaledSize(size.scaled(THUMBNAIL, THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()


def large_of(data: bytes, room: QSize) -> QImage:
    """A picture no larger than ``room`` and than it is, upright; null where it cannot be read. No job for the GUI
    thread."""
    reader, _kept = _reader(data)
    image = reader.read()
    if image.width() <= room.width() and image.height() <= room.height():
        return image
    return image.scaled(room, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)


def encoded(image: QImage) -> bytes:
    """``image`` as a file: PNG, or JPEG where that would be large and nothing is transparent. Any thread."""
    bytes_ = QByteArray()
    buffer = QBuffer(bytes_)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    large = image.width() * image.height() > 2_000_000 and not image.hasAlphaChannel()
    image.save(buffer, "JPG" if large else "PNG", 92 if large else -1)  # type: ignore[call-overload]  # the stubs want bytes
    return bytes(bytes_.data())


def _reader(data: bytes) -> tuple[QImageReader, QBuffer]:
    """The buffer must live as long as its reader."""
    buffer = QBuffer()
    buffer.setData(data)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    reader.setAutoTransform(True)
    return reader, buffer


def _small(image: QImage) -> QImage:
    if max(image.width(), image.height()) <= THUMBNAIL:
        return image
    smooth = Qt.TransformationMode.SmoothTransformation
    return image.scaled(THUMBNAIL, THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio, smooth)


class PictureStrip(QWidget):
    """Thumbnails in a line, each with a way to take it out. Hidden while there are none."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: tuple[Shown, ...] = ()
        self._flow = FlowLayout(self, gap=8)
        self.setContentsMargins(4, 0, 0, 4)  # where the words begin
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Pictures of this message")
        self.hide()

    def put(self, shown: tuple[Shown, ...]) -> None:
        """Show these in place of those that are there, ``MOST`` at most."""
        self.shown = shown[:MOST]
        empty(self._flow)
        for number, one in enumerate(self.shown):
            thumb = _Thumb(one, number)
            thumb.remove.clicked.connect(partial(self._drop, number))
            self._flow.addWidget(thumb)
        self.setVisible(bool(self.shown))
        self.updateGeometry()
        self.changed.emit()

    def add(self, shown: Shown) -> bool:
        """False where it is there already, or there is no room for another."""
        there = any(one.picture.hash == shown.picture.hash for one in self.shown)
        taken = sum(len(one.picture.data or b"") for one in (*self.shown, shown))
        if there or len(self.shown) == MOST or taken > LARGEST_BYTES:
            return there
        self.put((*self.shown, shown))
        return True

    def take(self) -> tuple[Shown, ...]:
        """All of them; none are left."""
        shown = self.shown
        if shown:
            self.put(())
        return shown

    def _drop(self, number: int) -> None:
        self.put(self.shown[:number] + self.shown[number + 1 :])


class _Thumb(QWidget):
    def __init__(self, shown: Shown, number: int) -> None:
        super().__init__()
        self._image = shown.thumbnail
        words = f"Picture {number + 1}, {shown.picture.width} × {shown.picture.height} pixels"
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.remove = IconButton("close", f"Take out picture {number + 1}", self, size=REMOVE, glyph=13)
        self.setFixedSize(self.sizeHint())
        self.remove.resize(self.remove.sizeHint())
        self.remove.move(self.width() - self.remove.width(), 0)

    def sizeHint(self) -> QSize:
        side = current().px(SIDE)
        return QSize(side + current().px(REMOVE) // 2, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        look, painter = current(), QPainter(self)
        side = look.px(SIDE)
        body = QRectF(0.5, 0.5, side - 1, side - 1)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        path = QPainterPath()
        path.addRoundedRect(body, BUTTON_RADIUS, BUTTON_RADIUS)
        painter.setClipPath(path)
        painter.fillPath(path, look.color("hover"))
        paint_covering(painter, self._image, body)
        painter.setClipping(False)
        painter.setPen(QPen(look.color("border"), 1))
        painter.drawPath(path)
        disc = QRectF(self.remove.geometry()).adjusted(1, 1, -1, -1)
        painter.setBrush(look.color("raised"))
        painter.drawEllipse(disc)
