"""Through scheduler, prefix cache and context a request gets the logits that it would get alone, whatever was shared,
saved and restored on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paddock.backends.llamacpp.scheduler import WORTH_WAITING

from .driver import Driver, driven
from .harness import JOBS, SHARED, Case, Job, Logits, tokens

A, B, C = JOBS
AGAIN = Job(A.prompt + A.forced + tokens(9, 20), tokens(10, 4))
"""The second turn of the first job's conversation."""


def first_alone(driver: Driver) -> None:
    """The first job from beginning to end; a message begins in its middle."""
    driver.add(A, boundaries=(SHARED,))
    driver.run()


def test_prompts_are_read_in_pieces_beside_others(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, chunk=7) as driver:
            driver.run(*JOBS)
            assert driver.cached[B] > SHARED - WORTH_WAITING
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_of_a_finished_request_is_shared(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, n_seq_max=6, padding=3) as driver:
            first_alone(driver)
            driver.run(C, B)
            assert driver.cached[B] == SHARED
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_of_a_running_answer_is_shared(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case, chunk=3) as driver:
            driver.add(A, boundaries=(SHARED,))
            while len(driver.rows[A]) < 2:
                driver.step()
            driver.run(B, C)
            assert driver.cached[B] == SHARED
            return driver.found(*JOBS)

    case.check(route)


def test_a_prefix_returns_from_memory(case: Case) -> None:
    def route(case: Case) -> list[Logits]:
        with driven(case) as driver:
            first_alone(driver)
            assert driver.cache.evict()
            assert driver.runner.cells.used == 0
            driver.run(C, B)
            assert driver.cached[B] == SHARED
            assert driver.cache.counts.restored_from_memory == 1
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
            assert driver.cached[B] == SHARED
            assert driver.cache.counts.restored_from_disk == 1
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
            assert driver.scheduler.preemptions
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


def family(random: np.random.Generator) -> list[tuple[Job, tuple[int, ...]]]:
    """Jobs that begin alike for one or more messages, with the positions where their messages begin."""
    parts = [tokens(100 + number, int(random.integers(20, 120))) for number in range(7)]
    made = []
    for number in range(14):
        path = [0, int(random.integers(1, 3)), int(random.integers(3, 7))][: int(random.integers(1, 4))]
        prompt = sum((parts[at] for at in path), ())
        boundaries = tuple(np.cumsum([len(parts[at]) for at in path]).tolist())
        made.append(
            (Job(prompt + tokens(200 + number, int(random.integers(1, 9))), tokens(300 + number, 6)), boundaries)
        )
    return made


def test_whatever_happens_at_once(case: Case, tmp_path: Path) -> None:
    random = np.random.default_rng(17)
    waiting, done, cancelled = family(random), [], set()
    with driven(case, folder=tmp_path, parallel=3) as driver:
        while waiting or driver.running:
            event = int(random.integers(0, 16))
            if waiting and event < 6:
                job, boundaries = waiting.pop()
                driver.add(job, boundaries=boundaries)
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
        assert driver.scheduler.preemptions
        assert driver.cache.counts.restored_from_memory
        assert driver.cache.counts.recomputed == 0
        left = [job for job in done if job not in cancelled]
        case.check_against(driver.found(*left), case.alone(left))
