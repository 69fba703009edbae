"""Step times: the table follows what is measured, and its decisions keep to their bounds on staircases with noise."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from work_counter import calls

from paddock.backends.llamacpp.step_times import CONFIDENT, StepTimes

REFERENCE = {1: 15, 2: 36, 3: 43, 4: 50, 5: 58, 6: 66, 7: 75, 8: 65, 12: 79, 16: 79, 24: 118, 32: 156, 64: 300}
RATIO = 2.7


def reference(rows: int) -> float:
    """Milliseconds of the reference machine as seconds; between its sizes the stair goes on to the next."""
    fitting = [size for size in REFERENCE if size >= rows]
    return (REFERENCE[min(fitting)] if fitting else 300 * rows / 64) / 1000


def measured(sizes: tuple[int, ...] = tuple(REFERENCE)) -> StepTimes:
    times = StepTimes(threads=2)
    for rows in sizes:
        for _ in range(CONFIDENT):
            times.note(rows, reference(rows), threads=2)
    return times


def test_nothing_measured_predicts_nothing_and_starts_small():
    times = StepTimes(threads=2)
    assert times.predict(4) is None
    assert times.chunk(3, RATIO, 500) == 16
    assert times.chunk(3, RATIO, 5) == 5
    assert times.chunk(0, RATIO, 500) == 500
    assert times.padded(7, 4) == 7
    assert times.worth_drafting(1, 0.99) == 0
    assert times.largest_within(1.0, 3, 10) == 3


def test_predicts_measured_sizes_exactly_and_others_from_their_neighbours():
    times = measured((1, 8, 16))
    assert times.predict(8) == 0.065
    assert 0.065 < times.predict(12) < 0.079
    assert times.predict(32) == 2 * 0.079
    assert measured((7, 8, 16)).predict(7) == 0.075


def test_the_median_follows_a_longer_context_and_ignores_hiccups():
    times = measured()
    for _ in range(7):
        times.note(8, 0.065, threads=2)
        times.note(8, 1.0, threads=2)
        times.note(8, 0.065, threads=2)
    assert times.predict(8) == 0.065
    for _ in range(8):
        times.note(8, 0.080, threads=2)
    assert times.predict(8) == 0.080


def test_thread_counts_have_tables_of_their_own():
    times = measured()
    times.threads = 1
    assert times.predict(8) is None
    assert times.known(8, threads=2) == 0.065
    times.note(8, 0.110, threads=1)
    assert times.predict(8) == 0.110
    assert times.known(8) is None


def test_the_largest_size_within_a_time_is_the_end_of_its_stair():
    times = measured()
    assert times.largest_within(0.080, 1, 100) == 16
    assert times.largest_within(0.066, 1, 100) == 8
    assert times.largest_within(0.070, 1, 7) == 6
    assert times.largest_within(0.001, 5, 100) == 5


def settled(times: StepTimes, writing: int, *, apart: bool = False) -> int:
    """The size that the decisions come to when every one of them is measured."""
    for _ in range(60):
        chunk = times.chunk(writing, RATIO, 500, apart=apart)
        size = chunk if apart else writing + chunk
        times.note(size, reference(size), threads=2)
    return size


def test_chunk_comes_to_the_end_of_the_stair_within_its_bound():
    assert settled(measured(), 1) == 2
    assert settled(measured(), 3) == 16
    assert settled(measured(), 8) == 32
    assert settled(measured(), 8, apart=True) == 16
    assert measured().chunk(8, RATIO, 20) == 20


def test_chunk_grows_by_doubling_from_its_start():
    times = StepTimes(threads=2)
    times.note(8, 0.020, threads=2)
    chunks = []
    for _ in range(5):
        chunks.append(times.chunk(8, RATIO, 2000))
        times.note(8 + chunks[-1], 0.021, threads=2)
    assert chunks == [16, 40, 88, 184, 376]


def test_pads_to_a_size_known_to_be_quicker():
    times = measured()
    assert times.padded(7, 1) == 8
    assert times.padded(7, 0) == 7
    assert times.padded(6, 2) == 6
    assert measured((1, 8)).padded(7, 1) == 7


def test_drafts_pay_only_where_the_table_says_so():
    times = measured()
    assert times.worth_drafting(1, 0.5) == 0
    assert times.worth_drafting(1, 0.95) in range(7, 16)
    assert times.worth_drafting(8, 0.6) == 1
    assert times.worth_drafting(8, 0.1) == 0
    assert times.worth_drafting(1, 0.95, draft_seconds=0.015) == 0
    flat = StepTimes(threads=2)
    for rows in (1, 2, 4, 8):
        flat.note(rows, 0.010, threads=2)
    assert flat.worth_drafting(1, 0.3, most=7) == 7
    assert flat.worth_drafting(1, 0.0) == 0


def test_plan_measures_the_cheapest_sizes_first_and_keeps_to_its_time():
    times, spent, sizes = StepTimes(threads=2), 0.0, []
    for rows in times.plan(32, seconds=2.0):
        times.note(rows, reference(rows), threads=2)
        spent += reference(rows)
        sizes.append(rows)
    assert sizes[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32]
    assert spent <= 2.0 + reference(32)
    assert times.known(2) is not None
    assert 1 not in set(measured().plan(64))


def test_a_single_hiccup_does_not_rule_out_a_size_for_ever():
    times = measured((8,))
    times.note(32, 5.0, threads=2)
    for _ in range(600):
        times.note(8, 0.065, threads=2)
    assert times.predict(32) == 4 * 0.065


@st.composite
def staircases(draw: st.DrawFn) -> list[float]:
    """Seconds by number of rows, 0 to 128: steps up at random sizes, and a few sizes slower than the next."""
    width, rise = draw(st.integers(1, 24)), draw(st.floats(0.05, 0.9))
    slow = draw(st.sets(st.integers(2, 15), max_size=3))
    return [0.01 * (1 + rise * (-(-rows // width) - 1)) * (1.15 if rows in slow else 1.0) for rows in range(129)]


@settings(max_examples=60, deadline=None)
@given(staircases(), st.integers(1, 8), st.floats(1.5, 4.0), st.integers(0, 999), st.booleans())
def test_chunk_keeps_its_bound_once_measured(stair, writing, ratio, seed, apart):
    """Steps are noisy by a tenth and one in twenty takes thrice its time; the bound is judged by their true times."""
    noise = random.Random(seed)

    def note(rows: int) -> None:
        seconds = stair[rows] * noise.uniform(0.95, 1.05) * (3 if noise.random() < 0.05 else 1)
        times.note(rows, seconds, threads=2)

    times, most, late = StepTimes(threads=2), 100, []
    for step in range(300):
        note(writing)
        chunk = times.chunk(writing, ratio, most, apart=apart)
        assert 1 <= chunk <= most
        rows = chunk if apart else writing + chunk
        for _ in range(2 if step < 100 else 1):
            note(rows)
        taken = stair[rows] + (stair[writing] if apart else 0.0)
        if step >= 200 and chunk > 1:
            late.append(taken / stair[writing])
    assert sum(gap > 1.12 * ratio for gap in late) <= 5


@settings(max_examples=60, deadline=None)
@given(staircases(), st.lists(st.integers(1, 128), min_size=1), st.integers(1, 60), st.integers(0, 60), st.floats(0, 1))
def test_no_answer_lies_outside_its_bounds(stair, sizes, rows, more, seconds):
    times = StepTimes(threads=2)
    for size in sizes:
        times.note(size, stair[size], threads=2)
    largest = times.largest_within(seconds, rows, rows + more)
    assert rows <= largest <= rows + more
    predictions = [times.predict(size) for size in range(rows + 1, rows + more + 1)]
    if largest > rows:
        assert times.predict(largest) <= seconds + 1e-9
    assert rows <= times.padded(rows, more) <= rows + more
    assert 0 <= times.worth_drafting(rows, min(seconds, 0.99), most=more) <= more
    assert all(prediction is not None and prediction > 0 for prediction in predictions)


def test_a_decision_costs_little_however_much_was_measured():
    times = measured()
    for rows in range(1, 2000, 7):
        times.note(rows, rows / 1000, threads=2)

    def decide() -> None:
        times.note(random.randrange(1, 9), 0.05, threads=2)
        times.chunk(3, RATIO, 500)

    assert max(calls(decide) for _ in range(200)) < 1_000


def test_one_long_prompt_says_nothing_about_the_time_of_an_answer():
    times = StepTimes(threads=2)
    times.note(82, 0.7, threads=2)
    assert times.chunk(1, 2.7, 512) == 16
