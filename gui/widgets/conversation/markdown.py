"""Markdown to nodes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from paddock.gui.widgets.conversation import math_rules
from paddock.gui.widgets.conversation.nodes import (
    Align,
    Cell,
    Code,
    Maths,
    Node,
    Paragraph,
    Picture,
    Rule,
    Span,
    Table,
    slices,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from markdown_it.token import Token

PARAGRAPH_LIMIT = 4_096
"""Characters of one laid-out paragraph (4 ms to wrap at worst)."""
INLINE_LIMIT = 8_192
"""A longer paragraph is shown as plain text, and so is one with more signs than these: they take seconds to parse."""
BRACKETS, STARS, SIGNS = 120, 240, 480
NESTING = 60
"""What is nested deeper is shown as it was written: markdown-it would leave it out."""
KNOWN, REMEMBERED = 4_096, 2_000
"""What is being written is parsed again and again: so many lines up to so many characters are remembered."""

_URL = re.compile(r"https?://[^\s<>\"'`|]*[^\s<>\"'`|.,;:!?)\]*_]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


class Parser:
    """markdown-it with HTML off; tables, strikethrough and formulas on. Imports the library when made (first message).
    Links are taken whatever they lead to: the view says of those it does not follow where they would go."""

    def __init__(self) -> None:
        from markdown_it import MarkdownIt

        options = {"html": False, "maxNesting": NESTING}
        self._md = MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).disable("reference")
        self._md.validateLink = lambda url: True  # type: ignore[method-assign]
        math_rules.install(self._md)
        self._known: dict[str, tuple[Span, ...]] = {}

    def blocks(self, source: str) -> list[tuple[int, list[Token]]]:
        """Top-level blocks as (first line, tokens); inline content not yet parsed."""
        tokens: list[Token] = []
        self._md.block.parse(source, self._md, {}, tokens)
        found: list[tuple[int, list[Token]]] = []
        depth = 0
        block: list[Token] = []
        for token in tokens:
            block.append(token)
            depth += token.nesting
            if depth == 0:
                found.append(((block[0].map or [0])[0], self._bounded(block, source)))
                block = []
        return found

    def _bounded(self, block: list[Token], source: str) -> list[Token]:
        """The block, or its source as words where it is nested too deep."""
        if block[0].map is None or max(token.level for token in block) < NESTING - 4:
            return block
        from markdown_it.token import Token

        start, end = block[0].map
        lines = source.split("\n")[start:end]
        words = Token("math_source", "", 0, content="\n".join(lines).strip("\n"))
        return [Token("paragraph_open", "p", 1, map=[start, end]), words, Token("paragraph_close", "p", -1)]

    def spans(self, source: str) -> tuple[Span, ...]:
        """Inline Markdown."""
        if _too_much(source):
            return (Span(source),)
        found = self._known.get(source)
        if found is None:
            tokens: list[Token] = []
            self._md.inline.parse(source, self._md, {}, tokens)
            found = tuple(_merged(_linked(_spans(tokens))))
            if len(source) <= REMEMBERED:
                if len(self._known) >= KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[source] = found
        return found

    def row(self, line: str, columns: int) -> tuple[Cell, ...] | None:
        """The cells of a line in a table; None where the line does not belong to one, whatever its columns are."""
        from markdown_it.common.utils import mdTrim
        from markdown_it.rules_block.table import escapedSplit

        if not line.startswith("|"):  # with which no other block begins
            blocks = self.blocks("|a|\n|-|\n" + line)
            if len(blocks) != 1 or sum(token.type == "tr_open" for token in blocks[0][1]) != 2:
                return None
        cells = escapedSplit(mdTrim(line))
        if cells and not cells[0]:
            del cells[0]
        if cells and not cells[-1]:
            del cells[-1]
        found = [self.cell(mdTrim(cell)) for cell in cells[:columns]]
        return (*found, *((),) * (columns - len(found)))

    def cell(self, source: str) -> Cell:
        """Inline Markdown in a table."""
        return self.spans(_BREAK.sub("\n", source))

    def picture(self, source: str) -> tuple[str, str] | None:
        """Words and address where ``source`` is a picture and nothing else."""
        if _too_much(source):
            return None
        tokens: list[Token] = []
        self._md.inline.parse(source, self._md, {}, tokens)
        if len(tokens) != 1 or tokens[0].type != "image":
            return None
        return tokens[0].content, str(tokens[0].attrGet("src") or "")

    def nodes(self, tokens: Iterable[Token], *, loose: bool = False) -> list[Node]:
        """The nodes of one or more blocks. ``loose``: they begin with an item that stands apart from the one before."""
        walk = _Walk(self, loose)
        for token in tokens:
            walk.take(token)
        return walk.found

    def parse(self, source: str) -> list[Node]:
        """The nodes of a whole text."""
        return self.nodes(token for _, block in self.blocks(normalised(source)) for token in block)


def _too_much(source: str) -> bool:
    """Whether emphasis, links and formulas are not looked for."""
    if len(source) > INLINE_LIMIT or max(source.count("["), source.count("]")) > BRACKETS:
        return True
    return sum(map(source.count, "*_~$`")) > STARS or sum(map(source.count, "<&\\!")) > SIGNS


def normalised(source: str) -> str:
    """Line ends as ``\\n``; no NUL."""
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source.replace("\0", "\ufffd")


def _spans(tokens: Sequence[Token]) -> list[Span]:
    found: list[Span] = []
    bold = italic = strike = 0
    href = ""
    for token in tokens:
        match token.type:
            case "text" | "text_special":
                found.append(Span(token.content, bold > 0, italic > 0, False, strike > 0, href))
            case "code_inline":
                found.append(Span(token.content, bold > 0, italic > 0, True, strike > 0, href))
            case "softbreak" | "hardbreak":
                found.append(Span("\n", bold > 0, italic > 0, False, strike > 0, href))
            case "strong_open" | "strong_close":
                bold += token.nesting
            case "em_open" | "em_close":
                italic += token.nesting
            case "s_open" | "s_close":
                strike += token.nesting
            case "link_open":
                href = str(token.attrGet("href") or "")
            case "link_close":
                href = ""
            case "image":
                # Never fetched: the words, as a link to the picture.
                target = href or str(token.attrGet("src") or "")
                found.append(Span(token.content or "image", bold > 0, italic > 0, False, strike > 0, target))
            case "math_inline":
                large = token.markup in ("$$", "\\[")
                found.append(
                    Span(token.info, bold > 0, italic > 0, False, strike > 0, href, math=token.content, display=large)
                )
            case _:
                found.append(Span(token.content, bold > 0, italic > 0, False, strike > 0, href))
    return [span for span in found if span.text]


def _linked(spans: Iterable[Span]) -> Iterable[Span]:
    """Bare addresses become links."""
    for span in _merged(spans):
        if span.href or span.code or span.math or "://" not in span.text:
            yield span
            continue
        at = 0
        for found in _URL.finditer(span.text):
            if found.start() > at:
                yield replace(span, text=span.text[at : found.start()])
            yield replace(span, text=found.group(), href=found.group())
            at = found.end()
        if at < len(span.text):
            yield replace(span, text=span.text[at:])


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        if found and not span.math and replace(found[-1], text="") == replace(span, text=""):
            found[-1] = replace(span, text=found[-1].text + span.text)
        else:
            found.append(span)
    return found


_LEAVES = ("heading_open", "fence", "code_block", "hr", "table_open", "math_block")


class _Walk:
    """Flattens block tokens."""

    def __init__(self, parser: Parser, loose: bool) -> None:
        self.found: list[Node] = []
        self._parser = parser
        self._loose = loose
        self._line = 0
        """Where what was taken last ends."""
        self._markers: list[str] = []
        self._quote = 0
        self._level = 0
        self._tight = False
        self._head: list[Cell] = []
        self._rows: list[list[Cell]] = []
        self._aligns: list[Align] = []
        self._in_head = self._in_table = False

    @property
    def _indent(self) -> int:
        return len(self._markers)

    def _marker(self) -> str:
        """The sign of the item that starts here; taken once."""
        marker = self._markers[-1] if self._markers else ""
        if marker:
            self._markers[-1] = ""
        return marker

    def _apart(self, token: Token) -> None:
        """Note whether an item or paragraph stands apart from what is above. CommonMark would ask the whole list, which
        is not there yet while it is being written."""
        self._tight = bool(token.map) and (token.map or [0])[0] <= self._line
        self._line = (token.map or [0])[0] + 1

    def _end(self, token: Token) -> None:
        self._line = token.map[1] if token.map else self._line

    def take(self, token: Token) -> None:
        if token.type in _LEAVES:
            self._end(token)
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._lone_marker()
                if not self._markers and token.map:  # the first item stands apart only where we are told so
                    self._line = token.map[0] - self._loose
                    self._loose = False
                self._markers.append("")
            case "bullet_list_close" | "ordered_list_close":
                self._markers.pop()
            case "list_item_open":
                self._markers[-1] = f"{token.info}{token.markup}" if token.info else "•"
                self._apart(token)
            case "list_item_close":
                self._lone_marker()
            case "blockquote_open":
                self._lone_marker()
                self._quote += 1
            case "blockquote_close":
                self._quote -= 1
            case "heading_open":
                self._level = int(token.tag[1])
            case "heading_close":
                self._level = 0
            case "paragraph_open":
                if not (self._markers and self._markers[-1]):
                    self._apart(token)
                self._end(token)
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._lone_marker()
                text = token.content.removesuffix("\n")
                self.found.append(Code(text, language(token.info), self._indent, self._quote))
            case "math_block":
                self._lone_marker()
                text = math_rules.delimited(token.content, token.markup)
                self.found.append(Maths(token.content, text, self._indent, self._quote))
            case "math_source":
                words = Paragraph((Span(token.content),), indent=self._indent, quote=self._quote, marker=self._marker())
                self.found.extend(slices(words, PARAGRAPH_LIMIT))
            case "hr":
                self._lone_marker()
                self.found.append(Rule(self._indent, self._quote))
            case _:
                self._table(token)

    def _lone_marker(self) -> None:
        """An item that does not begin with words still shows its sign."""
        marker = self._marker()
        if marker:
            self.found.append(Paragraph((), indent=self._indent, quote=self._quote, marker=marker, tight=True))

    def _inline(self, token: Token) -> None:
        if self._in_table:
            cell = self._parser.cell(token.content)
            (self._head if self._in_head else self._rows[-1]).append(cell)
            return
        picture = self._picture(token.content)
        if picture is not None:
            self._lone_marker()
            self.found.append(picture)
            return
        source, marker = token.content, self._marker()
        if marker == "•" and source[:4] in ("[ ] ", "[x] ", "[X] "):
            marker, source = ("☐" if source[1] == " " else "☑"), source[4:]
        paragraph = Paragraph(
            self._parser.spans(source),
            level=self._level,
            indent=self._indent,
            quote=self._quote,
            marker=marker,
            tight=self._tight and self._indent > 0,
        )
        self.found.extend(slices(paragraph, PARAGRAPH_LIMIT))

    def _picture(self, source: str) -> Picture | None:
        """The picture that the paragraph consists of."""
        if not (source.startswith("![") and source.endswith(")")):
            return None
        found = self._parser.picture(source)
        return Picture(*found, self._indent, self._quote) if found is not None else None

    def _table(self, token: Token) -> None:
        match token.type:
            case "table_open":
                self._lone_marker()
                self._head, self._rows, self._aligns = [], [], []
                self._in_table = True
            case "thead_open":
                self._in_head = True
            case "thead_close":
                self._in_head = False
            case "tr_open":
                if not self._in_head:
                    self._rows.append([])
            case "th_open":
                style = str(token.attrGet("style") or "")
                self._aligns.append("right" if "right" in style else "center" if "center" in style else "left")
            case "table_close":
                self._in_table = False
                rows = tuple(tuple(row) for row in self._rows)
                self.found.append(Table(tuple(self._head), rows, tuple(self._aligns), self._indent, self._quote))


def language(info: str) -> str:
    """The language of a fence's info string."""
    words = info.split()
    return words[0].strip("{}.,") if words else ""
