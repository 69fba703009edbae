"""Checks on answers: what passes, what is said of what does not, and that no expression can hold the host."""

from __future__ import annotations

import pytest

from paddock.sdk.compare import Check
from paddock.server.batch_checks import carry_out, judged

SCHEMA = '{"type": "object", "required": ["x"], "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}'


def outcome(kind: str, value: str, text: str) -> tuple[bool | None, str]:
    (result,) = carry_out([Check(kind=kind, value=value)], text)
    return result.passed, result.note


@pytest.mark.parametrize(
    ("kind", "value", "text", "passed"),
    [
        ("contains", "Paris", "It is Paris.", True),
        ("contains", "paris", "It is Paris.", False),
        ("not_contains", "London", "It is Paris.", True),
        ("not_contains", "Paris", "It is Paris.", False),
        ("regex", r"^\d+$", "4\n", True),
        ("regex", r"(?<=is )\bP", "It is Paris.", True),
        ("regex", r"^\d+$", "four", False),
        ("json_schema", SCHEMA, '{"x": "aa"}', True),
        ("json_schema", SCHEMA, 'Here it is:\n```json\n{"x": "aa"}\n```\nDone.', True),
        ("json_schema", SCHEMA, 'Well, {"x": "aa"} I think.', True),
        ("json_schema", SCHEMA, '{"x": 1}', False),
        ("json_schema", SCHEMA, "no", False),
    ],
)
def test_outcomes(kind, value, text, passed):
    found, note = outcome(kind, value, text)
    assert found is passed
    assert bool(note) is not passed


def test_what_is_wrong_in_the_json_is_named():
    assert outcome("json_schema", SCHEMA, "{}")[1] == '"x" is a required property'
    assert outcome("json_schema", SCHEMA, '{"x": 1}')[1].endswith("(at x)")


def test_an_expression_that_never_ends_is_given_up():
    passed, note = outcome("regex", "(a|aa)+$", "a" * 60 + "b")
    assert passed is None
    assert "still searching after 1 s" in note


def test_an_expression_inside_a_schema_cannot_hold_the_host():
    assert outcome("json_schema", SCHEMA, '{"x": "' + "a" * 5000 + 'b"}')[0] is False


@pytest.mark.parametrize(
    ("said", "passed", "note"),
    [
        ("PASS: it is right.", True, "it is right"),
        ("**FAIL** – the number is wrong.\nMore.", False, "the number is wrong"),
        ("Verdict: pass", True, ""),
        ("The answer is right. PASS", True, "The answer is right. PASS"),
        ("PASS or FAIL", None, None),
        ('{"verdict": "FAIL", "reason": "Too long."}', False, None),
        ("> Final verdict: **PASS**", True, ""),
        ("The result is FAIL.", False, ""),
        ("A PASS needs a capital city.\nIt has none.\nVerdict: FAIL", False, "A PASS needs a capital city"),
        ("PASS\n\nFAIL", None, None),
        ("Decision: it could go either way.", None, None),
        ("It passes by the house.", None, None),
        ("Some say PASS, some FAIL.", None, None),
        ("", None, "The judge said nothing."),
    ],
)
def test_verdicts(said, passed, note):
    result = judged(Check(kind="judge", value="x"), said)
    assert result.passed is passed
    assert result.note == note if note is not None else passed is not None or "not clear" in result.note


def test_a_second_reply_decides_where_the_first_does_not():
    check = Check(kind="judge", value="x")
    unclear = judged(check, "Some say PASS, some FAIL.", "I cannot tell.")
    assert (unclear.passed, unclear.note) == (None, "The verdict is not clear: “Some say PASS, some FAIL”")
    clear = judged(check, "Some say PASS, some FAIL.", "**Fail**")
    assert (clear.passed, clear.note) == (False, "Some say PASS, some FAIL")
