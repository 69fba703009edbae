"""Tables: one block per row, so that a thousand rows cost what is seen; column widths are shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QTextDocument

from paddock.gui.stylesheet import BUTTON_RADIUS
from paddock.gui.widgets.conversation import side_scroll
from paddock.gui.widgets.conversation.blocks import END, NodeBlock, Paint, Side, Target, followed, lacks_formula
from paddock.gui.widgets.conversation.documents import (
    Mark,
    document_links,
    document_word,
    marks_in,
    natural_size,
    paint_document,
    place_in,
    to_document,
    to_plain,
)
from paddock.gui.widgets.conversation.nodes import Align, Cell, Node, Table, cell_text, utf16
from paddock.gui.widgets.conversation.style import Style

PAD_X, PAD_Y = 14, 5
LIFT = 2
"""Proportional line height puts its room below the words: cells are moved down by half of it."""
MIN_COLUMN = 40
MOST = 260
"""Pixels a column may take without breaking lines, in a table that does not fit."""

_ALIGN = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


def _measures(cells: tuple[Cell, ...], metrics: QFontMetrics, pad: int) -> list[tuple[int, int]]:
    """Per cell: width without wrapping, and of its longest word."""
    found = []
    for cell in cells:
        text = cell_text(cell)
        whole = max(metrics.horizontalAdvance(line[:400]) for line in text.split("\n"))
        words = text.split()
        single = words == [text[:40]]
        word = whole if single else max((metrics.horizontalAdvance(word[:40]) for word in words), default=0)
        found.append((whole + 2 * pad + 4, word + 2 * pad + 4))
    return found


@dataclass(eq=False)
class TableGroup:
    """What the rows of one table share: column widths, and the sideways offset where they do not fit."""

    style: Style
    node: Table
    offset: int = 0
    widths: list[int] = field(default_factory=list)
    _natural: list[int] = field(default_factory=list)
    _least: list[int] = field(default_factory=list)
    _measured: int = 0
    _room: int = 0

    def set_node(self, node: Table) -> bool:
        """The table has grown; whether its columns moved."""
        before = list(self.widths)
        self.node = node
        self.fit(self._room)
        return before != self.widths

    def fit(self, room: int) -> None:
        """Share ``room`` pixels between the columns."""
        self._measure()
        self._room = room
        total, least = sum(self._natural), sum(self._least)
        if not self._natural or room <= 0:
            return
        if total <= room:
            spare = room - total
            self.widths = [w + spare * w // total for w in self._natural]
            self.widths[0] += room - sum(self.widths)
        elif least <= room:
            slack = [n - m for n, m in zip(self._natural, self._least, strict=True)]
            self.widths = [
                m + (room - least) * s // max(1, sum(slack)) for m, s in zip(self._least, slack, strict=True)
            ]
            self.widths[0] += room - sum(self.widths)
        else:
            most = self.style.px(MOST)  # it is scrolled anyhow: lines are not broken where a little more does
            self.widths = [max(MIN_COLUMN, m, min(n, most)) for m, n in zip(self._least, self._natural, strict=True)]

    def total(self) -> int:
        return sum(self.widths)

    def _measure(self) -> None:
        """Measure the rows that are new."""
        pad = self.style.px(PAD_X)
        head = QFontMetrics(self.style.cell_head_font)
        body = QFontMetrics(self.style.cell_font)
        if not self._natural:
            first = _measures(self.node.head, head, pad)
            self._natural = [w for w, _ in first]
            self._least = [w for _, w in first]
        for row in self.node.rows[self._measured :]:
            for column, (whole, word) in enumerate(_measures(row, body, pad)[: len(self._natural)]):
                self._natural[column] = max(self._natural[column], whole)
                self._least[column] = max(self._least[column], word)
        self._measured = max(0, len(self.node.rows) - 1)  # the last one may still grow


@dataclass(eq=False)
class TableRowBlock(NodeBlock):
    """The head of a table (``number`` -1) or one of its rows."""

    group: TableGroup = field(kw_only=True)
    number: int = -1
    _documents: dict[int, QTextDocument] = field(default_factory=dict)
    _missing: bool = False

    def selectable(self) -> bool:
        return True

    def cells(self) -> tuple[Cell, ...]:
        return self.group.node.head if self.number < 0 else self.group.node.rows[self.number]

    def is_last(self) -> bool:
        return self.number == len(self.group.node.rows) - 1

    def estimate(self, width: int) -> int:
        font = self.style.cell_head_font if self.number < 0 else self.style.cell_font
        return int(QFontMetrics(font).lineSpacing() * 1.26) + 2 * self.style.px(PAD_Y) + 1

    def place(self, width: int) -> None:
        if self.number < 0 and width != self.width:
            self.group.fit(width)
        super().place(width)

    def layout(self) -> None:
        if not self.built:
            line = self.estimate(self.width)
            font = self.style.cell_head_font if self.number < 0 else self.style.cell_font
            metrics, widest = QFontMetrics(font), font.pixelSize() * 0.9
            tall = [
                natural_size(self._document(column))[1] + 2 * self.style.px(PAD_Y) + 1
                for column, cell in enumerate(self.cells()[: len(self.group.widths)])
                if not _fits(cell, self._room(column), metrics, widest)
            ]
            self.height = max(self.style.px(33) + 1, line, *tall)
            if self.is_last() and self.side() is not None:
                self.height += self.style.px(side_scroll.HOLD) - self.style.px(4)
            self._missing = any(lacks_formula(cell) for cell in self.cells())
        self.built = True

    def _room(self, column: int) -> int:
        """The width of a cell's words."""
        return max(8, self.group.widths[column] - 2 * self.style.px(PAD_X))

    def follow(self, before: tuple[Cell, ...]) -> None:
        """The table is another one than when this row was ``before``: documents of cells that say the same stay."""
        cells = self.cells()
        for column in list(self._documents):
            if cells[column : column + 1] != before[column : column + 1]:
                del self._documents[column]
        self.built = False

    def _document(self, column: int) -> QTextDocument:
        found = self._documents.get(column)
        if found is None:
            found = self._documents[column] = self._cell(column, self.cells()[column])
        elif found.textWidth() != self._room(column):
            found.setTextWidth(self._room(column))
        return found

    def renew(self) -> bool:
        if not (self.built and self._missing) or any(lacks_formula(cell) for cell in self.cells()):
            return False
        self.drop()
        return True

    def side(self) -> Side | None:
        if not self.is_last():
            return None
        return side_scroll.bar(self.style, self.group.offset, self.group.total(), self.width, 0, self.height - 1)

    def targets(self) -> list[Target]:
        return side_scroll.stop(self.side(), "table")

    def _cell(self, column: int, cell: Cell) -> QTextDocument:
        style = self.style
        head = self.number < 0
        font: QFont = style.cell_head_font if head else style.cell_font
        ink: QColor = style.color("muted" if head else "text")
        align: Align = self.group.node.aligns[column] if column < len(self.group.node.aligns) else "left"
        return style.document(cell, font, ink, self._room(column), _ALIGN[align])

    def drop(self) -> None:
        self._documents = {}
        self.built = False

    def _line_height(self) -> int:
        """Without the bar below it."""
        return self.height - (self.style.px(side_scroll.HOLD) - self.style.px(4) if self.side() is not None else 0)

    def _places(self, left: float = -END, right: float = END) -> list[tuple[int, int, QTextDocument, QPointF]]:
        """Column, offset in the row's text, document and origin of every cell between two places."""
        if not self.built:
            self.layout()
        found = []
        offset, x = 0, -self.group.offset
        pad = self.style.px(PAD_X)
        for column, cell in enumerate(self.cells()[: len(self.group.widths)]):
            width = self.group.widths[column]
            if x > right:
                break
            if x + width >= left:
                document = self._document(column)
                y = (self._line_height() - 1 - natural_size(document)[1]) / 2 + LIFT
                found.append((column, offset, document, QPointF(x + pad, y)))
            drawn = self._documents.get(column)
            offset += drawn.characterCount() if drawn is not None else utf16(cell_text(cell)) + 1
            x += width
        return found

    def _before(self, column: int) -> int:
        """Where a cell begins in the plain text."""
        return sum(len(cell_text(cell)) + 1 for cell in self.cells()[:column])

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self.paint_bars(painter)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_frame(painter)
        painter.setClipRect(QRectF(1, 0, self.width - 2, self.height), Qt.ClipOperation.IntersectClip)
        for column, offset, document, origin in self._places(0, self.width):
            selected = None
            if paint.selected is not None:
                start, end = paint.selected[0] - offset, paint.selected[1] - offset
                if end > 0 and start < document.characterCount():
                    selected = (max(0, start), end)
            marks: Sequence[Mark] = ()
            if paint.marks:
                marks = _cell_marks(paint.marks, self.cells()[column], document, self._before(column))
            painter.translate(origin)
            paint_document(painter, document, self.style, paint.clip.translated(-origin), selected, marks)
            painter.translate(-origin)
        painter.restore()
        side = self.side()
        if side is not None:
            side_scroll.paint_bar(painter, self.style, side, paint)

    def _paint_frame(self, painter: QPainter) -> None:
        """This row's part of the frame around all of them: round corners only where it has some, they take long."""
        border, last = self.style.color("border"), self.is_last()
        painter.setClipRect(QRectF(0, 0, self.width, self.height), Qt.ClipOperation.IntersectClip)
        top = 0 if self.number < 0 else -2 * BUTTON_RADIUS
        bottom = self.height if last else self.height + 2 * BUTTON_RADIUS
        if self.number < 0 or last:
            painter.setPen(QPen(border, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            frame = QRectF(0.5, top + 0.5, self.width - 1, bottom - top - 1)
            painter.drawRoundedRect(frame, BUTTON_RADIUS, BUTTON_RADIUS)
        else:
            painter.fillRect(QRectF(0, top, 1, bottom - top), border)
            painter.fillRect(QRectF(self.width - 1, top, 1, bottom - top), border)
        if not last:
            painter.fillRect(QRectF(1, self.height - 1, self.width - 2, 1), border)

    def hit(self, point: QPointF) -> int:
        places = self._places(0, self.width)
        chosen = places[0]
        for place in places:
            if point.x() >= place[3].x() - self.style.px(PAD_X):
                chosen = place
        _, offset, document, origin = chosen
        inside = document.documentLayout().hitTest(point - origin, Qt.HitTestAccuracy.FuzzyHit)
        return offset + max(0, inside)

    def shown_node(self) -> Node:
        return self.group.node

    def place_of(self, offset: int) -> QRectF:
        for column, _, document, origin in self._places():
            before, cell = self._before(column), self.cells()[column]
            if offset <= before + len(cell_text(cell)):
                return place_in(document, to_document(cell, document, offset - before)).translated(origin)
        return super().place_of(offset)

    def plain(self) -> str:
        return "\t".join(cell_text(cell).replace("\n", " ") for cell in self.cells())

    def to_plain(self, position: int) -> int:
        if position >= END:
            return len(self.plain())
        for column, offset, document, _ in self._places():
            if position < offset + document.characterCount():
                return self._before(column) + to_plain(self.cells()[column], document, position - offset)
        return len(self.plain())

    def text(self, start: int = 0, end: int = END) -> str:
        if start <= 0 and end >= END:
            return self.plain()
        return self.plain()[self.to_plain(start) : self.to_plain(end)]

    def word(self, offset: int) -> tuple[int, int]:
        for _, base, document, _ in reversed(self._places()):
            if offset >= base:
                start, end = document_word(document, offset - base)
                return base + start, base + end
        return (0, END)

    def paragraph(self, offset: int) -> tuple[int, int]:
        for _, base, document, _ in reversed(self._places()):
            if offset >= base:
                return base, base + document.characterCount() - 1
        return (0, END)

    def link(self, point: QPointF) -> str:
        for _, _, document, origin in self._places(point.x(), point.x()):
            found = document.documentLayout().anchorAt(point - origin)
            if found:
                return found
        return ""

    def links(self) -> list[tuple[str, str, QRectF]]:
        found: list[tuple[str, str, QRectF]] = []
        if not any(span.href for cell in self.cells() for span in cell):
            return found
        for column, _, document, origin in self._places():
            cell = self.cells()[column]
            found += [(w, url, rect.translated(origin)) for w, url, rect in document_links(document, cell)]
        return followed(found)

    def glue(self) -> str:
        return "\n\n" if self.number < 0 else "\n"

    def scroll_x(self, delta: int) -> bool:
        before = self.group.offset
        self.group.offset = min(max(0, self.group.total() - self.width), max(0, before + delta))
        return before != self.group.offset


def _fits(cell: Cell, room: int, metrics: QFontMetrics, widest: float) -> bool:
    """Whether a cell surely takes one line: then it is laid out only where it is seen. ``widest``: pixels of a sign."""
    text = cell[0].text if len(cell) == 1 else cell_text(cell)
    if len(text) > 400 or "\n" in text or any(span.math or span.code or span.bold for span in cell):
        return False
    return (text.isascii() and len(text) * widest < room) or metrics.horizontalAdvance(text) + 4 <= room


def _cell_marks(marks: Sequence[Mark], cell: Cell, document: QTextDocument, before: int) -> list[Mark]:
    """The part of a row's marks that lies in a cell whose text begins at ``before``."""
    length = len(cell_text(cell))
    inside = [
        (max(0, a - before), min(length, b - before), k) for a, b, k in marks if b > before and a < before + length
    ]
    return marks_in(cell, document, inside)
