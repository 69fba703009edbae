"""Which sequences run: pure logic over token ids and KV cells, no model.

A sequence is a request on its way: waiting, then reading its prompt in chunks, then writing. What another request has
read, or is just reading, is not read again. What each step carries: :mod:`paddock.backends.llamacpp.planner`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence as Items

from paddock.backends.llamacpp.cells import Cells
from paddock.backends.llamacpp.planner import Planner, checkpoints_of
from paddock.backends.llamacpp.prefix import Match, Prefix
from paddock.backends.llamacpp.prefix_cache import PrefixCache
from paddock.backends.llamacpp.sequence import Drafter, Limits, Pace, Sequence, Step
from paddock.backends.llamacpp.sharing import Rules

HEADROOM = 64
"""Cells kept for each answer's next tokens when a sequence is admitted beside others; fewer in small contexts."""
WORTH_WAITING = 32
"""Tokens that another sequence must be about to read before it is waited for, unless they are half of what is left."""
PLAN_HOLDS = 16
"""Steps of the same answers that are planned once."""


class Scheduler:
    """Admits, orders and preempts sequences. One thread.

    Args:
        cache: Where what was read is found again.
        cells: The books of the context.
        rules: What the model allows.
        limits: What the context allows.
        pace: Decides how much of the prompts goes into a step.
        drafter: Guesses tokens ahead; None never does.
        scratch: A sequence id for padding rows; None never pads.
        clock: Seconds, monotonic; the one that requests arrive by.
    """

    def __init__(
        self,
        cache: PrefixCache,
        cells: Cells,
        rules: Rules,
        limits: Limits,
        pace: Pace,
        drafter: Drafter | None = None,
        scratch: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = cache
        self._cells = cells
        self._rules = rules
        self._limits = limits
        self._planner = Planner(cells, rules, limits, pace, drafter, scratch)
        self._chunk = limits.chunk
        self._waiting: list[Sequence] = []
        self._running: list[Sequence] = []
        self._clock = clock
        self._unfit: Sequence | None = None
        self._same: Step | None = None
        self._repeated = 0
        self._unbooked: Step | None = None
        self._unbooked_times = 0
        self.hits = 0
        self.misses = 0
        self.preemptions = 0

    @property
    def running(self) -> Items[Sequence]:
        """Admitted sequences, next first."""
        return self._running

    @property
    def waiting(self) -> Items[Sequence]:
        """Sequences in the queue, next first."""
        return self._waiting

    @property
    def limits(self) -> Limits:
        return self._limits

    def add(self, sequence: Sequence) -> None:
        """Queue ``sequence``, which must be shorter than a sequence's cells."""
        if not 0 < len(sequence.tokens) < self._limits.each:
            raise ValueError(f"{len(sequence.tokens)} tokens do not fit {self._limits.each} cells")
        self._changed()
        _insert(self._waiting, sequence)

    def remove(self, sequence: Sequence) -> None:
        """``sequence`` has ended; what it evaluated stays for a follower while there is room."""
        self._changed()
        if sequence in self._waiting:
            self._waiting.remove(sequence)
        elif sequence in self._running:
            self._running.remove(sequence)
            assert sequence.prefix is not None
            self._cache.rest(sequence.prefix)
            sequence.prefix = None

    def schedule(self) -> Step:
        """The next step, after admitting and, where cells run out, making room; empty when there is nothing to do.
        While the same answers go on it is the step before, each row a token further."""
        step, times = self._same, self._unbooked_times + 1
        if step is not None and self._repeated < PLAN_HOLDS and times * len(step.rows) <= self._cells.free:
            self._repeated += 1
            for row, (sequence, (_, at, number, _)) in enumerate(zip(step.counts, step.rows, strict=True)):
                step.rows[row] = sequence.tokens[-1], at + 1, number, True
            return step
        self._same = None
        self.book()
        self._admit()
        while True:
            step = self._planner.plan(self._running, self._chunk)
            if len(step.rows) <= self._cells.free or not self.make_room():
                break
        alone = step.writing == len(step.rows) == len(self._running)
        full = not self._waiting or len(self._running) >= self._limits.parallel
        if alone and full and all(one.began is not None and not one.draft_limit for one in self._running):
            self._same, self._repeated = step, 0
        return step

    def done(self, step: Step) -> None:
        """``step`` was computed. While the same comes again and again, the books wait."""
        if step is not self._unbooked:
            self.book()
            self._unbooked = step
        self._unbooked_times += 1
        if step is not self._same or self._rules.checkpoints:
            self.book()

    def book(self) -> None:
        """Note what the steps just done have put into the context, if that was not noted yet."""
        step, times = self._unbooked, self._unbooked_times
        self._unbooked, self._unbooked_times = None, 0
        if step is None:
            return
        self._chunk = min(2 * self._chunk, self._limits.chunk)
        for sequence in step.outputs:
            if sequence.began is None:
                sequence.began = self._clock()
        for sequence, count in step.counts.items():
            assert sequence.prefix is not None
            self._cache.grown(sequence.prefix, count * times)
            if self._rules.checkpoints and sequence.prefix.length in checkpoints_of(sequence):
                self._cache.checkpoint(sequence.prefix)
                sequence.prefix.stops.discard(sequence.prefix.length)

    def _changed(self) -> None:
        """The next step is not the same again, and what found no place may find one."""
        self._same = self._unfit = None
        self.book()

    def settle(self, sequence: Sequence, accepted: int) -> None:
        """Of the draft in the step just done only the first ``accepted`` tokens were right."""
        wrong = len(sequence.draft) - accepted
        sequence.draft = []
        if wrong:
            assert sequence.prefix is not None
            self._cache.cut(sequence.prefix, sequence.prefix.length - wrong)

    def undone(self, step: Step, *, broken_off: bool = False) -> None:
        """``step`` was not computed, or was ``broken_off``: whatever part of it got into the KV cache is dropped
        again. A recurrent state is then lost: llama.cpp takes it back by whole steps, to what it never wrote."""
        self._changed()
        for sequence in step.counts:
            sequence.draft = []
            if sequence.prefix is not None:
                lost = broken_off and self._rules.recurrent
                self._cache.cut(sequence.prefix, 0 if lost else sequence.prefix.length)

    def make_room(self) -> bool:
        """Free cells: the prefix used longest ago leaves the context, else the youngest sequence goes back to the
        queue with its state saved. False when nothing can be freed."""
        if self._cache.evict():
            return True
        if len(self._running) < 2:
            return False
        self._changed()
        youngest = self._running.pop()
        assert youngest.prefix is not None
        self._cache.suspend(youngest.prefix)
        youngest.prefix = None
        youngest.draft = []
        self.preemptions += 1
        _insert(self._waiting, youngest)
        return True

    def forget(self) -> None:
        """The KV cache was cleared: nothing is evaluated any more."""
        self._changed()
        self._cache.lost()
        self._chunk = self._limits.chunk

    def halve_chunk(self) -> bool:
        """Read prompts in smaller pieces until steps succeed again; False at the smallest."""
        if self._chunk == 1:
            return False
        self._chunk //= 2
        return True

    # ------------------------------------------------------------ admitting

    def _admit(self) -> None:
        for sequence in list(self._waiting):
            if len(self._running) >= self._limits.parallel:
                return
            if sequence is self._unfit:
                return  # nothing has ended since
            if sequence.awaits is not None and _to_come(*sequence.awaits):
                continue
            match = self._cache.find(sequence.tokens, sequence.group) if sequence.kept else None
            if sequence.kept and self._soon(sequence, match):
                continue
            if not self._cache.can_begin() or not self._fits(sequence, match):
                self._unfit = sequence
                return
            self._waiting.remove(sequence)
            self._begin(sequence, match)

    def _soon(self, sequence: Sequence, match: Match | None) -> bool:
        """Whether a running sequence is about to read what ``sequence`` begins with."""
        promised = self._cache.promised(sequence.tokens, sequence.group)
        if promised is None:
            return False
        prefix, length = promised
        have = match.length if match is not None else 0
        gain, rest = length - have, len(sequence.tokens) - have
        if gain < WORTH_WAITING and 2 * gain < rest:
            return False
        prefix.stops.add(length)
        sequence.awaits = promised
        return True

    def _fits(self, sequence: Sequence, match: Match | None) -> bool:
        """Whether there are cells for ``sequence`` and what the running ones still have to read."""
        if not self._running:
            return True
        held = [other.prefix.sequence for other in self._running if other.prefix is not None]
        source, length = (match.prefix.sequence, match.length) if match is not None else (None, 0)
        needed = self._cells.held([number for number in held if number is not None], source, length)
        needed += len(sequence.tokens) - (length if source is not None else 0)
        headroom = min(HEADROOM, self._cells.total // 16)
        needed += sum(other.pending + headroom for other in self._running) + headroom
        return needed <= self._cells.total

    def _begin(self, sequence: Sequence, match: Match | None) -> None:
        sequence.awaits = None
        while self._cache.thin_out(match.prefix if match is not None else None):
            pass
        sequence.prefix = self._cache.begin(
            sequence.tokens, match, group=sequence.group, private=sequence.private, kept=sequence.kept
        )
        while self._cache.thin_out(None):  # what it has begun with too, where that was only the first few tokens of it
            pass
        if len(sequence.tokens) == sequence.n_prompt:
            sequence.cached = sequence.evaluated
            self.hits += sequence.cached > 0
            self.misses += sequence.cached == 0
        _insert(self._running, sequence)


def _to_come(prefix: Prefix, length: int) -> bool:
    return prefix.running and prefix.length < length


def _insert(sequences: list[Sequence], sequence: Sequence) -> None:
    sequences.append(sequence)
    sequences.sort(key=lambda one: one.rank)
