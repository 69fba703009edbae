"""Which devices there are: the machine's memory at once, graphics cards when an engine has told of them."""

from __future__ import annotations

import asyncio

from paddock.sdk.errors import EngineMissing
from paddock.sdk.memory import MACHINE_MEMORY
from paddock.sdk.types import Device, EngineInfo
from paddock.server.devices import Devices

CARD = Device(name="Vulkan0", description="A card", kind="gpu", total_bytes=8 * 2**30, free_bytes=7 * 2**30)
ENGINE = EngineInfo(name="e", title="E", available=True, devices=(Device(name="CPU"), CARD))


class Engines:
    def __init__(self, *found: EngineInfo, error: EngineMissing | None = None) -> None:
        self.found = found
        self.error = error
        self.asked = 0

    async def __call__(self) -> tuple[EngineInfo, ...]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.found


def names(engines: Engines, *, processors: bool, graphics: bool = True) -> list[str]:
    async def look() -> list[str]:
        devices = Devices(engines, lambda: graphics)
        assert devices.now() == ()
        await devices.machine(processors=processors)
        await devices.machine(processors=processors)
        found = [device.name for device in devices.now()]
        await devices.close()
        return found

    return asyncio.run(look())


def test_the_memory_is_known_without_an_engine_and_engines_are_asked_once():
    engines = Engines(ENGINE)
    assert names(engines, processors=False) == [MACHINE_MEMORY]
    assert engines.asked == 0
    assert names(engines, processors=True) == [MACHINE_MEMORY, "Vulkan0"]
    assert engines.asked == 1


def test_engines_are_not_asked_where_there_is_nothing_to_find():
    engines = Engines(ENGINE)
    assert names(engines, processors=True, graphics=False) == [MACHINE_MEMORY]
    assert engines.asked == 0


def test_engines_that_cannot_be_asked_leave_the_memory():
    assert names(Engines(error=EngineMissing("None.")), processors=True) == [MACHINE_MEMORY]
