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
    assert not channel.put(TextDelta(id="a", text="x"))
    assert channel.put(END)
    assert channel.put(Cancelled(id="a"))
    assert await channel.get() == TextDelta(id="a", text="x")
    assert await channel.get() == END
    waiting = asyncio.create_task(channel.get())
    done, _ = await asyncio.wait({waiting}, timeout=0.01)
    assert not done
    waiting.cancel()


async def _waiting(channel: Channel) -> asyncio.Task[GenerationEvent]:
    reader = asyncio.create_task(channel.get())
    await asyncio.wait({reader}, timeout=0)
    return reader


async def test_a_delta_behind_a_delta_is_handed_over_while_the_reader_waits() -> None:
    channel, taken = Channel(), list[GenerationEvent]()
    channel.hand_over(taken.append)
    reader = await _waiting(channel)
    channel.put(TextDelta(id="a", text="1"))
    assert (await reader, taken) == (TextDelta(id="a", text="1"), [])
    reader = await _waiting(channel)
    for text in "23":
        channel.put(TextDelta(id="a", text=text))
    assert taken == [TextDelta(id="a", text="2"), TextDelta(id="a", text="3")]
    channel.put(PromptProgress(id="a", done=1, total=1, cached=0))
    channel.put(TextDelta(id="a", text="4"))  # the reader has not come back: it would overtake the progress
    assert await reader == PromptProgress(id="a", done=1, total=1, cached=0)
    assert await channel.get() == TextDelta(id="a", text="4")
    reader = await _waiting(channel)
    channel.put(END)
    assert (await reader, len(taken)) == (END, 2)


async def test_the_reader_hears_of_it_when_what_is_handed_over_cannot_be_taken() -> None:
    def broken(_: GenerationEvent) -> None:
        raise ZeroDivisionError

    channel = Channel()
    channel.hand_over(broken)
    channel.put(TextDelta(id="a", text="1"))
    await channel.get()
    reader = await _waiting(channel)
    channel.put(TextDelta(id="a", text="2"))
    with pytest.raises(ZeroDivisionError):
        await reader


async def test_a_waiting_reader_wakes() -> None:
    channel = Channel()
    waiting = asyncio.create_task(channel.get())
    await asyncio.wait({waiting}, timeout=0)
    channel.put(TextDelta(id="a", text="x"))
    assert await waiting == TextDelta(id="a", text="x")
