"""The echo engine by itself, in this process."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paddock.backends.base import LoadReport
from paddock.backends.echo.engine import EchoEngine
from paddock.sdk.errors import ModelUnusable, OutOfMemory
from paddock.sdk.events import (
    Cancelled,
    Ending,
    Failed,
    Finished,
    GenerationEvent,
    PromptProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import EngineStats, GenerateRequest, ModelInfo, Options

Ask = Callable[..., GenerateRequest]
Write = Callable[..., ModelInfo]


class Bench:
    """A loaded engine and what it emits."""

    def __init__(self) -> None:
        self.engine = EchoEngine()
        self.events: queue.Queue[GenerationEvent] = queue.Queue()
        self.fractions: list[float] = []

    def load(self, model: ModelInfo, options: Options | None = None) -> LoadReport:
        return self.engine.load(model.path, options or {}, self.fractions.append)

    def submit(self, request: GenerateRequest) -> None:
        self.engine.submit(request, self.events.put)

    def next(self) -> GenerationEvent:
        return self.events.get(timeout=60)

    def answer(self, request: GenerateRequest) -> list[GenerationEvent]:
        self.submit(request)
        events = [self.next()]
        while not isinstance(events[-1], Ending):
            events.append(self.next())
        return events


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.engine.close()


def deltas(events: list[GenerationEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


def test_it_says_the_last_user_message_back_word_by_word(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script())
    events = bench.answer(ask("one  two\nthree "))
    assert deltas(events) == ["one", "  two", "\nthree", " "]
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.reason) == (5, 4, "stop")
    assert events[0] == PromptProgress(id="r", done=5, total=5, cached=0)


def test_reasoning_and_tool_calls_come_in_order(bench: Bench, script: Write, ask: Ask) -> None:
    call = {"id": "c1", "name": "weather", "arguments": '{"city": "Oslo"}'}
    bench.load(script(text="Look:", reasoning="let me think", tool_calls=[call]))
    events = bench.answer(ask())
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "let me think"
    calls = [e for e in events if isinstance(e, ToolCallDelta)]
    assert (calls[0].call_id, calls[0].name) == ("c1", "weather")
    assert "".join(e.arguments for e in calls) == '{"city": "Oslo"}'
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "tool_calls"


def test_reasoning_can_be_switched_off(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script(reasoning="let me think"))
    assert not any(isinstance(e, ReasoningDelta) for e in bench.answer(ask(reasoning=False)))


@pytest.mark.parametrize(
    ("stop", "shown", "tokens"),
    [(("two",), "one ", 2), ((" t",), "one", 2), (("e two th",), "on", 3), (("three", "one"), "", 1)],
)
def test_stop_strings_across_tokens(
    bench: Bench, script: Write, ask: Ask, stop: tuple[str, ...], shown: str, tokens: int
) -> None:
    bench.load(script())
    events = bench.answer(ask("one two three four", stop=stop))
    end = events[-1]
    assert isinstance(end, Finished)
    assert ("".join(deltas(events)), end.reason, end.usage.completion_tokens) == (shown, "stop_string", tokens)


def test_max_tokens_and_the_context_end_an_answer(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script(), {"n_ctx": 10})
    limited, full = bench.answer(ask("a b c d e", max_tokens=3))[-1], bench.answer(ask("a b c d e f"))[-1]
    assert isinstance(limited, Finished)
    assert isinstance(full, Finished)
    assert (limited.reason, limited.usage.completion_tokens) == ("length", 3)
    assert (full.reason, full.usage.completion_tokens) == ("context", 3)


def test_a_prompt_that_does_not_fit_names_both_numbers(bench: Bench, script: Write, ask: Ask) -> None:
    assert bench.load(script(context_length=8)).context_length == 8
    end = bench.answer(ask("word " * 20))[-1]
    assert isinstance(end, Failed)
    assert end.error.details == {"prompt_tokens": 22, "context_length": 8}


def test_more_requests_than_places_wait_their_turn(bench: Bench, script: Write, ask: Ask, tmp_path: Path) -> None:
    bench.load(script(hold={"until": "go"}, parallel=1))
    for key in "abc":
        bench.submit(ask(key=key))
    (tmp_path / "go").touch()
    events: list[GenerationEvent] = []
    while sum(isinstance(e, Ending) for e in events) < 3:
        events.append(bench.next())
    assert [e.id for e in events if isinstance(e, Ending)] == ["a", "b", "c"]
    positions = [e.position for e in events if isinstance(e, Queued) and e.id == "c"]
    assert list(dict.fromkeys(positions)) == [1, 0]


def test_a_cancel_ends_running_and_waiting_requests(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script(text="word " * 1000, tokens_per_second=10, parallel=1))
    bench.submit(ask(key="a"))
    bench.submit(ask(key="b"))
    bench.engine.cancel("nobody")
    bench.engine.cancel("b")
    bench.engine.cancel("a")
    ended = []
    while len(ended) < 2:
        event = bench.next()
        if isinstance(event, Ending):
            assert isinstance(event, Cancelled)
            ended.append(event.id)
    assert sorted(ended) == ["a", "b"]


@pytest.mark.parametrize(("during", "said"), [("generate", ["one", " two"]), ("prompt", [])])
def test_what_is_held_goes_on_when_it_is_let(
    bench: Bench, script: Write, ask: Ask, tmp_path: Path, during: str, said: list[str]
) -> None:
    bench.load(script(hold={"until": "go", "after_tokens": 2, "during": during, "when": "one"}))
    bench.submit(ask(key="held"))
    before = [bench.next() for _ in range(1 + len(said))]
    bench.answer(ask("two three", key="free"))
    assert bench.events.empty(), "other requests go on, the held one does not"
    assert deltas(before) == said
    (tmp_path / "go").touch()
    after = [bench.next()]
    while not isinstance(after[-1], Ending):
        after.append(bench.next())
    assert said + deltas(after) == ["one", " two", " three"]


def test_what_is_held_for_ever_can_be_stopped(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script(hold={"after_tokens": 1}))
    bench.submit(ask())
    events = [bench.next(), bench.next()]
    bench.engine.cancel("r")
    assert isinstance(bench.next(), Cancelled)
    assert deltas(events) == ["one"]


def test_a_load_is_held_until_it_is_let(bench: Bench, script: Write, tmp_path: Path) -> None:
    told: queue.Queue[float] = queue.Queue()
    model = script(load_steps=2, hold={"until": "go", "during": "load"})
    loading = threading.Thread(target=bench.engine.load, args=(model.path, {}, told.put))
    loading.start()
    assert [told.get(timeout=60) for _ in range(2)] == [0.0, 0.5]
    assert loading.is_alive()
    (tmp_path / "go").touch()
    assert told.get(timeout=60) == 1.0
    loading.join(60)


def test_it_is_no_faster_than_told(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script(text="word " * 20, tokens_per_second=200))
    end = bench.answer(ask())[-1]
    assert isinstance(end, Finished)
    assert end.stats.duration_s >= 20 / 200


def test_the_counts_are_told_when_it_goes_idle(bench: Bench, script: Write, ask: Ask) -> None:
    bench.load(script())
    told: queue.Queue[EngineStats] = queue.Queue()
    bench.engine.watch(told.put)
    bench.answer(ask("one two three"))
    while (counts := told.get(timeout=60)).generated_tokens < 3:
        pass
    assert counts == EngineStats(prompt_tokens=4, generated_tokens=3, misses=1)


def test_a_load_reports_its_steps(bench: Bench, script: Write) -> None:
    bench.load(script(load_steps=4))
    assert bench.fractions == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_load_fails_as_told(bench: Bench, script: Write) -> None:
    error = {"code": "out_of_memory", "message": "Too big.", "hint": "Take a smaller one."}
    with pytest.raises(OutOfMemory, match=r"Too big\."):
        bench.load(script(fail_load=error))


def test_an_unknown_field_is_an_error_that_names_it(bench: Bench, script: Write) -> None:
    with pytest.raises(ModelUnusable) as caught:
        bench.load(script(txet="hello"))
    assert "txet" in caught.value.hint


def test_the_descriptor_costs_no_engine(tmp_path: Path) -> None:
    code = "import sys, paddock.backends.echo; print([m for m in sys.modules if m.startswith('paddock.backends')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "engine" not in done.stdout
