"""Which sequence computes what in the next step: pure logic over token ids and KV cells, no model.

A sequence is a request on its way: waiting, then reading its prompt in chunks, then writing. Each step carries the
next token of every writing sequence, with its draft, and as much of the prompts that are being read as keeps the
rhythm of the running answers. What another request has read, or is just reading, is not read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from collections.abc import Sequence as Items

from paddock.backends.llamacpp.cells import Cells
from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.prefix import Match, Prefix
from paddock.backends.llamacpp.prefix_cache import PrefixCache
from paddock.backends.llamacpp.sequence import Drafter, Limits, Pace, Sequence, Step
from paddock.backends.llamacpp.sharing import Rules

HEADROOM = 64
"""Cells kept for each answer's next tokens when a sequence is admitted beside others; fewer in small contexts."""
WORTH_WAITING = 32
"""Tokens that another sequence must be about to read before it is waited for, unless they are half of what is left."""
PICTURE_PIECE = 64
"""Tokens of a picture in a step at least, whatever answers wait: such a step is one of its own, and few of them disturb
less than many."""
CHECKPOINT_INTERVAL = 2048
PLAN_HOLDS = 16
"""Steps of the same answers that are planned once."""
TOGETHER = 2048
"""Prompt tokens that are read at full speed beside answers of requests that came at the same time."""


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
        self._pace = pace
        self._drafter = drafter
        self._scratch = scratch
        self._chunk = limits.chunk
        self._waiting: list[Sequence] = []
        self._running: list[Sequence] = []
        self._read_last = False
        self._clock = clock
        self._group: Hashable = None
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
            rows = zip(step.counts, step.rows, strict=True)
            step.rows = [(sequence.tokens[-1], at + 1, number, True) for sequence, (_, at, number, _) in rows]
            return step
        self._same = None
        self.book()
        self._admit()
        while True:
            step = self._plan()
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
            if self._rules.checkpoints and sequence.prefix.length in self._stops(sequence):
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
        if len(sequence.tokens) == sequence.n_prompt:
            sequence.cached = sequence.evaluated
            self.hits += sequence.cached > 0
            self.misses += sequence.cached == 0
        _insert(self._running, sequence)

    # ------------------------------------------------------------ planning

    def _plan(self) -> Step:
        ready = [sequence for sequence in self._running if not (sequence.pictures and sequence.held)]
        step = Step(group=self._next_group(ready))
        writing: list[Sequence] = []
        reading: list[Sequence] = []
        for sequence in ready:
            if sequence.group == step.group:
                (writing if sequence.pending == 1 else reading).append(sequence)
        apace = bool(reading) and not self._came_together(writing, reading)
        picture = reading[0].picture if reading else None
        if (self._rules.recurrent or picture is not None) and writing and reading:
            self._read_last = not self._read_last
            waiting = len(writing)
            writing, reading = ([], reading) if self._read_last else (writing, [])
        else:
            waiting = 0
        for sequence in writing:
            self._write(step, sequence, len(writing))
        step.writing = len(step.rows)
        if reading:
            if picture is None:
                reading = [sequence for sequence in reading if sequence.picture is None]
            room = min(max(self._chunk - step.writing, 1), self._limits.batch - step.writing)
            answers = step.writing or waiting
            asked = self._pace.chunk(answers, room, apart=bool(waiting)) if answers and apace else room
            if picture is None:
                self._read(step, reading, min(asked, room))
            else:
                self._show(step, reading[0], picture, min(max(asked, PICTURE_PIECE), room))
        elif step.rows and self._scratch is not None:
            self._pad(step)
        return step

    def _came_together(self, writing: Items[Sequence], reading: Items[Sequence]) -> bool:
        """Whether these prompts were there before any of the answers began, and are soon read: then they are read at
        full speed, as they would be had all been ready in the same moment, and all answer sooner."""
        if sum(sequence.pending for sequence in reading) > TOGETHER:
            return False
        last = max((sequence.arrived for sequence in reading), default=0.0)
        return all(sequence.began is None or sequence.began > last for sequence in writing)

    def _next_group(self, ready: Items[Sequence]) -> Hashable:
        """The groups of sequences that can go on take turns."""
        groups = list(dict.fromkeys([sequence.group for sequence in ready]))
        if groups:
            at = groups.index(self._group) + 1 if self._group in groups else 0
            self._group = groups[at % len(groups)]
        return self._group

    def _write(self, step: Step, sequence: Sequence, writing: int) -> None:
        sequence.draft = draft = []
        if sequence.draft_limit and self._drafter is not None:
            drafted = len(step.rows) - len(step.counts)
            limit = min(
                sequence.draft_limit,
                self._limits.drafted - drafted,
                self._limits.each - len(sequence.tokens) - 1,
                min(self._limits.batch, self._cells.free) - writing - drafted,  # guesses take nobody's place
                self._rules.rollback,
            )
            if limit > 0:
                sequence.draft = draft = self._drafter.propose(sequence, limit, max(writing + drafted, 1))
        assert sequence.prefix is not None
        assert sequence.prefix.sequence is not None
        rows, number, last = step.rows, sequence.prefix.sequence, len(sequence.tokens) - 1
        first, position = len(rows), sequence.position(last) if sequence.pictures else last
        rows.append((sequence.tokens[last], position, number, True))
        for at, token in enumerate(draft, 1):
            rows.append((token, position + at, number, True))
        step.outputs[sequence] = range(first, len(rows))
        step.counts[sequence] = 1 + len(draft)

    def _read(self, step: Step, reading: Items[Sequence], room: int) -> None:
        """Share ``room`` prompt tokens evenly among the most urgent kind; what one does not need goes to the others."""
        urgent = [sequence for sequence in reading if sequence.rank[0] == reading[0].rank[0]]
        wants = {sequence: self._upto(sequence) for sequence in urgent}
        for at, sequence in enumerate(sorted(urgent, key=lambda sequence: wants[sequence])):
            count = min(wants[sequence], max(room // (len(urgent) - at), 1), room)
            if count > 0:
                self._put(step, sequence, count)
                room -= count

    def _upto(self, sequence: Sequence) -> int:
        """Tokens up to the end of the prompt, to the next picture or to the next position that wants a checkpoint."""
        stops = {run.start for run in sequence.pictures}
        if self._rules.checkpoints:
            stops |= self._stops(sequence)
        ahead = [stop - sequence.evaluated for stop in stops if stop > sequence.evaluated]
        return min([sequence.pending, *ahead])

    def _show(self, step: Step, sequence: Sequence, picture: PictureRun, room: int) -> None:
        """A picture, or as much of it as there is ``room`` for; embeddings and tokens never share a call."""
        left = picture.end - sequence.evaluated
        step.picture, step.offset = picture, sequence.evaluated - picture.start
        self._put(step, sequence, left if picture.whole else min(left, room))

    def _stops(self, sequence: Sequence) -> set[int]:
        assert sequence.prefix is not None
        following = (sequence.evaluated // CHECKPOINT_INTERVAL + 1) * CHECKPOINT_INTERVAL
        return {*sequence.boundaries, *sequence.prefix.stops, following, following - CHECKPOINT_INTERVAL}

    def _put(self, step: Step, sequence: Sequence, count: int) -> None:
        prefix = sequence.prefix
        assert prefix is not None
        assert prefix.sequence is not None
        start, number, every = prefix.length, prefix.sequence, self._limits.all_outputs
        end, first_position = start + count, sequence.position(start)
        tokens = sequence.tokens[start:end]
        step.rows.extend([(token, first_position + at, number, every) for at, token in enumerate(tokens)])
        if end == len(sequence.tokens):
            step.rows[-1] = (*step.rows[-1][:3], True)
            step.outputs[sequence] = range(len(step.rows) - 1, len(step.rows))
        step.counts[sequence] = count

    def _pad(self, step: Step) -> None:
        assert self._scratch is not None
        room = min(self._limits.batch, self._cells.free) - len(step.rows)
        step.padding = max(min(self._pace.padding(len(step.rows)), room), 0)
        for at in range(step.padding):
            step.rows.append((step.rows[0][0], at, self._scratch, self._limits.all_outputs))


def _to_come(prefix: Prefix, length: int) -> bool:
    return prefix.running and prefix.length < length


def _insert(sequences: list[Sequence], sequence: Sequence) -> None:
    sequences.append(sequence)
    sequences.sort(key=lambda one: one.rank)
