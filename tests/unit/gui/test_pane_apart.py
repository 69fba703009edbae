"""What stands beside the names of panes: short, whole, and never the same for two that differ."""

from __future__ import annotations

from itertools import pairwise

import pytest

from paddock.gui.models.pane_apart import Beside, beside, fit
from paddock.sdk.types import ModelInfo, Pane

LONG = "Paddock Compares Long Names 8B Instruct 2512 " * 5


def info(quant: str = "Q4_K_M") -> ModelInfo:
    return ModelInfo(id="a/x", name="X", engine="echo", path="/x", quant=quant)


def told(*panes: Pane, quants: tuple[str, ...] = ()) -> list[Beside]:
    infos = [info(quant) for quant in quants or ["Q4_K_M"] * len(panes)]
    return beside(panes, ["X"] * len(panes), infos, known=True)


def shown(side: Beside, name: str, room: float) -> str:
    """The words beside a name, where each letter takes ten pixels."""
    return fit(side, 10 * len(name), room, 40, 10, lambda words: 10 * len(words)).words


def test_settings_are_short_and_those_that_differ_come_first() -> None:
    common = {"min_p": 0.05}
    found = told(
        Pane(model="a/x", sampling={**common, "temperature": 0.0, "top_p": 0.9}),
        Pane(model="a/x", sampling={**common, "temperature": 0.0, "top_p": 0.5}),
        Pane(model="a/x", sampling={**common, "temperature": 0.7}),
    )
    assert found[0] == Beside("Q4_K_M · min p 0.05, temp 0, top p 0.9", ("top p 0.9", "temp 0", "min p 0.05"), 2)
    assert found[2].parts == ("temp 0.7", "min p 0.05")


@pytest.mark.parametrize("name", ["Qwen", "A name of forty letters and not one more", LONG[:200]])
@pytest.mark.parametrize("room", range(120, 900, 20))
def test_panes_that_differ_never_read_the_same(name: str, room: int) -> None:
    sampling = [{"temperature": 0.0}, {"temperature": 0.4}, {"temperature": 0.4, "top_p": 0.9}, {"top_k": 40}, {}]
    sides = told(*(Pane(model="a/x", sampling=dict(options)) for options in sampling))
    words = [shown(side, name, room) for side in sides]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("name", ["Qwen", LONG[:40], LONG[:200]])
def test_the_settings_that_differ_leave_a_piece_of_the_name(name: str) -> None:
    side = told(Pane(model="a/x", sampling={"temperature": 0.0, "top_p": 0.9}), Pane(model="a/x"))[0]
    for room in range(110, 900, 10):
        fitted = fit(side, 10 * len(name), room, 40, 10, lambda words: 10 * len(words))
        assert "temp 0" in fitted.words
        assert fitted.name >= min(40, 10 * len(name))
        assert fitted.name + 10 + 10 * len(fitted.words) <= room
    assert fit(side, 10 * len(name), 95, 40, 10, lambda words: 10 * len(words)) == (25, "temp 0")
    assert fit(side, 10 * len(name), 60, 40, 10, lambda words: 10 * len(words)) == (40, "temp 0")


def test_what_sets_nothing_apart_gives_way_to_the_name() -> None:
    side = told(Pane(model="a/x", sampling={"temperature": 0.0}))[0]
    words = [shown(side, "A rather long name", room) for room in (180, 250, 260, 330, 340)]
    assert words == ["", "temp 0", "temp 0", "temp 0", "Q4_K_M · temp 0"]
    assert all(len(less) <= len(more) for less, more in pairwise(words))


def test_models_with_one_name_are_told_apart_by_quant_or_by_where_they_come_from() -> None:
    assert [side.parts for side in told(Pane(model="a/x"), Pane(model="a/x:Q8"), quants=("Q4_K_M", "Q8_0"))] == [
        ("Q4_K_M",),
        ("Q8_0",),
    ]
    assert [side.whole for side in told(Pane(model="ann/x"), Pane(model="bob/x"))] == ["ann · Q4_K_M", "bob · Q4_K_M"]
    assert [side.parts for side in told(Pane(model="ann/x"), Pane(model="ann/y"))] == [("ann/x",), ("ann/y",)]
    assert [side.parts for side in told(Pane(model="ann/x"), Pane(model="ann/x"))] == [(), ()], "they are the same"


def test_prompts_lengths_stops_and_reasoning_are_settings_too() -> None:
    found = told(
        Pane(model="a/x", system="You are a pirate who says little.", max_tokens=0, stop=(), reasoning=False),
        Pane(model="a/x", system="", max_tokens=1200, stop=("###",), reasoning=True),
    )
    assert found[0].whole.startswith("Q4_K_M · prompt “You are a pirate…”, no length limit")
    assert found[0].parts == ("“You are a pirate…”", "no length limit", "no stops", "no reasoning")
    assert found[1].parts == ("no prompt", "at most 1,200", "stops at “###”", "reasoning")


def test_a_model_that_is_not_there_says_so_and_its_own_name_stands_beside_a_name_that_was_given() -> None:
    named = [Pane(model="a/x", name="Mine"), Pane(model="a/gone", name="Other")]
    assert [side.whole for side in beside(named, ["Mine", "Other"], [info(), None], known=True)] == [
        "X · Q4_K_M",
        "not found",
    ]
    assert beside(named[1:], ["Other"], [None], known=False) == [Beside()]
