"""The llama.cpp engine: one loaded model and its threads.

Requests come in on the worker's control thread, are rendered and tokenised on a second one (a template may take its
time) and are answered on the engine's own, which owns the context (:mod:`paddock.backends.llamacpp.decoding`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from paddock.backends.base import Answered, Emit, LoadReport, Report
from paddock.backends.chat.parse import MARKERS
from paddock.backends.llamacpp.adapter import Adapter
from paddock.backends.llamacpp.bindings import Context, Model, WithoutMemory, library
from paddock.backends.llamacpp.bugs import told
from paddock.backends.llamacpp.decoding import Decoding
from paddock.backends.llamacpp.draft_model import DraftModel
from paddock.backends.llamacpp.drafting import Drafting
from paddock.backends.llamacpp.embedding import Embedder
from paddock.backends.llamacpp.illustrating import Illustrator
from paddock.backends.llamacpp.job import Job, Look
from paddock.backends.llamacpp.kv_store import KvStore
from paddock.backends.llamacpp.loading import (
    LEARNED_POSITIONS,
    cache_budget,
    effective_options,
    files_of,
    load_model,
    make_context,
    open_store,
    room_for,
    with_threads,
)
from paddock.backends.llamacpp.logits import Row
from paddock.backends.llamacpp.looking import candidates
from paddock.backends.llamacpp.machine import available_bytes, physical_cores
from paddock.backends.llamacpp.meanwhile import Meanwhile
from paddock.backends.llamacpp.memory_use import measured
from paddock.backends.llamacpp.mtp import MtpDrafter
from paddock.backends.llamacpp.pace import Pace
from paddock.backends.llamacpp.picture_encoder import PictureEncoder
from paddock.backends.llamacpp.preparing import Preparer
from paddock.backends.llamacpp.projector import Projector
from paddock.backends.llamacpp.runner import Runner
from paddock.backends.llamacpp.sequence import Sequence
from paddock.backends.llamacpp.written import WrittenAnswers
from paddock.sdk.errors import BadRequest, EngineError, ModelUnusable, PaddockError
from paddock.sdk.events import Cancelled, Failed, GenerationEvent
from paddock.sdk.llamacpp_load import MMPROJ_OFF
from paddock.sdk.paths import Home
from paddock.sdk.questions import CandidatesRequest, ContextRequest, ContextUse, Question
from paddock.sdk.types import GenerateRequest, Options

CLOSING_S = 1.2
"""So long an unload may write to disk what is worth keeping; the host waits a little longer before it insists."""


class LlamaCppEngine:
    """One loaded model (:class:`paddock.backends.base.Engine`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[str] = set()
        self._arriving: dict[str, Job] = {}
        self._arrivals: queue.SimpleQueue[Job | Callable[[], None] | None] = queue.SimpleQueue()
        self._closing = False
        self._orders = 0
        self._threads: list[threading.Thread] = []
        self._turn = threading.Lock()
        self._embedder: Embedder | None = None
        self._encoder: PictureEncoder | None = None
        self._blind: PaddockError | None = None
        self._decoding: Decoding | None = None

    # ------------------------------------------------------------ the control thread

    def load(self, path: str, options: Options, progress: Callable[[float], None]) -> LoadReport:
        """Load the model; blocks. Raises InvalidOption, ModelUnusable, LoadFailed, OutOfMemory, EngineMissing."""
        lib = library()
        effective = effective_options(options)
        self._model = model = load_model(lib, path, effective, progress)
        effective = with_threads(effective, model.size_bytes, physical_cores())
        threads = (cast(int, effective["n_threads"]), cast(int, effective["n_threads_batch"]))
        embedder = self._embedder = Embedder(model, self._turn, threads=threads[1])
        try:
            adapters = [Adapter(model, file) for file in cast("list[str]", effective["lora"])]
            self._context = context = make_context(model, effective)
            self._draft_model = self._load_draft(context, files_of(path), effective, progress)
        except WithoutMemory:
            progress(1.0)
            size, length = model.size_bytes, embedder.longest
            return LoadReport(
                context_length=length,
                options=effective,
                size_bytes=size,
                chat_template=False,
                memory=measured(model, None, effective),
            )
        except PaddockError:
            self._embedder = None
            model.close()
            raise
        projector = self._load_projector(effective, threads[1])
        self._store = open_store(model, context, effective, files_of(path), Home.find().kv)
        limit = context.n_ctx_seq
        if model.architecture in LEARNED_POSITIONS:
            limit = min(limit, model.n_ctx_train)
        room = room_for(model, effective)
        pace = Pace(threads[0])
        drafting = Drafting(pace.times, self._draft_model)
        meanwhile = Meanwhile()
        self._runner = Runner(
            context,
            meanwhile=meanwhile,
            parallel=room.parallel,
            each=limit,
            budget=cache_budget(effective, available_bytes()),
            threads=threads,
            pace=pace,
            swa_full=bool(effective["swa_full"]),
            unified=bool(effective["kv_unified"]),
            drafted=room.drafted,
            store=self._store,
            drafter=drafting,
            observe=self._draft_model.observe if isinstance(self._draft_model, MtpDrafter) else None,
            adapters=adapters,
            threads_changed=self._draft_model.set_threads if self._draft_model is not None else None,
        )
        for stored in self._store.entries() if self._store is not None else ():
            self._runner.cache.known(stored.tokens, stored.key, stored.checkpoints)
        written = WrittenAnswers()
        self._preparer = Preparer(
            model,
            str(effective["chat_template"] or ""),
            limit=limit,
            rules=self._runner.rules,
            adapters=len(adapters),
            draft_max=cast(int, effective["draft_max"]),
            draft_model=self._draft_model is not None,
            written=written,
            illustrator=Illustrator(projector, context.n_ubatch, self._blind),
        )
        if projector is not None:
            self._encoder = PictureEncoder(projector, self._turn, lambda: decoding.recount())
        self._decoding = decoding = Decoding(
            model,
            self._runner,
            pieces=_markers(model),
            written=written,
            store=self._store,
            drafting=drafting,
            turn=self._turn,
            embedding_bytes=lambda: embedder.bytes,
            ended=self._ended,
            meanwhile=meanwhile,
            encoder=self._encoder,
        )
        embedder.watch(decoding.recount)
        progress(1.0)
        effective |= {"mmproj": effective["mmproj"] if projector else MMPROJ_OFF}
        memory = measured(model, context, effective, draft=self._draft_model)
        effective |= {"n_ctx": context.n_ctx, "n_batch": context.n_batch, "n_ubatch": context.n_ubatch}
        effective |= {"n_parallel": room.parallel}
        self._start(self._prepare_all, decoding)
        self._start(decoding.run)
        return LoadReport(
            context_length=limit,
            options=effective,
            size_bytes=model.size_bytes,
            chat_template=self._preparer.has_template,
            memory=memory,
        )

    def watch(self, report: Report) -> None:
        if self._decoding is not None:
            self._decoding.watch(report)

    def ask(self, question: Question, answered: Answered) -> None:
        """Queue a question; returns at once. What concerns the context is answered on the engine's threads, the rest on
        the embedder's."""
        assert self._embedder is not None
        if not isinstance(question, CandidatesRequest | ContextRequest):
            self._embedder.ask(question, answered)
        elif self._decoding is None:
            answered(ModelUnusable("This model makes embeddings, no text.", hint="Choose a chat model."))
        elif isinstance(question, ContextRequest):
            self._arrivals.put(lambda: answered(self._context_use(question)))
        else:
            self._look(question, answered)

    def _look(self, question: CandidatesRequest, answered: Answered) -> None:
        """Read the prompt as a request does, and tell what could come next instead of choosing from it."""

        def emit(event: GenerationEvent) -> None:
            if isinstance(event, Failed):
                answered(PaddockError.from_info(event.error))
            elif isinstance(event, Cancelled):
                answered(EngineError("The question was stopped.", hint="Ask again."))

        def look(row: Row, sequence: Sequence) -> None:
            answered(candidates(self._model, row, sequence.tokens, question.top))

        request = GenerateRequest(
            id=question.id,
            model=question.model,
            messages=question.messages,
            prompt=question.prompt,
            go_on=question.go_on,
            reasoning=question.reasoning,
            private=question.private,
        )
        self._submit(request, emit, look)

    def submit(self, request: GenerateRequest, emit: Emit) -> None:
        """Queue a request; returns at once. Its events come from the engine's threads, in order."""
        self._submit(request, emit)

    def _submit(self, request: GenerateRequest, emit: Emit, look: Look | None = None) -> None:
        with self._lock:
            if self._closing or self._decoding is None or request.id in self._ids:
                error: PaddockError = BadRequest(f"A request “{request.id}” is already running.")
                if self._closing:
                    error = EngineError("The model is being unloaded.", hint="Load it again.")
                elif self._decoding is None:
                    error = ModelUnusable("This model makes embeddings, no text.", hint="Choose a chat model.")
                emit(Failed(id=request.id, error=error.info()))
                return
            self._orders += 1
            self._ids.add(request.id)
            job = self._arriving[request.id] = Job(request, emit, self._orders, look=look)
            self._arrivals.put(job)

    def retune(self, request_id: str, sampling: Options) -> None:
        """Sample with other settings from the next token on; unknown ids are ignored."""
        with self._lock:
            job = self._arriving.get(request_id)
            if job is not None:
                job.retuned = sampling
            elif request_id in self._ids and self._decoding is not None:
                self._decoding.retune(request_id, sampling)

    def cancel(self, request_id: str) -> None:
        """End a request within one decode step; unknown ids are ignored."""
        if self._embedder is not None:
            self._embedder.cancel(request_id)
        with self._lock:
            job = self._arriving.pop(request_id, None)
            if job is not None:
                self._ids.discard(request_id)
                job.emit(Cancelled(id=request_id))
            elif request_id in self._ids and self._decoding is not None:
                self._decoding.cancel(request_id)

    def shed(self) -> None:
        """Give up the states that are kept in memory and, when nobody is asking, the context for embeddings."""
        if self._embedder is not None:
            self._embedder.shed()
        if self._encoder is not None:
            self._encoder.shed()
        if self._decoding is not None:
            self._decoding.shed()

    def close(self) -> None:
        """Cancel what runs, keep on disk what is worth it, and free everything; blocks."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            arriving, self._arriving = self._arriving, {}
        for request_id, job in arriving.items():
            job.emit(Cancelled(id=request_id))
        deadline = time.monotonic() + CLOSING_S
        self._arrivals.put(None)
        if self._embedder is not None:
            self._embedder.close()
        if self._decoding is None:
            if self._embedder is not None:
                self._model.close()
            return
        self._decoding.close()
        for thread in self._threads:
            thread.join()
        if self._encoder is not None:
            self._encoder.close()
        if self._store is not None:
            self._keep(self._store, deadline)
        if self._draft_model is not None:
            self._draft_model.close()
        self._context.close()
        self._model.close()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=run, args=arguments, name=run.__name__, daemon=True))
        self._threads[-1].start()

    def _load_draft(
        self, context: Context, files: list[Path], options: Options, progress: Callable[[float], None]
    ) -> DraftModel | MtpDrafter | None:
        path = str(options["draft_model"] or "")
        try:
            if options["mtp"]:
                return MtpDrafter(context, files, options, answers=room_for(self._model, options).parallel)
            if not path:
                return None
            return DraftModel(self._model.lib, path, options, self._model, cells=context.n_ctx, progress=progress)
        except PaddockError:
            context.close()
            raise

    def _load_projector(self, options: Options, threads: int) -> Projector | None:
        path = str(options["mmproj"] or "")
        if path in ("", MMPROJ_OFF):
            return None
        try:
            return Projector(self._model, path, threads=threads, gpu=bool(options["n_gpu_layers"]))
        except PaddockError as error:
            self._blind = error  # it writes text all the same, and says so when it is shown something
            return None

    def _keep(self, store: KvStore, deadline: float) -> None:
        while time.monotonic() < deadline and self._runner.cache.store_one():
            pass
        store.close(max(deadline - time.monotonic(), 0.1))

    # ------------------------------------------------------------ the preparing thread

    def _prepare_all(self, decoding: Decoding) -> None:
        self._preparer.get_ready()
        while (job := self._arrivals.get()) is not None:
            if not isinstance(job, Job):
                job()
                continue
            if self._arriving.get(job.request.id) is not job:
                continue
            try:
                job.prompt = self._preparer.prepare(job.request)
            except Exception as error:  # noqa: BLE001 - a bug must end this request, not the thread
                job.error = told(error)
            with self._lock:
                if self._arriving.get(job.request.id) is job:  # else it was cancelled, and its id perhaps used again
                    del self._arriving[job.request.id]
                    decoding.put(job)

    def _context_use(self, question: ContextRequest) -> ContextUse | PaddockError:
        try:
            return self._preparer.context(question)
        except Exception as error:  # noqa: BLE001 - a bug must end this question, not the thread
            return told(error)

    def _ended(self, request_id: str) -> None:
        with self._lock:
            self._ids.discard(request_id)


def _markers(model: Model) -> dict[int, bytes]:
    """Tokens that some vocabularies hide as control tokens although they are part of the answer's structure."""
    found = {}
    for marker in MARKERS:
        tokens = model.tokenize(marker, add_special=False)
        if len(tokens) == 1:
            found[tokens[0]] = model.piece(tokens[0], special=True)
    return found
