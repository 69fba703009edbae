"""A loaded model's context with everything that decides over it, computing steps; no sampling and no requests."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Items

from paddock.backends.llamacpp.adapter import Adapter
from paddock.backends.llamacpp.bindings import ABORTED, DECODED, FULL, Context
from paddock.backends.llamacpp.cells import Cells
from paddock.backends.llamacpp.context_memory import ContextMemory
from paddock.backends.llamacpp.loading import ALL_OUTPUTS, on_processor
from paddock.backends.llamacpp.meanwhile import Meanwhile
from paddock.backends.llamacpp.pace import Pace
from paddock.backends.llamacpp.picture_decoding import decode_picture
from paddock.backends.llamacpp.picture_encoder import PictureRun
from paddock.backends.llamacpp.prefix import Store
from paddock.backends.llamacpp.prefix_cache import PrefixCache
from paddock.backends.llamacpp.scheduler import Scheduler
from paddock.backends.llamacpp.sequence import Drafter, Limits, Step
from paddock.backends.llamacpp.sharing import Rules, rules_of
from paddock.sdk.errors import EngineError

LEARN_S = 0.3
"""The times of steps that took so long together are learnt at once: behind every step the processor's caches are cold,
what comes right after its like costs a fraction, and the token of an only answer is told after it."""


class Runner:
    """Computes what the scheduler plans. The thread that decodes.

    Args:
        context: Of the model.
        parallel: Sequences that run at once; what the context has beyond them holds resting prefixes.
        each: Most cells of one sequence.
        budget: Bytes of saved states in memory.
        threads: For steps of answers, and for steps of prompts.
        pace: Of this model on this machine.
        swa_full: Whether sliding windows keep all positions.
        unified: Whether sequences share cells.
        drafted: Guessed tokens of a step.
        store: Prefixes on disk.
        drafter: Guesses tokens ahead.
        observe: Sees every step that was computed, before anything else is.
        adapters: LoRA adapters; a group is the tuple of their scales, None stands for 1 each.
        threads_changed: Told when other programs need the cores, and when they do no longer.
        chunk: Most prompt tokens in a step; by default what the context computes at once.
        meanwhile: Does what can wait while a step computes; the caller closes it.
    """

    def __init__(
        self,
        context: Context,
        *,
        parallel: int,
        each: int,
        budget: int,
        threads: tuple[int, int],
        pace: Pace,
        swa_full: bool = False,
        unified: bool = True,
        drafted: int = 0,
        store: Store | None = None,
        drafter: Drafter | None = None,
        observe: Callable[[Step], None] | None = None,
        adapters: Items[Adapter] = (),
        threads_changed: Callable[[int, int], None] | None = None,
        chunk: int | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> None:
        self.meanwhile = meanwhile or Meanwhile()
        self._affordable = math.inf
        self._to_adapt = False
        self._computed: list[tuple[Step, float, int, int]] = []
        self._unlearnt_s, self._learn_s = 0.0, LEARN_S
        self.context = context
        self.rules = _rules(context, swa_full=swa_full, unified=unified)
        self.pace = pace
        self._threads = threads
        self._threads_now = threads[0]
        self._threads_changed = threads_changed or (lambda writing, reading: None)
        self._observe = observe
        self._adapters = [adapter.handle for adapter in adapters]
        self._group: object = None
        if adapters:
            context.set_adapters(self._adapters, [1.0] * len(adapters))
        cells = context.n_ctx
        if self.rules.recurrent and not context.model.hybrid:
            cells *= context.n_seq_max  # a state takes the same room however long its text
        self.cells = Cells(cells, shared=unified)
        pads = unified and not self.rules.recurrent and not self.rules.window and context.n_seq_max > parallel + 1
        sequences = context.n_seq_max - pads
        self._scratch = sequences if pads else None
        self.memory = ContextMemory(context, self.rules)
        self.cache = PrefixCache(
            self.memory, self.cells, self.rules,
            sequences=sequences, budget=budget, store=store, thin=on_processor(context),
        )  # fmt: skip
        self._to_measure: Iterator[int] | None = None
        self._limits = limits = Limits(
            parallel=parallel,
            each=each,
            batch=context.n_batch,
            chunk=min(chunk or context.n_ubatch, context.n_ubatch),
            drafted=drafted,
            all_outputs=context.model.architecture in ALL_OUTPUTS,
        )
        self.scheduler = Scheduler(self.cache, self.cells, self.rules, limits, self.pace, drafter, self._scratch)

    def compute(self, step: Step) -> bool:
        """Compute ``step``; False when it was broken off, or has to be planned anew because there was no room.

        Raises EngineError and OutOfMemory; the context is then in an unknown state: :meth:`clear` it.
        """
        if step.group != self._group:
            scales = step.group if isinstance(step.group, tuple) else (1.0,) * len(self._adapters)
            self.context.set_adapters(self._adapters, scales)
            self._group = step.group
        batch = self.context.batch_of(step.rows) if step.picture is None else None
        meanwhile = self.meanwhile if self.meanwhile.work else None
        if meanwhile is not None:
            meanwhile.begin()
        try:
            begun = time.perf_counter()
            status = self._show(step, step.picture) if step.picture is not None else self.context.evaluate(batch)
            seconds = time.perf_counter() - begun
        finally:
            if meanwhile is not None:
                meanwhile.end()
        if step.padding and self._scratch is not None:
            self.context.remove(self._scratch, 0)
        if status == DECODED:
            if self._observe is not None:
                self._observe(step)
            self.scheduler.done(step)
            self._computed.append((step, seconds, self.cells.used, self._threads_now))
            self._unlearnt_s += seconds
            if self._unlearnt_s >= self._learn_s:
                self._unlearnt_s = 0.0
                self.meanwhile.put(self._learn)
            if self._to_adapt:
                self._adapt()
            return True
        self.scheduler.undone(step, broken_off=status == ABORTED)
        if status == FULL and not self.scheduler.make_room() and not self.scheduler.halve_chunk():
            raise EngineError("The KV cache has no room for the next token.", hint="Load with a longer context.")
        return False

    def _show(self, step: Step, picture: PictureRun) -> int:
        assert picture.embeddings is not None
        (_, position, sequence, _), part = step.rows[0], slice(step.offset, step.offset + len(step.rows))
        places = picture.grid[:, part] + (position - int(picture.grid[0, step.offset]))
        places[3] = 0
        embeddings = picture.embeddings[part]
        return decode_picture(self.context, embeddings, places, sequence, causal=picture.causal)

    def measure_one(self) -> bool:
        """Measure a step of a size that nothing has measured yet; False when that is not needed or not possible."""
        if self._scratch is None or self._group is not None:
            return False
        if self._to_measure is None:
            self._to_measure = self.pace.times.plan(
                min(self._limits.batch, self._limits.each, self._limits.parallel + 64)
            )
        rows = next(self._to_measure, 0)
        if not 0 < rows <= self.cells.free:
            return False
        begun = time.perf_counter()
        status = self.context.decode([(0, at, self._scratch, at < self._limits.parallel) for at in range(rows)])
        self.context.remove(self._scratch, 0)
        if status == DECODED:
            self.pace.times.note(rows, time.perf_counter() - begun, threads=self.pace.threads)
        return status == DECODED

    def do_what_can_wait(self, wanted: Callable[[], bool]) -> None:
        """Measure, take out of the context what would slow the next answer, and write to disk what was read, until that
        is done or ``wanted`` says that there is work."""
        while not wanted() and self.measure_one():
            pass
        while not wanted() and self.cache.thin_out_idly():
            pass
        while not wanted() and self.cache.store_one():
            pass

    def warm_up(self) -> None:
        """Compute a token and forget it: a context's first step touches all weights and makes what later ones use."""
        self.context.decode([(0, 0, 0, True)])
        self.context.remove(0, 0)

    def clear(self) -> None:
        """Empty the context; what is saved in memory and on disk stays."""
        self.context.clear()
        self.scheduler.forget()

    def _learn(self) -> None:
        """From the steps since the last call; not from one that still had another thread count."""
        computed, self._computed = self._computed, []
        for step, seconds, used, threads in computed:
            if threads == self.pace.threads:
                mixed = 0 < step.writing < len(step.rows) - step.padding
                self.pace.note(len(step.rows), seconds, attended=step.attended, mixed=mixed)
            alone = step.writing == len(step.counts)
            self._affordable = self.pace.affordable_rest(step.writing, seconds, used) if alone else math.inf
        self._to_adapt = self.pace.threads != self._threads_now or self._affordable < self.cells.used
        self._learn_s = 0.0 if self.pace.trying else LEARN_S

    def _adapt(self) -> None:
        """To what was learnt."""
        self._to_adapt = False
        threads = self.pace.threads
        if threads != self._threads_now:
            self._threads_now = threads
            both = (threads, threads) if threads < self._threads[0] else self._threads
            self.context.set_threads(*both)
            self._threads_changed(*both)
        if self._affordable < self.cells.used and self.cache.resting_cells > self._affordable:
            self.cache.evict()


def _rules(context: Context, *, swa_full: bool, unified: bool) -> Rules:
    model = context.model
    return rules_of(
        architecture=model.architecture,
        recurrent=model.recurrent,
        n_swa=model.n_swa,
        swa_full=swa_full,
        unified=unified,
        n_rs_seq=context.n_rs_seq,
    )
