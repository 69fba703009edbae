"""The thread governor on a simulated machine: noise changes nothing, a foreign load is answered, its end noticed."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp.step_times import StepTimes
from paddock.backends.llamacpp.threads import ThreadGovernor


class Machine:
    """Steps of 8 rows on ``cores`` cores, of which other programs take ``busy``; a thread without a core of its own
    makes everybody wait. ``longer`` stretches every step."""

    def __init__(self, cores: int, *, single: float = 0.025, noise: float = 0.1, seed: int = 0) -> None:
        self.now, self.busy, self.longer = 0.0, 0, 1.0
        self.cores, self.single, self.noise = cores, single, noise
        self._random = random.Random(seed)
        self.governor = ThreadGovernor(cores, clock=lambda: self.now)
        self.times = StepTimes(threads=cores)
        self.used: list[int] = []

    def seconds(self, threads: int) -> float:
        crowded = 3.0 if threads > max(self.cores - self.busy, 1) or self.busy >= self.cores else 1.0
        return self.single * (0.2 + 0.8 / threads) * crowded * self.longer

    def step(self) -> None:
        threads = self.governor.threads
        seconds = self.seconds(threads) * (1 + self.noise * self._random.random())
        if self._random.random() < 0.04:
            seconds *= 2.5
        self.now += seconds
        self.governor.note(seconds, self.times.known(8, threads=self.cores))
        if self.governor.usual:
            self.times.note(8, seconds, threads=threads)
        self.used.append(threads)

    def run(self, seconds: float) -> set[int]:
        """The thread counts used meanwhile."""
        until, first = self.now + seconds, len(self.used)
        while self.now < until:
            self.step()
        return set(self.used[first:])


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 16), st.floats(0.0, 0.5), st.integers(0, 99))
def test_constant_noise_changes_the_count_for_no_more_than_a_look(cores, noise, seed):
    machine = Machine(cores, noise=noise, seed=seed)
    machine.run(60.0)
    assert machine.used.count(cores) > 0.95 * len(machine.used)
    assert all(len(list(steps)) <= 2 * 7 for count, steps in itertools.groupby(machine.used) if count < cores)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99))
def test_a_foreign_load_is_answered_within_a_second_and_its_end_within_the_retry_time(seed):
    machine = Machine(2, seed=seed)
    machine.run(10.0)
    quiet = machine.times.known(8, threads=2)
    machine.busy = 1
    machine.run(1.2)
    assert machine.governor.threads == 1
    machine.run(300.0)
    assert machine.used[-1000:].count(1) > 970
    assert machine.times.known(8, threads=2) == pytest.approx(quiet, rel=0.1)
    machine.busy = 0
    machine.run(125.0)
    assert machine.governor.threads == 2
    machine.run(30.0)
    assert machine.used[-500:].count(2) > 480


@pytest.mark.parametrize("busy", [1, 3, 4, 10])
def test_many_cores_give_up_as_many_threads_as_it_takes(busy):
    machine = Machine(16)
    machine.run(5.0)
    machine.busy = busy
    machine.run(3.0)
    assert machine.governor.threads <= 16 - busy
    machine.busy = 0
    machine.run(15.0)
    assert machine.governor.threads == 16


def test_a_longer_context_is_learnt_and_keeps_all_threads():
    machine = Machine(2)
    machine.run(5.0)
    machine.longer = 2.5
    machine.run(20.0)
    assert machine.times.known(8) == pytest.approx(machine.seconds(2), rel=0.1)
    machine.run(60.0)
    assert machine.used[-500:].count(2) > 480
    machine.longer = 1.0
    machine.run(1.0)
    assert machine.times.known(8) == pytest.approx(machine.seconds(2), rel=0.1)


def test_a_load_on_every_core_is_answered_once_it_leaves_one_free():
    machine = Machine(2)
    machine.run(5.0)
    machine.busy = 2
    machine.run(2.0)
    assert machine.governor.threads == 2
    machine.busy = 1
    machine.run(8.0)
    assert machine.governor.threads == 1


def test_a_load_that_was_there_from_the_start_is_answered_too():
    machine = Machine(2)
    machine.busy = 1
    machine.run(40.0)
    assert machine.governor.threads == 1
    machine.busy = 0
    machine.run(12.0)
    assert machine.governor.threads == 2


def test_steps_of_unknown_sizes_are_not_judged():
    governor = ThreadGovernor(2, clock=lambda: 0.0)
    for _ in range(100):
        assert governor.note(10.0, None) == 2
        assert governor.usual


def test_what_is_being_tried_is_broken_off_when_a_prompt_comes_in():
    now = 0.0
    governor = ThreadGovernor(2, clock=lambda: now)
    for _ in range(100):
        now += 1.0
        if governor.note(0.1, 0.1) == 1:
            break
    assert governor.threads == 1
    governor.rest()
    assert governor.threads == 2
    assert governor.usual
