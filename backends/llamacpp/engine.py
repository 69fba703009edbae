"""The llama.cpp engine: one loaded model, and the thread that owns its context.

Requests come in on the worker's control thread, are rendered and tokenised on a second one (a template may take its
time) and live on the engine's thread, whose loop is ``schedule -> decode -> sample -> publish``.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from paddock.backends.base import Emit, LoadReport
from paddock.backends.chat.parse import MARKERS, opens_reasoning
from paddock.backends.chat.template import CHATML, CHATML_END, ChatTemplate
from paddock.backends.llamacpp.answer import Answer, Timing
from paddock.backends.llamacpp.bindings import DECODED, FULL, Model, library
from paddock.backends.llamacpp.loading import (
    LEARNED_POSITIONS,
    effective_options,
    load_model,
    make_context,
    with_threads,
)
from paddock.backends.llamacpp.machine import available_bytes, physical_cores
from paddock.backends.llamacpp.samplers import SamplerChain, defaults, model_defaults
from paddock.backends.llamacpp.scheduler import Scheduler, Sequence, Step
from paddock.sdk.errors import BadRequest, ContextOverflow, EngineError, InvalidOption, PaddockError, TemplateFailed
from paddock.sdk.events import Cancelled, Failed, Finished, PromptProgress, Queued
from paddock.sdk.llamacpp_options import SAMPLING
from paddock.sdk.options import check
from paddock.sdk.types import GenerateRequest, Options, StopReason


@dataclass(eq=False)
class Job:
    """A request from its arrival to its ending."""

    request: GenerateRequest
    emit: Emit
    order: int
    timing: Timing = field(default_factory=Timing)
    sequence: Sequence | None = None
    answer: Answer | None = None
    chain: SamplerChain | None = None
    position: int | None = None


@dataclass(frozen=True)
class Prepared:
    """A request's prompt as tokens and its sampler settings, or why there are none."""

    job: Job
    tokens: tuple[int, ...] = ()
    options: Options = field(default_factory=dict)
    in_reasoning: bool = False
    error: PaddockError | None = None


