"""The life of one load: planned, admitted, carried out by a worker, booked as it turned out."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.backends.admission import Admission, Refused
from paddock.backends.base import EngineDescriptor
from paddock.backends.failures import FailedLoads
from paddock.backends.instance import Heard, Instance, LoadStopped
from paddock.backends.instances import Instances
from paddock.backends.planning import Plan, Planner
from paddock.backends.supervisor import Worker
from paddock.backends.tether import JobObject
from paddock.sdk.errors import EngineError, ModelNotFound, ModelUnusable, OutOfMemory, PaddockError
from paddock.sdk.memory import Remedy
from paddock.sdk.types import ModelInfo, Options
from paddock.sdk.units import bytes_text

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger

REMEDY_S = 10.0
"""So long a failed load waits for advice."""

_PROGRESS_STEP = 0.01

logger = logging.getLogger(__name__)


class Loader:
    """Loads instances. ``defaults`` are load options for what a load does not name, without a planner."""

    def __init__(
        self,
        instances: Instances,
        admission: Admission,
        failures: FailedLoads,
        *,
        ledger: Ledger | None,
        planner: Planner | None,
        logs: Path,
        job: JobObject,
        defaults: Callable[[], Options],
    ) -> None:
        self._instances = instances
        self._admission = admission
        self._failures = failures
        self._ledger = ledger
        self._planner = planner
        self._logs = logs
        self._job = job
        self._defaults = defaults

    def begin(
        self,
        model: ModelInfo,
        descriptor: EngineDescriptor,
        asked: Options,
        *,
        identifier: str = "",
        replaces: Instance | None = None,
    ) -> Instance:
        """A new instance, whose load has begun. Raises ModelUnusable, ModelNotFound."""
        if model.error is not None:
            raise ModelUnusable(f"“{model.id}” cannot be loaded.", hint=model.error, model=model.id)
        if not os.path.exists(model.path):
            raise ModelNotFound(f"The file of “{model.id}” is gone.", hint=f"It was at {model.path}.", model=model.id)
        key = secrets.token_hex(4)
        worker = Worker(descriptor, key, self._logs, job=self._job)
        instance = Instance(key, model, descriptor, asked, worker, identifier=identifier, replaces=replaces)
        self._instances.add(instance)
        instance.loading = asyncio.create_task(self._load(instance))
        instance.loading.add_done_callback(_seen)
        return instance

    async def join(self, instance: Instance, heard: Heard | None) -> None:
        """Wait for the load; the last one who stops waiting ends it. Raises what ended it."""
        loading = instance.loading
        if loading is None or (loading.done() and instance.state == "ready"):
            return
        instance.waiters += 1
        if heard is not None:
            instance.listeners.add(heard)
            heard(instance.progress, instance.position)
        try:
            await asyncio.shield(loading)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if loading.cancelled() and not (task is not None and task.cancelling()):
                raise LoadStopped from None
            raise
        finally:
            instance.waiters -= 1
            if heard is not None:
                instance.listeners.discard(heard)
            if instance.waiters == 0 and not loading.done():
                await self._instances.stop(instance)
            self._instances.freed.ring()

    # ------------------------------------------------------------ the load

    async def _load(self, instance: Instance) -> None:
        try:
            await self._prepare(instance)
            await self._carry_out(instance)
        except asyncio.CancelledError:
            instance.state = "unloading"
            self._instances.tell(instance)
            await _end(instance)
            self._instances.remove(instance)
            raise LoadStopped from None
        except PaddockError as error:
            await self._failed(instance, error)
            raise
        except Exception as bug:  # a bug must end the load too, or whoever waits would wait for ever
            logger.exception("loading %s failed", instance.model.id)
            failure = EngineError(f"Loading failed inside Paddock ({type(bug).__name__}).", hint="See the host's log.")
            await self._failed(instance, failure)
            raise failure from bug
        self._failures.forget(instance.model.id)
        instance.state, instance.progress = "ready", 1.0
        instance.worker.died.add_done_callback(lambda died: self._instances.died(instance, died.result()))
        self._instances.used(instance)

    async def _prepare(self, instance: Instance) -> None:
        old = instance.replaces
        replacing = (old.id,) if old is not None else ()
        await self._plan(instance, replacing)
        try:
            await self._admission.admit(instance)
        except Refused as refused:
            # What was free when the planner chose the context may have been taken by another load since.
            if instance.given == instance.asked or not await self._fits_now(instance, replacing):
                raise await self._refusal(instance, refused, replacing) from None
        instance.replaces = None

    async def _plan(self, instance: Instance, replacing: tuple[str, ...]) -> None:
        if self._planner is None:
            known = {spec.name for spec in instance.descriptor.load}
            defaults = {name: value for name, value in self._defaults().items() if name in known}
            instance.given = {name: value for name, value in (defaults | instance.asked).items() if value is not None}
            return
        instance.plan = await self._planner.plan(instance.model, instance.asked, replacing=replacing)
        instance.given = instance.plan.options
        self._instances.tell(instance)

    async def _fits_now(self, instance: Instance, replacing: tuple[str, ...]) -> bool:
        """Plan once more; whether that is another plan, and it was admitted."""
        before = instance.given
        await self._plan(instance, replacing)
        if instance.given == before:
            return False
        try:
            await self._admission.admit(instance)
        except Refused:
            return False
        return True

    async def _carry_out(self, instance: Instance) -> None:
        worker = instance.worker

        def progressed(fraction: float) -> None:
            big_step = fraction - instance.progress >= _PROGRESS_STEP or fraction == 1.0
            instance.progress = fraction
            instance.hear()
            if big_step:
                self._instances.tell(instance)

        await worker.start()
        if self._ledger is not None and worker.pid is not None:
            self._ledger.started(instance.id, worker.pid)
        self._instances.tell(instance)
        instance.report = await worker.load(
            instance.model.path,
            instance.given,
            progressed,
            lambda stats: self._instances.counted(instance, stats),
        )
        if self._ledger is not None:
            self._ledger.settle(instance.id, instance.report.memory)

    async def _failed(self, instance: Instance, error: PaddockError) -> None:
        await _end(instance)
        await self.advise(instance, error)
        self._failures.note(instance.model, instance.asked, error)
        self._instances.fail(instance, error)

    # ------------------------------------------------------------ in words

    async def advise(self, instance: Instance, error: PaddockError) -> None:
        """Where memory ran out, put the smallest change that would help into the hint."""
        ran_out = isinstance(error, OutOfMemory) and "verdict" not in error.details
        if not ran_out:
            return
        if remedy := await self._remedy(instance, instance.plan, (), limit=error.details.get("limit_bytes")):
            error.hint = f"{remedy.sentence}."
            error.details |= {"remedy": remedy.sentence, "remedy_options": remedy.options}

    async def _refusal(self, instance: Instance, refused: Refused, replacing: tuple[str, ...]) -> OutOfMemory:
        plan, judgement = instance.plan, refused.judgement
        remedy = await self._remedy(instance, plan, replacing)
        needed = plan.prediction.total if plan is not None and plan.prediction is not None else 0
        lacks = [f"{bytes_text(size)} of {device}" for device, size in judgement.missing.items()]
        names = [f"“{i.model.id}”" for key in refused.busy if (i := self._instances.get(key)) is not None]
        hints = [f"{remedy.sentence}." if remedy else "Unload other models, or choose a smaller quant."]
        if names:
            hints.insert(0, f"It fits when {' and '.join(names)} can leave.")
        return OutOfMemory(
            f"“{instance.model.id}” does not fit into memory: it needs {bytes_text(needed)}"
            f"{', and ' + ' and '.join(lacks) + ' are missing' if lacks else ''}.",
            hint=" ".join([*hints, "Loading it with force overrides the memory guard."]),
            verdict="fits_with" if remedy else "does_not_fit",
            remedy=remedy.sentence if remedy else "",
            remedy_options=remedy.options if remedy else {},
            needed_bytes=needed,
            free_bytes=sum(judgement.free.get(device, 0) for device in judgement.left),
        )

    async def _remedy(
        self, instance: Instance, plan: Plan | None, replacing: tuple[str, ...], *, limit: int | None = None
    ) -> Remedy | None:
        if self._planner is None or plan is None:
            return None
        try:
            async with asyncio.timeout(REMEDY_S):
                return await self._planner.remedy(instance.model, plan, replacing=replacing, limit=limit)
        except (PaddockError, TimeoutError) as error:
            logger.info("no remedy for %s: %r", instance.model.id, error)
            return None


async def _end(instance: Instance) -> None:
    instance.worker.kill()
    await asyncio.shield(instance.worker.died)


def _seen(task: asyncio.Task[None]) -> None:
    """A load that failed after everybody left is no news to the event loop; ``changed`` has told it."""
    if not task.cancelled():
        task.exception()
