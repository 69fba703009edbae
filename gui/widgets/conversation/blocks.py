"""What the view paints, from top to bottom: the protocol of a block, and the blocks of plain text and rules.

A block knows its place in the row, lays itself out when it comes near the view (:meth:`Block.layout`) and can forget
its documents when it is far away (:meth:`Block.drop`), keeping its height. Offsets within a block are positions in its
text; the view's selection is two (row, block, offset).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QTextDocument

from paddock.gui.widgets.conversation.documents import (
    Mark,
    caret_rect,
    document_links,
    document_word,
    marks_in,
    natural_size,
    paint_caret,
    paint_document,
    place_in,
    to_document,
    to_plain,
)
from paddock.gui.widgets.conversation.nodes import Node, Paragraph, Rule, Span, cell_text, opens, plain_text
from paddock.gui.widgets.conversation.style import Style, Tone
from paddock.gui.widgets.conversation.workshop import workshop

INDENT = 24
QUOTE = 16
END = 1 << 30
"""An offset after everything."""


@dataclass
class Target:
    """A place that can be clicked and focused: a button to keyboards and screen readers. ``rect`` lies in the block."""

    key: str
    name: str
    rect: QRect
    run: Callable[[], None]
    icon: str = ""
    words: str = ""
    kind: str = "button"
    shown: bool = True
    expanded: bool | None = None


@dataclass
class Paint:
    """What a block needs to paint itself. ``selected``: (from, to) in its text. ``hot`` and ``focused``: target keys;
    ``ring`` whether the focus came by keyboard. ``clip`` is in the block's coordinates. ``ratio``: device pixels."""

    style: Style
    clip: QRectF
    ratio: float = 1.0
    selected: tuple[int, int] | None = None
    hot: str = ""
    focused: str = ""
    ring: bool = False
    caret: bool = False
    active: bool = False
    caret_color: QColor | None = None
    marks: Sequence[Mark] = ()
    """In the block's plain text."""


@dataclass(frozen=True)
class Side:
    """How far a block is scrolled sideways and how far it can be; ``thumb`` and ``track`` of its bar, in the block."""

    offset: int
    overflow: int
    thumb: QRectF
    track: QRectF


@dataclass(eq=False)
class Block:
    """Base of all blocks. ``top`` is relative to the row, ``left`` to the row's column; whole pixels."""

    style: Style
    top: int = 0
    left: int = 0
    width: int = 0
    height: int = 0
    gap: int = 0
    built: bool = False
    bubble: bool = False

    def estimate(self, width: int) -> int:
        """A height for ``width`` pixels, without laying anything out."""
        return self.height or 24

    def place(self, width: int) -> None:
        """Say how much width there is; the height is an estimate until :meth:`layout`."""
        if width != self.width:
            self.drop()
            self.width = width
            self.height = self.estimate(width)

    def layout(self) -> None:
        """Make the documents and the exact height."""
        self.built = True

    def drop(self) -> None:
        """Forget the documents, keep the height."""
        self.built = False

    def stays(self) -> int:
        """So many pixels from its top look as they were painted last, although it has to be laid out again."""
        return 0

    def paint(self, painter: QPainter, paint: Paint) -> None:
        """Paint at the origin."""

    def selectable(self) -> bool:
        return False

    def hit(self, point: QPointF) -> int:
        """The offset nearest to ``point``."""
        return 0

    def text(self, start: int = 0, end: int = END) -> str:
        """The text between two offsets, as it is copied."""
        return ""

    def word(self, offset: int) -> tuple[int, int]:
        return (0, END)

    def paragraph(self, offset: int) -> tuple[int, int]:
        return (0, END)

    def link(self, point: QPointF) -> str:
        return ""

    def links(self) -> list[tuple[str, str, QRectF]]:
        """Words, address and place of every link, for keyboard and screen reader."""
        return []

    def targets(self) -> list[Target]:
        return []

    def glue(self) -> str:
        """What stands between this block's text and the one before when both are copied."""
        return "\n\n"

    def scroll_x(self, delta: int) -> bool:
        """Scroll sideways by ``delta`` pixels; whether it did."""
        return False

    def side(self) -> Side | None:
        """Its scroll bar, where it has one to be seen."""
        return None

    def renew(self) -> bool:
        """Forget what was laid out before something it needs was there; whether it did."""
        return False


@dataclass(eq=False)
class NodeBlock(Block):
    """A block that shows a node. ``before``: the node above it, for gaps and the quote's line."""

    indent: int = 0
    quote: int = 0
    after_item: bool = False
    bar_gap: int = 0
    tone: Tone = "plain"

    def shown_node(self) -> Node:
        """What it shows."""
        raise NotImplementedError

    def plain(self) -> str:
        """Its text without signs of lists: what is searched and marked."""
        return self.text()

    def to_plain(self, position: int) -> int:
        """The place in :meth:`plain` of an offset."""
        return min(len(self.plain()), position)

    def place_of(self, offset: int) -> QRectF:
        """Where a place of :meth:`plain` is, in the block; lays it out."""
        return QRectF(0, 0, self.width, self.height)

    def paint_bars(self, painter: QPainter) -> None:
        """The lines at the left of quoted text, through the gap above where the quote goes on."""
        color = self.style.color("border_strong" if self.tone == "plain" else "border")
        for depth in range(self.quote):
            x = -self.style.px(QUOTE) * (self.quote - depth) - self.style.px(INDENT) * self.indent
            painter.fillRect(QRectF(x + 1, -self.bar_gap, 2, self.height + self.bar_gap), color)


