"""The engine's thread: ``schedule -> decode -> draw``, as long as there is something to do; in its idle moments it
measures, and writes to disk what was read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Sequence as Items

from paddock.backends.base import Report
from paddock.backends.llamacpp.answer import Answer
from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.bugs import told
from paddock.backends.llamacpp.drafting import Drafting
from paddock.backends.llamacpp.drawing import Drawing
from paddock.backends.llamacpp.job import Job, encoding_of
from paddock.backends.llamacpp.kv_store import KvStore
from paddock.backends.llamacpp.meanwhile import Meanwhile
from paddock.backends.llamacpp.picture_encoder import PictureEncoder
from paddock.backends.llamacpp.runner import Runner
from paddock.backends.llamacpp.samplers import SamplerChain
from paddock.backends.llamacpp.sequence import Sequence, Step
from paddock.backends.llamacpp.statistics import Statistics
from paddock.backends.llamacpp.telling import Telling
from paddock.backends.llamacpp.written import WrittenAnswers
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import Cancelled, Failed, Finished, GenerationEvent, Queued
from paddock.sdk.types import Options

IDLE_S = 2.0
"""Without work for so long, the engine does what can wait."""


class Decoding:
    """Answers the jobs of one model. :meth:`put`, :meth:`cancel` and :meth:`close` from any thread; :meth:`run` is the
    thread.

    Args:
        model: Whose tokens these are.
        runner: Computes the steps.
        pieces: Tokens with another spelling than the vocabulary's.
        written: Learns the finished answers.
        store: Prefixes on disk, for its numbers.
        drafting: Hears how its guesses did.
        embedding_bytes: What the context for embeddings takes now.
        turn: Held during every step: others compute with the same weights.
        ended: Called with the id of a job that is about to end.
        encoder: Makes embeddings of pictures; None where the model sees nothing.
    """

    def __init__(
        self,
        model: Model,
        runner: Runner,
        *,
        pieces: dict[int, bytes],
        written: WrittenAnswers,
        store: KvStore | None,
        drafting: Drafting,
        turn: threading.Lock,
        embedding_bytes: Callable[[], int],
        ended: Callable[[str], None],
        meanwhile: Meanwhile,
        encoder: PictureEncoder | None = None,
    ) -> None:
        self._model = model
        self._runner = runner
        self._scheduler = runner.scheduler
        self._running, self._waiting = runner.scheduler.running, runner.scheduler.waiting
        self._most_tokens = runner.scheduler.limits.each
        self._drafting = drafting
        self._turn = turn
        self._ended = ended
        self._encoder = encoder
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._news = False
        self._arrived: list[Job] = []
        self._cancelled: set[str] = set()
        self._retuned: dict[str, Options] = {}
        self._reading: frozenset[str] = frozenset()
        self._closing = False
        self._shedding = False
        self._held_up = False
        self._jobs: dict[str, Job] = {}
        self._idling = False
        self._left_to_do = False
        self._meanwhile = meanwhile
        self._later = meanwhile.put
        self._statistics = Statistics(runner, store, embedding_bytes)
        self._telling = Telling(model, pieces, written, self._statistics, self.recount)
        self._drawing = Drawing(
            runner.context, runner.scheduler, drafting, self._telling, meanwhile,
            end=self._end, release=self._release, fail=self._fail,
        )  # fmt: skip
        self._planned: Step | None = None

    # ------------------------------------------------------------ any thread

    def watch(self, report: Report) -> None:
        self._statistics.watch(report)

    def put(self, job: Job) -> None:
        """A prepared job, or one with an error."""
        with self._lock:
            self._arrived.append(job)
            self._wake()

    def cancel(self, request_id: str) -> None:
        with self._lock:
            self._cancelled.add(request_id)
            if request_id in self._reading:
                self._runner.context.abort()
            self._wake()

    def retune(self, request_id: str, sampling: Options) -> None:
        """Sample with other settings from the next token on."""
        with self._lock:
            self._retuned[request_id] = sampling
            self._news = True

    def shed(self) -> None:
        """Give up, before the next step, the states that are kept in memory."""
        with self._lock:
            self._shedding = True
            self._wake()

    def recount(self) -> None:
        """Something has changed elsewhere: what :class:`Statistics` tells, or a picture that a request waits for."""
        with self._lock:
            self._news = True
            self._changed.notify_all()

    def close(self) -> None:
        """End :meth:`run` within a decode step; its jobs end as cancelled."""
        with self._lock:
            self._closing = True
            self._runner.context.abort()
            self._wake()

    def _wake(self) -> None:
        if self._idling:
            self._runner.context.abort()
        self._news = True
        self._changed.notify_all()

    # ------------------------------------------------------------ the engine's thread

    def run(self) -> None:
        self._warm_up()
        while self._take():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - a bug must end the requests, not hang them
                self._fail_running(told(error))
        with self._lock:
            self._jobs |= {job.request.id: job for job in self._arrived}
        for job in list(self._jobs.values()):
            self._cancel(job)
        self._meanwhile.close()

    def _take(self) -> bool:
        """Take in what has happened, waiting for something to do; False at the end."""
        if self._running and not (self._news or self._held_up):
            return True
        while True:
            try:
                self._meanwhile.now()
            except Exception as error:  # noqa: BLE001 - a bug must end the requests, not the thread
                self._fail_running(told(error))
                self._meanwhile.now()
            with self._lock:
                self._idling = False
                if not self._has_work():
                    self._statistics.tell()
                rests = self._left_to_do and not self._scheduler.running
                self._idling = not self._changed.wait_for(self._has_work, IDLE_S if rests else None)
                if self._closing:
                    return False
                arrived, self._arrived = self._arrived, []
                cancelled, self._cancelled = self._cancelled, set()
                shedding, self._shedding = self._shedding, False
                self._news = self._held_up = False
                self._runner.context.clear_abort()
            if not self._idling:
                break
            self._undisturbed(lambda: self._runner.do_what_can_wait(self._has_work))
            self._left_to_do = self._has_work()
        self._left_to_do = True
        if shedding:
            self._runner.cache.shed()
        for job in arrived:
            self._start(job)
        self._retune()
        for job in [job for job in self._jobs.values() if job.error is not None or job.request.id in cancelled]:
            self._cancel(job)
        return True

    def _has_work(self) -> bool:
        return self._news or bool(not self._held_up and (self._scheduler.waiting or self._scheduler.running))

    def _start(self, job: Job) -> None:
        request, prompt = job.request, job.prompt
        self._jobs[request.id] = job
        try:
            if job.error is not None:
                raise job.error
            assert prompt is not None
            options = prompt.options if job.retuned is None else prompt.plain | job.retuned
            job.chain = SamplerChain(self._model, options, prompt.words)
            job.chain.grammar = prompt.grammar
        except Exception as error:  # noqa: BLE001 - a bug must end this request, not the thread
            self._end(job, Failed(id=request.id, error=told(error).info()))
            return
        job.answer = Answer(request, inside=prompt.inside, end_of_turn=prompt.end_of_turn)
        job.stops = bool(request.stop or prompt.end_of_turn)
        job.longest = min(len(prompt.tokens) + (request.max_tokens or self._most_tokens), self._most_tokens)
        job.sequence = Sequence(
            request.id,
            list(prompt.tokens),
            (0 if request.priority == "interactive" else 1, job.order),
            group=prompt.group,
            draft_limit=prompt.draft_limit,
            boundaries=prompt.boundaries,
            kept=request.cache_prompt,
            private=request.private,
            arrived=job.timing.arrived,
            pictures=prompt.pictures,
        )
        if prompt.draft_limit:
            self._drafting.begin(request.id, prompt.ngram)
        self._scheduler.add(job.sequence)

    def _retune(self) -> None:
        with self._lock:
            retuned, self._retuned = self._retuned, {}
        for request_id, sampling in retuned.items():
            job = self._jobs.get(request_id)
            if job is None or job.chain is None or job.prompt is None or job.sequence is None:
                continue
            try:
                job.chain.change(job.prompt.plain | sampling)
            except Exception as error:  # noqa: BLE001 - what a request asks of its samplers ends only that request
                self._scheduler.settle(job.sequence, 0)
                self._end(job, Failed(id=request_id, error=told(error).info()))

    def _step(self) -> None:
        if self._waiting and len(self._running) < self._scheduler.limits.parallel:
            self._meanwhile.now()  # to bring back what the next one begins with may take long
        step = self._scheduler.schedule()
        if step is self._planned:  # the same answers go on: nobody reads, and who waits has been told
            self._compute_and_draw(step)
            return
        self._planned = None
        if self._waiting:
            self._tell_queue()
        held = self._encoder is not None and self._wait_for_pictures()
        if not step.rows:
            self._held_up = held
            return
        reading = [self._jobs[sequence.id] for sequence in step.counts if sequence.began is None]
        for job in reading:
            job.timing.start()
        self._drawing.plan(step, self._jobs)
        self._planned = step
        self._compute_and_draw(step, reading)

    def _compute_and_draw(self, step: Step, reading: Items[Job] = ()) -> None:
        if not self._compute(step):
            return
        for job in reading:
            self._tell(job, job.progress())
        if self._retuned:
            self._retune()
            self._drawing.plan(step, self._jobs)  # without those whose new settings could not be applied
        self._drawing.draw()

    def _wait_for_pictures(self) -> bool:
        """Have the pictures encoded that running requests have come to; whether there is only that to wait for."""
        held = [self._jobs[sequence.id] for sequence in self._scheduler.running if sequence.held]
        for job in held:
            event = encoding_of(self._encoder, job)
            if isinstance(event, Failed):
                self._end(job, event)
            else:
                self._tell(job, event)
        return bool(held) and all(job.request.id in self._jobs for job in held)  # who has ended makes room for others

    def _compute(self, step: Step) -> bool:
        if step.reads:
            with self._lock:
                if self._closing or self._cancelled:
                    self._scheduler.undone(step)
                    return False
                self._reading = step.reading
                self._runner.context.clear_abort()
        if self._turn.locked():
            self._meanwhile.now()  # whoever else computes may take long
        with self._turn:
            done = self._runner.compute(step)
        if self._reading:
            self._reading = frozenset()
        return done

    def _fail(self, job: Job, error: Exception) -> None:
        """It had no next token."""
        assert job.sequence is not None
        self._scheduler.settle(job.sequence, 0)
        if job.sequence.prefix is not None:
            job.sequence.prefix.kept = False  # logits that are no numbers come from a state to be forgotten
        self._end(job, Failed(id=job.request.id, error=told(error).info()))

    # ------------------------------------------------------------ telling

    def _tell(self, job: Job, event: GenerationEvent | None) -> None:
        if event is not None:
            self._later(job.emit, event)

    def _tell_queue(self) -> None:
        for position, sequence in enumerate(self._scheduler.waiting):
            job = self._jobs[sequence.id]
            if job.position != position and sequence.began is None:
                job.position = position
                self._tell(job, Queued(id=sequence.id, position=position))

    # ------------------------------------------------------------ endings

    def _cancel(self, job: Job) -> None:
        if job.error is not None:
            self._end(job, Failed(id=job.request.id, error=job.error.info()))
            return
        prompt, cached = (job.sequence.n_prompt, job.sequence.cached) if job.sequence else (0, 0)
        self._end(job, Cancelled(id=job.request.id, usage=job.timing.usage(prompt, cached), stats=job.stats()))

    def _fail_running(self, error: PaddockError) -> None:
        """The context is in an unknown state: what runs ends with ``error``, what waits starts afresh."""
        waiting = set(self._scheduler.waiting)
        for job in [job for job in self._jobs.values() if job.sequence not in waiting]:
            self._end(job, Failed(id=job.request.id, error=error.info()))
        self._runner.clear()

    def _end(self, job: Job, ending: Finished | Failed | Cancelled) -> None:
        self._release(job)
        self._later(self._telling.ended, job, ending)

    def _release(self, job: Job) -> None:
        if job.sequence is not None:
            self._scheduler.remove(job.sequence)
            self._drafting.end(job.request.id)
            if self._encoder is not None and job.sequence.pictures:
                self._encoder.forget(job.request.id)
        if job.chain is not None:
            job.chain.close()
        del self._jobs[job.request.id]
        self._ended(job.request.id)

    # ------------------------------------------------------------ idle moments

    def _warm_up(self) -> None:
        with self._lock:
            self._idling = not self._has_work()
        if self._idling:
            self._undisturbed(self._runner.warm_up)

    def _undisturbed(self, work: Callable[[], None]) -> None:
        """Whatever arrives meanwhile breaks it off, or waits for one step or one state to be copied."""
        try:
            with self._turn:
                work()
        except Exception as error:  # noqa: BLE001 - a bug must not end the thread
            self._fail_running(told(error))
