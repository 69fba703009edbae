"""What people are told of the answers: text, endings and numbers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Items

from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.bugs import told
from paddock.backends.llamacpp.job import Job
from paddock.backends.llamacpp.statistics import Statistics
from paddock.backends.llamacpp.written import WrittenAnswers
from paddock.sdk.events import Cancelled, Failed, Finished
from paddock.sdk.types import StopReason


class Telling:
    """From tokens to events. One thread at a time (:class:`paddock.backends.llamacpp.meanwhile.Meanwhile`).

    Args:
        model: Whose tokens these are.
        pieces: Tokens with another spelling than the vocabulary's; the others are added as they come.
        written: Learns the finished answers.
        statistics: Hears of every ending.
        broken: Called when the text of a running answer could not be told; the error is in its job.
    """

    def __init__(
        self,
        model: Model,
        pieces: dict[int, bytes],
        written: WrittenAnswers,
        statistics: Statistics,
        broken: Callable[[], None],
    ) -> None:
        self._model = model
        self._pieces = pieces
        self._written = written
        self._statistics = statistics
        self._broken = broken
        self.ends = frozenset(model.eog) - pieces.keys()
        """Tokens that end the model's turn."""

    def tokens(self, drawn: Items[tuple[Job, int]], at: float) -> None:
        """Each of these jobs got this token ``at`` that moment of the monotonic clock."""
        for job, token in drawn:
            if token not in self.ends and job.error is None:
                assert job.answer is not None
                try:
                    piece = self._pieces.get(token)
                    if piece is None:
                        piece = self._pieces[token] = self._model.piece(token)
                    for event in job.answer.feed(piece):
                        job.emit(event)
                    job.text += piece
                except Exception as error:  # noqa: BLE001 - a bug must end this request, not the others
                    job.error = told(error)
                    self._broken()
            job.timing.token(at)  # last: who reads the answer waits for the rest
        if at >= self._statistics.due:
            self._statistics.tell()

    def finished(self, job: Job, reason: StopReason) -> None:
        """The answer is at its end."""
        assert job.answer is not None
        assert job.sequence is not None
        try:
            if job.error is not None:
                raise job.error
            for event in job.answer.finish():
                job.emit(event)
            if job.answer.stopped or reason == "stop":
                reason = job.answer.stop_reason
            job.remember(self._written, self._pieces)
        except Exception as error:  # noqa: BLE001 - whatever happens, it has an ending
            self.ended(job, Failed(id=job.request.id, error=told(error).info()))
            return
        usage = job.timing.usage(job.sequence.n_prompt, job.sequence.cached)
        self.ended(job, Finished(id=job.request.id, usage=usage, stats=job.stats(), reason=reason))

    def ended(self, job: Job, ending: Finished | Failed | Cancelled) -> None:
        """``ending`` is the last event of ``job``."""
        self._statistics.count(job)
        job.emit(ending)
