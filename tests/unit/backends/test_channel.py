from __future__ import annotations

import asyncio

import pytest

from paddock.backends.channel import Channel
from paddock.sdk.events import (
    Cancelled,
    Finished,
    GenerationEvent,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import Stats, Usage

pytestmark = pytest.mark.anyio

END = Finished(id="a", usage=Usage(), stats=Stats(), reason="stop")


async def drain(channel: Channel) -> list[GenerationEvent]:
    events = [await channel.get()]
    while not isinstance(events[-1], (Finished, Cancelled)):
        events.append(await channel.get())
    return events


async def test_a_reader_that_lags_gets_deltas_joined_and_in_order() -> None:
    channel = Channel()
    for i in range(4):
        channel.put(PromptProgress(id="a", done=i, total=3, cached=0))
    for piece in ("I ", "think"):
        channel.put(ReasoningDelta(id="a", text=piece))
    for piece in ("So", " it", " goes"):
        channel.put(TextDelta(id="a", text=piece))
    channel.put(END)
    assert await drain(channel) == [
        PromptProgress(id="a", done=3, total=3, cached=0),
        ReasoningDelta(id="a", text="I think"),
        TextDelta(id="a", text="So it goes"),
        END,
    ]


async def test_pieces_of_different_tool_calls_stay_apart() -> None:
    channel = Channel()
    first = [
        ToolCallDelta(id="a", index=0, call_id="1", name="f"),
        ToolCallDelta(id="a", index=0, arguments="{}"),
    ]
    second = ToolCallDelta(id="a", index=1, call_id="2", name="g", arguments="[")
    for event in (*first, second, END):
        channel.put(event)
    assert await drain(channel) == [ToolCallDelta(id="a", index=0, call_id="1", name="f", arguments="{}"), second, END]


async def test_nothing_passes_after_the_ending() -> None:
    channel = Channel()
    channel.put(END)
    channel.put(Cancelled(id="a"))
    assert channel.ended
    assert await channel.get() == END
    waiting = asyncio.create_task(channel.get())
    done, _ = await asyncio.wait({waiting}, timeout=0.01)
    assert not done
    waiting.cancel()


async def test_a_waiting_reader_wakes() -> None:
    channel = Channel()
    waiting = asyncio.create_task(channel.get())
    await asyncio.wait({waiting}, timeout=0)
    channel.put(TextDelta(id="a", text="x"))
    assert await waiting == TextDelta(id="a", text="x")
