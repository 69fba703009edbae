"""Code: a block in pieces.

Long code is cut into pieces, each with its own document, so that only what is seen is laid out and coloured. While an
answer is written, finished lines are coloured once, cut where no string or comment is open; a finished piece is
coloured as a whole where that could not be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QTextCursor, QTextDocument

from paddock.gui.stylesheet import CARD_RADIUS
from paddock.gui.widgets.conversation import side_scroll
from paddock.gui.widgets.conversation.blocks import END, NodeBlock, Paint, Side, Target
from paddock.gui.widgets.conversation.documents import (
    caret_rect,
    document_word,
    keep_glyphs,
    marks_in,
    natural_size,
    paint_caret,
    paint_document,
    place_in,
    to_document,
    to_plain,
)
from paddock.gui.widgets.conversation.nodes import Code, Node, Span, utf16
from paddock.gui.widgets.conversation.targets import label_width, paint_label_button

CHUNK, LONGEST = 6, 24
"""Lines that are coloured together while more are written, and where a string or comment goes on over them."""
PIECE_LINES = 48
PIECE_CHARS = 4_096
LINE_CHARS = 4_096
WRAP_BEYOND = 2_000
"""A line longer than this makes its block wrap from the start."""
SPANNING = ("<!--", "<script", "<style", "<?", "{%", "=begin", "{-", "(*")
"""Signs of what may go on over several lines although a lexer's tokens do not show it."""
HEADER = 36
PAD_X, PAD_Y = 14, 12


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of code. ``glued``: begins in the middle of a line."""

    text: str
    glued: bool = False


def pieces(text: str, glued: bool = False) -> list[Piece]:
    """Cut code into pieces by lines and characters; the same text always gives the same pieces, and more text at the
    end changes only the last one."""
    found: list[Piece] = []
    lines: list[str] = []
    size = 0

    def flush(next_glued: bool) -> None:
        nonlocal size, glued
        found.append(Piece("\n".join(lines), glued))
        lines.clear()
        size, glued = 0, next_glued

    for line in text.split("\n"):
        rest = line
        while len(rest) > LINE_CHARS:
            lines.append(rest[:LINE_CHARS])
            flush(True)
            rest = rest[LINE_CHARS:]
        if lines and (len(lines) >= PIECE_LINES or size + len(rest) > PIECE_CHARS):
            flush(False)
        lines.append(rest)
        size += len(rest) + 1
    found.append(Piece("\n".join(lines), glued))
    return found


@dataclass(eq=False)
class CodeGroup:
    """What the pieces of one code block share."""

    node: Code
    wrap: bool = False
    offset: int = 0
    natural: int = 0
    copied: Callable[[str, str], None] = lambda text, what: None
    relayout: Callable[[], None] = lambda: None

    cut: list[Piece] = field(default_factory=list)
    _start: int = 0
    """Where the last piece begins."""

    def __post_init__(self) -> None:
        self.wrap = any(len(line) > WRAP_BEYOND for line in self.node.text.split("\n"))

    def set_node(self, node: Code) -> int:
        """Take more of the text; the first piece that may be another one than before."""
        first = max(0, len(self.cut) - 1)
        if not node.text.startswith(self.node.text[: self._start]):
            first = self._start = 0
        fresh = pieces(node.text[self._start :], self.cut[first].glued if first else False)
        self.node = node
        self.cut[first:] = fresh
        self._start = len(node.text) - len(fresh[-1].text)
        return first


@dataclass(eq=False)
class CodeBlock(NodeBlock):
    """One piece of a code block; the first carries the header with language, Wrap and Copy."""

    group: CodeGroup = field(default_factory=lambda: CodeGroup(Code("")))
    piece: Piece = field(default_factory=lambda: Piece(""))
    head: bool = True
    last: bool = True
    _document: QTextDocument | None = None
    _shown: str = ""
    _stable: int = 0
    _position: int = 0
    _guessed: bool = False
    """Whether lines were cut where a string or comment was open."""
    _uncoloured: bool = False

    def selectable(self) -> bool:
        return True

    def _inset_top(self) -> int:
        return self.style.px(HEADER) + self.style.px(PAD_Y) if self.head else 0

    def _inset_bottom(self) -> int:
        return self.style.px(PAD_Y) if self.last else 0

    def _origin(self) -> QPointF:
        return QPointF(self.style.px(PAD_X) - (0 if self.group.wrap else self.group.offset), self._inset_top())

    def _room(self) -> int:
        return max(20, self.width - 2 * self.style.px(PAD_X))

    def estimate(self, width: int) -> int:
        line = QFontMetrics(self.style.code_font).lineSpacing() * 1.18
        rows = self.piece.text.count("\n") + 1
        if self.group.wrap:
            rows += int(len(self.piece.text) * self.style.code_font.pixelSize() * 0.6 / max(60, self._room()))
        return int(rows * line) + self._inset_top() + self._inset_bottom()

    def layout(self) -> None:
        if self._document is None:
            self._document = self.style.code_document(self.group.wrap)
            self._anew()
        if self._shown != self.piece.text:
            self._write(self._document)
        self._document.setTextWidth(self._room() if self.group.wrap else -1)
        width, height = natural_size(self._document)
        self.group.natural = max(self.group.natural, width)
        self.height = height + self._inset_top() + self._inset_bottom()
        self.built = True

    def stays(self) -> int:
        if self._document is None or not self.piece.text.startswith(self._shown[: self._stable] or "\n"):
            return 0
        first = self._document.findBlock(self._position)
        return self._inset_top() + int(self._document.documentLayout().blockBoundingRect(first).top())

    def _write(self, document: QTextDocument) -> None:
        """Bring the document to the piece's text, rewriting only unfinished lines."""
        text = self.piece.text
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        if not (self._shown and self._stable and text.startswith(self._shown[: self._stable])):
            self._anew()
        cursor.setPosition(self._position)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        rest = text[self._stable :]
        breaks = self._insert(cursor, rest)
        keep_glyphs(document, self._position)
        cursor.endEditBlock()
        if not self._settled():
            self._keep(rest, breaks)
        self._shown = text

    def _keep(self, rest: str, breaks: list[int]) -> None:
        """Let finished lines of ``rest`` stay as they are coloured, all but the last."""
        if rest.count("\n") < CHUNK:
            return
        last = rest.rindex("\n")
        end = max((place for place in breaks if place <= last), default=0)
        if not end and rest.count("\n") >= LONGEST:
            end, self._guessed = last + 1, True
        self._stable += end
        self._position += utf16(rest[:end])

    def _anew(self) -> None:
        self._shown, self._stable, self._position, self._guessed = "", 0, 0, False

    def renew(self) -> bool:
        if not (self.built and self._uncoloured) or self.style.highlighter.lexer(self.group.node.language) is None:
            return False
        self.drop()
        return True

    def _insert(self, cursor: QTextCursor, text: str) -> list[int]:
        """Write coloured code; where its lines may be cut."""
        breaks: list[int] = []
        formats = self.style.code_formats
        self._uncoloured = self.style.highlighter.lexer(self.group.node.language) is None
        for run, kind in self.style.highlighter.runs(text, self.group.node.language, breaks):
            cursor.insertText(run, formats[kind])
        return breaks if not self._uncoloured else [place + 1 for place, sign in enumerate(text) if sign == "\n"]

    def drop(self) -> None:
        self._document = None
        self.built = False

    def _settled(self) -> bool:
        """No more lines will come to this piece."""
        return self.group.node.closed or not self.last

    def settle(self) -> None:
        """Colour the piece as a whole where cutting it into chunks may have cut a string or comment."""
        if self._stable and (self._guessed or any(sign in self.piece.text for sign in SPANNING)):
            self._anew()
            self.built = False

    def set_piece(self, piece: Piece, last: bool) -> bool:
        """Show ``piece``; whether anything changed."""
        if piece == self.piece and last == self.last:
            return False
        self.piece, self.last = piece, last
        self.built = False
        return True

    def document(self) -> QTextDocument:
        if self._document is None or self._shown != self.piece.text:
            self.layout()
        assert self._document is not None
        return self._document

    def paint(self, painter: QPainter, paint: Paint) -> None:
        self.paint_bars(painter)
        self._paint_card(painter)
        if self.head:
            self._paint_header(painter, paint)
        origin = self._origin()
        painter.save()
        painter.setClipRect(QRectF(1, 0, self.width - 2, self.height), Qt.ClipOperation.IntersectClip)
        painter.translate(origin)
        document = self.document()
        spans = self._spans()
        marks = marks_in(spans, document, paint.marks)
        paint_document(painter, document, self.style, paint.clip.translated(-origin), paint.selected, marks)
        if paint.caret:
            paint_caret(painter, caret_rect(document, self.style), self.style, paint.caret_color)
        painter.restore()
        side = self.side()
        if side is not None:
            side_scroll.paint_bar(painter, self.style, side, paint)

    def _paint_card(self, painter: QPainter) -> None:
        """The card goes on over all pieces: a piece draws it longer and clips."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = 0 if self.head else -2 * CARD_RADIUS
        bottom = self.height if self.last else self.height + 2 * CARD_RADIUS
        painter.setClipRect(QRectF(0, 0, self.width, self.height), Qt.ClipOperation.IntersectClip)
        painter.setPen(QPen(self.style.color("border"), 1))
        painter.setBrush(self.style.color("sunken"))
        painter.drawRoundedRect(QRectF(0.5, top + 0.5, self.width - 1, bottom - top - 1), CARD_RADIUS, CARD_RADIUS)
        painter.restore()

    def _paint_header(self, painter: QPainter, paint: Paint) -> None:
        style = self.style
        height = style.px(HEADER)
        painter.fillRect(QRectF(1, height, self.width - 2, 1), style.color("border"))
        painter.setFont(style.label_font)
        painter.setPen(style.color("muted"))
        targets = self.targets()
        room = max(0, min(t.rect.left() for t in targets if t.words) - style.px(PAD_X) - 8)
        name = QFontMetrics(style.label_font).elidedText(
            self.group.node.language or "code", Qt.TextElideMode.ElideRight, room
        )
        painter.drawText(QRectF(style.px(PAD_X), 0, room, height), Qt.AlignmentFlag.AlignVCenter, name)
        for target in (target for target in targets if target.words):
            paint_label_button(painter, target, paint, active=target.key == "wrap" and self.group.wrap)

    def side(self) -> Side | None:
        if not self.last or self.group.wrap:
            return None
        left, bottom = self.style.px(PAD_X), self.height - 1
        return side_scroll.bar(self.style, self.group.offset, self.group.natural, self._room(), left, bottom)

    def _overflow(self) -> int:
        return max(0, self.group.natural - self._room())

    def scroll_x(self, delta: int) -> bool:
        if self.group.wrap or not self._overflow():
            return False
        before = self.group.offset
        self.group.offset = min(self._overflow(), max(0, before + delta))
        return self.group.offset != before

    def targets(self) -> list[Target]:
        if not self.head:
            return side_scroll.stop(self.side(), "code")
        style = self.style
        found: list[Target] = []
        right = self.width - style.px(6)
        top = (style.px(HEADER) - style.px(26)) // 2
        for key, words, name, icon, run in (
            ("copy", "Copy", "Copy code", "copy", self._copy),
            ("wrap", "Wrap", "Wrap long lines", "wrap", self.toggle_wrap),
        ):
            width = label_width(style, words)
            rect = QRect(right - width, top, width, style.px(26))
            right = rect.left() - style.px(2)
            found.insert(0, Target(key, name, rect, run, icon=icon, words=words))
        return found + side_scroll.stop(self.side(), "code")

    def _copy(self) -> None:
        self.group.copied(self.group.node.text, "code")

    def toggle_wrap(self) -> None:
        """Wrap long lines, or show them as they are."""
        self.group.wrap = not self.group.wrap
        self.group.offset = 0
        self.group.relayout()

    def hit(self, point: QPointF) -> int:
        place = point - self._origin()
        return max(0, self.document().documentLayout().hitTest(place, Qt.HitTestAccuracy.FuzzyHit))

    def _spans(self) -> tuple[Span, ...]:
        return (Span(self.piece.text),)

    def shown_node(self) -> Node:
        return self.group.node

    def place_of(self, offset: int) -> QRectF:
        document = self.document()
        return place_in(document, to_document(self._spans(), document, offset)).translated(self._origin())

    def to_plain(self, position: int) -> int:
        if position >= END or self.piece.text.isascii():
            return min(position, len(self.piece.text))
        return to_plain(self._spans(), self.document(), position)

    def text(self, start: int = 0, end: int = END) -> str:
        return self.piece.text[self.to_plain(start) : self.to_plain(end)]

    def word(self, offset: int) -> tuple[int, int]:
        return document_word(self.document(), offset)

    def paragraph(self, offset: int) -> tuple[int, int]:
        block = self.document().findBlock(offset)
        return (block.position(), block.position() + max(0, block.length() - 1))

    def glue(self) -> str:
        if self.head:
            return "\n\n"
        return "" if self.piece.glued else "\n"
