"""Differences between answers: by words, in code by lines, in JSON by keys and values."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.gui.models import json_differences
from paddock.gui.models.differences import WORDS, Answer, Mark, against, difference, only_here, operations

SIGNS = ("the", "cat", "sat", "on", "a", "mat", ".", "ß", "日", "हिन्दी", "👨‍👩‍👧")
WORDY = st.lists(st.sampled_from(SIGNS), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)


def said(text: str) -> Answer:
    """As the conversation view shows it: without the lines of fences."""
    return Answer(text, re.sub(r"```.*\n?", "", text))


def words(answer: Answer, marks: list[Mark]) -> list[tuple[str, str]]:
    return [(answer.plain[start:end], kind) for start, end, kind in marks]


@given(WORDY, WORDY)
def test_operations_make_one_text_of_the_other(one: list[str], other: list[str]) -> None:
    made: list[str] = []
    at = 0
    for tag, a0, a1, b0, b1 in operations(one, other):
        assert (a0, b0) == (at, len(made))
        made += one[a0:a1] if tag == "equal" else other[b0:b1]
        at = a1
    assert (made, at) == (other, len(one))


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_not_marked_is_the_same_on_both_sides(one: str, other: str) -> None:
    left, right = Answer(one, one), Answer(other, other)
    here, there = difference(left, right)

    def kept(text: str, spans: list[Any]) -> list[str]:
        inside = [(span.start, span.end) for span in spans]
        found = WORDS.finditer(text)
        return [w[0] for w in found if not any(a <= w.start() and w.end() <= b for a, b in inside)]

    if json_differences.compare(one, other) is None:
        assert kept(one, here) == kept(other, there)
    assert difference(left, left) == ([], [])
    assert all(0 <= a < b <= len(one) for a, b, _ in here)
    assert all(before.end <= after.start for before, after in pairwise(here))


def test_whole_phrases_are_marked_and_not_the_words_they_share_by_chance() -> None:
    answers = [
        said("Three reasons. It dilutes attention. Twenty rules compete; three are followed."),
        said("Three reasons. It dilutes attention. The model weighs each rule less as you add more."),
        said("Here are three: short prompts are read faster."),
    ]
    assert [words(answer, marks) for answer, marks in zip(answers, only_here(answers), strict=True)] == [
        [("Twenty rules compete; three are followed", "added")],
        [("The model weighs each rule less as you add more", "added")],
        [("Here are three: short prompts are read faster", "added")],
    ]


@pytest.mark.parametrize(
    ("one", "other", "only"),
    [
        (
            "Good question! Photosynthesis turns light into chemical energy. Plants use chlorophyll. It absorbs red and"
            " blue light. Oxygen is released.",
            "Photosynthesis is how plants make food. Plants use chlorophyll. The green colour comes from what is not"
            " absorbed. Oxygen is released.",
            [
                "Good question! Photosynthesis turns light into chemical energy",
                "It absorbs red and blue light",
            ],
        ),
        (
            "1. Back up first.\n2. Run the installer as an administrator.\n3. Restart.\n4. Check the version.",
            "1. Download the newest release.\n2. Back up first.\n3. Unpack it over the old folder.\n4. Restart.",
            ["2. Run the installer as an administrator.", "3", "4. Check the version."],
        ),
        (
            "The test failed because the clock was read twice. Read it once. Pass the value on, as in “f(now)”.",
            "Your test depends on the time of day. Read it once. Then hand it to the helper as an argument.",
            ["The", "failed because the clock was read twice", "Pass the value on, as in “f(now)”"],
        ),
        (
            "明日は晴れです。朝は霧が出ます。雨は降りません。午後は暖かくなります。",
            "谷に霧がかかりますが昼には消えます。雨は降りません。夜は雲が広がる。",
            ["明日は晴れです。朝は霧が出ます", "午後は暖かくなります"],
        ),
    ],
)
def test_a_sentence_that_both_have_is_not_marked_however_short(one: str, other: str, only: list[str]) -> None:
    here, _ = difference(said(one), said(other))
    assert [one[start:end] for start, end, _ in here] == only


def test_against_a_reference_what_is_new_otherwise_and_missing_is_told_apart() -> None:
    answers = [said("One two three four five."), said("One two 3 four five, and six.")]
    first, second = against(answers, 0)
    assert words(answers[0], first) == [("three", "removed")]
    assert words(answers[1], second) == [("3", "changed"), (", and six", "added")]


def test_code_is_compared_by_lines_and_then_by_words() -> None:
    one = said("Here:\n```python\ndef f(x):\n    return x + 1\n```\nDone.")
    other = said("Here:\n```python\ndef f(x):\n    return x + 2\n\nprint(f(1))\n```\nDone.")
    assert words(other, against([one, other], 0)[1]) == [("2", "changed"), ("print(f(1))", "added")]


def test_code_that_only_one_has_is_marked_whole() -> None:
    one, other = said("No code."), said("No code.\n```\nprint(1)\n```")
    assert words(other, only_here([one, other])[1]) == [("print(1)", "added")]


def test_the_order_of_keys_does_not_count_in_json() -> None:
    one = said('```json\n{"a": 1, "b": [1, 2, {"x": 2}], "c": "k"}\n```')
    other = said('```json\n{"b": [1, 2, {"x": 3}], "a": 1.0, "d": null}\n```')
    assert words(one, against([other, one], 0)[1]) == [("2", "changed"), ('"c": "k"', "added")]
    assert words(other, against([one, other], 0)[1]) == [("3", "changed"), ('"d": null', "added")]


@settings(max_examples=40)
@given(JSON.filter(lambda value: isinstance(value, list | dict)), JSON)
def test_json_is_the_same_however_it_is_written(value: Any, other: Any) -> None:
    tight, wide = json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2, sort_keys=False)
    assert json_differences.compare(tight, wide) == ([], [])
    found = json_differences.compare(tight, json.dumps(other))
    if found is not None and json.loads(json.dumps(other)) != value:
        assert found[0] or found[1]


def test_what_is_no_json_is_text() -> None:
    for broken in ('{"a": 1,}', "[1 2]", "{1: 2}", '{"a"}', "[", "7", "", "[" * 100_000):
        assert json_differences.compare(broken, "[1]") is None
