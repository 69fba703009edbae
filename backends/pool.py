"""Which models are loaded: one worker process each; requests lease them.

Everything runs on the host's event loop, between awaits nothing else changes the pool.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.backends import probe
from paddock.backends.admission import PATIENCE_S, Admission
from paddock.backends.arrivals import Arrivals, Wish
from paddock.backends.base import EngineDescriptor, ModelChanged
from paddock.backends.channel import Take
from paddock.backends.failures import FailedLoads
from paddock.backends.instance import Heard, Instance, Lease, LoadStopped
from paddock.backends.instances import STATS_S, Instances
from paddock.backends.lifespan import Lifespan, check_ttl, waking_clock
from paddock.backends.loading import Loader
from paddock.backends.planning import Planner
from paddock.backends.pressure import Level
from paddock.backends.registry import Registry
from paddock.backends.relief import Relief
from paddock.backends.tether import JobObject
from paddock.sdk.errors import BadRequest, EngineError, ErrorInfo, HostBusy, LoadFailed, NotFound, PaddockError
from paddock.sdk.events import Cancelled, Delta, Failed, GenerationEvent, LoadProgress, Queued
from paddock.sdk.options import check
from paddock.sdk.questions import Question, Reply
from paddock.sdk.types import EngineInfo, GenerateRequest, LoadedModel, ModelInfo, Options

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger

__all__ = ["QUEUE_LIMIT", "STATS_S", "Pool"]

QUEUE_LIMIT = 512
"""So many requests may wait."""


class Pool:
    """Loaded models. ``changed`` hears of every change of state; ``logs`` is the folder of the workers' logs.

    ``ledger`` and ``planner`` guard the memory; without them nothing is refused and nothing has to leave. ``clock``
    gives seconds, never goes back and goes on while the machine sleeps; ``now`` gives Unix seconds. ``defaults`` are
    load options for a load that does not name them, where there is no planner to say; what is loaded is not loaded anew
    when they change. ``ttl`` are the seconds that a model loaded on demand may be idle (None or 0: for ever);
    ``relieved`` hears what was given up for memory, ``needed`` the ids of busy instances for whose memory somebody who
    is no batch waits, and ``yielding`` gives those that leave their work when they are; ``patience`` are the seconds a
    request waits for memory that busy models hold, and ``queue_limit`` is how many requests may wait.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        changed: ModelChanged,
        logs: Path,
        clock: Callable[[], float] = waking_clock,
        now: Callable[[], float] = time.time,
        defaults: Callable[[], Options] = dict,
        ledger: Ledger | None = None,
        planner: Planner | None = None,
        ttl: Callable[[], float | None] = lambda: None,
        relieved: Callable[[str], None] = lambda text: None,
        needed: Callable[[tuple[str, ...]], None] = lambda instances: None,
        yielding: Callable[[], tuple[str, ...]] = tuple,
        queue_limit: int = QUEUE_LIMIT,
        patience: float = PATIENCE_S,
    ) -> None:
        self._changed = changed
        self._logs = logs
        self._clock = clock
        self._queue_limit = queue_limit
        self._job = JobObject()
        self._instances = Instances(self._told, ledger=ledger, clock=clock, now=now)
        self._lifespan = Lifespan(self._instances, clock=clock, default=ttl)
        self._relief = Relief(self._instances, relieved, ledger=ledger)
        admission = Admission(self._instances, ledger, patience=patience, needed=needed, yielding=yielding)
        failures = FailedLoads(clock)
        self._loader = Loader(
            self._instances,
            admission,
            failures,
            ledger=ledger,
            planner=planner,
            logs=logs,
            job=self._job,
            defaults=defaults,
        )
        self._arrivals = Arrivals(registry, self._instances, self._loader, admission, failures)
        self._leases: set[Lease] = set()

    # ------------------------------------------------------------ what there is

    def loaded(self) -> tuple[LoadedModel, ...]:
        """What is loaded, being loaded or being unloaded, oldest first."""
        return tuple(self._view(instance) for instance in self._instances)

    def idle(self) -> dict[str, float]:
        """Seconds since the last use of each loaded instance that nobody uses now, by instance id."""
        now = self._clock()
        return {i.id: now - i.idle_since for i in self._instances if i.state == "ready" and not i.leases}

    def evictable(self) -> tuple[str, ...]:
        """Instances that may leave when memory is needed, least recently used first."""
        return self._instances.evictable()

    def names(self) -> dict[str, str]:
        """What a person calls each instance, by its id: the name it was given, or that of its model."""
        return {i.id: i.identifier or i.model.name or i.model.id for i in self._instances}

    def named(self, identifier: str) -> ModelInfo | None:
        """The model of the instance ``identifier``, also of one that a request would bring back."""
        last = self._arrivals.last(identifier)
        return last.model if last is not None else None

    # ------------------------------------------------------------ loads

    async def load(
        self,
        model: ModelInfo,
        options: Options,
        progress: Callable[[float], None] | None = None,
        *,
        identifier: str = "",
        force: bool = False,
        pinned: bool | None = None,
        ttl_s: float | None = None,
    ) -> LoadedModel:
        """Have ``model`` loaded; ``progress`` gets 0 to 1. Joins a load under way.

        With other options than those in force an idle model is loaded anew. An ``identifier`` that no instance has
        makes a further one. ``force`` loads although the memory guard says no; ``pinned`` and ``ttl_s`` (seconds, 0:
        for ever) are set where they are given. Cancelling the task ends the load when nobody else waits for it. Raises
        UnknownOption, InvalidOption, BadRequest, EngineMissing, ModelUnusable, ModelNotFound, LoadFailed, EngineDied,
        OutOfMemory, HostBusy.
        """
        check_ttl(ttl_s)
        wish = self._arrivals.wish(model, options, identifier)
        wish = msgspec.structs.replace(wish, force=force)

        def terms(instance: Instance) -> None:
            self._set_terms(instance, pinned, ttl_s, on_demand=False)

        try:
            instance = await self._arrivals.ready(
                wish, None if progress is None else lambda value, _: progress(value), terms
            )
        except LoadStopped:
            raise LoadFailed(f"The load of “{model.id}” was stopped.", hint="Load it again when you need it.") from None
        return self._view(instance)

    def patch(self, key: str, *, pinned: bool | None = None, ttl_s: float | None = None) -> LoadedModel:
        """Change the instance ``key`` (its id, identifier or model id); None leaves a field. Raises NotFound,
        BadRequest."""
        check_ttl(ttl_s)
        instance = self._find(key)[0]
        self._set_terms(instance, pinned, ttl_s, on_demand=instance.on_demand)
        return self._view(instance)

    async def unload(self, key: str) -> None:
        """Unload by instance id, identifier or model id, and wait until its memory is free. Running requests end as
        Cancelled. Raises NotFound."""
        found = self._find(key)
        for instance in found:
            self._arrivals.forget(instance.identifier)
        await asyncio.gather(*(self._instances.stop(instance) for instance in found))

    async def relieve(self, level: Level) -> None:
        """Give up memory, one step a call, as long as the machine is short of it; see :class:`Relief`."""
        await self._relief.relieve(level)

    async def probe(self, descriptor: EngineDescriptor) -> EngineInfo:
        """What ``descriptor``'s engine says of itself on this machine; never raises for a broken engine."""
        return await probe.probe(descriptor, self._logs, job=self._job)

    async def close(self) -> None:
        """Stop every worker. Afterwards nothing can be loaded."""
        self._arrivals.close()
        await asyncio.gather(*(self._instances.stop(instance) for instance in self._instances))
        self._lifespan.close()

    # ------------------------------------------------------------ requests

    async def generate(
        self, model: ModelInfo, request: GenerateRequest, load_options: Options | None = None, *, identifier: str = ""
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Answer ``request`` with ``model``, loading it when needed. The last event is the ending; errors are Failed.

        An ``identifier`` chooses the instance of that name. A request whose worker loses its device before the first
        text runs again, once, unless it was stopped. Closing the generator or cancelling its task cancels the request.
        """
        lease = Lease(request.id)
        try:
            self._enter(lease)
            check_ttl(request.ttl_s)
            wish = self._arrivals.demand(model, load_options, identifier)
            wish = msgspec.structs.replace(wish, background=request.priority == "batch")
            descriptor = wish.descriptor
            sampling = check(request.sampling, descriptor.sampling, where=f"{descriptor.title} sampling")
            request = msgspec.structs.replace(request, sampling=sampling)
            if request.grammar and not descriptor.grammar:
                raise BadRequest(f"{descriptor.title} holds answers to no grammar.", hint="Ask without “grammar”.")
            async with aclosing(self._answer(lease, wish, request)) as events:
                async for event in events:
                    yield event
        except LoadStopped:
            yield Cancelled(id=request.id)
        except PaddockError as error:
            yield Failed(id=request.id, error=error.info())
        finally:
            self._release(lease)

    def retune(self, model: ModelInfo, request_id: str, sampling: Options) -> None:
        """Have a running request go on with ``sampling`` in place of what it came with. Raises InvalidOption,
        UnknownOption, EngineMissing, and NotFound for a request that is not being answered."""
        descriptor = self._arrivals.demand(model, None, "").descriptor
        checked = check(sampling, descriptor.sampling, where=f"{descriptor.title} sampling")
        if not any(instance.worker.retune(request_id, checked) for instance in self._instances):
            raise NotFound("This answer is not being written.", hint="It may have ended, or not begun yet.")

    def hand_over(self, request_id: str, take: Take) -> None:
        """Have deltas of a running request go to ``take`` beside its reader: :meth:`Channel.hand_over`."""
        for instance in self._instances:
            instance.worker.hand_over(request_id, take)

    def cancel(self, request_id: str) -> bool:
        """Have the engine end a running request, within seconds: its last event then tells what was written. False
        when no engine works on it."""
        return any(lease.stop() for lease in self._leases if lease.request_id == request_id)

    async def ask(
        self, model: ModelInfo, question: Question, load_options: Options | None = None, *, identifier: str = ""
    ) -> Reply:
        """The reply of ``model``, which is loaded when needed. Cancelling the task cancels the question.

        Raises what :meth:`load` raises, and what the engine says.
        """
        lease = Lease()
        try:
            self._enter(lease)
            wish = self._arrivals.demand(model, load_options, identifier)
            instance = await self._take(lease, wish, None)
            try:
                return await instance.worker.ask(question)
            except EngineError as error:
                if not _lost(instance, error.info()):
                    raise
            instance = await self._take(lease, self._replacement(lease, wish), None)
            return await instance.worker.ask(question)
        except LoadStopped:
            raise LoadFailed(f"The load of “{model.id}” was stopped.", hint="Ask again.") from None
        finally:
            self._release(lease)

    async def _answer(
        self, lease: Lease, wish: Wish, request: GenerateRequest
    ) -> AsyncGenerator[GenerationEvent, None]:
        for again in (True, False):
            said = False
            async with aclosing(self._attempt(lease, wish, request)) as events:
                async for event in events:
                    said = said or isinstance(event, Delta)
                    error = event.error if isinstance(event, Failed) else None
                    if isinstance(event, Failed | Cancelled) and _lost(lease.instance, error):
                        wish = self._replacement(lease, wish)
                        if again and not said and not lease.stopped:
                            break
                    yield event
                else:
                    return
            yield Queued(id=request.id, position=0)

    async def _attempt(
        self, lease: Lease, wish: Wish, request: GenerateRequest
    ) -> AsyncGenerator[GenerationEvent, None]:
        async with aclosing(self._arrival(lease, wish, request)) as events:
            async for event in events:
                yield event
        instance = lease.instance
        assert instance is not None
        if request.ttl_s is not None:
            instance.ttl_s = request.ttl_s
        async with aclosing(instance.worker.generate(request)) as answers:
            async for event in answers:
                if isinstance(event, Queued) != lease.queued:
                    lease.queued = not lease.queued
                    self._instances.tell(instance)
                if isinstance(event, Failed) and event.error.code == "out_of_memory":
                    error = PaddockError.from_info(event.error)
                    await self._loader.advise(instance, error)
                    event = Failed(id=request.id, error=error.info())
                yield event

    async def _arrival(
        self, lease: Lease, wish: Wish, request: GenerateRequest
    ) -> AsyncGenerator[GenerationEvent, None]:
        """How the instance comes, until ``lease`` holds it."""
        moved = asyncio.Event()
        heard: tuple[float, int | None] = (0.0, None)

        def hear(fraction: float, position: int | None) -> None:
            nonlocal heard
            heard = (fraction, position)
            moved.set()

        arrival = asyncio.create_task(self._take(lease, wish, hear))
        arrival.add_done_callback(lambda _: moved.set())
        try:
            while not arrival.done():
                await moved.wait()
                moved.clear()
                if not arrival.done():
                    fraction, position = heard
                    if position is not None:
                        yield Queued(id=request.id, position=position)
                    else:
                        yield LoadProgress(id=request.id, model=wish.model.id, fraction=fraction)
        finally:
            if arrival.cancel():
                await asyncio.wait({arrival})
        arrival.result()

    # ------------------------------------------------------------ leases

    def _enter(self, lease: Lease) -> None:
        waiting = sum(other.waiting for other in self._leases)
        if waiting >= self._queue_limit:
            raise HostBusy(f"{waiting:,} requests are waiting already.", hint="Try again in a moment.")
        self._leases.add(lease)

    async def _take(self, lease: Lease, wish: Wish, heard: Heard | None) -> Instance:
        instance = await self._arrivals.ready(wish, heard)
        lease.instance = instance
        instance.leases.add(lease)
        self._instances.used(instance)
        return instance

    def _release(self, lease: Lease) -> None:
        self._leases.discard(lease)
        instance, lease.instance, lease.queued = lease.instance, None, False
        if instance is not None:
            instance.leases.discard(lease)
            self._instances.used(instance)

    def _replacement(self, lease: Lease, wish: Wish) -> Wish:
        """End the lease on an instance that lost its device, and the instance; the wish for another one like it."""
        instance = lease.instance
        assert instance is not None
        self._release(lease)
        self._leases.add(lease)
        self._instances.send_away(instance)
        return msgspec.structs.replace(wish, like=instance)

    # ------------------------------------------------------------ telling

    def _find(self, key: str) -> list[Instance]:
        found = self._instances.named(key) if key else []
        if not found:
            names = {i.model.id for i in self._instances}
            near = difflib.get_close_matches(key, names | {i.identifier or i.id for i in self._instances}, n=1)
            hint = f"Did you mean “{near[0]}”?" if near else f"Loaded now: {', '.join(sorted(names)) or 'nothing'}."
            raise NotFound(f"“{key}” is not loaded.", hint=hint)
        return found

    def _set_terms(self, instance: Instance, pinned: bool | None, ttl_s: float | None, *, on_demand: bool) -> None:
        before = self._view(instance)
        instance.on_demand = on_demand
        instance.pinned = instance.pinned if pinned is None else pinned
        instance.ttl_s = instance.ttl_s if ttl_s is None else ttl_s
        if self._view(instance) != before:
            self._instances.tell(instance)
        self._instances.freed.ring()

    def _view(self, instance: Instance) -> LoadedModel:
        return instance.view(self._lifespan.ttl_s(instance))

    def _told(self, instance: Instance, present: bool) -> None:
        self._changed(instance.id, self._view(instance) if present else None)
        self._lifespan.look()


def _lost(instance: Instance | None, error: ErrorInfo | None) -> bool:
    """Whether the instance has lost its device; what ends beside the request that found out has lost it too."""
    if instance is None:
        return False
    instance.lost = instance.lost or (error is not None and bool(error.details.get("lost_device")))
    return instance.lost
