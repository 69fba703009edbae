"""What a message consists of, without Qt: the outcome of parsing Markdown, flattened to a sequence.

Lists and quotes are not containers here: each paragraph, code block, table or rule carries its depth, so that every
one of them can be laid out, painted and dropped by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one format. ``\\n`` in it is a line break within the paragraph. ``math`` is a formula in LaTeX,
    ``text`` then the same as it was written, with its signs around it; ``display`` sets it large. ``href`` may lead
    anywhere: :func:`opens` says whether it may be followed."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    strike: bool = False
    href: str = ""
    math: str = ""
    display: bool = False


Cell = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """``level`` 1 to 6 makes it a heading. ``marker`` is a list item's sign. ``glued``: the direct continuation of the
    paragraph before, cut only because it is very long."""

    spans: tuple[Span, ...]
    level: int = 0
    indent: int = 0
    quote: int = 0
    marker: str = ""
    tight: bool = False
    glued: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """``closed`` False: its fence is still open, more lines may come."""

    text: str
    language: str = ""
    indent: int = 0
    quote: int = 0
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    aligns: tuple[Align, ...]
    indent: int = 0
    quote: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    indent: int = 0
    quote: int = 0


@dataclass(frozen=True, slots=True)
class Maths:
    """A formula with lines of its own: ``source`` in LaTeX, ``text`` as it was written."""

    source: str
    text: str
    indent: int = 0
    quote: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that stands alone. It is never fetched by us: what is known of it is its words and its address."""

    words: str
    address: str
    indent: int = 0
    quote: int = 0


Node = Paragraph | Code | Table | Rule | Maths | Picture

_OPENS = ("http://", "https://", "mailto:")


def opens(address: str) -> bool:
    """Whether a link may be followed, by a click: to the web and to mail. Anything else is shown and does nothing."""
    return address.lower().startswith(_OPENS)


def utf16(text: str) -> int:
    """The length of ``text`` as Qt counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cell_text(cell: Cell) -> str:
    return "".join(span.text for span in cell)


def plain_text(node: Node) -> str:
    """The node as someone would read it aloud or paste it into a plain editor."""
    match node:
        case Paragraph():
            words = cell_text(node.spans)
            return f"{'  ' * (node.indent - 1)}{node.marker} {words}" if node.marker else words
        case Code():
            return node.text
        case Table():
            return "\n".join("\t".join(cell_text(cell) for cell in row) for row in (node.head, *node.rows))
        case Rule():
            return "———"
        case Maths():
            return node.text
        case Picture():
            return node.words or node.address


def slices(paragraph: Paragraph, limit: int) -> list[Paragraph]:
    """Cut a paragraph longer than ``limit`` characters, at spaces where there are any near the limit."""
    if sum(len(span.text) for span in paragraph.spans) <= limit:
        return [paragraph]
    parts: list[list[Span]] = [[]]
    room = limit
    for span in paragraph.spans:
        text = span.text
        while len(text) > room and not span.math:
            cut = text.rfind(" ", max(0, room - 200), room) + 1 or room
            if text[:cut]:
                parts[-1].append(_with_text(span, text[:cut]))
            parts.append([])
            text, room = text[cut:], limit
        if text:
            parts[-1].append(_with_text(span, text))
            room -= len(text)
    cut_up = []
    for number, spans in enumerate(part for part in parts if part):
        first = number == 0
        cut_up.append(
            Paragraph(
                tuple(spans),
                level=paragraph.level,
                indent=paragraph.indent,
                quote=paragraph.quote,
                marker=paragraph.marker if first else "",
                tight=paragraph.tight,
                glued=paragraph.glued or not first,
            )
        )
    return cut_up


def _with_text(span: Span, text: str) -> Span:
    return replace(span, text=text)


def plain_nodes(text: str, limit: int = 4000) -> list[Node]:
    """Text as it was typed: line breaks kept, nothing interpreted, but code fences shown as code."""
    found: list[Node] = []
    lines: list[str] = []
    fence: list[str] | None = None
    language = ""

    def flush() -> None:
        words = "\n".join(lines).strip("\n")
        if words:
            found.extend(slices(Paragraph((Span(words),), tight=True), limit))
        lines.clear()

    for line in text.split("\n"):
        if fence is not None:
            if line.strip() == "```":
                found.append(Code("\n".join(fence), language))
                fence = None
            else:
                fence.append(line)
        elif line.startswith("```") and "`" not in line[3:]:
            flush()
            fence, language = [], line[3:].strip()
        else:
            lines.append(line)
    if fence is not None:
        lines.extend([f"```{language}", *fence])
    flush()
    return found
