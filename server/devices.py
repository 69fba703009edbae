"""This computer's memory as the ledger asks for it: which devices there are, and what is free on them now."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sdk.errors import PaddockError

if TYPE_CHECKING:
    from paddock.sdk.memory import Holder, Machine, MemoryDevice
    from paddock.sdk.types import EngineInfo

logger = logging.getLogger(__name__)

HOLDERS_S = 10.0
"""So often, at most, all processes are looked at."""


_DRIVERS = ("nvidiactl", "dri", "kfd", "dxg")
"""What the drivers of graphics cards put into /dev: NVIDIA, any, AMD, WSL."""


def graphics_possible() -> bool:
    """Whether this computer may have a graphics card that an engine can use."""
    return sys.platform != "linux" or any(Path("/dev", name).exists() for name in _DRIVERS)


class Devices:
    """Lives on the host's loop. ``engines`` asks the engines what they can compute on, which takes a second and a
    process: it is asked once, when it matters, and not where ``graphics`` says that there is nothing to find. The
    machine's memory is known without it."""

    def __init__(
        self, engines: Callable[[], Awaitable[Iterable[EngineInfo]]], graphics: Callable[[], bool] = graphics_possible
    ) -> None:
        self._engines = engines
        self._graphics = graphics
        self._looking: asyncio.Task[Machine] | None = None
        self._asking: asyncio.Task[Machine] | None = None
        self._machine: Machine | None = None
        self._counting: asyncio.Task[None] | None = None
        self._holders: Mapping[str, tuple[Holder, ...]] = {}
        self._look_again = 0.0

    async def machine(self, *, processors: bool = False) -> Machine:
        """This computer; with ``processors`` also what only the engines know of."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look(()))
        await asyncio.shield(self._looking)
        if processors:
            await asyncio.shield(self.ask_engines())
        assert self._machine is not None  # the look above has set it
        return self._machine

    def ask_engines(self) -> asyncio.Task[Machine]:
        """Begin to ask the engines, unless that was done."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        return self._asking

    def holders(self, ours: Collection[int]) -> Mapping[str, tuple[Holder, ...]]:
        """Who else holds memory, by device, without the processes ``ours``; at most some seconds old, and nothing at
        first: it is looked up in the background."""
        if self._machine is not None and time.monotonic() >= self._look_again:
            self._look_again = time.monotonic() + HOLDERS_S
            self._counting = asyncio.get_running_loop().create_task(self._count(self._machine, frozenset(ours)))
        return self._holders

    async def _count(self, machine: Machine, ours: frozenset[int]) -> None:
        from paddock.browser.hardware import users_of

        self._holders = await asyncio.to_thread(users_of, machine, ours)

    def now(self) -> tuple[MemoryDevice, ...]:
        """All devices with what is free; none before :meth:`machine` has answered once."""
        if self._machine is None:
            return ()
        from paddock.browser.hardware import free_now

        return free_now(self._machine)

    async def close(self) -> None:
        for task in (self._looking, self._asking, self._counting):
            if task is not None and not task.done():
                task.cancel()

    async def _ask(self) -> Machine:
        machine = await self.machine()
        if not self._graphics():
            return machine
        try:
            engines = list(await self._engines())
        except PaddockError as error:
            logger.warning("the engines' devices are not known: %s", error.sentence())
            engines = []
        return await self._look(engine for engine in engines if engine.available)

    async def _look(self, engines: Iterable[EngineInfo]) -> Machine:
        from paddock.browser.hardware import this_machine

        devices = [device for engine in engines for device in engine.devices]
        machine = self._machine = await asyncio.to_thread(this_machine, devices)
        return machine
