"""Fonts, formats and measures of the conversation in one theme, and the documents made with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)

from paddock.gui.theme import Theme
from paddock.gui.widgets.conversation.documents import OBJECT, keep_glyphs
from paddock.gui.widgets.conversation.formulas import FORMULA, InlineFormulas, dressed
from paddock.gui.widgets.conversation.highlight import Highlighter, color
from paddock.gui.widgets.conversation.nodes import Span, opens
from paddock.gui.widgets.conversation.workshop import workshop

Tone = Literal["plain", "quiet", "own"]
"""``quiet``: reasoning; ``own``: the user's words."""

COLUMN = 760
LINE_HEIGHT = 126.0
CODE_LINE_HEIGHT = 118.0
HEADINGS = {1: 18, 2: 18, 3: 15, 4: 15, 5: 14, 6: 14}
"""Pixels at 100 % by level; all are semibold."""


class ChatDocument(QTextDocument):
    """A document that never loads anything: pictures and style sheets named in a message are not fetched or opened."""

    formulas = False
    """Whether it can show formulas."""

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        return None


class Style:
    """One theme's look of the conversation. Made anew when theme or zoom change."""

    def __init__(self, theme: Theme, zoom: float) -> None:
        self.theme = replace(theme, zoom=zoom)
        self.palette = theme.palette
        self.highlighter = Highlighter(workshop().lexer)
        self.formulas = InlineFormulas()
        self._colors: dict[str, QColor] = {}
        self._pixels: dict[float, int] = {}
        self._body_fonts: dict[tuple[int, Tone], QFont] = {}
        self._span_formats: dict[tuple[object, ...], QTextCharFormat] = {}
        self._options: dict[tuple[bool, QTextOption.WrapMode, Qt.AlignmentFlag], QTextOption] = {}

    def px(self, measure: float) -> int:
        found = self._pixels.get(measure)
        if found is None:
            found = self._pixels[measure] = self.theme.px(measure)
        return found

    @cached_property
    def column(self) -> int:
        return self.px(COLUMN)

    @cached_property
    def code_font(self) -> QFont:
        return self.theme.font(13, mono=True)

    @cached_property
    def meta_font(self) -> QFont:
        return self.theme.font(12, tabular=True)

    @cached_property
    def meta_strong_font(self) -> QFont:
        return self.theme.font(12, 600, tabular=True)

    @cached_property
    def label_font(self) -> QFont:
        return self.theme.font(12, 500)

    @cached_property
    def name_font(self) -> QFont:
        return self.theme.font(13, 600)

    @cached_property
    def interface_font(self) -> QFont:
        return self.theme.font(13)

    @cached_property
    def interface_strong_font(self) -> QFont:
        return self.theme.font(13, 500)

    @cached_property
    def cell_font(self) -> QFont:
        return self.theme.font(14, tabular=True)

    @cached_property
    def cell_head_font(self) -> QFont:
        return self.theme.font(12, 600, tabular=True)

    def body_font(self, level: int = 0, tone: Tone = "plain") -> QFont:
        """Text of a paragraph, or of a heading of ``level``; not to be changed."""
        found = self._body_fonts.get((level, tone))
        if found is None:
            font = self.theme.font(HEADINGS[level], 600) if level else self.theme.font(14 if tone == "quiet" else 15)
            found = self._body_fonts[level, tone] = font
        return found

    def marker_font(self, tone: Tone) -> QFont:
        """Numbers of list items."""
        return self.theme.font(14 if tone == "quiet" else 15, tabular=True)

    def color(self, token: str) -> QColor:
        found = self._colors.get(token)
        if found is None:
            found = self._colors[token] = self.theme.color(token)
        return found

    @cached_property
    def selection_format(self) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setBackground(self.color("selection"))
        style.setForeground(self.color("text"))
        return style

    @cached_property
    def mark_formats(self) -> dict[str, QTextCharFormat]:
        """Formats of marks by kind; each is told from the others by more than its colour."""
        found = {}
        for kind, ink, back in (
            ("added", "ok", "ok_soft"),
            ("removed", "bad", "bad_soft"),
            ("changed", "warn", "warn_soft"),
            ("found", "text", "warn_soft"),
            ("current", "on_accent", "accent"),
        ):
            style = QTextCharFormat()
            style.setForeground(self.color(ink))
            style.setBackground(self.color(back))
            found[kind] = style
        found["added"].setFontUnderline(True)
        found["removed"].setFontStrikeOut(True)
        found["changed"].setUnderlineStyle(QTextCharFormat.UnderlineStyle.DashUnderline)
        found["found"].setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
        found["found"].setUnderlineColor(self.color("warn"))
        return found

    @cached_property
    def code_formats(self) -> dict[str, QTextCharFormat]:
        """Formats of code by kind; '' is plain code."""
        found = {}
        for kind in ("", *self.palette.syntax._fields):
            style = QTextCharFormat()
            style.setFont(self.code_font)
            style.setForeground(QColor(color(self.palette.syntax, kind, self.palette.text)))
            found[kind] = style
        return found

    @cached_property
    def paragraph_format(self) -> QTextBlockFormat:
        style = QTextBlockFormat()
        style.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return style

    @cached_property
    def code_block_format(self) -> QTextBlockFormat:
        style = QTextBlockFormat()
        style.setLineHeight(CODE_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return style

    def span_format(self, span: Span, base: QFont, ink: QColor) -> QTextCharFormat:
        """How ``span`` looks where the text around it is in ``base`` and ``ink``; not to be changed."""
        if span.href:
            return self._span_format(span, base, ink)
        key = (span.bold, span.italic, span.code, span.strike, base.key(), ink.rgba())
        found = self._span_formats.get(key)
        if found is None:
            found = self._span_formats[key] = self._span_format(span, base, ink)
        return found

    def _span_format(self, span: Span, base: QFont, ink: QColor) -> QTextCharFormat:
        style = QTextCharFormat()
        font = QFont(base)
        if span.code:
            font = self.theme.font(13, mono=True)
            font.setPixelSize(max(1, round(base.pixelSize() * 0.88)))
            style.setBackground(QBrush(self.color("hover" if self.theme.mode == "dark" else "sunken")))
        if span.bold:
            font.setWeight(QFont.Weight.DemiBold)
        if span.italic:
            font.setItalic(True)
        if span.strike:
            font.setStrikeOut(True)
        style.setFont(font)
        style.setForeground(ink)
        if span.href:
            style.setAnchor(True)
            style.setAnchorHref(span.href)
            if opens(span.href):
                style.setForeground(self.color("accent"))
                style.setFontUnderline(True)
                style.setUnderlineColor(self.theme.color("accent", 0.4))
            else:  # followed by nobody, but not hidden either
                style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
                style.setUnderlineColor(self.color("muted"))
        return style

    def document(
        self,
        spans: tuple[Span, ...],
        base: QFont,
        ink: QColor,
        width: float,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> ChatDocument:
        """A document of one paragraph, wrapped at ``width`` pixels."""
        document = self._empty(base, QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere, align)
        document.setTextWidth(width)  # before there are words: they are laid out once
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        cursor.setBlockFormat(self.paragraph_format)
        for span in spans:
            look = self.span_format(span, base, ink)
            if span.math and workshop().formula(span.math, span.display) is not None:
                if not document.formulas:
                    document.documentLayout().registerHandler(FORMULA, self.formulas)
                    document.formulas = True
                cursor.insertText(OBJECT, dressed(look, span.math, span.display))
            else:
                cursor.insertText(span.text.replace("\n", "\u2028"), look)
        keep_glyphs(document)
        cursor.endEditBlock()
        return document

    def code_document(self, wrap: bool) -> ChatDocument:
        """An empty document for code."""
        mode = QTextOption.WrapMode.WrapAnywhere if wrap else QTextOption.WrapMode.NoWrap
        document = self._empty(self.code_font, mode, Qt.AlignmentFlag.AlignLeft)
        QTextCursor(document).setBlockFormat(self.code_block_format)
        return document

    def _empty(self, font: QFont, mode: QTextOption.WrapMode, align: Qt.AlignmentFlag) -> ChatDocument:
        document = ChatDocument()
        document.setUndoRedoEnabled(False)
        document.setDefaultFont(font)
        document.setDocumentMargin(0)
        document.setDefaultTextOption(self._option(font is self.code_font, mode, align))
        return document

    def _option(self, code: bool, mode: QTextOption.WrapMode, align: Qt.AlignmentFlag) -> QTextOption:
        option = self._options.get((code, mode, align))
        if option is None:
            option = self._options[code, mode, align] = QTextOption(align)
            option.setWrapMode(mode)
            if code:
                option.setTabStopDistance(4 * 0.6 * self.code_font.pixelSize())
            else:  # a Hebrew paragraph begins at the right
                option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        return option
