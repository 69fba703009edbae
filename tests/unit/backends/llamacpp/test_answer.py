"""From token bytes to events: reasoning, text, calls, stop strings, and why the answer ended."""

from __future__ import annotations

from paddock.backends.llamacpp.answer import Answer, Timing
from paddock.sdk.events import ReasoningDelta, TextDelta, ToolCallDelta
from paddock.sdk.types import GenerateRequest, Tool


def answer(*, stop: tuple[str, ...] = (), tools: bool = False, end_of_turn: str = "") -> Answer:
    offered = (Tool(name="f"),) if tools else ()
    request = GenerateRequest(id="request-1", model="m", messages=(), stop=stop, tools=offered)
    return Answer(request, end_of_turn=end_of_turn)


def events(made: Answer, *pieces: str | bytes) -> list[tuple[type, str]]:
    found = [event for piece in pieces for event in made.feed(piece if isinstance(piece, bytes) else piece.encode())]
    return [(type(event), getattr(event, "text", "")) for event in [*found, *made.finish()]]


def test_a_model_without_its_templates_end_token_still_ends_its_turn():
    made = answer(end_of_turn="<|im_end|>")
    assert events(made, "Hello", "<|im", "_end|>", "\nuser") == [(TextDelta, "Hello")]
    assert made.stopped
    assert made.stop_reason == "stop"


def test_a_stop_string_is_told_apart_from_the_end_of_a_turn():
    made = answer(stop=("STOP",), end_of_turn="<|im_end|>")
    assert events(made, "one ST", "OP two<|im_end|>") == [(TextDelta, "one ")]
    assert made.stop_reason == "stop_string"


def test_a_stop_string_in_the_reasoning_does_not_end_the_answer():
    made = answer(stop=("no",))
    assert events(made, "<think>", "no?", "</think>", "yes") == [(ReasoningDelta, "no?"), (TextDelta, "yes")]
    assert made.stop_reason == "stop"


def test_calls_come_numbered_with_ids_and_text_before_them_is_not_held_back():
    made = answer(stop=("END",), tools=True)
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    found = [event for piece in ("EN", call, "\n", call) for event in made.feed(piece.encode())]
    assert isinstance(found[0], TextDelta)
    assert found[0].text == "EN"
    calls = [event for event in found if isinstance(event, ToolCallDelta)]
    assert [(event.index, event.name) for event in calls] == [(0, "f"), (1, "f")]
    assert len({event.call_id for event in calls}) == 2
    assert made.stop_reason == "tool_calls"


def test_what_follows_the_first_word_comes_as_it_is():
    made = answer()
    euro = "€".encode()
    found = events(made, "one", " <think>", euro[:1], euro[1:], "", "\nstop</think>")
    assert found == [(TextDelta, text) for text in ("one", " <think>", "€", "\nstop</think>")]
    assert made.text == "one <think>€\nstop</think>"


def test_markers_count_as_long_as_they_can_come():
    found = events(answer(), "<th", "ink>", "hm", "</think>", "yes", "</think>")
    assert found == [(ReasoningDelta, "hm"), (TextDelta, "yes"), (TextDelta, "</think>")]
    made, call = answer(tools=True), '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    assert [kind for kind, _ in events(made, "one", " two", call)] == [TextDelta, TextDelta, ToolCallDelta]


def test_a_stop_string_counts_behind_any_number_of_words():
    for made in (answer(stop=("END",)), answer(end_of_turn="END")):
        found = events(made, "one", " two", " E", "ND three")
        assert found == [(TextDelta, "one"), (TextDelta, " two"), (TextDelta, " ")]


def test_a_raw_prompts_answer_has_no_markers_from_its_beginning():
    made = Answer(GenerateRequest(id="request-1", model="m", messages=(), prompt="Once", stop=()))
    assert events(made, "<think>", "upon") == [(TextDelta, "<think>"), (TextDelta, "upon")]


def test_an_unfinished_character_at_the_end_is_shown_as_damaged():
    assert events(answer(), "a", "€".encode()[:2]) == [(TextDelta, "a"), (TextDelta, "\N{REPLACEMENT CHARACTER}")]


def test_timing_without_tokens_divides_by_nothing():
    timing = Timing()
    assert timing.stats(5).tokens_per_second == 0
    timing.start()
    timing.token(timing.arrived)
    assert timing.stats(5).tokens_per_second == 0
    assert timing.usage(5, 2).cached_tokens == 2