class LlamaCppEngine:
    """One loaded model (:class:`paddock.backends.base.Engine`)."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._arrivals: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._prepared: list[Prepared] = []
        self._cancelled: set[str] = set()
        self._reading: frozenset[str] = frozenset()
        self._closing = False
        self._orders = 0
        self._threads: list[threading.Thread] = []

    # ------------------------------------------------------------ the control thread

    def load(self, path: str, options: Options, progress: Callable[[float], None]) -> LoadReport:
        """Load the model; blocks. Raises InvalidOption, ModelUnusable, LoadFailed, OutOfMemory, EngineMissing."""
        lib = library()
        effective = effective_options(options)
        free = available_bytes()
        self._model = load_model(lib, path, effective, progress)
        effective = with_threads(effective, self._model.size_bytes, physical_cores())
        try:
            self._context = make_context(self._model, effective, free_before=free)
        except PaddockError:
            self._model.close()
            raise
        context, model = self._context, self._model
        limit = context.n_ctx_seq
        if model.architecture in LEARNED_POSITIONS:
            limit = min(limit, model.n_ctx_train)
        self._scheduler = Scheduler(
            context,
            slots=context.n_seq_max,
            cells=context.n_ctx,
            cells_each=limit,
            chunk=context.n_ubatch,
            batch=context.n_batch,
            reusable=not model.recurrent,
        )
        source = str(effective["chat_template"] or "") or model.template()
        self._template = ChatTemplate(source or CHATML, bos=model.bos, eos=model.eos)
        self._end_of_turn = "" if source else CHATML_END
        self._defaults = defaults() | model_defaults(model)
        self._pieces = _markers(model)
        for name, run in (("prepare", self._prepare_all), ("decode", self._run)):
            self._threads.append(threading.Thread(target=run, name=name, daemon=True))
            self._threads[-1].start()
        progress(1.0)
        effective |= {"n_ctx": context.n_ctx, "n_batch": context.n_batch, "n_ubatch": context.n_ubatch}
        effective |= {"n_parallel": context.n_seq_max}
        return LoadReport(
            context_length=limit, options=effective, size_bytes=model.size_bytes, chat_template=bool(source)
        )

    def submit(self, request: GenerateRequest, emit: Emit) -> None:
        """Queue a request; returns at once. Its events come from the engine's threads, in order."""
        with self._changed:
            if self._closing or request.id in self._jobs:
                error: PaddockError = BadRequest(f"A request “{request.id}” is already running.")
                if self._closing:
                    error = EngineError("The model is being unloaded.", hint="Load it again.")
                emit(Failed(id=request.id, error=error.info()))
                return
            self._orders += 1
            job = self._jobs[request.id] = Job(request, emit, self._orders)
            self._arrivals.put(job)

    def cancel(self, request_id: str) -> None:
        """End a request within one decode step; unknown ids are ignored."""
        with self._changed:
            if request_id in self._jobs:
                self._cancelled.add(request_id)
                if request_id in self._reading:
                    self._context.abort()
                self._changed.notify_all()

    def close(self) -> None:
        """Cancel what runs and free everything; blocks."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._arrivals.put(None)
            if self._threads:
                self._context.abort()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if self._threads:
            self._context.close()
            self._model.close()

    # ------------------------------------------------------------ the preparing thread

    def _prepare_all(self) -> None:
        while (job := self._arrivals.get()) is not None:
            with self._changed:
                if self._closing:
                    return
                if self._jobs.get(job.request.id) is not job:
                    continue
            try:
                prepared = self._prepare(job)
            except PaddockError as error:
                prepared = Prepared(job, error=error)
            except Exception as error:  # noqa: BLE001 - a bug must end this request, not the thread
                prepared = Prepared(job, error=_bug(error))
            with self._changed:
                self._prepared.append(prepared)
                self._changed.notify_all()

    def _prepare(self, job: Job) -> Prepared:
        request, model = job.request, self._model
        if request.max_tokens is not None and request.max_tokens < 1:
            raise InvalidOption(f"“max_tokens” cannot be {request.max_tokens}.", hint="It takes numbers from 1.")
        options = self._defaults | check(request.sampling, SAMPLING, where="llama.cpp sampling")
        prompt = self._template.render(request.messages, request.tools, reasoning=request.reasoning)
        in_reasoning = opens_reasoning(prompt)
        if model.add_bos and model.bos and prompt.startswith(model.bos):
            prompt = prompt[len(model.bos) :]  # the tokeniser adds it
        tokens = model.tokenize(prompt, add_special=True)
        if not tokens:
            raise TemplateFailed("The model’s chat template made an empty prompt.", hint="Choose another template.")
        limit = self._scheduler.cells_each
        if len(tokens) >= limit:
            raise ContextOverflow(
                f"The conversation has {len(tokens):,} tokens and the context holds {limit:,}.",
                hint="Load the model with a longer context, or shorten the conversation.",
                prompt_tokens=len(tokens),
                context_length=limit,
            )
        return Prepared(job, tuple(tokens), options, in_reasoning)

    # ------------------------------------------------------------ the engine's thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                if self._closing:
                    break
                prepared, self._prepared = self._prepared, []
                cancelled, self._cancelled = self._cancelled, set()
            for request_id in cancelled:
                self._cancel(request_id)
            for item in prepared:
                self._start(item)
            try:
                self._step()
            except PaddockError as error:
                self._fail_running(error)
            except Exception as error:  # noqa: BLE001 - a bug must end the requests, not hang them
                self._fail_running(_bug(error))
        for request_id in list(self._jobs):
            self._cancel(request_id)

    def _has_work(self) -> bool:
        scheduler = self._scheduler
        return bool(self._closing or self._prepared or self._cancelled or scheduler.waiting or scheduler.running)

    def _start(self, prepared: Prepared) -> None:
        job = prepared.job
        if self._jobs.get(job.request.id) is not job:
            return
        try:
            if prepared.error is not None:
                raise prepared.error
            job.chain = SamplerChain(self._model, prepared.options, prepared.tokens)
        except PaddockError as error:
            self._end(job, Failed(id=job.request.id, error=error.info()))
            return
        job.answer = Answer(job.request, in_reasoning=prepared.in_reasoning, end_of_turn=self._end_of_turn)
        rank = (0 if job.request.priority == "interactive" else 1, job.order)
        job.sequence = Sequence(job.request.id, list(prepared.tokens), rank)
        self._scheduler.add(job.sequence)

    def _step(self) -> None:
        step = self._scheduler.schedule()
        self._publish_queue()
        if not step.rows:
            return
        for sequence in step.counts:
            self._jobs[sequence.id].timing.start()
        if self._decode(step):
            self._scheduler.done(step)
            self._publish_progress(step)
            for sequence, row in step.outputs.items():
                self._sample(self._jobs[sequence.id], sequence, row)

    def _decode(self, step: Step) -> bool:
        """Compute ``step``; False when it has to be planned anew."""
        with self._changed:
            if self._closing or self._cancelled:
                return False
            self._reading = step.reading
            self._context.clear_abort()
        status = self._context.decode([(row.token, row.position, row.slot, row.output) for row in step.rows])
        with self._changed:
            self._reading = frozenset()
        if status == DECODED:
            return True
        self._scheduler.undone(step)
        if status == FULL and not self._scheduler.make_room() and not self._scheduler.halve_chunk():
            raise EngineError("The KV cache has no room for the next token.", hint="Load with a longer context.")
        return False

    def _sample(self, job: Job, sequence: Sequence, row: int) -> None:
        assert job.chain is not None
        assert job.answer is not None
        token = job.chain.sample(self._context, row)
        job.timing.token()
        if self._model.is_eog(token):
            self._finish(job, "stop")
            return
        sequence.tokens.append(token)
        for event in job.answer.feed(self._piece(token)):
            job.emit(event)
        if job.answer.stopped:
            self._finish(job, "stop")
        elif job.timing.generated == job.request.max_tokens:
            self._finish(job, "length")
        elif len(sequence.tokens) >= self._scheduler.cells_each:
            self._finish(job, "context")

    def _piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._model.piece(token)
        return piece

    def _publish_queue(self) -> None:
        for position, sequence in enumerate(self._scheduler.waiting):
            job = self._jobs[sequence.id]
            if job.position != position and job.timing.first is None:
                job.position = position
                job.emit(Queued(id=sequence.id, position=position))

    def _publish_progress(self, step: Step) -> None:
        for sequence in step.counts:
            job = self._jobs[sequence.id]
            if job.timing.first is None:
                done = min(sequence.evaluated, sequence.n_prompt)
                job.emit(PromptProgress(id=sequence.id, done=done, total=sequence.n_prompt, cached=sequence.cached))

    def _finish(self, job: Job, reason: StopReason) -> None:
        assert job.answer is not None
        assert job.sequence is not None
        for event in job.answer.finish():
            job.emit(event)
        if job.answer.stopped or reason == "stop":
            reason = job.answer.stop_reason
        sequence, timing = job.sequence, job.timing
        usage = timing.usage(sequence.n_prompt, sequence.cached)
        stats = timing.stats(sequence.n_prompt - sequence.cached)
        self._end(job, Finished(id=job.request.id, usage=usage, stats=stats, reason=reason))

    def _cancel(self, request_id: str) -> None:
        job = self._jobs.get(request_id)
        if job is None:
            return
        prompt, cached = (job.sequence.n_prompt, job.sequence.cached) if job.sequence else (0, 0)
        usage, stats = job.timing.usage(prompt, cached), job.timing.stats(prompt - cached)
        self._end(job, Cancelled(id=request_id, usage=usage, stats=stats))

    def _fail_running(self, error: PaddockError) -> None:
        """The context is in an unknown state: what runs ends with ``error``, what waits starts afresh."""
        for sequence in self._scheduler.running:
            self._end(self._jobs[sequence.id], Failed(id=sequence.id, error=error.info()))
        self._context.clear()
        self._scheduler.forget()

    def _end(self, job: Job, ending: Finished | Failed | Cancelled) -> None:
        if job.sequence is not None:
            self._scheduler.remove(job.sequence)
        if job.chain is not None:
            job.chain.close()
        with self._changed:
            del self._jobs[job.request.id]
            self._cancelled.discard(job.request.id)
        job.emit(ending)


def _markers(model: Model) -> dict[int, bytes]:
    """Tokens that some vocabularies hide as control tokens although they are part of the answer's structure."""
    found = {}
    for marker in MARKERS:
        tokens = model.tokenize(marker, add_special=False)
        if len(tokens) == 1:
            found[tokens[0]] = model.piece(tokens[0], special=True)
    return found


def _bug(error: Exception) -> EngineError:
    traceback.print_exception(error, file=sys.stderr)
    return EngineError(
        f"The engine failed: {type(error).__name__}: {error}", hint="This is a bug; the worker’s log has more."
    )
