"""The machine is short of memory: kept prefixes are given up, then idle models leave."""

from __future__ import annotations

from collections.abc import Callable

from paddock.backends.instances import Instances
from paddock.backends.pressure import Level


class Relief:
    """``relieved`` hears in words what was given up."""

    def __init__(self, instances: Instances, relieved: Callable[[str], None]) -> None:
        self._instances = instances
        self._relieved = relieved
        self._shed: set[str] = set()

    async def relieve(self, level: Level) -> None:
        """One step: every worker gives up what it keeps beside running requests; while the shortage stays critical,
        each further call unloads the idle model that was not used for longest. ``none`` ends the shortage."""
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
            await self._instances.stop(idle[0])
            self._relieved(f"Memory is short: “{idle[0].model.id}” was unloaded.")
