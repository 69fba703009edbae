"""A simulated context: it knows the token at every position, and what llama.cpp would get wrong."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from paddock.backends.llamacpp.cells import Cells
from paddock.backends.llamacpp.kv_file import as_tokens, key_of
from paddock.backends.llamacpp.prefix_cache import PrefixCache
from paddock.backends.llamacpp.saved import Saved, SavedStates
from paddock.backends.llamacpp.scheduler import Scheduler
from paddock.backends.llamacpp.sequence import Limits, Sequence, Step
from paddock.backends.llamacpp.sharing import Rules
from paddock.backends.llamacpp.step_times import Depth

KINDS = {
    "attention": Rules(),
    "window": Rules(cut=False, cut_restored=False, checkpoints=True, window=8),
    "full window": Rules(cut_restored=False, checkpoints=True),
    "hybrid": Rules(cut=False, cut_restored=False, checkpoints=True, recurrent=True, rollback=0),
    "hybrid that takes back": Rules(cut=False, cut_restored=False, checkpoints=True, recurrent=True, rollback=3),
    "whole only": Rules(cut=False, cut_restored=False, recurrent=True, rollback=0),
}


@dataclass
class Held:
    """A sequence in the context. ``special`` is the part that cannot be cut (a recurrent state, a window), as the
    tokens that it has seen; None where there is none."""

    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    special: list[int] | None = None
    before: int = 0
    taken_back: bool = False


class SimulatedMemory:
    """:class:`paddock.backends.llamacpp.prefix.Memory` without a model."""

    def __init__(self, rules: Rules, cells: int) -> None:
        self.rules = rules
        self.cells = cells
        self.sequences: dict[int, Held] = {}
        self.states = SavedStates()
        self.broken = False
        self._numbers = count()

    @property
    def saved_bytes(self) -> int:
        return self.states.used

    @property
    def used(self) -> int:
        return len({cell for held in self.sequences.values() for cell in held.cells})

    def share(self, source: int, target: int, length: int, checkpoint: Saved | None) -> bool:
        assert target not in self.sequences, "a copy into a sequence that is not empty"
        held = self.sequences[source]
        assert not held.taken_back, "llama.cpp would abort"
        whole = length if self.rules.cut and checkpoint is None else len(held.tokens)
        special = list(held.special) if held.special is not None else None
        self.sequences[target] = Held(held.tokens[:whole], held.cells[:whole], special)
        return self.keep(target, length, checkpoint)

    def restore(self, target: int, state: Saved, length: int, keep: int, checkpoint: Saved | None) -> bool:
        assert target not in self.sequences
        if self.broken:
            return False
        tokens = _tokens(state)
        assert len(tokens) == length
        assert self.used + length <= self.cells, "no room for the state"
        special = None if self.rules.cut_restored else list(tokens)
        self.sequences[target] = Held(tokens, [next(self._numbers) for _ in tokens], special)
        return keep == length or self.keep(target, keep, checkpoint)

    def save(self, sequence: int, most: int | None = None) -> Saved | None:
        assert not self.sequences[sequence].taken_back, "llama.cpp would abort"
        tokens = self.sequences[sequence].tokens
        return self._saved(tokens) if most is None or len(tokens) * 4 <= most else None

    def move(self, sequence: int, length: int) -> bool:
        state = self.save(sequence)
        assert state is not None
        self.keep(sequence, 0)
        try:
            return self.restore(sequence, state, length, length, None)
        finally:
            state.release()

    def checkpoint(self, sequence: int) -> Saved:
        held = self.sequences[sequence]
        return self._saved(held.tokens if held.special is None else held.special)

    def keep(self, sequence: int, length: int, checkpoint: Saved | None = None) -> bool:
        held = self.sequences.get(sequence)
        if held is None or length == 0:
            self.sequences.pop(sequence, None)
            return length == 0
        if checkpoint is not None:
            held.special = _tokens(checkpoint)
        elif held.special is not None and len(held.special) > length:
            taken_back = len(held.special) - length
            if not (length >= held.before and taken_back <= self.rules.rollback) and not self._in_window(held):
                del self.sequences[sequence]
                return False
            held.special = held.special[:length]
            held.taken_back = self.rules.recurrent
        if len(held.tokens) < length:
            del self.sequences[sequence]
            return False
        held.tokens, held.cells = held.tokens[:length], held.cells[:length]
        return True

    def foreign(self, data: memoryview) -> Saved:
        return self.states.wrap(data)

    def give_back(self) -> None:
        self.states.give_back()

    def compute(self, step: Step, rows: int | None = None) -> None:
        """What llama_decode does; only the first ``rows`` rows when it is broken off."""
        for held in self.sequences.values():
            held.before = len(held.tokens)
        for token, position, sequence, _ in step.rows[:rows]:
            fresh = Held(special=None if self.rules.cut else [])
            held = self.sequences.setdefault(sequence, fresh)
            assert position == len(held.tokens), "a position was skipped or written twice"
            assert held.special is None or held.special == held.tokens, "silently wrong"
            held.taken_back = False
            held.tokens.append(token)
            held.cells.append(next(self._numbers))
            if held.special is not None:
                held.special.append(token)

    def _in_window(self, held: Held) -> bool:
        return not self.rules.recurrent and len(held.tokens) <= self.rules.window

    def _saved(self, tokens: list[int]) -> Saved:
        data = array("i", tokens).tobytes()
        saved = self.states.make(len(data))
        memoryview(saved.buffer).cast("B")[: len(data)] = data
        return saved


def _tokens(saved: Saved) -> list[int]:
    return list(array("i", bytes(saved.buffer)[: saved.size]))


@dataclass
class OnDisk:
    tokens: list[int]
    state: memoryview
    checkpoints: dict[int, memoryview]

    def close(self) -> None:
        pass


class SimulatedStore:
    """:class:`paddock.backends.llamacpp.prefix.Store` in a dict."""

    def __init__(self) -> None:
        self.files: dict[str, OnDisk] = {}

    def read(self, key: str) -> OnDisk | None:
        return self.files.get(key)

    def put(self, tokens: Any, state: memoryview, checkpoints: Any) -> bool:
        copies = {at: memoryview(bytearray(data)) for at, data in checkpoints.items()}
        self.files[key_of(as_tokens(tokens))] = OnDisk(list(tokens), memoryview(bytearray(state)), copies)
        return True

    def remove(self, key: str) -> None:
        self.files.pop(key, None)


class Steady:
    """:class:`paddock.backends.llamacpp.sequence.Pace` that never changes its mind."""

    def __init__(self, chunk: int) -> None:
        self.size = chunk
        self.asked: list[tuple[int, bool]] = []
        self.depths: list[Depth] = []

    def chunk(self, writing: int, most: int, depth: Depth, *, apart: bool) -> int:
        self.asked.append((writing, apart))
        self.depths.append(depth)
        return min(self.size, most)

    def padding(self, rows: int, attended: int) -> int:
        return 1 if rows == 7 else 0


class Parrot:
    """:class:`paddock.backends.llamacpp.sequence.Drafter` that guesses what :meth:`World.advance` writes, and every
    third time something else."""

    def propose(self, sequence: Sequence, limit: int, rows: int) -> list[int]:
        at = len(sequence.tokens)
        return [1000 + at + ahead if (at + ahead) % 3 else 1 for ahead in range(min(limit, 3))]


class World:
    """A scheduler with everything around it."""

    def __init__(
        self,
        kind: str = "attention",
        *,
        parallel: int = 3,
        resting: int = 2,
        cells: int = 64,
        chunk: int = 16,
        beside: int = 8,
        budget: int = 0,
        drafts: bool = False,
        pads: bool = False,
        late: bool = False,
        thin: bool = False,
        store: SimulatedStore | None = None,
    ) -> None:
        self.rules = KINDS[kind]
        self.memory = SimulatedMemory(self.rules, cells)
        self.cells = Cells(cells)
        sequences = parallel + resting
        self.cache = PrefixCache(
            self.memory, self.cells, self.rules, sequences=sequences, budget=budget, store=store, thin=thin
        )
        limits = Limits(parallel=parallel, each=cells, batch=max(chunk, parallel + 6), chunk=chunk, drafted=6)
        self.pace = Steady(beside)
        self.scratch = sequences if pads else None
        self.now = 0.0
        self.late = late
        """Whether the books are left behind the context as long as the scheduler leaves them."""
        drafter = Parrot() if drafts else None
        self.scheduler = Scheduler(
            self.cache, self.cells, self.rules, limits, self.pace, drafter, self.scratch, lambda: self.now
        )

    def add(self, name: str, tokens: range | list[int], *, order: int = 0, **fields: Any) -> Sequence:
        made = Sequence(name, list(tokens), (fields.pop("priority", 0), order), arrived=self.now, **fields)
        self.scheduler.add(made)
        return made

    def advance(self) -> Step:
        """One step; every sequence that asked for logits writes 1000 + its length."""
        step = self.scheduler.schedule()
        assert len(step.rows) <= self.cells.total - self.memory.used, "more rows than cells"
        self.memory.compute(step)
        self.now += 1
        if self.scratch is not None:
            self.memory.keep(self.scratch, 0)
        self.scheduler.done(step)
        if not self.late:
            self.scheduler.book()
        for sequence, rows in step.outputs.items():
            accepted = 0
            for at in range(len(rows)):
                sequence.tokens.append(1000 + len(sequence.tokens))
                if at >= len(sequence.draft) or sequence.draft[at] != sequence.tokens[-1]:
                    break
                accepted += 1
            self.scheduler.settle(sequence, accepted)
        if not self.late:
            self.check()
        return step

    def check(self) -> None:
        """The books agree with the context."""
        assert self.cells.used == self.memory.used <= self.cells.total
        for sequence in self.scheduler.running:
            assert sequence.prefix is not None
            held = self.memory.sequences.get(sequence.prefix.sequence or 0, Held()).tokens
            assert held == sequence.tokens[: sequence.evaluated]
        for prefix in self.cache:
            if prefix.sequence is not None and prefix.length:
                assert self.memory.sequences[prefix.sequence].tokens == list(prefix.tokens[: prefix.length])


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    return World


@pytest.fixture(scope="session")
def new_store() -> Callable[[], SimulatedStore]:
    return SimulatedStore


@pytest.fixture
def simulated_store() -> SimulatedStore:
    """For one test."""
    return SimulatedStore()
