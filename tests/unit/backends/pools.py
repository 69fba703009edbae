"""What the tests of the pool share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from paddock.sdk.events import Ending, GenerationEvent
from paddock.sdk.types import GenerateRequest, ModelInfo

Ask = Callable[..., GenerateRequest]
Write = Callable[..., ModelInfo]
SLOW: dict[str, Any] = {"text": "word " * 2000, "tokens_per_second": 500}


async def gather(events: AsyncGenerator[GenerationEvent, None]) -> list[GenerationEvent]:
    async with aclosing(events):
        return [event async for event in events]


async def until(events: AsyncGenerator[GenerationEvent, None], kind: type) -> None:
    async for event in events:
        if isinstance(event, kind):
            return
        assert not isinstance(event, Ending), event
