"""Tells the attached clients of memory: as it changes, and at once when a model comes or goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from paddock.sdk.events import MemoryChanged
from paddock.sdk.memory import DeviceState, MemoryState

if TYPE_CHECKING:
    from paddock.server.bus import Bus


LOOK_S = 0.5
"""So often, at most, memory is looked at and told of while it changes."""
CALM = 4
"""So many times as long between two looks while nothing changes: a look takes processor time from running answers."""
_LITTLE_BYTES = 16 * 2**20
_LITTLE_SHARE = 0.01


class MemoryWatch:
    """Lives on the host's loop, and works only while somebody is attached to ``bus``."""

    def __init__(self, state: Callable[[], Awaitable[MemoryState]], bus: Bus, *, look_s: float = LOOK_S) -> None:
        self._state = state
        self._bus = bus
        self._look_s = look_s
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._told: MemoryState | None = None

    def attached(self) -> None:
        """A client has come or gone."""
        if not self._bus.attached():
            self._stop()
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def hurry(self) -> None:
        """A model came or went, or what is promised changed: look now."""
        self._hurry.set()

    async def close(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            self._hurry.clear()  # what is told of while it is looked may not be seen any more
            state = await self._state()
            changed = self._told is None or differs(self._told, state)
            if changed:
                self._told = state
                self._bus.publish(MemoryChanged(id="memory", memory=state))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._look_s if changed else CALM * self._look_s)


def differs(before: MemoryState, now: MemoryState) -> bool:
    """Whether a person would want to see ``now``: other models, other words, or more than a little of a device."""
    if len(before.devices) != len(now.devices) or _words(before) != _words(now):
        return True
    return any(_moved(old, new) for old, new in zip(before.devices, now.devices, strict=True))


def _words(state: MemoryState) -> object:
    return state.guard, state.pressure, [(device.device.name, device.models) for device in state.devices]


def _moved(old: DeviceState, new: DeviceState) -> bool:
    little = max(_LITTLE_BYTES, int(_LITTLE_SHARE * new.device.total))
    figures = (
        (old.device.free or 0, new.device.free or 0),
        (old.others, new.others),
        (old.promised, new.promised),
        (old.free, new.free),
    )
    return any(abs(before - after) > little for before, after in figures)
