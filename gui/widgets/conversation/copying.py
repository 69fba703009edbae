"""Copying from the conversation: what is selected, gathered over blocks and messages, in three forms."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QMimeData

from paddock.gui.widgets.conversation.blocks import Block, NodeBlock, TextBlock
from paddock.gui.widgets.conversation.code import CodeBlock
from paddock.gui.widgets.conversation.nodes import Code, Node, Paragraph, Span, Table
from paddock.gui.widgets.conversation.renderings import cut, html, markdown
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.gui.widgets.conversation.selection import Selection
from paddock.gui.widgets.conversation.table import TableRowBlock

Gathered = list[tuple[MessageRow, list[Node]]]


def gathered(selection: Selection) -> Gathered:
    """The selected parts as nodes, by message."""
    found: Gathered = []
    for row, parts in selection.parts():
        nodes: list[Node] = []
        last: object = None
        for block, start, end in parts:
            last = _take(nodes, block, start, end, last)
        if nodes:
            found.append((row, nodes))
    return found


def _take(nodes: list[Node], block: Block, start: int, end: int, last: object) -> object:
    """Add a block's selected part; code and tables go on where ``last`` was another piece of them."""
    if not isinstance(block, NodeBlock):
        return None
    words = block.text(start, end)
    match block:
        case TextBlock():
            spans = cut(block.node.spans, block.to_plain(start), block.to_plain(end))
            marker = block.node.marker if start <= 0 else ""
            if spans or marker:
                nodes.append(replace(block.node, spans=spans, marker=marker))
            return None
        case CodeBlock():
            before = nodes[-1] if nodes else None
            if last is block.group and isinstance(before, Code):
                nodes[-1] = replace(before, text=before.text + block.glue() + words)
            elif words:
                nodes.append(replace(block.group.node, text=words, closed=True))
            return block.group
        case TableRowBlock():
            _take_row(nodes, block, words, last)
            return block.group
        case _:
            if words:
                nodes.append(block.shown_node())
            return None


def _take_row(nodes: list[Node], block: TableRowBlock, words: str, last: object) -> None:
    node, before = block.group.node, nodes[-1] if nodes else None
    if last is block.group and isinstance(before, Table):
        nodes[-1] = replace(before, rows=(*before.rows, node.rows[block.number]))
    elif words and words != block.plain():  # a part of a row is words
        nodes.append(Paragraph((Span(words),), indent=node.indent, quote=node.quote))
    else:
        nodes.append(replace(node, rows=(node.rows[block.number],) if block.number >= 0 else ()))


def as_markdown(found: Gathered) -> str:
    """Markdown; over several messages, each begins with who spoke."""
    if len(found) == 1:
        return markdown(found[0][1])
    return "\n\n".join(f"**{row.name()}:**\n\n{markdown(nodes)}" for row, nodes in found)


def as_html(found: Gathered) -> str:
    if len(found) == 1:
        return html(found[0][1])
    return "".join(f"<p><b>{row.name()}:</b></p>{html(nodes)}" for row, nodes in found)


def mime(plain: str, found: Gathered) -> QMimeData:
    """Plain text and HTML together, for the clipboard."""
    data = QMimeData()
    data.setText(plain)
    data.setHtml(as_html(found))
    return data


def message_nodes(row: MessageRow) -> list[Node]:
    """A message as nodes, without its reasoning; it must be parsed."""
    return [entry.node for entry in row.body.entries]
