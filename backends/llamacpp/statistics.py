"""What the engine has counted since the load, told to whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable

from paddock.backends.base import Report
from paddock.backends.llamacpp.job import Job
from paddock.backends.llamacpp.kv_store import KvStore
from paddock.backends.llamacpp.runner import Runner
from paddock.sdk.types import EngineStats

REPORT_S = 1.0


class Statistics:
    """The engine's thread, except :meth:`watch`, which comes before the first request."""

    def __init__(self, runner: Runner, store: KvStore | None, embedding_bytes: Callable[[], int]) -> None:
        self._runner = runner
        self._store = store
        self._embedding_bytes = embedding_bytes
        self._report: Report | None = None
        self.due = 0.0
        """When it is to be told again of a running engine, on the monotonic clock."""
        self._told: EngineStats | None = None
        self._prompt = self._cached = self._generated = self._drafted = self._accepted = 0

    def watch(self, report: Report) -> None:
        self._report = report

    def count(self, job: Job) -> None:
        """``job`` ends."""
        if job.sequence is not None and job.timing.started is not None:
            self._prompt += job.sequence.n_prompt
            self._cached += job.sequence.cached
            self._generated += job.timing.generated
            self._drafted += job.drafted
            self._accepted += job.accepted

    def tell(self) -> None:
        """When that is :attr:`due`, and when the engine has become idle."""
        if self._report is None:
            return
        self.due = time.monotonic() + REPORT_S
        stats = self.stats()
        if stats != self._told:
            self._told = stats
            self._report(stats)

    def stats(self) -> EngineStats:
        runner, scheduler, cache = self._runner, self._runner.scheduler, self._runner.cache
        disk = self._store.stats() if self._store is not None else None
        prefixes = list(cache)
        scheduler.book()
        return EngineStats(
            prompt_tokens=self._prompt,
            cached_tokens=self._cached,
            generated_tokens=self._generated,
            drafted_tokens=self._drafted,
            accepted_tokens=self._accepted,
            cells=runner.cells.total,
            cells_used=runner.cells.used,
            hits=scheduler.hits,
            misses=scheduler.misses,
            evictions=cache.counts.evictions,
            preemptions=scheduler.preemptions,
            recomputed=cache.counts.recomputed,
            restored_from_memory=cache.counts.restored_from_memory,
            restored_from_disk=cache.counts.restored_from_disk,
            prefixes=sum(prefix.sequence is not None for prefix in prefixes),
            memory_prefixes=sum(prefix.state is not None for prefix in prefixes),
            memory_bytes=runner.memory.saved_bytes,
            disk_prefixes=disk.count if disk is not None else 0,
            disk_bytes=disk.n_bytes if disk is not None else 0,
            embedding_bytes=self._embedding_bytes(),
            threads=runner.pace.threads,
        )