@dataclass(eq=False)
class TextBlock(NodeBlock):
    """A paragraph, heading or list item."""

    node: Paragraph = field(default_factory=lambda: Paragraph(()))
    _document: QTextDocument | None = None
    _natural: int = 0
    _missing: bool = False

    def estimate(self, width: int) -> int:
        font = self.style.body_font(self.node.level, self.tone)
        line = QFontMetrics(font).lineSpacing() * 1.26
        text = cell_text(self.node.spans)
        rows = len(text) * font.pixelSize() * 0.52 / max(60, width) + text.count("\n") * 0.6
        return int((int(rows) + 1) * line)

    def layout(self) -> None:
        if self._document is None:
            ink = self.style.color("text2" if self.tone == "quiet" else "text")
            font = self.style.body_font(self.node.level, self.tone)
            self._document = self.style.document(self.node.spans, font, ink, self.width)
            self.height = natural_size(self._document)[1]
            self._natural = int(self._document.idealWidth() + 1)
            self._missing = lacks_formula(self.node.spans)
        self.built = True

    def renew(self) -> bool:
        if not (self.built and self._missing) or lacks_formula(self.node.spans):
            return False
        self.drop()
        return True

    def drop(self) -> None:
        self._document = None
        self.built = False

    def document(self) -> QTextDocument:
        if self._document is None:
            self.layout()
        assert self._document is not None
        return self._document

    def ideal_width(self) -> int:
        """The width its lines really take."""
        self.layout()
        return self._natural

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self.paint_bars(painter)
        document = self.document()
        if self.node.marker:
            self._paint_marker(painter, document)
        spans = self.node.spans
        marks = marks_in(spans, document, paint.marks)
        paint_document(painter, document, self.style, paint.clip, paint.selected, marks)
        if paint.caret:
            paint_caret(painter, caret_rect(document, self.style), self.style, paint.caret_color)

    def _paint_marker(self, painter: QPainter, document: QTextDocument) -> None:
        """Bullets are drawn, numbers set in tabular figures, both at the right edge of the gutter."""
        style = self.style
        layout = document.firstBlock().layout()
        baseline = layout.lineAt(0).y() + layout.lineAt(0).ascent() if layout.lineCount() else style.px(18)
        if self.node.marker == "•":
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.color("text2"))
            radius = style.px(5) / 2
            painter.drawEllipse(QPointF(-style.px(11), baseline - style.px(5)), radius, radius)
            return
        font = style.marker_font(self.tone)
        painter.setFont(font)
        painter.setPen(style.color("text2"))
        width = QFontMetrics(font).horizontalAdvance(self.node.marker)
        painter.drawText(QPointF(-style.px(7) - width, baseline), self.node.marker)

    def selectable(self) -> bool:
        return True

    def hit(self, point: QPointF) -> int:
        return max(0, self.document().documentLayout().hitTest(point, Qt.HitTestAccuracy.FuzzyHit))

    def shown_node(self) -> Node:
        return self.node

    def place_of(self, offset: int) -> QRectF:
        document = self.document()
        return place_in(document, to_document(self.node.spans, document, offset))

    def plain(self) -> str:
        return cell_text(self.node.spans)

    def to_plain(self, position: int) -> int:
        return len(self.plain()) if position >= END else to_plain(self.node.spans, self.document(), position)

    def text(self, start: int = 0, end: int = END) -> str:
        if start <= 0 and end >= END:
            return plain_text(self.node)
        words = self.plain()[self.to_plain(start) : self.to_plain(end)]
        if start <= 0 and self.node.marker and words:
            return f"{'  ' * (self.node.indent - 1)}{self.node.marker} {words}"
        return words

    def word(self, offset: int) -> tuple[int, int]:
        return document_word(self.document(), offset)

    def link(self, point: QPointF) -> str:
        return self.document().documentLayout().anchorAt(point)

    def links(self) -> list[tuple[str, str, QRectF]]:
        return followed(document_links(self.document(), self.node.spans))

    def glue(self) -> str:
        if self.node.glued:
            return ""
        return "\n" if self.node.tight and self.after_item else "\n\n"


@dataclass(eq=False)
class RuleBlock(NodeBlock):
    """A thematic break."""

    node: Rule = field(default_factory=Rule)

    def estimate(self, width: int) -> int:
        return 1

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self.paint_bars(painter)
        painter.fillRect(QRectF(0, 0, self.width, 1), self.style.color("border"))

    def selectable(self) -> bool:
        return True

    def shown_node(self) -> Node:
        return self.node

    def plain(self) -> str:
        return ""

    def text(self, start: int = 0, end: int = END) -> str:
        return plain_text(self.node)


def lacks_formula(spans: Iterable[Span]) -> bool:
    """Whether a formula among ``spans`` is shown as it was written, for now or because it is broken."""
    return any(span.math and workshop().formula(span.math, span.display) is None for span in spans)


def followed(links: Iterable[tuple[str, str, QRectF]]) -> list[tuple[str, str, QRectF]]:
    """The links that lead somewhere."""
    return [link for link in links if opens(link[1])]
