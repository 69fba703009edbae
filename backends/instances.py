"""The instances that there are: who may leave, what is told of them, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from paddock.backends.instance import Instance
from paddock.backends.outcome import ProcessOutcome
from paddock.backends.supervisor import GRACE
from paddock.backends.waiting import Bell
from paddock.sdk.errors import PaddockError
from paddock.sdk.types import EngineStats

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger

STATS_S = 1.0
"""So often, at most, an instance tells of new counts."""

Told = Callable[[Instance, bool], None]
"""Called with an instance that has changed, and whether it is still there."""


class Instances:
    """``clock`` gives seconds and never goes back, ``now`` Unix seconds. ``freed`` rings when memory may have become
    free, or may be made free: something has left, or is idle."""

    def __init__(
        self, told: Told, *, ledger: Ledger | None, clock: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._told = told
        self._ledger = ledger
        self._clock = clock
        self._now = now
        self._all: dict[str, Instance] = {}
        self.freed = Bell()

    def __iter__(self) -> Iterator[Instance]:
        """Oldest first."""
        return iter(list(self._all.values()))

    def __contains__(self, instance: Instance) -> bool:
        return instance.id in self._all

    def get(self, key: str) -> Instance | None:
        return self._all.get(key)

    def named(self, key: str) -> list[Instance]:
        """Those with this instance id, identifier or model id."""
        return [i for i in self if key in (i.id, i.identifier, i.model.id)]

    def evictable(self) -> tuple[str, ...]:
        """Ids of idle instances that are not pinned, least recently used first."""
        return tuple(i.id for i in self._by_use() if i.idle() and not i.pinned)

    def working(self) -> tuple[str, ...]:
        """Ids of instances that would be evictable if they were idle, least recently used first."""
        return tuple(i.id for i in self._by_use() if not (i.idle() or i.pinned or i.leaving()) and i.position is None)

    def _by_use(self) -> list[Instance]:
        return sorted(self, key=lambda i: i.idle_since)

    # ------------------------------------------------------------ changes

    def add(self, instance: Instance) -> None:
        self._all[instance.id] = instance

    def used(self, instance: Instance) -> None:
        """It is used now, or was until now."""
        instance.idle_since, instance.last_used = self._clock(), self._now()
        self.tell(instance)
        if instance.idle():
            self.freed.ring()

    def tell(self, instance: Instance) -> None:
        if instance in self:
            self._told(instance, True)

    def counted(self, instance: Instance, stats: EngineStats) -> None:
        """New counts of the engine: told at once, and then at most once in :data:`STATS_S`."""
        changed, instance.stats = stats != instance.stats, stats
        if changed and instance.pause is None:
            self._tell_counts(instance, None)

    def _tell_counts(self, instance: Instance, told: EngineStats | None) -> None:
        instance.pause = None
        if instance.stats != told:
            self.tell(instance)
            loop = asyncio.get_running_loop()
            instance.pause = loop.call_later(STATS_S, self._tell_counts, instance, instance.stats)

    # ------------------------------------------------------------ leaving

    def send_away(self, instance: Instance) -> asyncio.Task[None]:
        """Begin to end load or worker; from now on it is leaving."""
        if instance.stopping is None:
            instance.stopping = asyncio.create_task(self._unload(instance))
        return instance.stopping

    async def stop(self, instance: Instance) -> None:
        """End load or worker and wait until the process is gone. Goes on when the caller is cancelled."""
        await asyncio.shield(self.send_away(instance))

    async def _unload(self, instance: Instance) -> None:
        loading = instance.loading
        if loading is not None and not loading.done():
            loading.cancel()
            await asyncio.wait({loading})
            self.remove(instance)  # When the task had not even started.
            return
        if instance not in self:
            return
        instance.state = "unloading"
        self.tell(instance)
        if instance.lost:
            instance.worker.kill()  # An engine without its device cannot close in good order.
        await instance.worker.stop(GRACE)
        self.remove(instance)

    def died(self, instance: Instance, outcome: ProcessOutcome) -> None:
        if not outcome.asked:
            self.fail(instance, outcome.error(instance.descriptor.title))

    def fail(self, instance: Instance, error: PaddockError) -> None:
        instance.state, instance.error = "failed", error.sentence()
        self.tell(instance)
        self.remove(instance)

    def remove(self, instance: Instance) -> None:
        if self._all.pop(instance.id, None) is not None:
            if self._ledger is not None:
                self._ledger.release(instance.id)
            self._told(instance, False)
            self.freed.ring()
