"""Where a text that is held to a grammar may stand: all ways of reading it at once, those that go on alike as one."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Container, Iterable

from paddock.backends.llamacpp.grammar_program import END, Program
from paddock.sdk.errors import BadRequest

MOST_WORK = 120_000
"""Operations for one token; about a fifth of a second. Grammars that people write take some hundreds."""
MOST_ON_AVERAGE = 20_000
"""Operations for each of many tokens; above that they soon come to :data:`MOST_WORK`."""
MOST_KEPT = 100_000
"""Heads and steps that are remembered between tokens beyond twice what the text needs; some tens of MiB."""
MOST_NEEDED = 500_000
"""Heads without which a text cannot go on."""
DEAD = 0
"""The state of a text that the grammar does not have."""

Head = tuple[int, int]
"""A place in the program, and the ways to go on behind its sequence."""
Ways = tuple[Head, ...]
"""Heads in order."""
_COMPLETE: Head = (-1, 0)
"""Nothing is left to write."""


class States:
    """A state is a set of heads. The ways to go on behind a rule are heads too, those of all who called it at one place
    of the text, so that a rule is followed once, however many wait for its end (the graph-structured stacks of
    generalised parsing, here without places of the text: ways that are alike have one number). What follows a state is
    worked out once. One thread.

    :meth:`step` and :meth:`next_token` raise BadRequest when tokens take more than ``most_work``: the ways to read an
    ambiguous text grow with its length.
    """

    def __init__(self, program: Program, most_work: int = MOST_WORK, most_kept: int = MOST_KEPT) -> None:
        self._program = program
        self._most_work, self._most_kept = most_work, most_kept
        self._kept_at_least = 0
        self.n_classes = len(program.sets[0])
        self.work = 0
        """Operations since the last token, and what those before it took beyond :data:`MOST_ON_AVERAGE`."""
        self._names: dict[Ways, int] = {}
        self._forget_all()
        complete = {_COMPLETE} if program.root in program.empty else set[Head]()
        self.start = self._grown(complete, defaultdict(set, {program.root: {_COMPLETE}}))

    def complete(self, state: int) -> bool:
        """Whether the text may end here."""
        return _COMPLETE in self._members[state]

    def step(self, state: int, kind: int) -> int:
        """The state behind a byte of the class ``kind``; :data:`DEAD` where the grammar has none."""
        following = self._following.get((state, kind))
        if following is None:
            sets, operations = self._program.sets, self._program.operations
            members = self._members[state]
            self._count(1 + len(members) // 8)
            taken = [(place + 1, ways) for place, ways in members if place >= 0 and sets[operations[place]][kind]]
            following = self._following[state, kind] = self._behind(taken) if taken else DEAD
        return following

    def next_token(self, state: int) -> int:
        """Be ready for the token behind ``state``; its number from now on."""
        self.work = max(self.work - MOST_ON_AVERAGE, 0)
        if self._kept + len(self._following) <= self._most_kept + 2 * self._kept_at_least:
            return state
        members, ways = self._members[state], self._ways
        numbers = {0: 0}
        needed = self._needed(members, numbers)
        self._forget_all()
        for number in needed:
            numbers[number] = self._number(self._renumbered(ways[number], numbers))
        state = self._state(self._renumbered(members, numbers))
        self._kept_at_least = self._kept
        if self._kept > MOST_NEEDED:
            raise _too_ambiguous()
        return state

    def named(self, state: int, names: dict[Ways, int]) -> Ways:
        """What stands for ``state`` with all readers of this program that use the same ``names``, which grow."""
        if names is not self._names:
            self._names, self._named = names, {0: 0}
        members, named = self._members[state], self._named
        for number in self._needed(members, named):
            named[number] = names.setdefault(self._renumbered(self._ways[number], named), len(names) + 1)
        return self._renumbered(members, named)

    @staticmethod
    def _renumbered(heads: Ways, numbers: dict[int, int]) -> Ways:
        return tuple(sorted((place, numbers[behind]) for place, behind in heads))

    def _forget_all(self) -> None:
        self._named = {0: 0}
        self._kept = 0
        self._ways: list[Ways] = [(_COMPLETE,)]
        self._numbers: dict[Ways, int] = {(_COMPLETE,): 0}
        self._members: list[Ways] = [()]
        self._states: dict[Ways, int] = {(): DEAD}
        self._closed: dict[Ways, int] = {}
        self._following: dict[tuple[int, int], int] = {}

    def _needed(self, heads: Ways, known: Container[int]) -> list[int]:
        """The numbers of all ways that ``heads`` may go on in but for those that only ``known`` ones lead to,
        ascending: whatever a way leads to has a lower number."""
        found: set[int] = set()
        todo = [ways for _, ways in heads]
        while todo:
            number = todo.pop()
            if number not in found and number not in known:
                found.add(number)
                todo += [ways for _, ways in self._ways[number]]
        return sorted(found)

    def _count(self, operations: int) -> None:
        self.work += operations
        if self.work > self._most_work:
            raise _too_ambiguous()

    def _behind(self, heads: list[Head]) -> int:
        """The state of a text that has come to ``heads``."""
        heads = self._returned(heads)
        key = tuple(sorted(heads))
        state = self._closed.get(key)
        if state is None:
            found: set[Head] = set()
            calls: dict[int, set[Head]] = defaultdict(set)
            for head in heads:
                if head == _COMPLETE:
                    found.add(head)
                else:
                    self._follow(*head, found, calls)
            state = self._closed[key] = self._grown(found, calls)
            self._kept += len(key)
        return state

    def _returned(self, heads: list[Head]) -> list[Head]:
        """``heads``, and where one may be at the end of its sequence, what goes on behind that."""
        operations, ends = self._program.operations, self._program.may_end
        seen, todo, left = set(heads), list(heads), []
        self._count(len(heads))
        while todo:
            head = place, ways = todo.pop()
            if head == _COMPLETE or operations[place] != END:
                left.append(head)
            if head != _COMPLETE and ends[place]:
                more = [behind for behind in self._ways[ways] if behind not in seen]
                self._count(1 + len(self._ways[ways]) // 4)
                seen.update(more)
                todo += more
        return left

    def _grown(self, found: set[Head], calls: dict[int, set[Head]]) -> int:
        """The state of ``found`` and of what ``calls`` begin with: rules, and what waits for their ends. A rule's turn
        comes when all are known who call it here."""
        depths, rules = self._program.depths, self._program.rules
        order = [(-depths[rule], rule) for rule in calls]
        heapq.heapify(order)
        while order:
            _, rule = heapq.heappop(order)
            ways = self._number(calls[rule])
            for place in rules[rule]:
                for called in self._follow(place, ways, found, calls):
                    if called != rule:  # which only goes on as it began: an empty part, repeated
                        heapq.heappush(order, (-depths[called], called))
        return self._state(found)

    def _follow(self, place: int, ways: int, found: set[Head], calls: dict[int, set[Head]]) -> list[int]:
        """Put what stands at ``place`` into ``found`` or ``calls``, and what comes behind it while that may be empty;
        the rules that were not called here before."""
        operations, empty = self._program.operations, self._program.empty
        new: list[int] = []
        self._count(1)
        while (operation := operations[place]) != END:
            if operation >= 0:
                found.add((place, ways))
                break
            rule = -2 - operation
            if rule not in calls:
                new.append(rule)
            place += 1
            if operations[place] == END:
                calls[rule].update(self._ways[ways])
                self._count(len(self._ways[ways]) // 8)
            else:
                calls[rule].add((place, ways))
            if rule not in empty:
                break
        return new

    def _number(self, ways: Iterable[Head]) -> int:
        key = tuple(sorted(ways))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._ways)
            self._ways.append(key)
            self._kept += len(key)
        return number

    def _state(self, heads: Iterable[Head]) -> int:
        members = tuple(sorted(heads))
        number = self._states.get(members)
        if number is None:
            number = self._states[members] = len(self._members)
            self._members.append(members)
            self._kept += len(members)
        return number


def _too_ambiguous() -> BadRequest:
    return BadRequest(
        "The grammar is too ambiguous: there are too many ways to read a text.",
        hint="Write it so that each text can be read in one way: let alternatives begin differently, and put "
        "what they have in common into one rule.",
    )
