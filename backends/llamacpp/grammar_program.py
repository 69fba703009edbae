"""A grammar's rules over bytes, as tokens are made of them: characters become the sequences of their UTF-8."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from paddock.backends.llamacpp.gbnf import LAST, Rule, Text

END = -1
"""The operation behind the last one of a sequence."""

Ranges = tuple[tuple[int, int], ...]
"""Of code points, or of one byte; first and last."""

_LENGTHS = ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, LAST))
"""Code points that take as many bytes each; those between the third and the fourth are half characters."""


@dataclass(frozen=True)
class _Character:
    """Stands for a rule that writes one character of ``ranges``."""

    ranges: Ranges


@dataclass(frozen=True)
class _More:
    """Stands for a rule that writes ``item`` up to ``most`` times, None for as often as one likes."""

    item: Hashable
    most: int | None


class Program:
    """Sequences of operations. One is :data:`END`, the number of a set of bytes, or a call: -2 minus the number of a
    rule. ``rules`` are for each the places where its alternatives begin, and ``sets`` tell of each class of bytes
    whether it is in a set. ``class_of`` is the class of each byte: bytes of a class are in the same sets. ``empty`` are
    the rules that can write nothing, ``may_end`` tells of each place whether nothing need be written behind it, and
    ``depths`` order the rules: those that one can begin with have less, but for itself."""

    def __init__(self, rules: Mapping[Hashable, Rule]) -> None:
        self._source = rules
        self._sets: dict[Ranges, int] = {}
        self._characters: dict[Ranges, list[int]] = {}
        self._numbers: dict[Hashable, int] = {}
        self._todo: list[Hashable] = []
        self.operations: list[int] = []
        self.rules: list[tuple[int, ...]] = []
        self.root = -2 - self._call("root")
        while self._todo:
            name = self._todo.pop()
            self.rules[self._numbers[name]] = tuple(self._sequence(items) for items in self._alternatives(name))
        self.class_of, self.sets = self._classes()
        self.empty, self.may_end = self._emptiness()
        self.depths: list[int] = [0] * len(self.rules)
        for rule in range(len(self.rules)):
            self._measure(rule)

    def _call(self, name: Hashable) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.rules)
            self.rules.append(())
            self._todo.append(name)
        return -2 - number

    def _alternatives(self, name: Hashable) -> Iterable[list[int]]:
        match name:
            case _Character(ranges):
                return [[self._set(places) for places in spelled] for spelled in _spellings(ranges)]
            case _More(item, most):
                rest = [] if most == 1 else [self._call(_More(item, None if most is None else most - 1))]
                return [[*self._item(item), *rest], []]
        rule = self._source[name]
        if rule.counted is None:
            return [[operation for item in items for operation in self._item(item)] for items in rule.alternatives]
        (item,), (least, most) = rule.alternatives[0], rule.counted
        more = [] if most == least else [self._call(_More(item, None if most is None else most - least))]
        return [self._item(item) * least + more]

    def _item(self, item: Hashable) -> list[int]:
        if not isinstance(item, Text):
            return [self._call(item)]
        return [operation for ranges in item.characters for operation in self._character(ranges)]

    def _character(self, ranges: Ranges) -> list[int]:
        known = self._characters.get(ranges)
        if known is None:
            spellings = _spellings(ranges)
            one = len(spellings) == 1
            known = [self._set(places) for places in spellings[0]] if one else [self._call(_Character(ranges))]
            self._characters[ranges] = known
        return known

    def _set(self, ranges: Ranges) -> int:
        return self._sets.setdefault(ranges, len(self._sets))

    def _sequence(self, operations: list[int]) -> int:
        begin = len(self.operations)
        self.operations += [*operations, END]
        return begin

    def _emptiness(self) -> tuple[frozenset[int], list[bool]]:
        empty: set[int] = set()
        known = -1
        while known < len(empty):
            known = len(empty)
            for rule in range(len(self.rules) - 1, -1, -1):
                if rule not in empty and any(self._is_empty(place, empty) for place in self.rules[rule]):
                    empty.add(rule)
        may_end = [operation == END for operation in self.operations]
        for place in range(len(may_end) - 2, -1, -1):
            if -2 - self.operations[place] in empty:
                may_end[place] = may_end[place + 1]
        return frozenset(empty), may_end

    def _is_empty(self, place: int, empty: set[int]) -> bool:
        while -2 - self.operations[place] in empty:
            place += 1
        return self.operations[place] == END

    def _measure(self, rule: int) -> int:
        if not self.depths[rule]:
            deepest = 0
            for place in self.rules[rule]:
                while (operation := self.operations[place]) < END:
                    if operation != -2 - rule:
                        deepest = max(deepest, self._measure(-2 - operation))
                    if -2 - operation not in self.empty:
                        break
                    place += 1
            self.depths[rule] = deepest + 1
        return self.depths[rule]

    def _classes(self) -> tuple[bytes, list[bytes]]:
        table = np.zeros((256, max(len(self._sets), 1)), np.bool_)
        for ranges, number in self._sets.items():
            for first, last in ranges:
                table[first : last + 1, number] = True
        kinds, class_of = np.unique(table, axis=0, return_inverse=True)
        return class_of.reshape(-1).astype(np.uint8).tobytes(), [column.tobytes() for column in kinds.T]


def _spellings(ranges: Ranges) -> list[tuple[Ranges, ...]]:
    """Sequences of bytes, each any of some ranges, that are the UTF-8 of the characters in ``ranges`` and no others."""
    firsts: dict[tuple[Ranges, ...], list[tuple[int, int]]] = {}
    for first, last in ranges:
        for low, high in _LENGTHS:
            if max(first, low) <= min(last, high):
                for begin, *rest in _split(chr(max(first, low)).encode(), chr(min(last, high)).encode()):
                    firsts.setdefault(tuple((place,) for place in rest), []).append(begin)
    return [(tuple(begins), *rest) for rest, begins in firsts.items()]


def _split(first: bytes, last: bytes) -> list[list[tuple[int, int]]]:
    """The byte sequences from ``first`` to ``last``, which are of the same length."""
    low, high = first[0], last[0]
    behind = len(first) - 1
    lowest, highest = b"\x80" * behind, b"\xbf" * behind
    if not behind:
        return [[(low, high)]]
    if low == high:
        return [[(low, low), *rest] for rest in _split(first[1:], last[1:])]
    found: list[list[tuple[int, int]]] = []
    if first[1:] != lowest:
        found += [[(low, low), *rest] for rest in _split(first[1:], highest)]
        low += 1
    if last[1:] != highest:
        found += [[(high, high), *rest] for rest in _split(lowest, last[1:])]
        high -= 1
    if low <= high:
        found.append([(low, high), *[(0x80, 0xBF)] * behind])
    return found
