"""What was selected, as Markdown and as HTML: nodes to text, without Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape

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
    opens,
    plain_text,
)

BULLETS = {"•": "-", "☐": "- [ ]", "☑": "- [x]"}


def cut(spans: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    """The part of ``spans`` between two characters; a formula is whole or not there."""
    found = []
    for span in spans:
        length = len(span.text)
        first, last = max(0, start), min(length, end)
        if first < last:
            found.append(span if span.math else replace(span, text=span.text[first:last]))
        start, end = start - length, end - length
    return tuple(found)


# ---------------------------------------------------------------- Markdown


def markdown(nodes: Sequence[Node]) -> str:
    """Markdown that shows ``nodes`` again."""
    text = ""
    before: Node | None = None
    for node in nodes:
        lines = _lines(node)
        if before is not None:
            text += _between(before, node)
        text += "\n".join(lines)
        before = node
    return text


def _between(before: Node, node: Node) -> str:
    if isinstance(node, Paragraph) and node.glued:
        return ""
    items = isinstance(before, Paragraph) and isinstance(node, Paragraph) and bool(node.marker) and before.indent > 0
    return "\n" if items and isinstance(node, Paragraph) and node.tight else "\n\n"


def _lines(node: Node) -> list[str]:
    match node:
        case Paragraph():
            words = "".join(_span(span) for span in node.spans)
            if node.level:
                words = f"{'#' * node.level} {words}"
            found = words.split("\n")
        case Code():
            fence = "```" if "```" not in node.text else "~~~~"
            found = [f"{fence}{node.language}", *node.text.split("\n"), fence]
        case Table():
            signs = {"left": "---", "center": ":---:", "right": "---:"}
            found = [_row(node.head), _line([signs[align] for align in node.aligns]), *map(_row, node.rows)]
        case Rule():
            found = ["---"]
        case Maths():
            found = node.text.split("\n")
        case Picture():
            found = [f"![{node.words}]({node.address})"]
    quote, indent = "> " * node.quote, node.indent
    marker = node.marker if isinstance(node, Paragraph) else ""
    if marker:
        sign = BULLETS.get(marker, marker)
        first, rest = "  " * (indent - 1) + sign + " ", "  " * indent
    else:
        first = rest = "  " * indent
    return [f"{quote}{rest if number else first}{line}".rstrip() for number, line in enumerate(found)]


def _span(span: Span) -> str:
    if span.math:
        return span.text
    if span.code:
        sign = "``" if "`" in span.text else "`"
        text = f"{sign}{span.text}{sign}"
    else:
        text = span.text
    words = text.strip()
    if not words:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    for wanted, sign in ((span.strike, "~~"), (span.italic, "*"), (span.bold, "**")):
        words = f"{sign}{words}{sign}" if wanted else words
    if span.href:
        words = f"<{span.href}>" if span.href == span.text else f"[{words}]({span.href})"
    return before + words + after


def _row(cells: Sequence[Cell]) -> str:
    return _line(["".join(_span(span) for span in cell).replace("|", "\\|").replace("\n", "<br>") for cell in cells])


def _line(parts: Iterable[str]) -> str:
    return f"| {' | '.join(parts)} |"


# ---------------------------------------------------------------- HTML


def html(nodes: Sequence[Node]) -> str:
    """HTML of ``nodes`` for the clipboard: no style sheet, nothing that would be fetched."""
    text, depth = "", 0
    for node in nodes:
        item = isinstance(node, Paragraph) and bool(node.marker)
        while depth > node.indent:
            text, depth = f"{text}</ul>", depth - 1
        while depth < node.indent:
            text, depth = f"{text}<ul>", depth + 1
        body = _html(node)
        text += f"<li>{body}</li>" if item else body
    return text + "</ul>" * depth


def _html(node: Node) -> str:
    match node:
        case Paragraph():
            words = "".join(_html_span(span) for span in node.spans)
            if node.marker and node.marker not in ("•",):
                words = f"{escape(node.marker)} {words}"
            tag = f"h{node.level}" if node.level else "p"
            body = words if node.marker else f"<{tag}>{words}</{tag}>"
        case Code():
            body = f"<pre><code>{escape(node.text)}</code></pre>"
        case Table():
            head = _html_row("th", node.head, node.aligns)
            rows = "".join(_html_row("td", row, node.aligns) for row in node.rows)
            body = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
        case Rule():
            body = "<hr>"
        case Maths() | Picture():
            body = f"<p>{escape(plain_text(node))}</p>"
    return f"<blockquote>{body}</blockquote>" if node.quote else body


def _html_row(tag: str, cells: Sequence[Cell], aligns: Sequence[Align]) -> str:
    found = "".join(
        f'<{tag} align="{align}">{"".join(_html_span(span) for span in cell)}</{tag}>'
        for cell, align in zip(cells, aligns, strict=False)
    )
    return f"<tr>{found}</tr>"


def _html_span(span: Span) -> str:
    words = escape(span.text).replace("\n", "<br>")
    for wanted, tag in ((span.code, "code"), (span.strike, "s"), (span.italic, "i"), (span.bold, "b")):
        words = f"<{tag}>{words}</{tag}>" if wanted else words
    return f'<a href="{escape(span.href)}">{words}</a>' if span.href and opens(span.href) else words
