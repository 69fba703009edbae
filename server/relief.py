"""What the host does while the machine is short of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.backends.pressure import Level
    from paddock.server.memory import Memory
    from paddock.server.memory_watch import MemoryWatch
    from paddock.server.models import Models

_WORDS: dict[Level, str] = {
    "none": "",
    "some": "The machine is short of memory.",
    "critical": "The machine is very short of memory: models that nobody uses are unloaded.",
}


async def relieve(models: Models, memory: Memory, watch: MemoryWatch) -> None:
    """Watch until cancelled; say it, and have models leave that nobody uses."""
    from paddock.backends.pressure import PressureMonitor

    async def pressed(level: Level) -> None:
        memory.pressure = _WORDS[level]
        watch.hurry()
        await models.pool.relieve(level)

    await PressureMonitor(pressed, active=lambda: bool(models.loaded())).run()
