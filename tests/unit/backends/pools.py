"""What the tests of the pool share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from paddock.backends.ledger import Ledger
from paddock.backends.planning import GuardRule, Plan
from paddock.sdk.events import Ending, GenerationEvent
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, Guard, MemoryDevice, Parts, Prediction, Remedy
from paddock.sdk.types import GenerateRequest, ModelInfo, Options

Ask = Callable[..., GenerateRequest]
Write = Callable[..., ModelInfo]
GIB = 2**30
CONTEXT = 30_000
SLOW: dict[str, Any] = {"text": "word " * 20_000, "tokens_per_second": 100, "context_length": CONTEXT}
"""It says word after word for longer than any test takes."""


async def gather(events: AsyncGenerator[GenerationEvent, None]) -> list[GenerationEvent]:
    async with aclosing(events):
        return [event async for event in events]


async def until(events: AsyncGenerator[GenerationEvent, None], kind: type) -> None:
    async for event in events:
        if isinstance(event, kind):
            return
        assert not isinstance(event, Ending), event


class Budget:
    """A planner by arithmetic: a model takes its ``size_bytes``. ``hold`` stops it. ``advice``: its remedy."""

    def __init__(self) -> None:
        self.advice = ""
        self.planned: list[tuple[str, tuple[str, ...]]] = []
        self.hold: asyncio.Event | None = None

    async def plan(self, model: ModelInfo, options: Options, *, replacing: tuple[str, ...] = ()) -> Plan:
        self.planned.append((model.id, replacing))
        if self.hold is not None:
            await self.hold.wait()
        return Plan(options={"n_ctx": CONTEXT} | options, prediction=prediction(model.size_bytes))

    async def remedy(
        self, model: ModelInfo, plan: Plan, *, replacing: tuple[str, ...] = (), limit: int | None = None
    ) -> Remedy | None:
        return Remedy(sentence=self.advice, options={"n_ctx": 2048}) if self.advice else None


def prediction(size: int) -> Prediction:
    use = DeviceUse(name=MACHINE_MEMORY, parts=Parts(weights=size))
    return Prediction(source="analytic", confidence="high", devices=(use,))


def ledger(limit: int, mode: Guard = "custom") -> Ledger:
    """The real one, on a machine with plenty of memory: only ``limit`` bytes of it are for models."""
    memory = MemoryDevice(name=MACHINE_MEMORY, total=1024 * GIB, free=1024 * GIB)
    return Ledger(lambda: (memory,), lambda: GuardRule(mode=mode, limit=limit), resident=lambda pid: 0)
