"""The next tokens of the answers in a step: drawn from their logits, kept, and judged whether they are the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from paddock.backends.llamacpp.bindings import Context
from paddock.backends.llamacpp.drafting import Drafting
from paddock.backends.llamacpp.job import Job
from paddock.backends.llamacpp.meanwhile import Meanwhile
from paddock.backends.llamacpp.scheduler import Scheduler
from paddock.backends.llamacpp.sequence import Sequence, Step
from paddock.backends.llamacpp.telling import Telling
from paddock.sdk.events import Finished
from paddock.sdk.types import Stats, StopReason, Usage

Draw = Callable[[Context, int], int]


class Drawing:
    """What follows a step. The engine's thread.

    Args:
        context: Has the logits.
        scheduler: Hears which guesses were right.
        drafting: Hears how its guesses did.
        telling: Tells of the tokens.
        meanwhile: When it does.
        end: Called with a job that was only to be looked at.
        release: Called with a job whose answer is at its end, before that is told.
        fail: Called with a job that had no next token, and why.
    """

    def __init__(
        self,
        context: Context,
        scheduler: Scheduler,
        drafting: Drafting,
        telling: Telling,
        meanwhile: Meanwhile,
        *,
        end: Callable[[Job, Finished], None],
        release: Callable[[Job], None],
        fail: Callable[[Job, Exception], None],
    ) -> None:
        self._context = context
        self._scheduler = scheduler
        self._drafting = drafting
        self._telling = telling
        self._meanwhile = meanwhile
        self._end = end
        self._release = release
        self._fail = fail
        self._ends = telling.ends
        self._tell, self._later = telling.tokens, meanwhile.put
        self._plain: list[tuple[Job, Draw, int, list[int], int]] = []
        self._others: list[tuple[Job, Sequence, range]] = []
        self._stopping: list[Job] = []

    def plan(self, step: Step, jobs: Mapping[str, Job]) -> None:
        """From now on :meth:`draw` is about the answers in ``step``: those of them that ``jobs`` still have."""
        self._plain, self._others = [], []
        for sequence, rows in step.outputs.items():
            job = jobs.get(sequence.id)
            if job is None or job.chain is None:
                continue
            if job.look is None and len(rows) == 1:
                self._plain.append((job, job.chain.sample, rows[0], sequence.tokens, job.longest))
            else:
                self._others.append((job, sequence, rows))
        self._stopping = [job for job, *_ in self._plain if job.stops]

    def draw(self) -> None:
        """Once after every computation of the step."""
        context, ends = self._context, self._ends
        drawn: list[tuple[Job, int]] = []
        over: dict[Job, StopReason] = {}
        for job, sample, row, tokens, longest in self._plain:
            try:
                token = sample(context, row)
            except Exception as error:  # noqa: BLE001 - what a request asks of its samplers ends only that request
                self._fail(job, error)
                continue
            drawn.append((job, token))
            if token in ends:
                over[job] = "stop"
                continue
            tokens.append(token)
            if len(tokens) >= longest:
                over[job] = _too_long(job)
        if self._stopping or len(drawn) == 1:  # to wake a thread for one token costs more than to tell it
            if self._meanwhile.work:
                self._meanwhile.now()
            self._tell(drawn, time.monotonic())
            if self._stopping:
                over |= {job: "stop" for job in self._stopping if _stopped(job)}
        else:
            self._later(self._tell, drawn, time.monotonic())
        for job, reason in over.items():
            self._finish(job, reason)
        for job, sequence, rows in self._others:
            try:
                self._draw_other(job, sequence, rows)
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(job, error)

    def _draw_other(self, job: Job, sequence: Sequence, rows: range) -> None:
        if job.look is None:
            self._draw_along(job, sequence, rows)
            return
        job.look(self._context.logits(rows[-1]).copy(), sequence)
        self._scheduler.settle(sequence, 0)
        self._end(job, Finished(id=job.request.id, usage=Usage(), stats=Stats(), reason="stop"))

    def _draw_along(self, job: Job, sequence: Sequence, rows: range) -> None:
        """The next token from each row, as long as the drafts were right."""
        assert job.chain is not None
        draft, accepted = sequence.draft, 0
        reason: StopReason | None = None
        for at, row in enumerate(rows):
            token = job.chain.sample(self._context, row)
            self._later(self._tell, [(job, token)], time.monotonic())
            if token in self._ends:
                reason = "stop"
                break
            sequence.tokens.append(token)
            if len(sequence.tokens) >= job.longest:
                reason = _too_long(job)
            if job.stops:
                self._meanwhile.now()
                reason = "stop" if _stopped(job) else reason
            right = at < len(draft) and draft[at] == token
            accepted += right
            if reason is not None or not right:
                break
        job.drafted += len(draft)
        job.accepted += accepted
        self._drafting.settle(sequence.id, len(draft), accepted)
        self._scheduler.settle(sequence, accepted)
        if reason is not None:
            self._finish(job, reason)

    def _finish(self, job: Job, reason: StopReason) -> None:
        self._release(job)
        self._later(self._telling.finished, job, reason)


def _too_long(job: Job) -> StopReason:
    assert job.sequence is not None
    written = len(job.sequence.tokens) - job.sequence.n_prompt
    return "length" if written == job.request.max_tokens else "context"


def _stopped(job: Job) -> bool:
    """Whether the text of ``job``, which has been told, has come to one of its stop strings."""
    return job.answer is not None and job.answer.stopped
