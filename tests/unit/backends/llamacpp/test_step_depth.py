"""Step times deep in a context: what looking back costs is learnt from steps, and decisions allow for it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from paddock.backends.llamacpp.attention_cost import AttentionCost
from paddock.backends.llamacpp.pace import STEP_RATIO
from paddock.backends.llamacpp.step_times import CONFIDENT, Depth, StepTimes

STAIRS = {
    3: 54,
    4: 55,
    5: 66,
    6: 70,
    8: 69,
    9: 78,
    12: 82,
    16: 84,
    20: 105,
    24: 119,
    28: 135,
    32: 147,
    40: 176,
    48: 204,
}
"""Milliseconds of a step by its rows, near the beginning of a context, as measured on two cores."""
CELL_S = 2.4e-6
ANSWERS = 3


class Machine:
    """Computes steps of ``STAIRS``, each cell that is looked back at costing ``CELL_S``, with a little noise."""

    def __init__(self, seed: int = 1) -> None:
        self.times = StepTimes(threads=2)
        self._noise = random.Random(seed)

    def compute(self, rows: int, attended: int) -> float:
        stair = min((size for size in STAIRS if size >= rows), default=48)
        seconds = STAIRS[stair] / 1000 * max(rows / stair, 1) + CELL_S * attended
        self.times.note(rows, seconds * self._noise.uniform(0.97, 1.03), threads=2, attended=attended)
        return seconds

    def answer(self, steps: int, behind: int = 300) -> float:
        """``ANSWERS`` answers get their next tokens; the seconds of a step."""
        return [self.compute(ANSWERS, ANSWERS * behind) for _ in range(steps)][-1]

    def read(self, start: int, end: int, behind: int = 300) -> Iterator[tuple[int, float]]:
        """A prompt is read beside the answers: prompt tokens and seconds of every step."""
        while start < end:
            depth = Depth(ANSWERS * behind, start)
            count = min(self.times.chunk(ANSWERS, STEP_RATIO, 512, depth=depth), end - start)
            yield count, self.compute(ANSWERS + count, depth.answers + count * (start + count // 2))
            start += count


@pytest.mark.parametrize("seed", range(5))
def test_a_long_prompt_keeps_the_rhythm_to_its_end_and_leaves_no_room_unused(seed):
    machine = Machine(seed)
    usual = machine.answer(40)
    steps = list(machine.read(0, 4000))
    gaps = sorted(seconds / usual for _, seconds in steps)
    assert gaps[len(gaps) // 2] <= 3
    assert gaps[-1] <= 4
    assert sum(seconds for _, seconds in steps) < 60  # eight rows a step, whatever the depth, take 75 s


def test_what_was_read_deep_in_a_context_does_not_slow_the_next_prompt():
    machine = Machine()
    machine.answer(40)
    first = list(machine.read(0, 4000))
    assert first[-1][0] < first[20][0]
    again = [count for count, _ in machine.read(0, 400)]
    assert sum(again[:4]) >= 0.9 * 4 * max(count for count, _ in first)


def test_a_prompt_that_continues_a_long_prefix_begins_with_small_pieces():
    machine = Machine()
    for rows in STAIRS:
        for _ in range(CONFIDENT):
            machine.compute(rows, rows * rows // 2)
    list(machine.read(0, 2000))
    usual = machine.answer(40)
    assert max(seconds for _, seconds in machine.read(8000, 8200)) < 4 * usual


def test_one_disturbed_step_does_not_keep_the_pieces_small():
    machine = Machine()
    machine.times.note(17, 0.324, threads=2)  # the first prompt after a load
    machine.answer(40)
    counts = [count for count, _ in machine.read(0, 400)]
    assert max(counts) >= 20


def test_padding_compares_sizes_at_the_same_depth():
    times = StepTimes(threads=2)
    for _ in range(40):
        for behind in (0, 4000):
            times.note(7, 0.070 + CELL_S * 7 * behind, threads=2, attended=7 * behind)
        times.note(8, 0.080, threads=2)
    deep = 7 * 4000
    assert times.padded(7, 1, attended=deep) == 7
    assert times.known(7, attended=deep) == pytest.approx(0.137, rel=0.02)
    assert times.known(8, attended=deep) == pytest.approx(0.147, rel=0.02)


def test_the_cost_of_a_cell_is_found_among_sizes_with_beginnings_of_their_own():
    cost, noise = AttentionCost(), random.Random(3)
    for step in range(300):
        size = (4, 8, 32)[step % 3]
        attended = size * (30 * step if size < 32 else 500)
        cost.note(size, attended, 0.01 * size + CELL_S * attended + noise.gauss(0, 0.003))
    assert cost.seconds == pytest.approx(CELL_S, rel=0.1)


def test_noise_is_not_taken_for_a_cost():
    claims = 0
    for seed in range(100):
        cost, noise = AttentionCost(), random.Random(seed)
        for step in range(200):
            cost.note(3, 900 + 3 * step, 0.055 + noise.gauss(0, 0.005))
        claims += cost.seconds > 0
    assert claims <= 3
    assert AttentionCost().seconds == 0
