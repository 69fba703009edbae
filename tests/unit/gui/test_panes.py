"""What a comparison shows of its panes: places, silks, questions, numbers and words."""

from __future__ import annotations

import pytest

from paddock.gui.models.panes import (
    Figures,
    Grid,
    answer,
    dress,
    everybody,
    figures,
    grid,
    in_a_line,
    question,
    strips,
    turn_of,
    turns,
    waits_for,
)
from paddock.gui.pages import compare_run
from paddock.sdk.compare import ComparePlan
from paddock.sdk.types import ChatMessage, Pane, Stats, Usage

LEAST = (240, 220)


def said(id: str, role: str, turn: str = "", created: float = 1.0, **more: object) -> ChatMessage:
    return ChatMessage(id=id, chat_id="c", parent=None, role=role, content=id, turn=turn, created=created, **more)


@pytest.mark.parametrize(
    ("count", "width", "height", "four", "expected"),
    [
        (2, 1200, 700, "grid", Grid(2, 1)),
        (3, 1200, 700, "grid", Grid(3, 1)),
        (4, 1200, 700, "grid", Grid(2, 2)),
        (4, 1200, 700, "row", Grid(4, 1)),
        (5, 1200, 700, "grid", Grid(3, 2)),
        (6, 1200, 700, "row", Grid(3, 2)),
        (6, 1200, 400, "grid", Grid(5, 1)),  # too low for two rows: a row of as many as have room, then pages
        (3, 500, 700, "grid", Grid(2, 1)),
        (2, 100, 100, "grid", Grid(1, 1)),
    ],
)
def test_panes_stand_as_there_is_room(count, width, height, four, expected):
    found = grid(count, width, height, LEAST, four)
    assert found == expected
    assert found.pages(count) * found.room >= count


def test_a_pane_keeps_its_silk_whatever_is_loaded_later():
    panes = [Pane(id="a", model="m"), Pane(id="b", model="n")]
    worn = dress(panes, {}, {})
    assert dress(panes, {"n": 0, "m": 1}, worn) == worn == {"a": 0, "b": 1}
    assert dress(panes, {"other": 0, "n": 2}, {}) == {"b": 2, "a": 1}, "silks of models elsewhere are left to them"
    assert dress(panes, {str(number): number for number in range(6)}, {}) == worn, "while there are such"


def test_a_pane_wears_its_models_silk_and_two_of_one_model_differ():
    panes = [Pane(id="a", model="m"), Pane(id="b", model="m"), Pane(id="c", model="n")]
    assert dress(panes, {"m": 3, "n": 0}, {}) == {"a": 3, "c": 0, "b": 1}
    worn = dress(panes, {}, {})
    assert sorted(worn.values()) == [0, 1, 2]
    assert dress(list(reversed(panes)), {}, worn) == worn, "another order changes no colour"
    assert dress(panes[1:], {}, worn) == {"b": 1, "c": 2}
    assert dress(panes, {"m": 6, "n": 12}, {}) == {"a": 6, "b": 1, "c": 2}, "the seventh has the colour of the first"


def test_a_first_token_within_milliseconds_beside_one_of_seconds_is_not_said_to_be_nought():
    slow, fast = strips([Figures(ttft=1.5), Figures(ttft=0.0034)])
    assert [(row[1].figure, row[1].unit) for row in (slow, fast)] == [("1.50", "s"), ("0.003", "s")]


def test_turns_are_in_the_order_they_were_asked_whichever_pane_has_them():
    one = [said("q1", "user", "q1", 1), said("a1", "assistant", "q1", 2), said("q3", "user", "q3", 5)]
    two = [said("q1", "user", "q1", 1), said("b1", "assistant", "q1", 2), said("q2", "user", "q2", 3)]
    assert turns([one, two]) == ["q1", "q2", "q3"]
    assert turns([[*one, said("local-1", "user", "local-1", 0.0)], two])[-1] == "local-1"
    assert turn_of([said("s", "system"), *one]) == ["", "q1", "q1", "q3"]
    assert question([one, two], "q2").id == "q2"
    assert answer(two, "q1").id == "b1"
    assert answer(two, "q2") is None
    old = [said("q0", "user"), said("a0", "assistant")]  # written before they were compared
    assert turns([old]) == ["q0"]
    assert answer(old, "q0").id == "a0"


