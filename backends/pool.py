"""Which models are loaded: one worker process each; requests lease them.

Everything runs on the host's event loop, between awaits nothing else changes the pool.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import msgspec

from paddock.backends import probe
from paddock.backends.base import EngineDescriptor, ModelChanged
from paddock.backends.instance import Instance, Lease, LoadStopped
from paddock.backends.outcome import ProcessOutcome
from paddock.backends.registry import Registry
from paddock.backends.supervisor import GRACE, Worker
from paddock.backends.tether import JobObject
from paddock.sdk.errors import HostBusy, LoadFailed, ModelNotFound, ModelUnusable, NotFound, PaddockError
from paddock.sdk.events import Cancelled, Failed, GenerationEvent, LoadProgress, Queued
from paddock.sdk.options import check
from paddock.sdk.questions import Question, Reply
from paddock.sdk.types import EngineInfo, EngineStats, GenerateRequest, LoadedModel, ModelInfo, Options

STATS_S = 1.0
"""So often, at most, an instance tells of new counts."""

_PROGRESS_STEP = 0.01


class Pool:
    """Loaded models. ``changed`` hears of every change of state; ``logs`` is the folder of the workers' logs;
    ``clock`` gives seconds and never goes back; ``defaults`` are load options for a load that does not name them, where
    the engine has them. What is loaded is not loaded anew when they change."""

    def __init__(
        self,
        registry: Registry,
        *,
        changed: ModelChanged,
        logs: Path,
        clock: Callable[[], float] = time.monotonic,
        defaults: Callable[[], Options] = dict,
    ) -> None:
        self._registry = registry
        self._changed = changed
        self._logs = logs
        self._clock = clock
        self._defaults = defaults
        self._job = JobObject()
        self._instances: dict[str, Instance] = {}
        self._closed = False

    def loaded(self) -> tuple[LoadedModel, ...]:
        """What is loaded, being loaded or being unloaded, oldest first."""
        return tuple(instance.view() for instance in self._instances.values())

    def idle(self) -> dict[str, float]:
        """Seconds since the last use of each loaded instance that nobody uses now, by instance id."""
        now = self._clock()
        return {i.id: now - i.idle_since for i in self._instances.values() if i.state == "ready" and not i.leases}

    async def load(
        self, model: ModelInfo, options: Options, progress: Callable[[float], None] | None = None
    ) -> LoadedModel:
        """Have ``model`` loaded; ``progress`` gets 0 to 1. Joins a load under way.

        With other options than those in force an idle model is loaded anew. Cancelling the task ends the load when
        nobody else waits for it. Raises UnknownOption, InvalidOption, EngineMissing, ModelUnusable, ModelNotFound,
        LoadFailed, EngineDied, OutOfMemory, HostBusy.
        """
        try:
            instance = await self._ready(model, options, progress)
        except LoadStopped:
            raise LoadFailed(f"The load of “{model.id}” was stopped.", hint="Load it again when you need it.") from None
        return instance.view()

    async def unload(self, key: str) -> None:
        """Unload by instance id or model id, and wait until its memory is free. Running requests end as Cancelled.
        Raises NotFound."""
        found = [i for i in self._instances.values() if key in (i.id, i.model.id)]
        if not found:
            names = {i.model.id for i in self._instances.values()}
            near = difflib.get_close_matches(key, names | set(self._instances), n=1)
            hint = f"Did you mean “{near[0]}”?" if near else f"Loaded now: {', '.join(sorted(names)) or 'nothing'}."
            raise NotFound(f"“{key}” is not loaded.", hint=hint)
        await asyncio.gather(*(self._stop(instance) for instance in found))

    async def generate(
        self, model: ModelInfo, request: GenerateRequest, load_options: Options | None = None
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Answer ``request`` with ``model``, loading it when needed. The last event is the ending; errors are Failed.

        Closing the generator or cancelling its task cancels the request.
        """
        moved = asyncio.Event()
        fraction = 0.0

        def progressed(value: float) -> None:
            nonlocal fraction
            fraction = value
            moved.set()

        try:
            descriptor = self._registry.get(model.engine)
            sampling = check(request.sampling, descriptor.sampling, where=f"{descriptor.title} sampling")
            request = msgspec.structs.replace(request, sampling=sampling)
            arrival = asyncio.create_task(self._ready(model, load_options or {}, progressed))
            arrival.add_done_callback(lambda _: moved.set())
            try:
                while not arrival.done():
                    await moved.wait()
                    moved.clear()
                    if not arrival.done():
                        yield LoadProgress(id=request.id, model=model.id, fraction=fraction)
            finally:
                if arrival.cancel():
                    await asyncio.wait({arrival})
            instance = arrival.result()
        except LoadStopped:
            yield Cancelled(id=request.id)
            return
        except PaddockError as error:
            yield Failed(id=request.id, error=error.info())
            return
        async with aclosing(self._leased(instance, request)) as events:
            async for event in events:
                yield event

    async def ask(self, model: ModelInfo, question: Question, load_options: Options | None = None) -> Reply:
        """The reply of ``model``, which is loaded when needed. Cancelling the task cancels the question.

        Raises what :meth:`load` raises, and what the engine says.
        """
        try:
            instance = await self._ready(model, load_options or {}, None)
        except LoadStopped:
            raise LoadFailed(f"The load of “{model.id}” was stopped.", hint="Ask again.") from None
        with self._lease(instance):
            return await instance.worker.ask(question)

    async def probe(self, descriptor: EngineDescriptor) -> EngineInfo:
        """What ``descriptor``'s engine says of itself on this machine; never raises for a broken engine."""
        return await probe.probe(descriptor, self._logs, job=self._job)

    async def close(self) -> None:
        """Stop every worker. Afterwards nothing can be loaded."""
        self._closed = True
        await asyncio.gather(*(self._stop(instance) for instance in list(self._instances.values())))

    # ------------------------------------------------------------ requests

    async def _leased(self, instance: Instance, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        with self._lease(instance) as lease:
            async with aclosing(instance.worker.generate(request)) as events:
                async for event in events:
                    if isinstance(event, Queued) != lease.queued:
                        lease.queued = not lease.queued
                        self._tell(instance)
                    yield event

    @contextmanager
    def _lease(self, instance: Instance) -> Iterator[Lease]:
        lease = Lease()
        instance.leases.add(lease)
        self._tell(instance)
        try:
            yield lease
        finally:
            instance.leases.discard(lease)
            instance.idle_since = self._clock()
            self._tell(instance)

    # ------------------------------------------------------------ loading

    async def _ready(self, model: ModelInfo, options: Options, progress: Callable[[float], None] | None) -> Instance:
        descriptor = self._registry.get(model.engine)
        wanted = check(options, descriptor.load, where=f"{descriptor.title} load options")
        while True:
            if self._closed:
                raise HostBusy("Paddock is leaving and loads nothing any more.", hint="Start it again.")
            instance = next((i for i in self._instances.values() if i.model.id == model.id), None)
            if instance is None:
                instance = self._begin(model, descriptor, wanted)
            elif instance.stopping is not None or instance.state == "unloading":
                await self._stop(instance)
                continue
            elif not instance.satisfies(wanted):
                self._refuse_when_busy(instance)
                await self._stop(instance)
                continue
            await self._join(instance, progress)
            return instance

    def _refuse_when_busy(self, instance: Instance) -> None:
        if instance.busy():
            doing = "being loaded" if instance.state == "loading" else "answering"
            raise HostBusy(
                f"“{instance.model.id}” is {doing} with other load options.",
                hint="Try again when it is idle, or unload it first.",
                instance=instance.id,
            )

    def _begin(self, model: ModelInfo, descriptor: EngineDescriptor, given: Options) -> Instance:
        if model.error is not None:
            raise ModelUnusable(f"“{model.id}” cannot be loaded.", hint=model.error, model=model.id)
        if not os.path.exists(model.path):
            raise ModelNotFound(f"The file of “{model.id}” is gone.", hint=f"It was at {model.path}.", model=model.id)
        key = secrets.token_hex(4)
        known = {spec.name for spec in descriptor.load}
        given = {name: value for name, value in self._defaults().items() if name in known} | given
        instance = Instance(key, model, descriptor, given, Worker(descriptor, key, self._logs, job=self._job))
        self._instances[key] = instance
        instance.loading = asyncio.create_task(self._load(instance))
        instance.loading.add_done_callback(_seen)
        self._tell(instance)
        return instance

    async def _load(self, instance: Instance) -> None:
        worker = instance.worker

        def progressed(fraction: float) -> None:
            big_step = fraction - instance.progress >= _PROGRESS_STEP or fraction == 1.0
            instance.progress = fraction
            for listener in tuple(instance.listeners):
                listener(fraction)
            if big_step:
                self._tell(instance)

        try:
            await worker.start()
            self._tell(instance)
            instance.report = await worker.load(
                instance.model.path, instance.given, progressed, lambda stats: self._counted(instance, stats)
            )
        except asyncio.CancelledError:
            instance.state = "unloading"
            self._tell(instance)
            worker.kill()
            await asyncio.shield(worker.died)
            self._remove(instance)
            raise LoadStopped from None
        except PaddockError as error:
            worker.kill()
            await asyncio.shield(worker.died)
            self._fail(instance, error)
            raise
        instance.state, instance.progress, instance.idle_since = "ready", 1.0, self._clock()
        worker.died.add_done_callback(lambda died: self._died(instance, died.result()))
        self._tell(instance)

    async def _join(self, instance: Instance, progress: Callable[[float], None] | None) -> None:
        """Wait for the load; the last one who stops waiting ends it."""
        loading = instance.loading
        if loading is None or (loading.done() and instance.state == "ready"):
            return
        if progress is not None:
            instance.listeners.add(progress)
            progress(instance.progress)
        instance.waiters += 1
        try:
            await asyncio.shield(loading)
        finally:
            instance.waiters -= 1
            if progress is not None:
                instance.listeners.discard(progress)
            if instance.waiters == 0 and not loading.done():
                await self._stop(instance)

    # ------------------------------------------------------------ leaving

    async def _stop(self, instance: Instance) -> None:
        """End load or worker and wait until the process is gone. Goes on when the caller is cancelled."""
        if instance.stopping is None:
            instance.stopping = asyncio.create_task(self._unload(instance))
        await asyncio.shield(instance.stopping)

    async def _unload(self, instance: Instance) -> None:
        loading = instance.loading
        if loading is not None and not loading.done():
            loading.cancel()
            await asyncio.wait({loading})
            self._remove(instance)  # When the task had not even started.
            return
        if instance.id not in self._instances:
            return
        instance.state = "unloading"
        self._tell(instance)
        await instance.worker.stop(GRACE)
        self._remove(instance)

    def _died(self, instance: Instance, outcome: ProcessOutcome) -> None:
        if not outcome.asked:
            self._fail(instance, outcome.error(instance.descriptor.title))

    def _fail(self, instance: Instance, error: PaddockError) -> None:
        instance.state, instance.error = "failed", error.sentence()
        self._tell(instance)
        self._remove(instance)

    def _remove(self, instance: Instance) -> None:
        if self._instances.pop(instance.id, None) is not None:
            self._changed(instance.id, None)

    def _counted(self, instance: Instance, stats: EngineStats) -> None:
        changed, instance.stats = stats != instance.stats, stats
        if changed and instance.pause is None:
            self._tell_counts(instance, None)

    def _tell_counts(self, instance: Instance, told: EngineStats | None) -> None:
        instance.pause = None
        if instance.stats != told:
            self._tell(instance)
            loop = asyncio.get_running_loop()
            instance.pause = loop.call_later(STATS_S, self._tell_counts, instance, instance.stats)

    def _tell(self, instance: Instance) -> None:
        if instance.id in self._instances:
            self._changed(instance.id, instance.view())


def _seen(task: asyncio.Task[None]) -> None:
    """A load that failed after everybody left is no news to the event loop; ``changed`` has told it."""
    if not task.cancelled():
        task.exception()
