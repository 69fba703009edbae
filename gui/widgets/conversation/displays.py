"""What stands alone between paragraphs: formulas with lines of their own, and the places of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QTextDocument

from paddock.gui import icons
from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.conversation import side_scroll
from paddock.gui.widgets.conversation.blocks import END, NodeBlock, Paint, Side, Target
from paddock.gui.widgets.conversation.documents import natural_size, paint_document
from paddock.gui.widgets.conversation.formulas import paint_formula
from paddock.gui.widgets.conversation.nodes import Maths, Node, Picture, Span, opens, plain_text
from paddock.gui.widgets.conversation.workshop import SIZE, Formula, workshop

PAD_Y = 6
PICTURE = 52


@dataclass(eq=False)
class WholeBlock(NodeBlock):
    """A block that is selected as a whole or not at all."""

    def selectable(self) -> bool:
        return True

    def hit(self, point: QPointF) -> int:
        return len(self.text()) if point.x() > self.width / 2 else 0

    def to_plain(self, position: int) -> int:
        return 0 if position <= 0 else len(self.plain())

    def text(self, start: int = 0, end: int = END) -> str:
        return plain_text(self.shown_node()) if start <= 0 and end > 0 else ""

    def _paint_back(self, painter: QPainter, paint: Paint) -> None:
        self.paint_bars(painter)
        if paint.selected is not None:
            painter.fillRect(QRectF(0, 0, self.width, self.height), self.style.color("selection"))
        for _, _, kind in paint.marks:
            painter.fillRect(QRectF(0, 0, self.width, self.height), self.style.mark_formats[kind].background())


@dataclass(eq=False)
class MathsBlock(WholeBlock):
    """A formula in the middle; its source while it is not drawn yet, or where it is broken."""

    node: Maths = field(default_factory=lambda: Maths("", ""))
    offset: int = 0
    _formula: Formula | None = None
    _document: QTextDocument | None = None

    def shown_node(self) -> Node:
        return self.node

    def _scale(self) -> float:
        return self.style.body_font(0, self.tone).pixelSize() * 1.1 / SIZE

    def estimate(self, width: int) -> int:
        return self.style.px(24) * (2 + self.node.source.count("\n"))

    def layout(self) -> None:
        self._formula = workshop().formula(self.node.source, True)
        pad = 2 * self.style.px(PAD_Y)
        if self._formula is not None:
            self.height = round((self._formula.ascent + self._formula.descent) * self._scale()) + pad
            if self.side() is not None:
                self.height += self.style.px(side_scroll.HOLD)
        elif self._document is None:
            spans = (Span(self.node.text, code=True),)
            ink = self.style.color("text2")
            self._document = self.style.document(spans, self.style.body_font(0, self.tone), ink, self.width)
            self.height = natural_size(self._document)[1]
        self.built = True

    def drop(self) -> None:
        self._document = self._formula = None
        self.built = False

    def renew(self) -> bool:
        if not self.built or self._formula is not None or workshop().formula(self.node.source, True) is None:
            return False
        self.drop()
        return True

    def _natural(self) -> int:
        return round(self._formula.width * self._scale()) if self._formula is not None else 0

    def side(self) -> Side | None:
        return side_scroll.bar(self.style, self.offset, self._natural(), self.width, 0, self.height)

    def targets(self) -> list[Target]:
        return side_scroll.stop(self.side(), "formula")

    def scroll_x(self, delta: int) -> bool:
        before = self.offset
        self.offset = min(max(0, self._natural() - self.width), max(0, before + delta))
        return self.offset != before

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self._paint_back(painter, paint)
        if not self.built:
            self.layout()
        if self._document is not None:
            paint_document(painter, self._document, self.style, paint.clip)
        if self._formula is None:
            return
        ink = self.style.color("text2" if self.tone == "quiet" else "text")
        left = (self.width - self._natural()) // 2 if self.side() is None else -self.offset
        painter.save()
        painter.setClipRect(QRectF(0, 0, self.width, self.height), Qt.ClipOperation.IntersectClip)
        baseline = self.style.px(PAD_Y) + self._formula.ascent * self._scale()
        paint_formula(painter, self._formula, left, baseline, self._scale(), ink)
        painter.restore()
        side = self.side()
        if side is not None:
            side_scroll.paint_bar(painter, self.style, side, paint)


@dataclass(eq=False)
class PictureBlock(WholeBlock):
    """The place of a picture. It is not fetched, neither by itself nor by a click: the click shows it where the user
    looks at other pictures of the web. Addresses that lead elsewhere do nothing."""

    KEY: ClassVar[str] = "picture"
    node: Picture = field(default_factory=lambda: Picture("", ""))

    def shown_node(self) -> Node:
        return self.node

    def estimate(self, width: int) -> int:
        return self.style.px(PICTURE)

    def link(self, point: QPointF) -> str:
        return self.node.address if QRectF(0, 0, self.width, self.height).contains(point) else ""

    def links(self) -> list[tuple[str, str, QRectF]]:
        if not opens(self.node.address):
            return []
        words = f"Picture: {self.node.words or self.node.address}. Open in the browser"
        return [(words, self.node.address, QRectF(2, 1, self.width - 4, self.height - 2))]

    def sentence(self) -> str:
        """What is said below the picture's words."""
        address = self.node.address
        if opens(address):
            return f"Not loaded. Click to open {address} in the browser"
        kind = "a picture within the text" if address.startswith("data:") else address or "no address"
        return f"Not loaded: {kind}"

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self._paint_back(painter, paint)
        style = self.style
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(style.color("border"), 1, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = QRectF(0.5, 0.5, self.width - 1, self.height - 1)
        painter.drawRoundedRect(frame, BUTTON_RADIUS, BUTTON_RADIUS)
        side, x = style.px(18), style.px(44)
        mark = icons.pixmap("image", style.palette.text2, side, ratio=paint.ratio)
        painter.drawPixmap(QPointF(style.px(14), (self.height - side) / 2), mark)
        room = int(self.width - x - style.px(14))
        lines = (
            (self.node.words or "Picture", style.interface_strong_font, "text", 8),
            (self.sentence(), style.meta_font, "muted", 27),
        )
        for words, font, token, top in lines:
            painter.setFont(font)
            painter.setPen(style.color(token))
            metrics = QFontMetrics(font)
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(x, style.px(top), room, metrics.height()), Qt.AlignmentFlag.AlignVCenter, shown)
