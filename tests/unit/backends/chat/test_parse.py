"""The stream parsers: the same result for every way to cut the text, nothing lost, nothing held longer than needed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.backends.chat.parse import (
    AnswerParser,
    Call,
    Reasoning,
    StopMatcher,
    Text,
    opens_reasoning,
    parse_call,
)
from paddock.backends.chat.utf8 import Utf8Stream

FRAGMENTS = st.sampled_from(
    ["<think>", "</think>", "<tool_call>", "</tool_call>", "<", "</", "<tool", "think>", "\n", " ", "hello",
     '{"name": "f", "arguments": {"a": [1, "}"]}}', '{"name": 1}', "é", "🦊"]
)  # fmt: skip
TEXTS = st.lists(FRAGMENTS, max_size=12).map("".join)


def pieces_of(text: str, cuts: list[int], **options: bool) -> list[object]:
    """The parser's pieces for ``text`` cut at ``cuts``, neighbours of one kind joined."""
    parser = AnswerParser(**options)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        found += parser.feed(text[start:end])
    found += parser.finish()
    joined: list[object] = []
    for piece in found:
        last = joined[-1] if joined else None
        if isinstance(piece, (Text, Reasoning)) and type(last) is type(piece):
            joined[-1] = type(piece)(last.text + piece.text)
        else:
            joined.append(piece)
    return joined


@st.composite
def cut_texts(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> tuple[str, list[int]]:
    text = draw(texts)
    return text, sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))


@given(cut_texts(), st.booleans(), st.booleans())
def test_any_cut_gives_the_same_pieces(case, in_reasoning, tools):
    text, cuts = case
    whole = pieces_of(text, [], inside="opened" if in_reasoning else "nothing", tools=tools)
    assert pieces_of(text, cuts, inside="opened" if in_reasoning else "nothing", tools=tools) == whole
    assert pieces_of(text, list(range(len(text))), inside="opened" if in_reasoning else "nothing", tools=tools) == whole


@given(TEXTS)
def test_no_letter_is_lost(text):
    """Everything but markers, the line ends after them and the syntax of calls comes out again."""
    out = "".join(
        piece.name + piece.arguments if isinstance(piece, Call) else piece.text
        for piece in pieces_of(text, [], inside="nothing", tools=True)
    )
    for word in ("hello", "é", "🦊"):
        assert out.count(word) == text.count(word)


@given(TEXTS.filter(lambda text: "think" not in text))
def test_without_reasoning_and_tools_the_text_comes_out_unchanged(text):
    assert "".join(piece.text for piece in pieces_of(text, [])) == text


def test_reasoning_then_answer():
    assert pieces_of("<think>\nhm\n</think>\n\nYes.", []) == [Reasoning("hm\n"), Text("Yes.")]


def test_reasoning_opened_by_the_prompt():
    assert pieces_of("hm</think>Yes", [], inside="opened") == [Reasoning("hm"), Text("Yes")]
    assert opens_reasoning("<|im_start|>assistant\n<think>\n")
    assert not opens_reasoning("<think>\n\n</think>\n\n")


def test_the_word_think_later_in_an_answer_is_text():
    assert pieces_of("The tag <think> opens", []) == [Text("The tag <think> opens")]


def test_unfinished_reasoning_stays_reasoning():
    assert pieces_of("<think>and then", []) == [Reasoning("and then")]


def test_tool_calls_with_arguments_exactly_as_generated():
    text = (
        'Sure.\n<tool_call>\n{"name": "w",  "arguments": {"city":  "Ulm", "n": 1.0}}\n</tool_call>\n'
        '<tool_call>{"name":"x"}</tool_call>'
    )
    assert pieces_of(text, [], tools=True) == [
        Text("Sure.\n"), Call("w", '{"city":  "Ulm", "n": 1.0}'), Call("x", "{}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body", ["{", "not json", '{"name": 3}', '{"arguments": {}}', '{"name": "f", "arguments": [1]}', "[]", "[" * 5000]
)
def test_a_malformed_call_stays_text(body):
    text = f"<tool_call>{body}</tool_call> end"
    assert pieces_of(text, [], tools=True) == [Text(text)]


def test_a_call_without_its_closing_marker_counts_when_it_is_complete():
    assert pieces_of('<tool_call>{"name": "f", "arguments": {}}', [], tools=True) == [Call("f", "{}")]
    assert pieces_of('<tool_call>{"name": "f", "arg', [], tools=True) == [Text('<tool_call>{"name": "f", "arg')]


def test_calls_are_text_when_no_tools_were_offered():
    text = '<tool_call>{"name": "f"}</tool_call>'
    assert pieces_of(text, []) == [Text(text)]


def test_arguments_given_as_a_json_string_are_unpacked():
    assert parse_call('{"name": "f", "arguments": "{\\"a\\": 1}"}') == Call("f", '{"a": 1}')


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text() | st.lists(st.text()), max_size=3))
def test_arguments_are_found_in_any_json(arguments):
    source = json.dumps(arguments)
    assert parse_call(f'{{ "id": "x", "arguments" : {source} , "name": "f" }}') == Call("f", source)


def test_text_is_held_only_while_it_can_become_a_marker():
    parser = AnswerParser(tools=True)
    assert parser.feed("a <") == [Text("a ")]
    assert parser.feed("b> c") == [Text("<b> c")]
    assert parser.feed("<tool") == []
    assert parser.feed("box>") == [Text("<toolbox>")]


# ---------------------------------------------------------------- stop strings

STOPS = st.lists(st.text("ab<", min_size=1, max_size=4), max_size=4)


def stopped(text: str, stops: list[str], cuts: list[int]) -> tuple[str, str | None]:
    matcher = StopMatcher(stops)
    out = "".join(matcher.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    return out + matcher.finish(), matcher.matched


@given(cut_texts(st.text("ab<", max_size=20)), STOPS)
def test_stop_strings_end_the_text_at_the_first_of_them_for_every_cut(case, stops):
    text, cuts = case
    places = [text.find(stop) for stop in stops if stop in text]
    expected = text[: min(places)] if places else text
    out, matched = stopped(text, stops, cuts)
    assert out == expected
    assert (matched is not None) == bool(places)


def test_a_beginning_of_a_stop_string_is_released_when_it_cannot_match_any_more():
    matcher = StopMatcher(["END"])
    assert matcher.feed("one E") == "one "
    assert matcher.feed("N") == ""
    assert matcher.feed("ough") == "ENough"
    assert matcher.feed("EN") == ""
    assert matcher.finish() == "EN"


# ---------------------------------------------------------------- UTF-8


@given(st.binary(max_size=40), st.data())
def test_bytes_decode_as_python_does_for_every_cut(data, draw):
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    stream = Utf8Stream()
    out = "".join(stream.feed(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))
    assert out + stream.finish() == data.decode("utf-8", "replace")


def test_a_character_waits_for_its_last_byte_and_a_wrong_one_does_not():
    stream = Utf8Stream()
    fox = "🦊".encode()
    assert [stream.feed(fox[i : i + 1]) for i in range(4)] == ["", "", "", "🦊"]
    assert stream.feed(fox[:2]) == ""
    assert stream.feed(b"a") == "�a"
    assert stream.feed(b"\xff") == "�"
