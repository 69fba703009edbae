"""Where a text that is held to a grammar may stand: all ways of reading it at once, those that go on alike as one."""

from __future__ import annotations

from paddock.backends.llamacpp.grammar_program import END, Program
from paddock.sdk.errors import BadRequest

MOST_WORK = 120_000
"""Operations for one token; about a fifth of a second. Grammars that people write take some hundreds."""
MOST_STACKS = 200_000
"""Stacks and states that are remembered between tokens."""
DEAD = 0
"""The state of a text that the grammar does not have."""

_COMPLETE = 0
"""The stack on which nothing is left to write."""


class States:
    """A state is a set of stacks; a stack is a place in the program and the stack to go on with behind its sequence.
    Both have numbers, and what follows a state is worked out once. One thread.

    :meth:`step` raises BadRequest when a token takes more than ``most_work``: the ways to read an ambiguous text can
    double with every character of it.
    """

    def __init__(self, program: Program, most_work: int = MOST_WORK, most_stacks: int = MOST_STACKS) -> None:
        self._program = program
        self._most_work, self._most_stacks = most_work, most_stacks
        self.n_classes = len(program.sets[0])
        self.work = 0
        """Operations since the last token."""
        self._forget_all()
        self.start = self._state(self._grown([(place, _COMPLETE) for place in program.called(program.root)]))

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
            heads = [self._stacks[stack] for stack in members if stack != _COMPLETE]
            taken = [(place + 1, rest) for place, rest in heads if sets[operations[place]][kind]]
            following = self._following[state, kind] = self._state(self._grown(taken)) if taken else DEAD
        return following

    def next_token(self, state: int) -> int:
        """Be ready for the token behind ``state``; its number from now on."""
        self.work = 0
        if len(self._stacks) + len(self._following) <= self._most_stacks:
            return state
        chains = [self._chain(stack) for stack in self._members[state]]
        self._forget_all()
        return self._state({self._stack_of(chain) for chain in chains})

    @property
    def generation(self) -> int:
        """Changes when states get other numbers."""
        return self._generation

    def _forget_all(self) -> None:
        self._generation = getattr(self, "_generation", -1) + 1
        self._stacks: list[tuple[int, int]] = [(-1, _COMPLETE)]
        self._numbers: dict[tuple[int, int], int] = {}
        self._members: list[tuple[int, ...]] = [()]
        self._states: dict[tuple[int, ...], int] = {(): DEAD}
        self._following: dict[tuple[int, int], int] = {}

    def _count(self, operations: int) -> None:
        self.work += operations
        if self.work > self._most_work:
            raise BadRequest(
                "The grammar is too ambiguous: there are too many ways to read a text.",
                hint="Write it so that each text can be read in one way: let alternatives begin differently, and put "
                "what they have in common into one rule.",
            )

    def _grown(self, heads: list[tuple[int, int]]) -> set[int]:
        """The stacks with a byte to come that follow from ``heads``, places and the stacks behind them."""
        operations, program, stacks = self._program.operations, self._program, self._stacks
        seen: set[tuple[int, int]] = set()
        found: set[int] = set()
        while heads:
            head = heads.pop()
            if head in seen:
                continue
            seen.add(head)
            self._count(1)
            place, rest = head
            operation = operations[place]
            if operation >= 0:
                found.add(self._stack(head))
            elif operation != END:
                behind = rest if operations[place + 1] == END else self._stack((place + 1, rest))
                heads += [(begin, behind) for begin in program.called(operation)]
            elif rest == _COMPLETE:
                found.add(_COMPLETE)
            else:
                heads.append(stacks[rest])
        return found

    def _stack(self, head: tuple[int, int]) -> int:
        number = self._numbers.get(head)
        if number is None:
            number = self._numbers[head] = len(self._stacks)
            self._stacks.append(head)
        return number

    def _state(self, stacks: set[int]) -> int:
        members = tuple(sorted(stacks))
        number = self._states.get(members)
        if number is None:
            number = self._states[members] = len(self._members)
            self._members.append(members)
        return number

    def _chain(self, stack: int) -> list[int]:
        """The places of ``stack``, the last to come first."""
        places: list[int] = []
        while stack != _COMPLETE:
            place, stack = self._stacks[stack]
            places.append(place)
        return places[::-1]

    def _stack_of(self, chain: list[int]) -> int:
        stack = _COMPLETE
        for place in chain:
            stack = self._stack((place, stack))
        return stack
