"""What ``paddock compare`` makes of its arguments."""

from __future__ import annotations

import pytest

from paddock.sdk.batch_lines import DEFAULT_CRITERION, cell_line, pane_names, settings_apart, settings_text, summarised
from paddock.sdk.cli.app import run
from paddock.sdk.cli.compare import read_pane, with_judge
from paddock.sdk.compare import BatchCell, BatchPrompt, Check, CheckResult
from paddock.sdk.errors import BadRequest, InvalidOption, UnknownOption
from paddock.sdk.types import Pane, Stats, Usage


def test_a_pane_has_options_and_commas_in_its_texts():
    pane = read_pane('m/x, temperature=0,top_k=20,system=Be brief, and kind.,stop=["a","b"],max_tokens=9,name=short')
    assert (pane.model, pane.sampling) == ("m/x", {"temperature": 0.0, "top_k": 20})
    assert (pane.system, pane.stop, pane.max_tokens, pane.name) == ("Be brief, and kind.", ("a", "b"), 9, "short")
    assert read_pane("m/x") == Pane(model="m/x")
    assert read_pane("m/x,reasoning=false").reasoning is False


def test_a_system_prompt_comes_from_a_file(tmp_path):
    (file := tmp_path / "pirate.txt").write_text("Arr, matey.")
    assert read_pane(f"m/x,system=@{file}").system == "Arr, matey."
    with pytest.raises(BadRequest, match=r"cannot be read: No such file or directory\.$"):
        read_pane(f"m/x,system=@{tmp_path / 'none.txt'}")


def test_wrong_options_are_named_with_the_nearest_or_the_range():
    with pytest.raises(UnknownOption) as unknown:
        read_pane("m/x,temprature=1")
    assert unknown.value.hint == "Did you mean “temperature”?"
    with pytest.raises(InvalidOption) as invalid:
        read_pane("m/x,top_p=7")
    assert "0 to 1" in invalid.value.hint
    with pytest.raises(InvalidOption, match="max_tokens"):
        read_pane("m/x,max_tokens=0")


@pytest.mark.parametrize("pane", ["", " ", ",temperature=0"])
def test_a_pane_without_a_model_is_refused(pane):
    with pytest.raises(BadRequest, match="names no model"):
        read_pane(pane)


def test_a_setting_of_a_pane_is_said_once():
    with pytest.raises(BadRequest, match="says temperature twice"):
        read_pane("m/x,temperature=0,top_k=20,temperature=1")


def test_what_goes_on_takes_no_panes(capsys):
    assert run(["compare", "--resume", "a", "--pane", "m/x"]) == 2
    assert "as it was begun" in capsys.readouterr().err


def test_the_judge_fills_in_and_judges_what_has_no_judge():
    own = Check(kind="judge", value="It rhymes.")
    other = Check(kind="judge", value="It is short.", model="m/own")
    assert with_judge(BatchPrompt(prompt="a", checks=(own, other)), "m/j", "?").checks == (
        Check(kind="judge", value="It rhymes.", model="m/j"),
        other,
    )
    (added,) = with_judge(BatchPrompt(prompt="a"), "m/j", DEFAULT_CRITERION).checks
    assert (added.model, added.value) == ("m/j", DEFAULT_CRITERION)
    assert with_judge(BatchPrompt(prompt="a"), "", "?").checks == ()


def test_panes_of_one_model_are_told_apart():
    panes = [Pane(model="m"), Pane(model="m", sampling={"seed": 1}), Pane(model="m"), Pane(model="n", name="N")]
    assert pane_names(panes) == ["m · 1", "m · seed 1", "m · 3", "N"]
    assert pane_names([Pane(model="m", sampling={"temperature": each}) for each in (0.0, 0.75)]) == [
        "m · temperature 0",
        "m · temperature 0.75",
    ]


def test_settings_of_a_pane_are_told_in_words():
    long = "Answer like the clerk of a very small hotel, and never in more than two lines."
    pane = Pane(model="m", system=long, max_tokens=2000, stop=("END",), reasoning=False, sampling={"top_k": 5})
    told = "top k 5, at most 2,000 tokens, stops at “END”, system prompt “Answer like the clerk of a very small…”"
    assert settings_text(pane) == f"{told}, without reasoning"
    assert settings_text(Pane(model="m", system=long), prompts={long: "Clerk"}) == "system prompt “Clerk”"
    assert settings_text(Pane(model="m", system="")) == "no system prompt"
    assert settings_apart([Pane(model="a/x"), Pane(model="b/x")], ["X", "X"]) == ["1", "2"]


def test_a_line_of_json_has_what_scripts_rely_on():
    cell = BatchCell(prompt=0, pane=0, repeat=1, state="done", text="t", stats=Stats(ttft_s=0.5), usage=Usage())
    line = cell_line(cell, BatchPrompt(prompt="p", name="n"), "pane")
    told = {name: line[name] for name in ("prompt", "pane", "repeat", "text", "checks", "name")}
    assert told == {"prompt": "p", "pane": "pane", "repeat": 1, "text": "t", "checks": [], "name": "n"}
    assert line["stats"]["ttft_s"] == 0.5
    assert "error" not in line


def test_a_summary_counts_what_could_be_told():
    def cell(*passed: bool | None, judging: bool = False) -> BatchCell:
        checks = tuple(CheckResult(name="c", passed=each) for each in passed)
        return BatchCell(prompt=0, pane=0, repeat=0, state="done", checks=checks, judging=judging)

    told = summarised([cell(True, True), cell(True, False), cell(True, None), cell(), cell(None, judging=True)])
    assert (told.answers, told.checked, told.passed, told.untold) == (5, 3, 1, 1)
    assert told.passed_text == "50 % (1 of 2), 1 not told"
