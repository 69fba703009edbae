"""Memory before a load: judge it, let idle models leave for it, wait for busy ones, book it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paddock.backends.instance import Instance
from paddock.backends.instances import Instances
from paddock.backends.planning import Judgement
from paddock.sdk.errors import HostBusy
from paddock.sdk.memory import Prediction

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger

PATIENCE_S = 300.0
"""So long a request waits for memory that busy models hold."""
DRAIN_S = 10.0
"""After so long the models whose memory it waits for get no further requests."""

_RECOVERY_S = 5.0
"""A driver may need so long to show the memory of a process that has ended."""
_RECOVERY_STEP_S = 0.1
_LOOK_S = 1.0
"""Other programs tell nobody when they free memory."""


class Refused(Exception):
    """It does not fit. ``busy`` instances would have to leave for it."""

    def __init__(self, judgement: Judgement, busy: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.judgement = judgement
        self.busy = busy


class Admission:
    """One verdict and its consequences at a time, so that no two loads take the same memory. What waits is served in
    its order, except that a load for which nothing has to leave may go first, and what only batches wait for goes last.
    ``needed`` hears which instances are in the way of somebody who is no batch, again and again while they are, and
    ``yielding`` gives those that leave their work for that: every load waits for them."""

    def __init__(
        self,
        instances: Instances,
        ledger: Ledger | None,
        *,
        patience: float,
        needed: Callable[[tuple[str, ...]], None],
        yielding: Callable[[], Sequence[str]],
    ) -> None:
        self._instances = instances
        self._ledger = ledger
        self._patience = patience
        self._needed = needed
        self._yielding = yielding
        self._turn = asyncio.Lock()
        self._queue: list[Instance] = []

    async def admit(self, instance: Instance) -> None:
        """Return when ``instance`` may be loaded: its memory is booked, and what it replaces has left.

        Raises Refused, and HostBusy when it has waited too long or what it replaces is at work.
        """
        began = asyncio.get_running_loop().time()
        try:
            while True:
                async with self._turn:
                    judgement = await self._try(instance)
                if judgement is None:
                    return
                busy = self._in_the_way(instance, judgement)
                if busy and not instance.background and set(busy) <= set(self._yielding()):
                    instance.patient = True
                if not (busy and instance.patient):
                    raise Refused(judgement, busy)
                if instance not in self._queue:
                    self._queue.append(instance)
                self._queue.sort(key=lambda waiting: waiting.background)
                await self._wait(instance, busy, began)
        finally:
            self._leave_queue(instance)

    def queued(self) -> int:
        """Requests that wait for memory."""
        return sum(instance.waiters for instance in self._queue)

    async def _try(self, instance: Instance) -> Judgement | None:
        """None when it is booked."""
        loop = asyncio.get_running_loop()
        recovered = loop.time()
        while True:
            judgement = self._judge(instance, self._instances.evictable())
            fits = judgement.verdict != "does_not_fit"
            if not fits and self._guarded(instance):
                going = [other for other in self._instances if other.leaving()]
                if not going and loop.time() >= recovered:
                    return judgement
            else:
                if judgement.unload and self._behind(instance):
                    return judgement
                leaving = judgement.unload if fits else self._helping(judgement)
                going = self._replaced(instance) + [i for key in leaving if (i := self._instances.get(key))]
                if not going:
                    self._book(instance)
                    return None
                if judgement.unload and loop.time() < recovered:
                    going = []
            if going:
                stops = [self._instances.send_away(other) for other in going]  # All of them in this very turn.
                await asyncio.gather(*map(asyncio.shield, stops))
                recovered = loop.time() + _RECOVERY_S
            else:
                await self._instances.freed.wait(_RECOVERY_STEP_S)

    def _judge(self, instance: Instance, idle: Sequence[str]) -> Judgement:
        prediction = _prediction(instance)
        if self._ledger is None or prediction is None:
            return Judgement(verdict="cannot_tell")
        old = instance.replaces
        replacing = (old.id,) if old is not None and old in self._instances else ()
        idle = [key for key in idle if key not in replacing]
        return self._ledger.judge(prediction, idle=idle, replacing=replacing, model=instance.model.id)

    def _helping(self, judgement: Judgement) -> list[str]:
        """The idle instances that hold something of what a load lacks that is to be tried all the same."""
        ledger = self._ledger
        if ledger is None:
            return []
        return [key for key in self._instances.evictable() if any(ledger.held(key, name) for name in judgement.missing)]

    def _guarded(self, instance: Instance) -> bool:
        return self._ledger is not None and self._ledger.enforcing and not instance.force

    def _behind(self, instance: Instance) -> bool:
        """Whether others have waited longer for something to leave."""
        before = (other for other in self._queue if instance.background or not other.background)
        return instance.patient and next(before, instance) is not instance

    def _replaced(self, instance: Instance) -> list[Instance]:
        old = instance.replaces
        if old is None or old not in self._instances:
            return []
        if not old.leaving():
            refuse_when_busy(old)
        return [old]

    def _book(self, instance: Instance) -> None:
        if self._ledger is not None:
            self._ledger.book(instance.id, instance.model.id, _prediction(instance))

    # ------------------------------------------------------------ the queue

    def _in_the_way(self, instance: Instance, judgement: Judgement) -> tuple[str, ...]:
        """The busy instances without which it would fit."""
        if judgement.verdict == "fits_if_unloaded":
            return judgement.unload
        working = [key for key in self._instances.working() if key != instance.id]
        return self._judge(instance, [*self._instances.evictable(), *working]).unload

    async def _wait(self, instance: Instance, busy: tuple[str, ...], began: float) -> None:
        waited = asyncio.get_running_loop().time() - began
        if waited >= self._patience:
            raise HostBusy(
                f"“{instance.model.id}” needs memory that busy models hold, and {self._patience:g} s have passed.",
                hint="Try again when one of them is idle, or unload one.",
            )
        if not instance.background:
            self._needed(busy)
            if self._queue[0] is instance and waited >= DRAIN_S:
                self._drain(busy)
        self._tell_positions()
        await self._instances.freed.wait(min(_LOOK_S, self._patience - waited))

    def _leave_queue(self, instance: Instance) -> None:
        if instance in self._queue:
            first = self._queue[0] is instance
            self._queue.remove(instance)
            instance.position = None
            if first:
                self._drain(())
            self._tell_positions()
            self._instances.freed.ring()

    def _drain(self, busy: tuple[str, ...]) -> None:
        for other in self._instances:
            other.draining = other.id in busy

    def _tell_positions(self) -> None:
        before = 0
        for waiting in self._queue:
            if waiting.position != before:
                waiting.position = before
                waiting.hear()
            before += waiting.waiters


def refuse_when_busy(instance: Instance) -> None:
    """Raises HostBusy: it cannot be loaded anew with other options now."""
    if instance.busy():
        doing = "being loaded" if instance.state == "loading" else "answering"
        raise HostBusy(
            f"“{instance.model.id}” is {doing} with other load options.",
            hint="Try again when it is idle, or unload it first.",
            instance=instance.id,
        )


def _prediction(instance: Instance) -> Prediction | None:
    return instance.plan.prediction if instance.plan is not None else None
