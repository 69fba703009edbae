"""Going through the hit areas and links of the conversation with the Tab key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from paddock.gui.widgets.conversation.blocks import Block, Target
from paddock.gui.widgets.conversation.column import Column

Key = tuple[int, int, str]
"""A hit area: row, block, key."""
LINK = "link"


def link_targets(block: Block, open_link: Callable[[str], None]) -> list[Target]:
    """The links of a block as hit areas."""
    return [
        Target(f"{LINK}{number}", words, place.toAlignedRect(), partial(open_link, url), kind="link")
        for number, (words, url, place) in enumerate(block.links())
    ]


def stops(column: Column, row: int, place: int, open_link: Callable[[str], None]) -> list[tuple[Key, Target]]:
    """Where Tab stops in one block, in order."""
    block = column.rows[row].blocks[place]
    return [((row, place, target.key), target) for target in (*block.targets(), *link_targets(block, open_link))]


def forward(column: Column, start: int, open_link: Callable[[str], None]) -> Iterator[tuple[Key, Target]]:
    """All stops from row ``start`` on; rows are parsed as they are reached."""
    for row in range(start, len(column.rows)):
        for place in range(len(column.parse(row).blocks)):
            yield from stops(column, row, place, open_link)


def backward(column: Column, start: int, open_link: Callable[[str], None]) -> Iterator[tuple[Key, Target]]:
    """All stops before the end of row ``start``, last first."""
    for row in range(min(start, len(column.rows) - 1), -1, -1):
        for place in range(len(column.parse(row).blocks) - 1, -1, -1):
            yield from reversed(stops(column, row, place, open_link))


def following(column: Column, key: Key, ahead: bool, open_link: Callable[[str], None]) -> tuple[Key, Target] | None:
    """The stop after or before ``key``."""
    found = False
    for stop in forward(column, key[0], open_link) if ahead else backward(column, key[0], open_link):
        if found:
            return stop
        found = stop[0] == key
    return None