def test_the_best_is_named_when_all_have_ended_and_where_they_differ():
    done = said("a", "assistant", usage=Usage(completion_tokens=148), stats=Stats(ttft_s=0.14, tokens_per_second=34.8))
    fast = figures(done, 4_900_000_000)
    slow = Figures(speed=17.4, ttft=0.28, tokens=131, memory=4_900_000_000, settled=True)
    one, two = strips([fast, slow])
    assert [(m.figure, m.unit, m.share, m.best) for m in one] == [
        ("34.8", "tok/s", 1.0, True),
        ("140", "ms", 0.5, True),
        ("148", "", 1.0, False),
        ("4.9", "GB", 1.0, False),
    ]
    assert not any(measure.best for measure in two)
    assert one[0].words() == "speed 34.8 tok/s, best"
    large, small = strips([Figures(ttft=1.5, memory=8_900_000_000), Figures(ttft=0.02, memory=98_000_000)])
    assert [(m[1].figure + m[1].unit, m[3].figure + m[3].unit) for m in (large, small)] == [
        ("1.50s", "8.9GB"),
        ("0.02s", "0.1GB"),
    ], "one unit for all panes"
    open_one, _ = strips([fast, Figures(speed=1.0)])
    assert not any(measure.best for measure in open_one), "the other one still writes"
    level = [Figures(speed=speed, settled=True) for speed in (238.0, 237.6, 120.0)]
    assert [row[0].best for row in strips(level)] == [True, True, False], "within noise both are"
    assert not any(row[0].best for row in strips(level[:2]))
    alike = [Figures(ttft=ttft, settled=True) for ttft in (0.0116, 0.0121, 0.3)]
    assert [row[1].best for row in strips(alike)] == [True, True, False], "both read 12 ms"
    assert strips([Figures()])[0][0].words() == "speed not known yet"
    assert [row[2].name for row in strips([Figures(tokens=1), Figures(tokens=12), Figures()])] == [
        "token",
        "tokens",
        "tokens",
    ]
    assert figures(said("g", "assistant", state="generating"), 1).speed is None


def test_a_pane_waits_for_those_of_the_groups_before_it():
    plan = ComparePlan(groups=(("a",), ("b", "c"), ("d",)), sentence="")
    names = {"a": "Qwen", "b": "Llama", "c": "Llama", "d": "Phi"}
    assert waits_for("b", plan, ["a", "b", "c", "d"], names) == "Qwen"
    assert waits_for("d", plan, ["b", "c", "d"], names) == "Llama"
    assert waits_for("a", plan, ["a", "b"], names) == ""
    assert waits_for("d", None, ["a", "d"], names) == ""


def test_words():
    assert [everybody(count) for count in (1, 2, 3, 6)] == [
        "Message",
        "Message both",
        "Message all three",
        "Message all six",
    ]
    assert in_a_line("short one") == "short one"
    assert in_a_line("two\nlines") == "two lines…"
    assert len(in_a_line("word " * 100)) <= 140


def test_words_that_were_said_before_they_could_be_heard_count_but_do_not_make_a_model_fast(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(compare_run.time, "monotonic", lambda: now[0])
    run = compare_run.PaneRun(chat="c", pane="p", start=9.0)
    assert run.figures(None) == Figures()
    run.count(8)
    assert run.figures(None) == Figures(ttft=1.0, tokens=8), "how long they took is not known"
    now[0] = 12.0
    run.count(20)
    assert run.figures(None) == Figures(speed=10.0, ttft=1.0, tokens=28)
