"""What the tests of one worker process share."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import aclosing

from paddock.backends.supervisor import Worker
from paddock.sdk.events import GenerationEvent
from paddock.sdk.types import GenerateRequest, ModelInfo

Ask = Callable[..., GenerateRequest]
Write = Callable[..., ModelInfo]
Make = Callable[..., Worker]


def nothing(fraction: float) -> None:
    pass


async def loaded(make: Make, model: ModelInfo, **fields: object) -> Worker:
    worker = make(**fields)
    await worker.start()
    await worker.load(model.path, {}, nothing)
    return worker


async def answer(worker: Worker, request: GenerateRequest) -> list[GenerationEvent]:
    async with aclosing(worker.generate(request)) as events:
        return [event async for event in events]


def child(code: str) -> tuple[str, ...]:
    """A command that plays a worker."""
    return (sys.executable, "-c", f"import os, sys, time\nfrom paddock.backends import wire\n{code}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)
