"""What resting prefixes cost, learnt from steps."""

from __future__ import annotations

import math
import random

import pytest

from paddock.backends.llamacpp.pace import Pace, RestingCost
from paddock.backends.llamacpp.step_times import Depth


@pytest.mark.parametrize(("microseconds_a_cell", "expected"), [(0.18, True), (0.01, False)])
def test_resting_cells_are_too_many_when_they_take_a_twentieth_of_the_step(microseconds_a_cell, expected):
    noise = random.Random(7)
    cost = RestingCost()
    for step in range(400):
        cells = 1000 + (16_000 if step % 100 < 60 else 0)
        cost.note(cells, (0.0154 + microseconds_a_cell * 1e-6 * cells) * noise.gauss(1, 0.02))
    assert (cost.affordable < 16_000) is expected
    assert cost.affordable > 0


def test_without_any_change_of_the_cells_nothing_is_believed():
    cost = RestingCost()
    for step in range(400):
        cost.note(1000 + step % 2, 0.015 + 0.001 * (step % 2))
    assert cost.affordable == math.inf


def test_a_prompt_beside_answers_is_read_in_pieces_that_keep_their_rhythm():
    pace = Pace(2)
    stairs = {1: 15, 2: 36, 3: 43, 4: 50, 7: 75, 8: 65, 16: 79, 32: 156}
    for rows, milliseconds in stairs.items():
        for _ in range(5):
            pace.note(rows, milliseconds / 1000)
    for _ in range(60):
        chunk = pace.chunk(3, 512, Depth(), apart=False)
        pace.note(3 + chunk, min(time for rows, time in stairs.items() if rows >= 3 + chunk) / 1000, mixed=True)
    assert chunk == 13
    assert pace.padding(7, 0) == 1
