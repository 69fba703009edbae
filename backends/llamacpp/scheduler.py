"""Which sequence computes what in the next step: pure logic over token ids and KV cells, no model.

A sequence is a request on its way: waiting, then reading its prompt in chunks, then writing a token a step. Each step
carries one token of every writing sequence and a bounded chunk of the prompts that are being read, so that a long
prompt does not freeze running answers. A slot keeps the tokens of the sequence that left it, and the next sequence
that begins with them evaluates only what is new.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from typing import Protocol

SHARED_CHUNK = 128
"""Prompt tokens in a step that also carries running answers."""
HEADROOM = 64
"""Cells kept for an answer's first tokens when a sequence is admitted beside others."""


class Memory(Protocol):
    """The part of the context that the scheduler decides over."""

    def keep(self, sequence: int, length: int) -> bool:
        """Drop what lies behind ``length`` tokens; False when these are not all there (then none is left)."""
        ...


@dataclass(eq=False)
class Sequence:
    """One request. ``tokens`` is its prompt followed by what it has written; the first ``evaluated`` of them are in
    the KV cache, and ``cached`` were there when it was admitted."""

    id: str
    tokens: list[int]
    rank: tuple[int, int]
    n_prompt: int = 0
    slot: int | None = None
    evaluated: int = 0
    cached: int = 0

    def __post_init__(self) -> None:
        self.n_prompt = self.n_prompt or len(self.tokens)

    @property
    def pending(self) -> int:
        return len(self.tokens) - self.evaluated


@dataclass
class Row:
    """One token of a step. ``output`` asks for its logits."""

    token: int
    position: int
    slot: int
    output: bool


@dataclass
class Step:
    """One decode call: its rows, what each sequence contributes, and the row whose logits give its next token."""

    rows: list[Row] = field(default_factory=list)
    counts: dict[Sequence, int] = field(default_factory=dict)
    outputs: dict[Sequence, int] = field(default_factory=dict)

    @property
    def reading(self) -> frozenset[str]:
        """Ids of the requests whose prompt is read in this step."""
        return frozenset(sequence.id for sequence, count in self.counts.items() if count > 1)


@dataclass
class _Slot:
    index: int
    tokens: list[int] = field(default_factory=list)
    sequence: Sequence | None = None
    used: int = 0


