"""What holds a device's memory, as a bar and as words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from paddock.gui import theme
from paddock.gui.models.memory import Segment

THIN, THICK = 8, 16
LEAST = 2.0
"""Pixels: whatever is there can be seen, together with its neighbours where they are as small."""
APART = 5.0
"""Pixels that a part has where each is to be told by its colour; a pixel of them goes to the line beside it."""
_HATCH = 5.0


def paint_bar(
    painter: QPainter, area: QRectF, segments: Iterable[Segment], total: int, limit: int = 0, *, apart: bool = False
) -> None:
    """The segments from the left on a track that stands for ``total`` bytes. What goes beyond ``limit`` (0: the total)
    is struck out. ``apart``: each is seen in its colour, where the bar is long enough for all of them."""
    look = theme.current()
    parts = [segment for segment in segments if segment.size > 0]
    held = sum(segment.size for segment in parts)
    used = sum(segment.size for segment in parts if segment.fill != "kept")
    limit = limit or total
    scale = area.width() / max(total, held, 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPainterPath()
    radius = min(4.0, area.height() / 2)
    outline.addRoundedRect(area, radius, radius)
    painter.setClipPath(outline)
    painter.fillRect(area, look.color("track"))
    x = edge = end = area.left()
    before = 0
    wide = stretches_apart(parts, scale, area.width()) if apart else stretches(parts, scale)
    for segment, wanted in wide:
        width = min(wanted, area.right() - x)
        edge += width * min(1.0, max(0, limit - before) / segment.size)
        before += segment.size
        if segment.fill != "empty":
            _paint_segment(painter, QRectF(x, area.top(), width, area.height()), segment, look)
            if x + width < area.right() - 1:
                painter.fillRect(QRectF(x + width - 0.5, area.top(), 1, area.height()), look.color("raised"))
        x += width
        end = end if segment.fill == "kept" else x
    if used > limit > 0 and not any(segment.fill == "empty" for segment in parts):
        beyond = QRectF(edge, area.top(), end - edge, area.height())
        painter.fillRect(beyond, look.color("bad_soft", 0.35))
        _hatch(painter, beyond, look.color("bad"))
        painter.fillRect(QRectF(edge - 1, area.top(), 2, area.height()), look.color("bad"))
    painter.restore()


def stretches(parts: Sequence[Segment], scale: float) -> list[tuple[Segment, float]]:
    """What is painted, and how wide in pixels; ``scale``: pixels of a byte.

    Neighbours that are too small to be seen share a stretch, in the looks of the largest of them; one that is alone
    takes from the larger ones what it lacks, so that all together are as wide as what they hold.
    """
    shown, largest = list(parts), [part.size for part in parts]
    while (pair := _too_small(shown, scale)) is not None:
        first, second = shown[pair], shown[pair + 1]
        looks = pair if largest[pair] >= largest[pair + 1] else pair + 1
        shown[pair : pair + 2] = [shown[looks]._replace(size=first.size + second.size)]
        largest[pair : pair + 2] = [largest[looks]]
    spare = sum(max(0.0, part.size * scale - LEAST) for part in shown if part.fill != "empty")
    lacking = sum(max(0.0, LEAST - part.size * scale) for part in shown if part.fill != "empty")
    given = min(1.0, lacking / spare) if spare else 0.0

    def width(part: Segment) -> float:
        exact = part.size * scale
        return exact if part.fill == "empty" else LEAST + max(0.0, exact - LEAST) * (1 - given)

    return [(part, width(part)) for part in shown]


def stretches_apart(parts: Sequence[Segment], scale: float, room: float) -> list[tuple[Segment, float]]:
    """Every part by itself, and how wide in pixels; ``scale``: pixels of a byte, ``room``: pixels of the whole bar.

    What the small ones lack comes from all that is larger and from the rest of the bar, each in proportion. Where there
    is no room for all, they share as in :func:`stretches`.
    """
    exact = [part.size * scale for part in parts]
    lacking = sum(max(0.0, APART - width) for width in exact)
    spare = sum(max(0.0, width - APART) for width in exact) + max(0.0, room - sum(exact))
    if lacking > spare:
        return stretches(parts, scale)
    kept = 1 - lacking / spare if spare else 1.0
    return [(part, APART + max(0.0, width - APART) * kept) for part, width in zip(parts, exact, strict=True)]


def _too_small(shown: Sequence[Segment], scale: float) -> int | None:
    """The first of two neighbours that have to share a stretch: the smallest two that cannot be seen by themselves, or
    any two where there is no room for all to be seen."""
    held = [part for part in shown if part.fill != "empty"]
    crowded = len(held) * LEAST > sum(part.size for part in held) * scale
    pairs = [
        (first.size + second.size, number)
        for number, (first, second) in enumerate(pairwise(shown))
        if "empty" not in (first.fill, second.fill) and (crowded or max(first.size, second.size) * scale < LEAST)
    ]
    return min(pairs)[1] if pairs else None


def _color(segment: Segment, look: theme.Theme) -> QColor:
    return QColor(look.silk(segment.ink)) if isinstance(segment.ink, int) else look.color(segment.ink)


def _paint_segment(painter: QPainter, area: QRectF, segment: Segment, look: theme.Theme) -> None:
    color = _color(segment, look)
    if segment.fill == "solid":
        painter.fillRect(area, color)
    elif segment.fill == "hatched":
        _hatch(painter, area, color)
    else:
        painter.setPen(QPen(color, 1.2, Qt.PenStyle.DashLine))
        painter.setBrush(look.color("raised"))
        painter.drawRect(area.adjusted(0.6, 0.6, -1.1, -0.6))


def _hatch(painter: QPainter, area: QRectF, color: QColor) -> None:
    if area.width() < 2 * _HATCH:  # what shows of one or two lines is no hatching but a scratch
        painter.fillRect(area, QColor(color.red(), color.green(), color.blue(), 140))
        return
    painter.save()
    painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
    painter.setPen(QPen(color, 1.2))
    x = area.left() - area.height()
    x -= x % _HATCH
    while x < area.right():
        painter.drawLine(int(x), int(area.bottom()) + 1, int(x + area.height()) + 1, int(area.top()))
        x += _HATCH
    painter.restore()


class MemoryBar(QWidget):
    """A device's bar. ``name`` is what a screen reader says before the parts; ``apart``: each of them is to be told by
    its colour, as the parts of one model are."""

    def __init__(self, name: str, parent: QWidget | None = None, *, height: int = THICK, apart: bool = False) -> None:
        super().__init__(parent)
        self._name = name
        self._height = height
        self._apart = apart
        self.segments: tuple[Segment, ...] = ()
        self.total = self.limit = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_segments(self, segments: Sequence[Segment], total: int, name: str = "", limit: int = 0) -> None:
        """``total`` bytes of which the segments are held, up to ``limit`` of them; ``name`` replaces the bar's."""
        self.segments, self.total, self.limit = tuple(segments), total, limit
        self._name = name or self._name
        said = ", ".join(segment.words() for segment in self.segments if segment.size)
        self.setAccessibleName(f"{self._name}: {said}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, theme.current().px(self._height))

    def minimumSizeHint(self) -> QSize:
        return QSize(24, theme.current().px(self._height))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_measures(event):
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_bar(QPainter(self), QRectF(self.rect()), self.segments, self.total, self.limit, apart=self._apart)


class MemoryLegend(QWidget):
    """The segments in words, each with its mark, in as many lines as they need."""

    GAP, MARK, LINE = 14, 10, 20

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.segments: tuple[Segment, ...] = ()
        self._least = 1
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_segments(self, segments: Sequence[Segment]) -> None:
        """Those that hold nothing are left out."""
        shown = tuple(segment for segment in segments if segment.size > 0)
        if shown != self.segments:
            self.segments = shown
            self.setAccessibleName(", ".join(segment.words() for segment in shown))
            self.updateGeometry()
            self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.new_measures(event):
            self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return max(self._least, self._lines(width)) * theme.current().px(self.LINE)

    def keep_lines(self) -> None:
        """Get no lower than now, so that what stands below stays in its place when a segment goes."""
        if self.isVisible():
            self._least = max(self._least, self._lines(self.width()))

    def free_lines(self) -> None:
        """Something else is shown now: get lower again."""
        self._least = 1

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            hinted = self.heightForWidth(max(240, event.oldSize().width()))
            self.free_lines()
            if self.sizeHint().height() != hinted:
                self.updateGeometry()  # layouts keep what was hinted until they are told

    def _lines(self, width: int) -> int:
        return max((line for _, line, *_ in self._places(width)), default=0) + 1

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(max(240, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, theme.current().px(self.LINE))

    def _places(self, width: int) -> list[tuple[int, int, Segment, str]]:
        """Left edge in pixels, number of the line and words of each."""
        look = theme.current()
        metrics = QFontMetrics(look.font(12, tabular=True))
        places: list[tuple[int, int, Segment, str]] = []
        x = line = 0
        for segment in self.segments:
            mark = look.px(self.MARK + 6)
            words = metrics.elidedText(segment.words(), Qt.TextElideMode.ElideMiddle, width - mark)
            needed = mark + metrics.horizontalAdvance(words)
            if x and x + needed > width:
                x, line = 0, line + 1
            places.append((x, line, segment, words))
            x += needed + look.px(self.GAP)
        return places

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side, height = look.px(self.MARK), look.px(self.LINE)
        for x, line, segment, said in self._places(self.width()):
            mark = QRectF(x, line * height + (height - side) / 2, side, side)
            painter.setPen(QPen(look.color("border_strong"), 1))
            painter.setBrush(look.color("track" if segment.fill == "empty" else "raised"))
            painter.drawRoundedRect(mark.adjusted(0.5, 0.5, -0.5, -0.5), 2.5, 2.5)
            if segment.fill == "solid":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(_color(segment, look))
                painter.drawRoundedRect(mark, 2.5, 2.5)
            elif segment.fill != "empty":
                _paint_segment(painter, mark, segment, look)
            painter.setFont(look.font(12, tabular=True))
            painter.setPen(look.color("text2"))
            words = QRectF(mark.right() + look.px(6), line * height, self.width(), height)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, said)
