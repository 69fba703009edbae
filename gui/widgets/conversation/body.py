"""The nodes of a text as a sequence of blocks that follows them while the text grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from paddock.gui.widgets.conversation.blocks import INDENT, QUOTE, NodeBlock, RuleBlock, TextBlock
from paddock.gui.widgets.conversation.code import WRAP_BEYOND, CodeBlock, CodeGroup
from paddock.gui.widgets.conversation.displays import MathsBlock, PictureBlock
from paddock.gui.widgets.conversation.nodes import Code, Maths, Node, Paragraph, Picture, Rule, Table
from paddock.gui.widgets.conversation.style import Style, Tone
from paddock.gui.widgets.conversation.table import TableGroup, TableRowBlock

TOGETHER = 64
"""Items compared at once."""


@dataclass(eq=False)
class Entry:
    """A node and the blocks that show it."""

    node: Node
    blocks: list[NodeBlock]
    code: CodeGroup | None = None
    table: TableGroup | None = None


@dataclass(eq=False)
class Body:
    """Blocks of one text. ``copied`` is called with code and what it is; ``relayout`` when a block changed shape."""

    style: Style
    tone: Tone = "plain"
    copied: Callable[[str, str], None] = lambda text, what: None
    relayout: Callable[[], None] = lambda: None
    entries: list[Entry] = field(default_factory=list)
    _settled: int = 0
    _blocks: list[NodeBlock] = field(default_factory=list)
    _settled_blocks: int = 0

    def update(self, final: Sequence[Node], live: Sequence[Node]) -> None:
        """Show ``final`` (which only grows) and ``live``; blocks of unchanged nodes stay as they are."""
        wanted = [*final[self._settled :], *live]
        old = self.entries[self._settled :]
        fresh = []
        for number, node in enumerate(wanted):
            entry = old[number] if number < len(old) else None
            fresh.append(self._shown(entry, node))
        self.entries[self._settled :] = fresh
        self._gaps(max(0, self._settled - 1))
        self._blocks[self._settled_blocks :] = chain.from_iterable(entry.blocks for entry in fresh)
        self._settled_blocks = len(self._blocks) - sum(len(entry.blocks) for entry in self.entries[len(final) :])
        self._settled = len(final)

    def blocks(self) -> list[NodeBlock]:
        """All of them; it is not to be changed."""
        return self._blocks

    def _shown(self, entry: Entry | None, node: Node) -> Entry:
        if entry is not None:
            if entry.node == node:
                return entry
            if isinstance(node, Code) and entry.code is not None and _continues(entry.code.node, node):
                self._extend_code(entry, entry.code, node)
                return entry
            if isinstance(node, Table) and entry.table is not None and _same_table(entry.table.node, node):
                self._extend_table(entry, entry.table, node)
                return entry
        return self._made(node)

    def _made(self, node: Node) -> Entry:
        entry = Entry(node, [])
        match node:
            case Paragraph():
                entry.blocks = [self._dressed(TextBlock(self.style, node=node), node)]
            case Rule():
                entry.blocks = [self._dressed(RuleBlock(self.style, node=node), node)]
            case Maths():
                entry.blocks = [self._dressed(MathsBlock(self.style, node=node), node)]
            case Picture():
                entry.blocks = [self._dressed(PictureBlock(self.style, node=node), node)]
            case Code():
                entry.code = CodeGroup(node, copied=self.copied, relayout=self.relayout)
                self._extend_code(entry, entry.code, node)
            case Table():
                entry.table = TableGroup(self.style, node)
                self._extend_table(entry, entry.table, node)
        return entry

    def _dressed(self, block: NodeBlock, node: Node) -> NodeBlock:
        block.tone = self.tone
        # Reasoning stands beside a line, as a quotation does.
        block.indent, block.quote = node.indent, node.quote + (1 if self.tone == "quiet" else 0)
        block.left = self.style.px(INDENT) * block.indent + self.style.px(QUOTE) * block.quote
        return block

    def _extend_code(self, entry: Entry, group: CodeGroup, node: Code) -> None:
        entry.node = node
        first = group.set_node(node)
        cut = group.cut
        if not group.wrap and any(len(line) > WRAP_BEYOND for line in cut[-1].text.split("\n")):
            group.wrap = True
            for block in entry.blocks:
                block.drop()
        for number in range(first, len(cut)):
            piece, last = cut[number], number == len(cut) - 1
            if number < len(entry.blocks):
                shown = entry.blocks[number]
                assert isinstance(shown, CodeBlock)
                was_last = shown.last
                shown.set_piece(piece, last)
                if (was_last and not last) or (last and node.closed):
                    shown.settle()
            else:
                made = CodeBlock(self.style, group=group, piece=piece, head=number == 0, last=last)
                entry.blocks.append(self._dressed(made, node))
        del entry.blocks[len(cut) :]

    def _extend_table(self, entry: Entry, group: TableGroup, node: Table) -> None:
        before = group.node
        entry.node = node
        moved = group.set_node(node)
        if not entry.blocks:
            entry.blocks.append(self._dressed(TableRowBlock(self.style, group=group), node))
        for number in range(len(entry.blocks) - 1, len(node.rows)):
            entry.blocks.append(self._dressed(TableRowBlock(self.style, group=group, number=number), node))
        del entry.blocks[len(node.rows) + 1 :]
        first = alike(before.rows, node.rows)
        if len(before.rows) != len(node.rows):  # another one is the last: it has the bar
            first = max(0, min(first, len(before.rows) - 1, len(node.rows) - 1))
        for block in entry.blocks[0 if moved else first + 1 : len(before.rows) + 1]:
            assert isinstance(block, TableRowBlock)
            block.follow(before.rows[block.number] if block.number >= 0 else before.head)

    def _gaps(self, start: int) -> None:
        """Say how far each block stands below the one before."""
        for number in range(start, len(self.entries)):
            before = self.entries[number - 1].node if number else None
            entry = self.entries[number]
            block = entry.blocks[0]  # the others of a node stand together
            block.gap = self.style.px(gap(before, entry.node))
            block.after_item = isinstance(before, Paragraph) and before.indent > 0
            both = before is not None and min(before.quote, entry.node.quote) > 0
            joined = both or (before is not None and self.tone == "quiet")
            block.bar_gap = block.gap if joined else 0


def alike(old: Sequence[object], new: Sequence[object]) -> int:
    """How many are equal from the first on; quick where nearly all are the same objects."""
    least, at = min(len(old), len(new)), 0
    while at < least and old[at : at + TOGETHER] == new[at : at + TOGETHER]:
        at += TOGETHER
    pairs = zip(old[at : at + TOGETHER], new[at : at + TOGETHER], strict=False)
    return next((at + number for number, (one, other) in enumerate(pairs) if one != other), least)


def _continues(old: Code, new: Code) -> bool:
    same = (old.language, old.indent, old.quote) == (new.language, new.indent, new.quote)
    return same and not (old.closed and not new.closed)


def _same_table(old: Table, new: Table) -> bool:
    return (old.head, old.aligns, old.indent, old.quote) == (new.head, new.aligns, new.indent, new.quote)


def _another_list(before: Paragraph, node: Paragraph) -> bool:
    """Whether ``node`` begins a list right below the last item of one of another kind."""
    both = bool(before.marker and node.marker) and before.indent == node.indent
    return both and before.marker[0].isdigit() != node.marker[0].isdigit()


def gap(before: Node | None, node: Node) -> int:
    """The space above ``node``, in pixels at 100 %."""
    if before is None:
        return 0
    match node:
        case Paragraph(glued=True):
            return 0
        case Paragraph(level=level) if level:
            return 20 if level <= 2 else 16
        case Rule():
            return 18
        case Code() | Table() | Maths() | Picture():
            return 10 if isinstance(before, Paragraph) else 14
        case Paragraph():
            if isinstance(before, Rule):
                return 14
            if not isinstance(before, Paragraph):
                return 12
            if before.level:
                return 6
            if _another_list(before, node):
                return 10
            if node.marker or before.marker:
                return 4 if node.tight else 8
            return 8
