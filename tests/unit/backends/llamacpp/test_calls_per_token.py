"""What a token costs in Python, counted in calls of functions: the same on every machine, however busy."""

from __future__ import annotations

import statistics
import sys

import pytest

from paddock.backends.llamacpp.bindings import library

STEPS = 24
MOST = 50
"""Functions written in Python between two decode calls of one answer."""


def test_a_token_of_an_answer_takes_few_calls(random_llama, monkeypatch: pytest.MonkeyPatch) -> None:
    api, counts = library().api, [0]
    plain = api.llama_decode

    def count(_frame: object, event: str, _argument: object) -> None:
        counts[-1] += event == "call"
        if len(counts) > STEPS:
            sys.setprofile(None)  # only the thread itself can

    def decode(context: object, batch: object) -> int:
        sys.setprofile(None)
        status = int(plain(context, batch))
        counts.append(0)
        sys.setprofile(count)
        return status

    monkeypatch.setattr(api, "llama_decode", decode)
    run = random_llama.start("the cab", sampling={"ignore_eos": True, "seed": 1}, max_tokens=STEPS + 6)
    assert run.finished.usage.completion_tokens == STEPS + 6
    assert statistics.median(counts[2:STEPS]) <= MOST
