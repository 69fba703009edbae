"""One place in the pool: a model, its worker and who uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from paddock.backends.base import EngineDescriptor, LoadReport
from paddock.backends.planning import Plan
from paddock.backends.supervisor import Worker
from paddock.sdk.types import EngineStats, LoadedModel, ModelInfo, ModelState, Options, OptionValue

Heard = Callable[[float, int | None], None]
"""Hears of a load: how far it is, 0 to 1, and, while it waits for memory, how many requests are before it."""


class Lease:
    """One request's hold on an instance, from the moment it has one; ``queued`` while the engine lets it wait,
    ``stopped`` when that was asked to end it."""

    def __init__(self, request_id: str = "") -> None:
        self.request_id = request_id
        self.instance: Instance | None = None
        self.queued = False
        self.stopped = False

    @property
    def waiting(self) -> bool:
        return self.instance is None or self.queued

    def stop(self) -> bool:
        """Have the engine end the request; False when none works on it."""
        self.stopped = self.instance is not None and self.instance.worker.cancel(self.request_id)
        return self.stopped


class LoadStopped(Exception):
    """The load was ended before it was done: the model was unloaded meanwhile, or nobody waits for it any more."""


class Instance:
    """Only the pool changes it, on the host's loop. ``asked`` are the load options that were asked for, ``given`` those
    that the engine gets; ``replaces`` is the instance whose place it takes."""

    def __init__(
        self,
        key: str,
        model: ModelInfo,
        descriptor: EngineDescriptor,
        asked: Options,
        worker: Worker,
        *,
        identifier: str = "",
        replaces: Instance | None = None,
    ) -> None:
        self.id = key
        self.model = model
        self.descriptor = descriptor
        self.asked = self.given = asked
        self.worker = worker
        self.identifier = identifier
        self.replaces = replaces
        self.on_demand = False
        """Loaded for requests only: the default TTL is its own."""
        self.patient = False
        """A request wants it, so that its load waits for memory that busy models hold."""
        self.background = True
        """Nobody waits for it but batches."""
        self.force = False
        self.pinned = False
        self.ttl_s: float | None = None
        """Seconds; 0: for ever; None: nobody has said."""
        self.state: ModelState = "loading"
        self.progress = 0.0
        self.position: int | None = None
        self.plan: Plan | None = None
        self.report: LoadReport | None = None
        self.error: str | None = None
        self.leases: set[Lease] = set()
        self.listeners: set[Heard] = set()
        self.waiters = 0
        self.loading: asyncio.Task[None] | None = None
        self.stopping: asyncio.Task[None] | None = None
        self.draining = False
        """Its memory is needed: it answers what it has begun, and takes no further request."""
        self.lost = False
        """Its device is gone; what it has not begun to answer runs again elsewhere."""
        self.idle_since = 0.0
        self.last_used: float | None = None
        self.stats: EngineStats | None = None
        self.pause: asyncio.TimerHandle | None = None
        """Runs after counts were told; newer ones are told when it ends."""

    def satisfies(self, wanted: Options) -> bool:
        """Each option is what was asked for, or what runs; nothing asked for is always satisfied. None is an option
        that was left to the engine."""
        in_force = (self.asked, self.given, self.report.options if self.report is not None else {})

        def holds(name: str, value: OptionValue) -> bool:
            left = value is None and name not in self.given
            return left or any(name in said and said[name] == value for said in in_force)

        return all(holds(name, value) for name, value in wanted.items())

    def busy(self) -> bool:
        return self.state == "loading" or bool(self.leases) or self.waiters > 0

    def leaving(self) -> bool:
        return self.stopping is not None or self.state == "unloading"

    def idle(self) -> bool:
        return self.state == "ready" and not self.busy() and not self.leaving()

    def hear(self) -> None:
        """Tell everybody who waits for the load how far it is."""
        for listener in tuple(self.listeners):
            listener(self.progress, self.position)

    def view(self, ttl_s: float | None) -> LoadedModel:
        """``ttl_s`` is the one in force."""
        report, plan = self.report, self.plan
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
            identifier=self.identifier,
            predicted_bytes=plan.prediction.total if plan is not None and plan.prediction is not None else None,
            measured_bytes=report.memory.total if report is not None and report.memory is not None else None,
            ttl_s=ttl_s,
            pinned=self.pinned,
            last_used=self.last_used,
        )
