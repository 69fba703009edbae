"""What the next step carries: pure logic over token ids and KV cells, no model.

Each step has the next token of every writing sequence, with its draft, and as much of the prompts that are being read
as keeps the rhythm of the running answers.
"""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Sequence as Items

from paddock.backends.llamacpp.cells import Cells
from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.sequence import Drafter, Limits, Pace, Sequence, Step
from paddock.backends.llamacpp.sharing import Rules
from paddock.backends.llamacpp.step_times import Depth

PICTURE_PIECE = 64
"""Tokens of a picture in a step at least, whatever answers wait: such a step is one of its own, and few of them disturb
less than many."""
CHECKPOINT_INTERVAL = 2048
TOGETHER = 2048
"""Prompt tokens that are read at full speed beside answers of requests that came at the same time."""


class Planner:
    """Shares a step out among running sequences. One thread. Arguments as of
    :class:`paddock.backends.llamacpp.scheduler.Scheduler`."""

    def __init__(
        self, cells: Cells, rules: Rules, limits: Limits, pace: Pace, drafter: Drafter | None, scratch: int | None
    ) -> None:
        self._cells = cells
        self._rules = rules
        self._limits = limits
        self._pace = pace
        self._drafter = drafter
        self._scratch = scratch
        self._read_last = False
        self._group: Hashable = None

    def plan(self, running: Items[Sequence], chunk: int) -> Step:
        """The next step of ``running``, the most urgent first, with up to ``chunk`` rows where prompts are read."""
        ready = [sequence for sequence in running if not (sequence.pictures and sequence.held)]
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
            waiting, behind = len(writing), sum(len(one.tokens) for one in writing)
            writing, reading = ([], reading) if self._read_last else (writing, [])
        else:
            waiting = behind = 0
        for sequence in writing:
            self._write(step, sequence, len(writing))
        step.writing = len(step.rows)
        if reading:
            if picture is None:
                reading = [sequence for sequence in reading if sequence.picture is None]
            room = min(max(chunk - step.writing, 1), self._limits.batch - step.writing)
            answers = step.writing or waiting
            asked = room
            if answers and apace:
                depth = Depth(behind or step.attended, sum(one.evaluated for one in reading) // len(reading))
                asked = self._pace.chunk(answers, room, depth, apart=bool(waiting))
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
        step.attended += (1 + len(draft)) * len(sequence.tokens)

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
            stops |= checkpoints_of(sequence)
        ahead = [stop - sequence.evaluated for stop in stops if stop > sequence.evaluated]
        return min([sequence.pending, *ahead])

    def _show(self, step: Step, sequence: Sequence, picture: PictureRun, room: int) -> None:
        """A picture, or as much of it as there is ``room`` for; embeddings and tokens never share a call."""
        left = picture.end - sequence.evaluated
        step.picture, step.offset = picture, sequence.evaluated - picture.start
        self._put(step, sequence, left if picture.whole else min(left, room))

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
        step.attended += count * (start + end) // 2

    def _pad(self, step: Step) -> None:
        assert self._scratch is not None
        room = min(self._limits.batch, self._cells.free) - len(step.rows)
        step.padding = max(min(self._pace.padding(len(step.rows), step.attended), room), 0)
        for at in range(step.padding):
            step.rows.append((step.rows[0][0], at, self._scratch, self._limits.all_outputs))


def checkpoints_of(sequence: Sequence) -> set[int]:
    """Positions that want a checkpoint, of those around the one that ``sequence`` has reached."""
    assert sequence.prefix is not None
    following = (sequence.evaluated // CHECKPOINT_INTERVAL + 1) * CHECKPOINT_INTERVAL
    return {*sequence.boundaries, *sequence.prefix.stops, following, following - CHECKPOINT_INTERVAL}
