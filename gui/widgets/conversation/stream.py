"""Markdown to nodes piece by piece, while an answer is written.

However the text is cut into pieces, the nodes after :meth:`Stream.finish` are those of parsing the whole text. It holds
because markdown-it decides top-level blocks line by line: once another block has begun (on complete lines, one more
than its first for a table's second line), nothing that follows changes what came before. Link reference definitions
would break that, and are not supported: they stay visible as text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from paddock.gui.widgets.conversation.markdown import Parser, language, normalised
from paddock.gui.widgets.conversation.nodes import Cell, Code, Node, Paragraph, Span, Table

if TYPE_CHECKING:
    from markdown_it.token import Token

SLICE, TABLE_SLICE = 512, 96
"""Characters parsed together; less where a table may be, because every line has cells and is parsed by itself."""
LONGEST = 4_096
"""Characters of a paragraph that are parsed together; half as many where it has no words, which take longer to wrap."""
_CUT = re.compile(r"\s(?=[^\W\d_])|\n(?=[^\W\d_])")
"""Where a paragraph may be cut: what follows begins no other block."""
_OPEN_FENCE = re.compile(r"(`{3,}|~{3,})([^\n]*)\n")
_TABLE = re.compile(r"[^\n]*\|[^\n]*\n[-:| \t]*-[-:| \t]*\n|[^\n]+\n[-:| \t]*\|[-:| \t]*\n")


class Stream:
    """Parses an answer while it is written. ``final`` only grows; ``live`` is what may still change."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._tail = ""
        self._held = ""
        self._fence: _Fence | None = None
        self._grid: _Grid | None = None
        self._glued = False
        """Whether the tail goes on with the paragraph above it."""
        self._loose = False
        """Whether an empty line stands above the list item that the tail begins with."""
        self.final: list[Node] = []
        self.live: list[Node] = []

    def slice(self, text: str) -> int:
        """So many characters of a long ``text`` are best fed next."""
        return TABLE_SLICE if self._grid is not None or "|" in text[:SLICE] else SLICE

    def feed(self, text: str) -> None:
        """Take the next piece."""
        text = self._held + text
        # A carriage return may be the first half of a line end.
        self._held = "\r" if text.endswith("\r") else ""
        self._tail += normalised(text.removesuffix("\r"))
        while self._step():
            pass

    def finish(self) -> None:
        """Nothing follows: everything becomes final."""
        self._tail += "\n" if self._held else ""
        self._held = ""
        while (self._fence is not None or self._grid is not None) and self._step():
            pass
        if self._fence is not None:
            if self._tail and not self._fence.closed_by(self._tail):
                self._fence.add(self._tail)
            self.final.append(Code(self._fence.text(), self._fence.language))
            self._fence, self._tail = None, ""
        if self._grid is not None:
            if self._tail and self._grid.add(self._tail):
                self._tail = ""
            self.final.append(self._grid.table())
            self._grid = None
        while self._cut(self._parser.blocks(self._tail)):
            pass
        self.final.extend(self._nodes(self._parser.blocks(self._tail)))
        self._tail, self.live = "", []

    def _step(self) -> bool:
        """One advance; whether another may follow."""
        if self._fence is not None:
            return self._in_fence(self._fence)
        if self._grid is not None:
            return self._in_grid(self._grid)
        if self._tail.startswith("\n"):
            self._tail, self._glued = self._tail.lstrip("\n"), False
        opened = _OPEN_FENCE.match(self._tail)
        if opened and not (opened[1][0] == "`" and "`" in opened[2]):
            self._fence = _Fence(opened[1], language(opened[2]))
            self._tail = self._tail[opened.end() :]
            return True
        blocks = self._parser.blocks(self._tail)
        partial = self._tail.count("\n")
        keep = next((i for i in range(len(blocks) - 1, 0, -1) if blocks[i][0] + 1 < partial), 0)
        if keep:
            self.final.extend(self._nodes(blocks[:keep]))
            self._loose = self._glued = False
            lines = self._tail.split("\n", blocks[keep][0])
            self._tail = lines[-1]
            return True
        if len(blocks) == 1 and self._items(blocks[0][1], partial):
            return True
        if len(blocks) == 1 and partial > 2 and _TABLE.match(self._tail):
            self._grid = _Grid(self._parser, self._tail)
            if self._grid.begun:
                self._tail = self._tail[len(self._grid.source) :]
                return True
            self._grid = None
        if self._cut(blocks):
            return True
        self.live = self._nodes(blocks)
        return False

    def _nodes(self, blocks: list[tuple[int, list[Token]]]) -> list[Node]:
        """The nodes of the tail's first blocks, as they go on with what is final."""
        found: list[Node] = []
        for number, (_, block) in enumerate(blocks):
            nodes = self._parser.nodes(block, loose=self._loose and not number)
            if not number and self._glued and nodes and isinstance(nodes[0], Paragraph):
                nodes[0] = replace(nodes[0], glued=True)
            found.extend(nodes)
        return found

    def _cut(self, blocks: list[tuple[int, list[Token]]]) -> bool:
        """Make the beginning of a very long paragraph final, so that it is not parsed over and over; whether it is one.
        The words that follow are glued to it."""
        if len(self._tail) <= LONGEST or not blocks or blocks[0][1][0].type != "paragraph_open":
            return False
        end = (blocks[0][1][0].map or [0, 0])[1]
        if len("\n".join(self._tail.split("\n", end)[:end])) <= LONGEST:
            return False
        places = [found.end() for found in _CUT.finditer(self._tail, LONGEST // 2, LONGEST)]
        at = places[-1] if places else LONGEST // 2
        words = self._tail[:at]
        spans = self._parser.spans(words.rstrip())
        if words[-1:].isspace():
            spans = (*spans, Span(" "))
        self.final.append(Paragraph(spans, glued=self._glued))
        self._tail, self._glued = self._tail[at:], True
        return True

    def _items(self, block: list[Token], partial: int) -> bool:
        """Make the finished items of a list final, as markdown-it decides those line by line too; whether there were
        any."""
        if not block[0].type.endswith("_list_open"):
            return False
        starts = [token.map[0] for token in block if token.type == "list_item_open" and token.level == 1 and token.map]
        lines = self._tail.split("\n")
        # alone, an item with a bar could be the head of a table
        cut = next((start for start in reversed(starts[1:]) if start + 1 < partial and "|" not in lines[start]), 0)
        if not cut:
            return False
        self.final.extend(self._nodes(self._parser.blocks("\n".join(lines[:cut]) + "\n")))
        self._loose = not lines[cut - 1].strip()
        self._tail = "\n".join(lines[cut:])
        return True

    def _in_grid(self, grid: _Grid) -> bool:
        """Inside a table every line is parsed by itself."""
        while "\n" in self._tail:
            line, rest = self._tail.split("\n", 1)
            if not grid.add(line):
                self.final.append(grid.table())
                self._grid, self.live = None, []
                return True
            self._tail = rest
        self.live = [grid.table(self._tail)]
        return False

    def _in_fence(self, fence: _Fence) -> bool:
        """Inside an open fence nothing is parsed; only the end is looked for, in complete lines."""
        while "\n" in self._tail:
            line, self._tail = self._tail.split("\n", 1)
            if fence.closed_by(line):
                self.final.append(Code(fence.text(), fence.language))
                self._fence = None
                self.live = []
                return True
            fence.add(line)
        self.live = [Code(fence.text(self._tail), fence.language, closed=False)]
        return False


class _Fence:
    """An open fence without indentation."""

    def __init__(self, marker: str, name: str) -> None:
        self.language = name
        self._marker = marker
        self._body = ""

    def add(self, line: str) -> None:
        self._body += line + "\n"

    def closed_by(self, line: str) -> bool:
        words = line.lstrip(" ")
        if len(line) - len(words) > 3:
            return False
        words = words.rstrip(" \t")
        return len(words) >= len(self._marker) and not words.strip(self._marker[0])

    def text(self, partial: str = "") -> str:
        """The code so far; a beginning closing fence is not shown."""
        if partial and not partial.strip(" ").strip(self._marker[0]):
            partial = ""
        return self._body + partial if partial else self._body.removesuffix("\n")


class _Grid:
    """A table at the top level: whether a line belongs to it can be told from the line alone."""

    def __init__(self, parser: Parser, source: str) -> None:
        self._parser = parser
        self.source = "\n".join(source.split("\n", 2)[:2]) + "\n"
        self._rows: list[tuple[Cell, ...]] = []
        nodes = parser.parse(self.source)
        self._frame = nodes[0] if len(nodes) == 1 and isinstance(nodes[0], Table) else None
        self.begun = self._frame is not None

    def add(self, line: str) -> bool:
        """Take a complete line; whether it belongs to the table."""
        assert self._frame is not None
        cells = self._parser.row(line, len(self._frame.head))
        if cells is None:
            return False
        self._rows.append(cells)
        return True

    def table(self, partial: str = "") -> Table:
        """The table so far, with the line that is being written."""
        assert self._frame is not None
        cells = self._parser.row(partial, len(self._frame.head)) if partial else None
        return replace(self._frame, rows=(*self._rows, cells) if cells is not None else tuple(self._rows))
