"""Through scheduler, prefix cache and context a request gets the logits that it would get alone, whatever was shared,
saved and restored on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paddock.backends.llamacpp.loading import ONE_SEQUENCE
from paddock.backends.llamacpp.scheduler import WORTH_WAITING
from paddock.backends.llamacpp.sharing import WHOLE_ONLY

from .driver import Driver, driven
from .harness import JOBS, SHARED, Case, Job, Logits, tokens

A, B, C = JOBS
AGAIN = Job(A.prompt + A.forced + tokens(9, 20), tokens(10, 4))
"""The second turn of the first job's conversation."""


def in_part(case: Case) -> int:
    """What the first two jobs share: nothing where a sequence is shared whole or not at all."""
    return 0 if case.architecture in WHOLE_ONLY else SHARED


def first_alone(driver: Driver) -> None:
    """The first job from beginning to end; a message begins in its middle."""
    driver.add(A, boundaries=(SHARED,))
    driver.run()


def test_prompts_are_read_in_pieces_beside_others(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, chunk=7) as driver:
            driver.run(*JOBS)
            if case.architecture not in ONE_SEQUENCE:  # where nobody reads beside another
                assert driver.cached[B] >= in_part(case) - WORTH_WAITING
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_of_a_finished_request_is_shared(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, n_seq_max=6, padding=3) as driver:
            first_alone(driver)
            driver.run(C, B)
            assert driver.cached[B] == in_part(case)
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_of_a_running_answer_is_shared(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, chunk=3) as driver:
            driver.add(A, boundaries=(SHARED,))
            while len(driver.rows[A]) < 2:
                driver.step()
            driver.run(B, C)
            assert driver.cached[B] == in_part(case)
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_returns_from_memory(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case) as driver:
            first_alone(driver)
            assert driver.cache.evict()
            assert driver.runner.cells.used == 0
            driver.run(C, B)
            assert driver.cached[B] == in_part(case)
            assert driver.cache.counts.restored_from_memory == (in_part(case) > 0)
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_returns_from_the_disk_of_an_earlier_run(case: Case, tmp_path: Path) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, folder=tmp_path) as driver:
            first_alone(driver)
            first = driver.found(A)
            assert driver.cache.store_one()
        with driven(case, folder=tmp_path) as driver:
            driver.run(C, B)
            assert driver.cached[B] == in_part(case)
            assert driver.cache.counts.restored_from_disk == (in_part(case) > 0)
            return first + driver.found(B, C)

    case.check(route)


def test_a_pre_empted_answer_goes_on(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, chunk=16) as driver:
            for job in JOBS:
                driver.add(job)
            while len(driver.rows[B]) < 3:
                driver.step()
            while driver.scheduler.make_room():
                pass
            assert driver.scheduler.preemptions or case.architecture in ONE_SEQUENCE
            driver.run()
            return driver.found(*JOBS)

    case.check(route)


def test_the_next_turn_evaluates_only_what_is_new(case: Case) -> None:
    with driven(case) as driver:
        driver.run(A)
        driver.run(C)
        driver.run(AGAIN)
        assert driver.cached[AGAIN] == len(A.prompt + A.forced)
        case.check_against(driver.found(AGAIN), case.alone([AGAIN]))


def test_guessed_tokens_change_nothing(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, drafted=8) as driver:
            for job in JOBS:
                driver.add(job, draft_limit=4)
            driver.run()
            return driver.found(*JOBS)

    case.check(route)


def family(random: np.random.Generator, first: int = 0) -> list[tuple[Job, tuple[int, ...]]]:
    """Jobs that begin alike for one or more messages, with the positions where their messages begin; ``first`` tokens
    longer is the first one."""
    parts = [tokens(100 + number, int(random.integers(20, 120)) + first * (number == 0)) for number in range(7)]
    made = []
    for number in range(14):
        path = [0, int(random.integers(1, 3)), int(random.integers(3, 7))][: int(random.integers(1, 4))]
        prompt = sum((parts[at] for at in path), ())
        boundaries = tuple(np.cumsum([len(parts[at]) for at in path]).tolist())
        made.append(
            (Job(prompt + tokens(200 + number, int(random.integers(1, 9))), tokens(300 + number, 6)), boundaries)
        )
    return made


def unrest(driver: Driver, random: np.random.Generator, waiting: list[tuple[Job, tuple[int, ...]]]) -> list[Job]:
    """The jobs come as it happens, some are cancelled, prefixes leave and answers are pre-empted; those that ended."""
    done, cancelled = [], set()
    while waiting or driver.running:
        event = int(random.integers(0, 16))
        if waiting and event < 6:
            job, boundaries = waiting.pop()
            driver.add(job, boundaries=boundaries, draft_limit=3)
            done.append(job)
        elif event == 6:
            for _ in range(int(random.integers(1, 9))):
                driver.scheduler.make_room()
        elif event == 7:
            driver.cache.store_one()
        elif event == 8 and len(driver.running) > 1 and len(cancelled) < 3:
            last = list(driver.running.values())[-1]
            cancelled.add(driver.guesses.jobs[last.id])
            driver.end(last)
        elif driver.running:
            driver.step()
    return [job for job in done if job not in cancelled]


def test_whatever_happens_at_once(case: Case, tmp_path: Path) -> None:
    random = np.random.default_rng(17)
    with driven(case, folder=tmp_path, parallel=3) as driver:
        left = unrest(driver, random, family(random))
        assert driver.scheduler.preemptions or case.architecture in ONE_SEQUENCE
        assert driver.cache.counts.restored_from_memory
        assert driver.cache.counts.recomputed == 0
        case.check_against(driver.found(*left), case.alone(left))


@pytest.mark.parametrize("case", ["llama", "gemma2", "lfm2"], indirect=True)
def test_whatever_happens_with_guesses_and_a_restart_in_between(case: Case, tmp_path: Path) -> None:
    random = np.random.default_rng(23)
    jobs, left, found, preempted = family(random, first=120), [], [], 0
    for half in (jobs[:7], jobs[7:]):
        with driven(case, folder=tmp_path, drafted=8, chunk=5, n_seq_max=6) as driver:
            ended = unrest(driver, random, half)
            left += ended
            found += driver.found(*ended)
            while driver.cache.store_one():
                pass
            counts = driver.cache.counts
            assert counts.recomputed == 0
            preempted += driver.scheduler.preemptions
    assert counts.restored_from_disk
    assert preempted
    case.check_against(found, case.alone(left))
