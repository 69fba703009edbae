"""Answers that share their steps, and end or fail in one of them: the engine in this process."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from paddock.backends.llamacpp import runner
from paddock.backends.llamacpp.pace import Pace
from paddock.backends.llamacpp.runner import Runner
from paddock.backends.llamacpp.samplers import SamplerChain
from paddock.sdk.errors import EngineError

TOKENS = 40
LONG = {"ignore_eos": True, "temperature": 0.0}


def test_an_answer_without_a_next_token_ends_alone(random_llama, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, drawn = SamplerChain.sample, Counter[int]()

    def sample(chain: SamplerChain, *arguments: Any) -> int:
        drawn[chain.seed] += 1
        if chain.seed == 7 and drawn[7] == 10:
            raise EngineError("Nothing can come.")
        return plain(chain, *arguments)

    monkeypatch.setattr(SamplerChain, "sample", sample)
    runs = [random_llama.start("the cab", sampling={**LONG, "seed": seed}, max_tokens=TOKENS) for seed in (6, 7, 8)]
    assert "Nothing can come" in runs[1].failed.error.message
    assert [runs[at].finished.usage.completion_tokens for at in (0, 2)] == [TOKENS, TOKENS]
    assert drawn == {6: TOKENS, 7: 10, 8: TOKENS}
    assert runs[1].failed, "its end was the last that was heard of it"


def test_a_stop_string_ends_one_of_the_answers_of_a_step(random_llama, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_llama.engine._runner.context.model
    letters = {piece: token for token in range(model.n_vocab) if len(piece := model.piece(token)) == 1}
    drawn = Counter[int]()

    def sample(chain: SamplerChain, *_: object) -> int:
        drawn[chain.seed] += 1
        return letters[b"b" if drawn[chain.seed] == 10 else b"a"]

    monkeypatch.setattr(SamplerChain, "sample", sample)
    runs = [
        random_llama.start("the cab", sampling={**LONG, "seed": seed}, max_tokens=TOKENS, stop=stop)
        for seed, stop in ((6, ()), (7, ("b",)), (8, ("c",)))
    ]
    assert runs[1].text == "a" * 9
    assert [run.finished.reason for run in runs] == ["length", "stop_string", "length"]
    assert drawn == {6: TOKENS, 7: 10, 8: TOKENS}, "the token that completed it was the last one"


def test_every_token_is_told_while_answers_of_different_lengths_end(random_llama) -> None:
    lengths = [3, 17, 18, TOKENS]
    runs = [random_llama.start("the cab", sampling=LONG, max_tokens=length) for length in lengths]
    assert [run.finished.usage.completion_tokens for run in runs] == lengths


def learnt_every(seconds: float, driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LEARN_S", seconds)
    monkeypatch.setattr(driver.engine._runner, "_learn_s", seconds)


@pytest.mark.parametrize("trying", [False, True])
def test_step_times_are_learnt_together_but_in_a_trial_of_threads(random_llama, monkeypatch, trying) -> None:
    learn, together = Runner._learn, []

    def learns(self: Runner) -> None:
        together.append([seconds for _, seconds, *_ in self._computed])
        learn(self)

    monkeypatch.setattr(Runner, "_learn", learns)
    monkeypatch.setattr(Pace, "trying", property(lambda self: trying))
    learnt_every(0.001, random_llama, monkeypatch)
    assert random_llama.start("the cab", sampling=LONG, max_tokens=100).finished
    assert together[3:]
    for steps in together[1:]:
        assert len(steps) == 1 if trying else sum(steps[:-1]) < 0.001 <= sum(steps)


def test_threads_follow_what_the_pace_has_learnt(driver, tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.load(tiny, n_ctx=512, n_threads=2)
    loaded, told = driver.engine._runner, []
    monkeypatch.setattr(loaded.context, "set_threads", lambda *both: told.append(both))
    loaded.pace._governor.threads = 1
    learnt_every(0.001, driver, monkeypatch)
    assert driver.start("the cab", sampling=LONG, max_tokens=100).finished
    assert told[0] == (1, 1)
