"""Prints pages without a display: ``python -m paddock.gui.print_pdf [--landscape] IN.html OUT.pdf ...``.

The pages are our own (server/chat_html.py, “paper”), any number of them. Nothing that a page names is read.
"""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QMarginsF, QRectF, QSizeF, Qt, QUrl
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFont,
    QImage,
    QPageLayout,
    QPageSize,
    QPainter,
    QPalette,
    QPdfWriter,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QApplication

from paddock.gui import fonts

DPI = 300
_MARGIN_MM = 18.0
_FOOT_MM = 8.0
_INK, _FAINT = "#1d1c19", "#69675f"
_GLYPHS = re.compile(rb"beginbfrange.*?endbfrange", re.DOTALL)
"""Which character each glyph of a font stands for."""
_MEANINGS = re.compile(rb"(?m)^(<\w{4}> <\w{4}> )(.*)$")


class Document(QTextDocument):
    """Reads no file and asks no server: pictures are those that the page holds itself."""

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        address = name if isinstance(name, str) else name.toString(QUrl.ComponentFormattingOption.FullyEncoded)
        head, _, body = address.partition(",")
        if not (head.startswith("data:image/") and head.endswith(";base64")):
            return None
        return QImage.fromData(base64.b64decode(unquote_to_bytes(body)))


def print_page(html: str, target: Path, *, landscape: bool = False) -> None:
    """Print ``html`` with page numbers. Raises OSError when ``target`` cannot be written."""
    writer = QPdfWriter(str(target))
    writer.setResolution(DPI)
    writer.setCreator("Paddock")
    way = QPageLayout.Orientation.Landscape if landscape else QPageLayout.Orientation.Portrait
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    writer.setPageLayout(QPageLayout(QPageSize(QPageSize.PageSizeId.A4), way, margins, QPageLayout.Unit.Millimeter))
    document = Document()
    document.documentLayout().setPaintDevice(writer)
    document.setDefaultFont(_font(10))
    document.setDocumentMargin(0)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    document.setDefaultTextOption(option)
    document.setHtml(html)
    title = document.metaInformation(QTextDocument.MetaInformation.DocumentTitle)
    writer.setTitle(title)
    foot = _FOOT_MM / 25.4 * DPI
    page = QSizeF(writer.width(), writer.height() - foot)
    document.setPageSize(page)
    painter = QPainter()
    if not painter.begin(writer):
        raise OSError(f"{target} cannot be written")
    try:
        for number in range(document.pageCount()):
            if number:
                writer.newPage()
            _paint(painter, document, number, page)
            _paint_foot(painter, QRectF(0, page.height(), page.width(), foot), title, number, document.pageCount())
    finally:
        painter.end()
    _name_spaces(target)


def _name_spaces(target: Path) -> None:
    """Qt paints tabs with the glyph of the space and then takes that for the tab's: text copied out of the pages would
    have tabs between its words. Both codes are of the same length, so nothing else in the file moves."""
    printed = target.read_bytes()
    target.write_bytes(_GLYPHS.sub(lambda found: _MEANINGS.sub(_space_for_tab, found[0]), printed))


def _space_for_tab(line: re.Match[bytes]) -> bytes:
    return line[1] + line[2].replace(b"<0009>", b"<0020>")


def _font(size: int) -> QFont:
    """Without ligatures in code, and without the forms that signs take beside figures and capitals: copied out of the
    pages they would be other signs."""
    font = QFont(fonts.SANS, size)
    font.setFeature(QFont.Tag("calt"), 0)
    return font


def _paint(painter: QPainter, document: QTextDocument, number: int, page: QSizeF) -> None:
    part = QRectF(0, number * page.height(), page.width(), page.height())
    context = QAbstractTextDocumentLayout.PaintContext()
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Text, QColor(_INK))
    context.palette = palette
    context.clip = part
    painter.save()
    painter.translate(0, -part.top())
    painter.setClipRect(part)
    document.documentLayout().draw(painter, context)
    painter.restore()


def _paint_foot(painter: QPainter, place: QRectF, title: str, number: int, pages: int) -> None:
    painter.setFont(_font(8))
    painter.setPen(QColor(_FAINT))
    low = Qt.AlignmentFlag.AlignBottom
    words = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, int(place.width() * 0.8))
    painter.drawText(place, low | Qt.AlignmentFlag.AlignLeft, words)
    painter.drawText(place, low | Qt.AlignmentFlag.AlignRight, f"{number + 1} of {pages}")


def main(arguments: list[str]) -> int:
    """The exit code; what went wrong is on standard error."""
    app = QApplication([])
    try:
        fonts.install(app)
        landscape = arguments[:1] == ["--landscape"]
        files = arguments[landscape:]
        for source, target in zip(files[::2], files[1::2], strict=True):
            print_page(Path(source).read_text(encoding="utf-8"), Path(target), landscape=landscape)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
