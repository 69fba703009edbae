"""Drafting: guesses come from the text, cost nothing where there are none, and pause while they do not pay."""

from __future__ import annotations

import itertools
import random
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from work_counter import calls

from paddock.backends.llamacpp.drafting import FIRST_PROBE, LAST_PROBE, Drafting, Drafts, NgramDrafter, Pays
from paddock.backends.llamacpp.step_times import StepTimes

REFERENCE = {1: 15, 2: 36, 3: 43, 4: 50, 5: 58, 6: 66, 7: 75, 8: 65, 9: 79, 12: 79, 16: 79, 24: 118, 32: 156}


def times(table: dict[int, float] = REFERENCE) -> StepTimes:
    made = StepTimes(threads=2)
    for rows, milliseconds in table.items():
        for _ in range(3):
            made.note(rows, milliseconds / 1000, threads=2)
    return made


def test_the_longest_match_wins_and_of_these_the_most_recent():
    assert NgramDrafter().propose([1, 2, 3, 4, 5, 8, 3, 4, 6, 1, 2, 3, 4], 3) == [5, 8, 3]
    assert NgramDrafter().propose([3, 4, 5, 9, 3, 4, 6, 7, 3, 4], 2) == [6, 7]
    assert NgramDrafter().propose([3, 4, 5, 9, 4], 2) == []
    assert NgramDrafter().propose([], 2) == []


def test_a_repeating_pattern_goes_on_beyond_the_end_of_the_text():
    assert NgramDrafter().propose([7, 1, 2, 3, 1, 2, 3], 8) == [1, 2, 3, 1, 2, 3, 1, 2]


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 60), st.integers(1, 9))
def test_proposes_what_a_plain_search_finds_however_the_text_came_in(tokens, at, limit):
    drafter = NgramDrafter(tokens[:at])
    for end in range(at, len(tokens)):
        drafter.propose(tokens[:end], limit)
    wanted: list[int] = []
    for size in (4, 3, 2):
        starts = [s for s in range(size, len(tokens)) if tokens[s - size : s] == tokens[len(tokens) - size :]]
        if starts:
            period = tokens[starts[-1] :]
            wanted = (period * limit)[:limit]
            break
    assert drafter.propose(tokens, limit) == wanted


def test_a_call_without_a_match_costs_the_same_however_long_the_text():
    def work(length: int) -> int:
        tokens = random.Random(0).sample(range(150_000), length)
        drafter = NgramDrafter(tokens)
        tokens.append(200_000)
        return calls(lambda: drafter.propose(tokens, 8))

    assert work(40_000) == work(1_000)


def played(pays: Pays, accepting: float, steps: int, limit: int = 8) -> list[int]:
    """The lengths asked for in ``steps`` steps while each guess is right with probability ``accepting``."""
    noise, lengths = random.Random(1), []
    for _ in range(steps):
        length = pays.length(limit)
        accepted = 0
        while accepted < length and noise.random() < accepting:
            accepted += 1
        pays.note(length, accepted)
        lengths.append(length)
    return lengths


def test_drafting_that_does_not_pay_is_probed_ever_more_rarely():
    lengths = played(Pays(times()), 0.1, 3000)
    probes = [step for step, length in enumerate(lengths) if length]
    gaps = [later - earlier for earlier, later in itertools.pairwise(probes)]
    assert probes[0] == FIRST_PROBE
    assert gaps[0] > FIRST_PROBE
    assert gaps[-1] in (LAST_PROBE, LAST_PROBE + 1)
    assert len(probes) < 20


def test_text_that_repeats_itself_is_drafted_and_the_end_of_it_noticed():
    pays = Pays(times())
    played(pays, 0.0, 500)
    assert played(pays, 1.0, 600)[-100:] == [7] * 100
    assert sum(length > 0 for length in played(pays, 0.0, 300)) < 15


def test_a_machine_on_which_no_draft_can_pay_is_never_probed():
    proportional = times({rows: 15.0 * rows for rows in range(1, 17)})
    assert set(played(Pays(proportional), 1.0, 500)) == {0}


class Model:
    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def propose(self, key: str, tokens: list[int], limit: int) -> list[int]:
        return [tokens[-1] + 1 + step for step in range(limit)]

    def forget(self, key: str) -> None:
        self.forgotten.append(key)


def test_each_answer_has_its_own_drafter_and_numbers():
    model = Model()
    drafting = Drafting(times({1: 10, 8: 10, 32: 12}), model)
    text = SimpleNamespace(id="a", tokens=[1, 2, 3, 1, 2])
    counting = SimpleNamespace(id="b", tokens=[4])
    drafting.begin("a", NgramDrafter(text.tokens))
    drafting.begin("b", None)
    assert drafting.propose(text, 3, 2) == [3, 1, 2]
    assert drafting.propose(counting, 2, 5) == [5, 6]
    assert drafting.propose(SimpleNamespace(id="c", tokens=[1]), 3, 1) == []
    drafting.settle("a", 3, 1)
    assert drafting.end("a") == Drafts(drafted=3, accepted=1)
    assert model.forgotten == ["a"]
    assert drafting.end("b") == Drafts()
    assert model.forgotten == ["a", "b"]
    assert drafting.end("unknown") == Drafts()
