"""The documents that blocks paint: drawing with selection and marks, words, links, carets, and places in them.

A place in a document counts UTF-16 units and a drawn formula as one; a place in the plain text counts characters, and a
formula as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAbstractTextDocumentLayout, QColor, QPainter, QTextBlock, QTextCursor, QTextDocument

from paddock.gui.widgets.conversation.nodes import Span, utf16

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.style import Style

OBJECT = "\ufffc"
MarkKind = Literal["added", "removed", "changed", "found", "current"]
Mark = tuple[int, int, MarkKind]
"""From, to and what is said about it."""


def natural_size(document: QTextDocument) -> tuple[int, int]:
    size = document.size()
    return int(size.width() + 0.999), int(size.height() + 0.999)


def keep_glyphs(document: QTextDocument, position: int = 0) -> None:
    """Let Qt keep the glyphs of the lines from ``position`` on; it would find them anew at every painting, those of a
    whole paragraph for its last line."""
    block = document.findBlock(position)
    while block.isValid():
        block.layout().setCacheEnabled(True)
        block = block.next()


def paint_document(
    painter: QPainter,
    document: QTextDocument,
    style: Style,
    clip: QRectF,
    selected: tuple[int, int] | None = None,
    marks: Sequence[Mark] = (),
) -> None:
    """Draw ``document`` at the origin with ``selected`` and ``marks`` shown, places of the document."""
    context = QAbstractTextDocumentLayout.PaintContext()
    context.clip = clip
    if selected is None and not marks:
        document.documentLayout().draw(painter, context)
        return
    shown = [(start, end, style.mark_formats[kind]) for start, end, kind in marks]
    if selected is not None:
        shown.append((*selected, style.selection_format))
    found = []
    last = document.characterCount() - 1
    for start, end, look in shown:
        cursor = QTextCursor(document)
        cursor.setPosition(min(last, max(0, start)))
        cursor.setPosition(min(last, end), QTextCursor.MoveMode.KeepAnchor)
        selection = QAbstractTextDocumentLayout.Selection()
        selection.cursor = cursor
        selection.format = look
        found.append(selection)
    context.selections = found
    style.formulas.remember()
    document.documentLayout().draw(painter, context)
    style.formulas.bring_out(painter, shown)


def document_word(document: QTextDocument, offset: int) -> tuple[int, int]:
    cursor = QTextCursor(document)
    cursor.setPosition(min(document.characterCount() - 1, offset))
    cursor.select(QTextCursor.SelectionType.WordUnderCursor)
    return cursor.selectionStart(), cursor.selectionEnd()


def _lengths(spans: Iterable[Span], document: QTextDocument) -> Iterable[tuple[Span, int, int]]:
    """Every span with its length in the plain text and in the document."""
    position = 0
    for span in spans:
        drawn = span.math and document.characterAt(position) == OBJECT
        length = 1 if drawn else utf16(span.text)
        yield span, len(span.text), length
        position += length


def to_document(spans: tuple[Span, ...], document: QTextDocument, offset: int, *, end: bool = False) -> int:
    """The place in the document of a place in the plain text; within a formula before it, at the ``end`` behind it."""
    position = 0
    for span, plain, length in _lengths(spans, document):
        if offset < plain or (end and offset == plain):
            if span.math and length == 1:
                return position + (1 if end else 0)
            return position + utf16(span.text[:offset])
        offset -= plain
        position += length
    return position


def marks_in(spans: tuple[Span, ...], document: QTextDocument, marks: Iterable[Mark]) -> list[Mark]:
    """Marks of the plain text as marks of the document."""
    return [(to_document(spans, document, a), to_document(spans, document, b, end=True), kind) for a, b, kind in marks]


def to_plain(spans: tuple[Span, ...], document: QTextDocument, position: int) -> int:
    """The place in the plain text of a place in the document."""
    offset = 0
    for span, plain, length in _lengths(spans, document):
        if position < length or (position == length and plain == length):
            if span.text.isascii() or (span.math and length == 1):
                return offset + (position if length == plain else 0)
            units = span.text.encode("utf-16-le", "surrogatepass")[: 2 * position]
            return offset + len(units.decode("utf-16-le", "ignore"))
        position -= length
        offset += plain
    return offset


def document_links(document: QTextDocument, spans: tuple[Span, ...]) -> list[tuple[str, str, QRectF]]:
    """Words, address and first line of every link in a document of one paragraph made of ``spans``."""
    found = []
    start = 0
    for span, _, length in _lengths(spans, document):
        if span.href:
            found.append((span.text, span.href, _line_rect(document, start, start + length)))
        start += length
    return found


def _line_rect(document: QTextDocument, start: int, end: int) -> QRectF:
    line = document.firstBlock().layout().lineForTextPosition(start)
    if not line.isValid():
        return QRectF(0, 0, 8, 8)
    last = min(end, line.textStart() + line.textLength())
    x1, x2 = _x(line.cursorToX(start)), _x(line.cursorToX(last))
    return QRectF(x1, line.y(), max(8.0, x2 - x1), line.height())


def place_in(document: QTextDocument, position: int) -> QRectF:
    """The line and the height at which a place of a document is."""
    block = document.findBlock(position)
    frame = document.documentLayout().blockBoundingRect(block)
    line = block.layout().lineForTextPosition(position - block.position())
    if not line.isValid():
        return frame
    x = _x(line.cursorToX(position - block.position()))
    return QRectF(frame.x() + x, frame.y() + line.y(), 8, line.height())


def _x(found: Any) -> float:
    """PySide answers with (x, position)."""
    return float(found[0] if isinstance(found, tuple) else found)


def caret_rect(document: QTextDocument, style: Style) -> QRectF:
    """Where the block caret stands: after the last character."""
    last: QTextBlock = document.lastBlock()
    layout = last.layout()
    place = document.documentLayout().blockBoundingRect(last)
    if layout is None or layout.lineCount() == 0:
        return QRectF(place.x(), place.y(), style.px(8), style.px(17))
    line = layout.lineAt(layout.lineCount() - 1)
    width, height = style.px(8), min(line.height(), style.px(18))
    # Proportional line height adds its room above the words.
    baseline = place.y() + line.y() + line.ascent()
    words = line.naturalTextRect()
    backwards = last.textDirection() == Qt.LayoutDirection.RightToLeft
    x = words.left() - width - 3 if backwards else words.right() + 3
    return QRectF(place.x() + x, baseline - height + 4, width, height)


def paint_caret(painter: QPainter, rect: QRectF, style: Style, ink: QColor | None = None) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink if ink is not None else style.color("accent"))
    painter.drawRoundedRect(rect, 2, 2)
