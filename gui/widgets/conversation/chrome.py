"""What stands around the words of a message: heading, folded reasoning, numbers and actions, what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QTextDocument

from paddock.gui import icons
from paddock.gui.stylesheet import BUTTON_RADIUS, CARD_RADIUS
from paddock.gui.widgets.conversation.blocks import Block, Paint, Target
from paddock.gui.widgets.conversation.documents import natural_size, paint_caret, paint_document
from paddock.gui.widgets.conversation.nodes import Span
from paddock.gui.widgets.conversation.style import Style
from paddock.gui.widgets.conversation.targets import (
    label_width,
    paint_icon,
    paint_icon_button,
    paint_label_button,
)
from paddock.gui.widgets.focus import paint_ring
from paddock.gui.widgets.notice import ICONS, Severity, severity_tokens


def _nothing() -> None: ...


@dataclass
class Versions:
    """Which version this is, and how to see its neighbours (None at the ends)."""

    number: int = 1
    count: int = 1
    earlier: Callable[[], None] | None = None
    later: Callable[[], None] | None = None


def version_targets(style: Style, versions: Versions, right: int, height: int) -> list[Target]:
    """Chevrons around "2 of 3", ending at ``right``."""
    if versions.count < 2:
        return []
    found = []
    earlier, later = _chevrons(style, versions, right, height)
    if versions.earlier is not None:
        found.append(Target("earlier", "Previous version", earlier, versions.earlier, icon="chevron-left"))
    if versions.later is not None:
        found.append(Target("later", "Next version", later, versions.later, icon="chevron-right"))
    return found


def _chevrons(style: Style, versions: Versions, right: int, height: int) -> tuple[QRect, QRect]:
    """Where they stand, whether they lead anywhere or not."""
    side = style.px(26)
    top = (height - side) // 2
    words = QFontMetrics(style.meta_font).horizontalAdvance(version_words(versions)) + style.px(12)
    return QRect(right - 2 * side - words, top, side, side), QRect(right - side, top, side, side)


def version_words(versions: Versions) -> str:
    return f"{versions.number} of {versions.count}"


def paint_versions(painter: QPainter, paint: Paint, versions: Versions, right: int, height: int) -> None:
    if versions.count < 2:
        return
    style = paint.style
    earlier, later = _chevrons(style, versions, right, height)
    painter.setFont(style.meta_font)
    painter.setPen(style.color("muted"))
    between = QRectF(earlier.right() + 1, 0, later.left() - earlier.right() - 1, height)
    painter.drawText(between, Qt.AlignmentFlag.AlignCenter, version_words(versions))
    for target in version_targets(style, versions, right, height):
        paint_icon_button(painter, target, paint)
    for rect, icon, leads in ((earlier, "chevron-left", versions.earlier), (later, "chevron-right", versions.later)):
        if leads is None:
            paint_icon(painter, icon, rect, style.palette.border_strong, paint)


@dataclass(eq=False)
class HeadBlock(Block):
    """Silk, who speaks, and which version this is."""

    name: str = ""
    sub: str = ""
    silk: int = 0
    versions: Versions = field(default_factory=Versions)

    def estimate(self, width: int) -> int:
        return self.style.px(22)

    def targets(self) -> list[Target]:
        return version_targets(self.style, self.versions, self.width + self.style.px(4), self.height)

    def paint(self, painter: QPainter, paint: Paint) -> None:
        style = self.style
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.theme.color("accent") if self.silk < 0 else style.theme.silk(self.silk))
        side = style.px(10)
        painter.drawRoundedRect(QRectF(0, (self.height - side) / 2, side, side), 3, 3)
        right = self.width - (style.px(110) if self.versions.count > 1 else 0)
        x = style.px(18)
        painter.setFont(style.name_font)
        painter.setPen(style.color("text"))
        metrics = QFontMetrics(style.name_font)
        name = metrics.elidedText(self.name, Qt.TextElideMode.ElideMiddle, right - x)
        painter.drawText(QRectF(x, 0, right - x, self.height), Qt.AlignmentFlag.AlignVCenter, name)
        x += metrics.horizontalAdvance(name) + style.px(8)
        if self.sub and right - x > style.px(40):
            painter.setFont(style.meta_font)
            painter.setPen(style.color("muted"))
            sub = QFontMetrics(style.meta_font).elidedText(self.sub, Qt.TextElideMode.ElideRight, right - x)
            painter.drawText(QRectF(x, 0, right - x, self.height), Qt.AlignmentFlag.AlignVCenter, sub)
        paint_versions(painter, paint, self.versions, self.width + style.px(4), self.height)


@dataclass(eq=False)
class FoldBlock(Block):
    """The reasoning as one line; unfolds."""

    words: str = ""
    preview: str = ""
    unfolded: bool = False
    toggle: Callable[[], None] = _nothing

    def estimate(self, width: int) -> int:
        return self.style.px(36)

    def targets(self) -> list[Target]:
        name = f"{'Hide' if self.unfolded else 'Show'} the reasoning: {self.words}"
        rect = QRect(0, 0, self.width, self.height)
        return [Target("fold", name, rect, self.toggle, expanded=self.unfolded)]

    def paint(self, painter: QPainter, paint: Paint) -> None:
        style = self.style
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(style.color("border"), 1))
        painter.setBrush(style.color("hover") if paint.hot == "fold" else Qt.BrushStyle.NoBrush)
        body = QRectF(0.5, 0.5, self.width - 1, self.height - 1)
        painter.drawRoundedRect(body, BUTTON_RADIUS, BUTTON_RADIUS)
        if paint.ring and paint.focused == "fold":
            paint_ring(painter, QRectF(0, 0, self.width, self.height), BUTTON_RADIUS)
        side = style.px(16)
        y = (self.height - side) / 2
        painter.drawPixmap(QPointF(style.px(11), y), icons.pixmap("bulb", style.palette.text2, side, ratio=paint.ratio))
        chevron = icons.pixmap(
            "chevron-up" if self.unfolded else "chevron-down", style.palette.text2, side, ratio=paint.ratio
        )
        right = self.width - style.px(12) - side
        painter.drawPixmap(QPointF(right, y), chevron)
        x = style.px(35)
        painter.setFont(style.interface_strong_font)
        painter.setPen(style.color("text2"))
        painter.drawText(QRectF(x, 0, right - x, self.height), Qt.AlignmentFlag.AlignVCenter, self.words)
        x += QFontMetrics(style.interface_strong_font).horizontalAdvance(self.words) + style.px(16)
        room = right - x - style.px(8)
        if room > style.px(60) and not self.unfolded:
            painter.setFont(style.interface_font)
            painter.setPen(style.color("text2" if paint.hot == "fold" else "muted"))
            preview = QFontMetrics(style.interface_font).elidedText(self.preview, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(x, 0, room, self.height), Qt.AlignmentFlag.AlignVCenter, preview)


@dataclass(eq=False)
class ProgressBlock(Block):
    """What happens before the first word; with the caret."""

    words: str = ""

    def estimate(self, width: int) -> int:
        return self.style.px(24)

    def paint(self, painter: QPainter, paint: Paint) -> None:
        style = self.style
        caret = QRectF(0, (self.height - style.px(18)) / 2, style.px(8), style.px(18))
        paint_caret(painter, caret, style, paint.caret_color)
        painter.setFont(style.theme.font(13, tabular=True))
        painter.setPen(style.color("muted"))
        area = QRectF(style.px(16), 0, self.width - style.px(16), self.height)
        words = QFontMetrics(painter.font()).elidedText(self.words, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, words)


class CardButton(NamedTuple):
    """A button of a card. ``key`` is its own on the card."""

    key: str
    icon: str
    words: str
    run: Callable[[], None]


@dataclass(eq=False)
class CardBlock(Block):
    """Why an answer is not whole, what to do about it, and the buttons that do it."""

    severity: Severity | None = "bad"
    sentence: str = ""
    hint: str = ""
    buttons: Sequence[CardButton] = ()
    _documents: list[QTextDocument] = field(default_factory=list)

    def estimate(self, width: int) -> int:
        return self.style.px(44 if not self.hint else 64)

    def _inner(self) -> int:
        return self.style.px(42)

    def _beside(self) -> bool:
        """Whether the buttons stand at the right; else below the words."""
        return self.width >= self.style.px(420) and 2 * self._rects()[-1].right() <= self.width

    def _rects(self) -> list[QRect]:
        """The buttons' places in a strip of their own, in as many rows as they need."""
        style = self.style
        gap, height, room = style.px(8), style.px(30), max(40, self.width - self._inner() - style.px(12))
        rects: list[QRect] = []
        x = y = 0
        for button in self.buttons:
            width = min(label_width(style, button.words), room)
            if x and x + width > room:
                x, y = 0, y + height + gap
            rects.append(QRect(x, y, width, height))
            x += width + gap
        return rects

    def layout(self) -> None:
        style = self.style
        if not self._documents:
            room = self.width - self._inner() - style.px(14)
            beside, rects = self._beside(), self._rects()
            if beside:
                room -= rects[-1].right() + 1 + style.px(12)
            texts = [(self.sentence, style.interface_strong_font, "text"), (self.hint, style.interface_font, "text2")]
            self._documents = [
                style.document((Span(text),), font, style.color(token), max(40, room))
                for text, font, token in texts
                if text
            ]
            below = 0 if beside else rects[-1].bottom() + 1 + style.px(8)
            self.height = sum(natural_size(d)[1] for d in self._documents) + style.px(24) + below
            self.height = max(self.height, style.px(50))
        self.built = True

    def drop(self) -> None:
        self._documents = []
        self.built = False

    def targets(self) -> list[Target]:
        style, rects = self.style, self._rects()
        if self._beside():
            corner = QPoint(self.width - rects[-1].right() - 1 - style.px(12), (self.height - rects[-1].height()) // 2)
        else:
            corner = QPoint(self._inner(), self.height - rects[-1].bottom() - 1 - style.px(12))
        return [
            Target(button.key, button.words, rect.translated(corner), button.run, icon=button.icon, words=button.words)
            for button, rect in zip(self.buttons, rects, strict=True)
        ]

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self.layout()
        style = self.style
        ink, back = ("text2", "sunken") if self.severity is None else severity_tokens(self.severity)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.color(back))
        painter.drawRoundedRect(QRectF(0, 0, self.width, self.height), CARD_RADIUS, CARD_RADIUS)
        side = style.px(18)
        name = "stop" if self.severity is None else ICONS[self.severity]
        total = sum(natural_size(d)[1] for d in self._documents)
        y = (self.height - total) / 2 if self._beside() else style.px(12)
        first = natural_size(self._documents[0])[1] if self._documents else side
        line = min(first, style.px(22))
        icon_y = y + (line - side) / 2 + 1
        painter.drawPixmap(QPointF(style.px(14), icon_y), icons.pixmap(name, style.color(ink), side, ratio=paint.ratio))
        for document in self._documents:
            painter.save()
            painter.translate(self._inner(), y + 2)
            paint_document(painter, document, style, QRectF(0, 0, self.width, self.height))
            painter.restore()
            y += natural_size(document)[1]
        for target in self.targets():
            paint_label_button(painter, target, paint, border=True)
