"""One place in the pool: a model, its worker and who uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from paddock.backends.base import EngineDescriptor, LoadReport
from paddock.backends.supervisor import Worker
from paddock.sdk.types import EngineStats, LoadedModel, ModelInfo, ModelState, Options


class Lease:
    """One request's hold on an instance; ``queued`` while the engine lets it wait."""

    def __init__(self) -> None:
        self.queued = False


class LoadStopped(Exception):
    """The load was ended before it was done: the model was unloaded meanwhile, or nobody waits for it any more."""


class Instance:
    """Only the pool changes it, on the host's loop. ``given`` are the load options that were asked for."""

    def __init__(
        self, key: str, model: ModelInfo, descriptor: EngineDescriptor, given: Options, worker: Worker
    ) -> None:
        self.id = key
        self.model = model
        self.descriptor = descriptor
        self.given = given
        self.worker = worker
        self.state: ModelState = "loading"
        self.progress = 0.0
        self.report: LoadReport | None = None
        self.error: str | None = None
        self.leases: set[Lease] = set()
        self.listeners: set[Callable[[float], None]] = set()
        self.waiters = 0
        self.loading: asyncio.Task[None] | None = None
        self.stopping: asyncio.Task[None] | None = None
        self.idle_since = 0.0
        self.stats: EngineStats | None = None
        self.pause: asyncio.TimerHandle | None = None
        """Runs after counts were told; newer ones are told when it ends."""

    def satisfies(self, wanted: Options) -> bool:
        """What was asked for is what runs; nothing asked for is always satisfied."""
        in_force = {**self.given, **(self.report.options if self.report is not None else {})}
        return all(name in in_force and in_force[name] == value for name, value in wanted.items())

    def busy(self) -> bool:
        return self.state == "loading" or bool(self.leases)

    def view(self) -> LoadedModel:
        report = self.report
        queued = sum(lease.queued for lease in self.leases)
        return LoadedModel(
            id=self.id,
            model=self.model.id,
            engine=self.model.engine,
            state=self.state,
            pid=self.worker.pid,
            progress=self.progress,
            context_length=report.context_length if report is not None else None,
            size_bytes=report.size_bytes or self.model.size_bytes if report is not None else self.model.size_bytes,
            active=len(self.leases) - queued,
            queued=queued,
            options=report.options if report is not None else self.given,
            stats=self.stats,
            error=self.error,
        )