class Scheduler:
    """Admits, orders and preempts sequences. One thread.

    Args:
        memory: Told which cells to keep.
        slots: Sequences that may run at once.
        cells: KV cells that all slots share.
        cells_each: Most cells of one slot.
        chunk: Most prompt tokens in a step.
        batch: Most rows in a step.
        reusable: Whether a slot's tokens may be cut and continued (false for recurrent and hybrid models).
    """

    def __init__(
        self, memory: Memory, *, slots: int, cells: int, cells_each: int, chunk: int, batch: int, reusable: bool
    ) -> None:
        self._memory = memory
        self._slots = [_Slot(index) for index in range(slots)]
        self._cells = cells
        self._cells_each = cells_each
        self._chunk = chunk
        self._batch = batch
        self._reusable = reusable
        self._waiting: list[Sequence] = []
        self._clock = 0

    @property
    def running(self) -> list[Sequence]:
        """Admitted sequences, the first come first."""
        return sorted((slot.sequence for slot in self._slots if slot.sequence), key=lambda sequence: sequence.rank)

    @property
    def waiting(self) -> Items[Sequence]:
        """Sequences in the queue, next first."""
        return self._waiting

    @property
    def used(self) -> int:
        """KV cells taken, prefixes of finished sequences included."""
        return sum(slot.sequence.evaluated if slot.sequence else len(slot.tokens) for slot in self._slots)

    @property
    def cells_each(self) -> int:
        return self._cells_each

    def add(self, sequence: Sequence) -> None:
        """Queue ``sequence``, which must be shorter than ``cells_each``."""
        if not 0 < len(sequence.tokens) < self._cells_each:
            raise ValueError(f"{len(sequence.tokens)} tokens do not fit {self._cells_each} cells")
        self._waiting.append(sequence)
        self._waiting.sort(key=lambda waiting: waiting.rank)

    def remove(self, sequence: Sequence) -> None:
        """``sequence`` has ended; its slot keeps what was evaluated for a follower."""
        if sequence in self._waiting:
            self._waiting.remove(sequence)
        if sequence.slot is None:
            return
        slot = self._slots[sequence.slot]
        slot.sequence, sequence.slot = None, None
        slot.tokens = sequence.tokens[: sequence.evaluated]
        if not self._reusable:
            self._empty(slot)

    def schedule(self) -> Step:
        """The next step, after admitting and, where cells run out, preempting; empty when there is nothing to do."""
        while self._waiting and self._admit(self._waiting[0]):
            self._waiting.pop(0)
        while True:
            step = self._plan()
            if self.used + len(step.rows) <= self._cells or not self.make_room():
                return step

    def done(self, step: Step) -> None:
        """``step`` was computed."""
        for sequence, count in step.counts.items():
            sequence.evaluated += count

    def undone(self, step: Step) -> None:
        """``step`` was broken off or failed: whatever part of it got into the KV cache is dropped again."""
        for sequence in step.counts:
            if sequence.slot is not None and not self._memory.keep(sequence.slot, sequence.evaluated):
                sequence.evaluated = 0

    def make_room(self) -> bool:
        """Free cells: the prefix used longest ago, else the youngest sequence goes back to the queue (it is computed
        again later). False when nothing can be freed."""
        idle = [slot for slot in self._slots if slot.sequence is None and slot.tokens]
        if idle:
            self._empty(min(idle, key=lambda slot: slot.used))
            return True
        running = self.running
        if len(running) < 2:
            return False
        youngest = running[-1]
        assert youngest.slot is not None
        slot = self._slots[youngest.slot]
        slot.sequence, youngest.slot, youngest.evaluated = None, None, 0
        self._empty(slot)
        self.add_back(youngest)
        return True

    def add_back(self, sequence: Sequence) -> None:
        self._waiting.append(sequence)
        self._waiting.sort(key=lambda waiting: waiting.rank)

    def forget(self) -> None:
        """The KV cache was cleared: nothing is evaluated any more."""
        for slot in self._slots:
            slot.tokens = []
            if slot.sequence is not None:
                slot.sequence.evaluated = 0

    def halve_chunk(self) -> bool:
        """Read prompts in smaller pieces from now on; False at the smallest."""
        self._chunk //= 2
        return self._chunk >= 1

    def _admit(self, sequence: Sequence) -> bool:
        free = [slot for slot in self._slots if slot.sequence is None]
        if not free:
            return False
        slot = max(free, key=lambda slot: (self._gain(slot, sequence), not slot.tokens, -slot.used))
        shared = self._shared(slot, sequence)
        running = self.running
        promised = sum(max(other.pending, 1) + other.evaluated for other in running)
        if running and promised + len(sequence.tokens) + HEADROOM > self._cells:
            return False
        if not self._memory.keep(slot.index, shared):
            shared = 0
        self._clock += 1
        slot.used, slot.sequence, slot.tokens = self._clock, sequence, []
        sequence.slot = slot.index
        sequence.evaluated = shared
        if len(sequence.tokens) == sequence.n_prompt:
            sequence.cached = shared
        return True

    def _shared(self, slot: _Slot, sequence: Sequence) -> int:
        """How many of the slot's tokens ``sequence`` begins with; its last token is always evaluated again, because
        its logits are needed."""
        count = 0
        for kept, wanted in zip(slot.tokens, sequence.tokens[:-1], strict=False):
            if kept != wanted:
                break
            count += 1
        return count

    def _gain(self, slot: _Slot, sequence: Sequence) -> int:
        """Tokens that ``sequence`` need not evaluate in ``slot``; a few are not worth the longer conversation that
        it would destroy there: every prompt begins with the template's first words."""
        shared = self._shared(slot, sequence)
        return shared if 2 * shared >= min(len(slot.tokens), len(sequence.tokens) - 1) else 0

    def _plan(self) -> Step:
        step = Step()
        running = self.running
        writing = [sequence for sequence in running if sequence.pending == 1]
        for sequence in writing:
            self._put(step, sequence, 1)
        chunk = min(self._chunk, SHARED_CHUNK) if writing else self._chunk
        for sequence in running:
            count = min(sequence.pending, chunk, self._batch - len(step.rows))
            if sequence.pending > 1 and count > 0:
                self._put(step, sequence, count)
                chunk -= count
        return step

    def _put(self, step: Step, sequence: Sequence, count: int) -> None:
        assert sequence.slot is not None
        start = sequence.evaluated
        for position in range(start, start + count):
            last = position == len(sequence.tokens) - 1
            if last:
                step.outputs[sequence] = len(step.rows)
            step.rows.append(Row(sequence.tokens[position], position, sequence.slot, last))
        step.counts[sequence] = count

    def _empty(self, slot: _Slot) -> None:
        slot.tokens = []
        self._memory.keep(slot.index, 0)
