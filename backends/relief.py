"""The machine is short of memory: kept prefixes are given up, then idle models leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from paddock.backends.instances import Instances
from paddock.backends.pressure import Level

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger

WORTHWHILE = 256 * 2**20
"""A model that holds so much of the machine's memory leaves before one that holds less, on a GPU for instance."""


class Relief:
    """``relieved`` hears in words what was given up."""

    def __init__(self, instances: Instances, relieved: Callable[[str], None], *, ledger: Ledger | None) -> None:
        self._instances = instances
        self._ledger = ledger
        self._relieved = relieved
        self._shed: set[str] = set()

    async def relieve(self, level: Level) -> None:
        """One step: every worker gives up what it keeps beside running requests; while the shortage stays critical,
        each further call unloads one idle model, the one not used for longest of those that hold something of note.
        ``none`` ends the shortage."""
        if level == "none":
            self._shed.clear()
            return
        shedding = [i for i in self._instances if i.state == "ready" and (level == "some" or i.id not in self._shed)]
        for instance in shedding:
            instance.worker.shed()
        if not self._shed.issuperset(i.id for i in shedding):
            self._relieved("Memory is short: prompts that models kept for later were given up.")
        self._shed.update(i.id for i in shedding)
        idle = [i for key in self._instances.evictable() if (i := self._instances.get(key)) is not None]
        if level == "critical" and idle and not shedding:
            ledger = self._ledger
            going = next((i for i in idle if ledger is not None and ledger.held(i.id) >= WORTHWHILE), idle[0])
            await self._instances.stop(going)
            self._relieved(f"Memory is short: “{going.model.id}” was unloaded.")
