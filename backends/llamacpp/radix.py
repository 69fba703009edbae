"""A radix tree over token ids: which of the known prefixes begin like these tokens, and for how long."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class _Node(Generic[T]):
    __slots__ = ("children", "edge", "items", "parent")

    def __init__(self, edge: array[int], parent: _Node[T] | None) -> None:
        self.edge = edge
        self.parent = parent
        self.children: dict[int, _Node[T]] = {}
        self.items: list[T] = []


class RadixTree(Generic[T]):
    """Items under token sequences. Several items may lie under the same tokens. One thread."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node(array("i"), None)
        self._places: dict[int, _Node[T]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def insert(self, tokens: Sequence[int], item: T) -> None:
        """Put ``item`` under ``tokens``; the tokens are copied. An item lies under one sequence at a time."""
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                child = _Node(array("i", tokens[at:]), node)
                node.children[tokens[at]] = child
                at = len(tokens)
            else:
                same = common_length(child.edge, tokens, at)
                if same < len(child.edge):
                    child = self._split(child, same)
                at += same
            node = child
        node.items.append(item)
        self._places[id(item)] = node

    def remove(self, item: T) -> None:
        """Take ``item`` out; nothing happens when it is not there."""
        node = self._places.pop(id(item), None)
        if node is None:
            return
        node.items = [other for other in node.items if other is not item]
        while node.parent is not None and not node.items and len(node.children) < 2:
            parent = node.parent
            if node.children:
                (child,) = node.children.values()
                child.edge = node.edge + child.edge
                child.parent = parent
                parent.children[node.edge[0]] = child
            else:
                del parent.children[node.edge[0]]
            node = parent

    def matches(self, tokens: Sequence[int]) -> Iterator[tuple[int, T]]:
        """Every item with the number of tokens it has in common with ``tokens`` (at least 1), the longest first."""
        path: list[tuple[int, _Node[T]]] = []
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                break
            same = common_length(child.edge, tokens, at)
            at += same
            path.append((at, child))
            if same < len(child.edge):
                break
            node = child
        below: _Node[T] | None = None
        for common, node in reversed(path):
            yield from ((common, item) for item in _items(node, below))
            below = node

    def prefixes(self, tokens: Sequence[int]) -> Iterator[T]:
        """Items whose whole sequence is a beginning of ``tokens`` (or equal to it)."""
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None or common_length(child.edge, tokens, at) < len(child.edge):
                return
            at += len(child.edge)
            yield from child.items
            node = child

    def _split(self, node: _Node[T], length: int) -> _Node[T]:
        assert node.parent is not None
        upper: _Node[T] = _Node(node.edge[:length], node.parent)
        node.parent.children[node.edge[0]] = upper
        node.edge, node.parent = node.edge[length:], upper
        upper.children[node.edge[0]] = node
        return upper


def _items(node: _Node[T], without: _Node[T] | None) -> Iterator[T]:
    """Everything at and below ``node``, except the branch ``without``."""
    rest = [node]
    while rest:
        here = rest.pop()
        yield from here.items
        rest.extend(child for child in here.children.values() if child is not without)


def common_length(edge: Sequence[int], tokens: Sequence[int], start: int) -> int:
    """How many tokens ``edge`` has in common with ``tokens`` from ``start`` on."""
    most = min(len(edge), len(tokens) - start)
    low, step = 0, most
    while low < most:  # whole slices compare in C; halving finds the first difference
        if list(edge[low : low + step]) == list(tokens[low + start : low + start + step]):
            low += step
            step = min(step, most - low)
        elif step == 1:
            break
        else:
            step = max(step // 2, 1)
    return low
