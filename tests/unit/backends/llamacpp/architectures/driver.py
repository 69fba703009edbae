"""Takes jobs through the engine's scheduler, prefix cache and context, with forced tokens in place of samplers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from paddock.backends.llamacpp.kv_store import KvStore
from paddock.backends.llamacpp.pace import Pace
from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.runner import Runner
from paddock.backends.llamacpp.sequence import Sequence as Running
from paddock.backends.llamacpp.step_times import Depth

from .harness import CELLS, SEQUENCES, UBATCH, Case, Job, Logits, Raw

BUDGET = 2**26
DEADLINE = 60.0


class Steady(Pace):
    """The same steps on every machine."""

    def __init__(self, padding: int) -> None:
        super().__init__(1)
        self._padding = padding

    def chunk(self, writing: int, most: int, depth: Depth, *, apart: bool) -> int:
        return most

    def padding(self, rows: int, attended: int) -> int:
        return self._padding

    def note(self, rows: int, seconds: float, *, attended: int = 0, mixed: bool = False) -> int:
        return 1


class Guesses:
    """Drafts of forced tokens, the last of every second one wrong."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._count = 0

    def propose(self, sequence: Running, limit: int, rows: int) -> list[int]:
        job = self.jobs[sequence.id]
        draft = list(job.forced[len(sequence.tokens) - len(job.prompt) :][: min(limit, 3)])
        self._count += 1
        if draft and self._count % 2:
            draft[-1] = (draft[-1] + 1) % 256 + 3
        return draft


class Driver:
    """One turn of the engine's loop is :meth:`step`."""

    def __init__(self, raw: Raw, *, store: KvStore | None, drafted: int, padding: int, **limits: Any) -> None:
        self.raw = raw
        self.guesses = Guesses()
        settings = {"parallel": SEQUENCES, "each": CELLS, "budget": BUDGET} | limits
        if raw.context.n_seq_max == 1:
            settings["parallel"] = 1
        self.runner = Runner(
            raw.context,
            threads=(1, 1),
            store=store,
            drafted=drafted,
            drafter=self.guesses if drafted else None,
            pace=Steady(padding),
            **settings,
        )
        self.scheduler, self.cache = self.runner.scheduler, self.runner.cache
        for entry in store.entries() if store is not None else ():
            self.cache.known(entry.tokens, entry.key, entry.checkpoints)
        self.rows: dict[Job, list[np.ndarray]] = {}
        self.cached: dict[Job, int] = {}
        self.running: dict[str, Running] = {}

    def add(
        self,
        job: Job,
        boundaries: tuple[int, ...] = (),
        draft_limit: int = 0,
        pictures: tuple[PictureRun, ...] = (),
    ) -> Running:
        number = len(self.rows)
        sequence = Running(
            str(number),
            list(job.prompt),
            (1, number),
            boundaries=boundaries,
            draft_limit=draft_limit,
            pictures=pictures,
        )
        self.guesses.jobs[sequence.id] = job
        self.running[sequence.id] = sequence
        self.rows[job] = []
        self.scheduler.add(sequence)
        return sequence

    def end(self, sequence: Running) -> None:
        self.scheduler.remove(sequence)
        self.cached[self.guesses.jobs[sequence.id]] = sequence.cached
        del self.running[sequence.id]

    def step(self) -> bool:
        """False when there is nothing left to do."""
        step = self.scheduler.schedule()
        if not step.rows:
            assert not self.running
            return False
        self.runner.meanwhile.now()
        assert self.runner.compute(step), "a step that the books had cells for found none"
        for sequence, rows in step.outputs.items():
            self._force(sequence, rows)
        return True

    def run(self, *jobs: Job) -> None:
        """Take ``jobs``, and what is running, to their ends."""
        for job in jobs:
            self.add(job)
        while self.step():
            pass

    def found(self, *jobs: Job) -> list[Logits]:
        return [np.stack(self.rows[job]) for job in jobs]

    def _force(self, sequence: Running, rows: range) -> None:
        job, draft, accepted = self.guesses.jobs[sequence.id], sequence.draft, 0
        for at, row in enumerate(rows):
            self.rows[job].append(self.raw.logits(row))
            written = len(sequence.tokens) - len(job.prompt)
            if written == len(job.forced):
                break
            sequence.tokens.append(job.forced[written])
            if at == len(draft) or draft[at] != job.forced[written]:
                break
            accepted += 1
        self.scheduler.settle(sequence, accepted)
        if len(self.rows[job]) == 1 + len(job.forced):
            self.end(sequence)


@contextmanager
def driven(
    case: Case,
    *,
    folder: Path | None = None,
    drafted: int = 0,
    padding: int = 0,
    n_seq_max: int = SEQUENCES,
    **limits: Any,
) -> Iterator[Driver]:
    """A driver over an empty context; ``folder`` is its disk."""
    log: list[str] = []
    store = KvStore(folder, "0" * 64, 2**30, log.append, reserve_bytes=0) if folder is not None else None
    try:
        with case.opened(n_seq_max=n_seq_max, n_rs_seq=drafted) as raw:
            yield Driver(raw, store=store, drafted=drafted, padding=padding, **{"chunk": UBATCH} | limits)
    finally:
        if store is not None:
            store.close(DEADLINE)
    assert not log
