"""What a token costs in Python, counted in calls of functions: the same on every machine, however busy."""

from __future__ import annotations

import statistics
import sys
import threading
from typing import Any

import pytest

from paddock.backends.llamacpp.bindings import library

STEPS = 24
MOST_ALONE, MOST, MOST_EACH = 38, 20, 20
"""Functions written in Python between two decode calls: of one answer alone, whose token is told there; and of several,
told while the next step computes, at all and for each, mostly its samplers'."""
DEADLINE = 60.0


def calls_of_a_step(driver: Any, answers: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """Between two decode calls that carry a token of each of the ``answers``; the median. Fewer than four are never
    padded."""
    api, decoding, counts = library().api, driver.engine._decoding, [0]
    plain, put, here, prepared = api.llama_decode, decoding.put, threading.Event(), []

    def count(_frame: object, event: str, _argument: object) -> None:
        counts[-1] += event == "call"
        if len(counts) > STEPS:
            sys.setprofile(None)  # only the thread itself can

    def decode(context: object, batch: Any) -> int:
        sys.setprofile(None)
        assert here.wait(DEADLINE)
        status = int(plain(context, batch))
        if batch.n_tokens == answers and len(counts) <= STEPS:
            counts.append(0)
            sys.setprofile(count)
        return status

    def arrived(job: Any) -> None:
        put(job)
        prepared.append(job)
        if len(prepared) == answers:
            here.set()

    with monkeypatch.context() as patched:
        patched.setattr(api, "llama_decode", decode)
        patched.setattr(decoding, "put", arrived)
        asked = {"sampling": {"ignore_eos": True, "seed": 1}, "max_tokens": 2 * STEPS}
        for run in [driver.start(f"the cab {number}", **asked) for number in range(answers)]:
            assert run.finished.usage.completion_tokens == 2 * STEPS
    assert len(counts) > STEPS
    return statistics.median(counts[2:STEPS])


def test_a_token_of_an_answer_takes_few_calls(random_llama, monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls_of_a_step(random_llama, 1, monkeypatch) <= MOST_ALONE


def test_tokens_of_several_answers_take_little_more_than_their_sampling(
    random_llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert calls_of_a_step(random_llama, 3, monkeypatch) <= MOST + 3 * MOST_EACH
