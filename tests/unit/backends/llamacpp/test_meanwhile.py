"""What is told while the next step computes: in order, with one ending each, and never beside the engine's thread."""

from __future__ import annotations

import random
import threading

import pytest

from paddock.backends.llamacpp import runner
from paddock.backends.llamacpp.answer import Answer
from paddock.backends.llamacpp.bindings import Context
from paddock.backends.llamacpp.meanwhile import Meanwhile
from paddock.backends.llamacpp.prefix_cache import PrefixCache
from paddock.backends.llamacpp.runner import Runner
from paddock.sdk.events import Cancelled, Failed, Finished, TextDelta

LONG = {"ignore_eos": True}
EXACT = {"flash_attn": "off", "cache_type_k": "f32", "cache_type_v": "f32"}
"""Without rounding in the KV cache a token's logits hardly depend on what else is in its batch."""
GREEDY = LONG | {"temperature": 0.0}


def outcome(run) -> tuple[str, str, int]:
    return run.text, run.finished.reason, run.finished.usage.completion_tokens


def test_work_is_done_in_order_on_the_other_thread_and_before_end_returns() -> None:
    meanwhile, done = Meanwhile(), []
    meanwhile.begin()
    meanwhile.end()  # nothing to do
    for number in range(100):
        meanwhile.put(lambda number=number: done.append((number, threading.current_thread().name)))
    meanwhile.begin()
    meanwhile.end()
    assert done == [(number, "meanwhile") for number in range(100)]
    meanwhile.put(done.clear)
    meanwhile.now()
    assert not done
    meanwhile.close()


def test_what_the_work_raises_comes_out_of_end_once_the_rest_is_done() -> None:
    meanwhile, done = Meanwhile(), []
    meanwhile.put(lambda: 1 / 0)
    meanwhile.put(done.append, "after")
    meanwhile.put([].remove, "the second error is not told")
    meanwhile.begin()
    with pytest.raises(ZeroDivisionError):
        meanwhile.end()
    assert done == ["after"]
    meanwhile.begin()
    meanwhile.end()
    meanwhile.put(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        meanwhile.close()
    assert "meanwhile" not in [thread.name for thread in threading.enumerate()]


def test_without_memory_for_a_thread_the_work_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    meanwhile, done = Meanwhile(), []
    with monkeypatch.context() as short_of_memory:
        short_of_memory.setattr(threading.Thread, "start", refuse)
        meanwhile.put(done.append, "first")
        meanwhile.begin()
        meanwhile.end()
    assert done == ["first"]
    meanwhile.put(lambda: done.append(threading.current_thread().name))
    meanwhile.begin()
    meanwhile.end()
    assert done == ["first", "meanwhile"]
    meanwhile.close()


def test_tokens_are_told_while_the_next_step_computes_and_endings_come_once(driver, tiny) -> None:
    """Eight answers with and without stop strings, some cancelled: text as alone, one ending, and it comes last."""
    asked = [
        (f"prompt {number} " * (1 + number), {"stop": ("\x00",)} if number % 3 == 0 else {}) for number in range(8)
    ]
    driver.load(tiny, n_ctx=2048, **EXACT)
    alone = [outcome(driver.start(text, max_tokens=60, sampling=GREEDY, **more)) for text, more in asked]
    inside, outside = set(), set()

    def on_event(event):
        if isinstance(event, TextDelta):
            (inside if threading.current_thread().name == "meanwhile" else outside).add(event.id)

    chance = random.Random(5)
    for _ in range(4):
        runs = [driver.start(text, max_tokens=60, sampling=GREEDY, on_event=on_event, **more) for text, more in asked]
        for run in chance.sample(runs, 3):
            least = chance.randint(0, 30)
            run.wait(lambda events, least=least: len(events) >= least)
            driver.engine.cancel(run.request.id)
        for run, expected in zip(runs, alone, strict=True):
            if isinstance(run.ending, Cancelled):  # one, and the last
                assert expected[0].startswith(
                    "".join(event.text for event in run.events if isinstance(event, TextDelta))
                )
            else:
                assert outcome(run) == expected
    assert inside, "nothing was told meanwhile"
    assert outside, "what can stop by its text is told before the next step"


def test_an_answer_whose_text_cannot_be_told_fails_alone(random_llama, monkeypatch) -> None:
    feed, bad = Answer.feed, threading.Event()

    def fails(self, piece):
        if self._id == "bad" and bad.is_set():
            raise ValueError("a bug")
        return feed(self, piece)

    monkeypatch.setattr(Answer, "feed", fails)
    other = random_llama.start("other", max_tokens=300, sampling=LONG)
    broken = random_llama.start("x", id="bad", max_tokens=900, sampling=LONG, on_event=lambda event: bad.set())
    assert "a bug" in broken.failed.error.message
    assert other.finished.usage.completion_tokens == 300
    last = random_llama.start("x", id="bad", max_tokens=1, sampling=LONG)  # it ends in the step that fails
    assert isinstance(last.ending, Failed)
    monkeypatch.undo()
    assert random_llama.start("x", id="bad", max_tokens=3, sampling=LONG).finished


def test_an_answer_whose_end_cannot_be_told_fails_alone(random_llama, monkeypatch) -> None:
    finish = Answer.finish

    def fails(self):
        if self._id == "bad":
            raise ValueError("a bug")
        return finish(self)

    monkeypatch.setattr(Answer, "finish", fails)
    other = random_llama.start("other", max_tokens=300, sampling=LONG)
    for stop in ((), ("\x00",)):  # told meanwhile, and told at once
        broken = random_llama.start("x", id="bad", max_tokens=20, sampling=LONG, stop=stop)
        assert "a bug" in broken.failed.error.message
        assert any(isinstance(event, TextDelta) for event in broken.events)
    assert other.finished.usage.completion_tokens == 300


@pytest.mark.parametrize(("tokens", "others"), [(1, 0), (400, 0), (400, 1)])
def test_books_that_cannot_be_kept_end_what_runs_and_the_engine_goes_on(
    random_llama, monkeypatch, tokens, others
) -> None:
    """After the only step, between two, and while the next one is computed."""
    learn, failed = Runner._learn, threading.Event()
    monkeypatch.setattr(runner, "LEARN_S", 0.0)
    monkeypatch.setattr(random_llama.engine._runner, "_learn_s", 0.0)

    def fails(self, *what):
        if not failed.is_set() and len(self.scheduler.running) > others:
            failed.set()
            raise ValueError("a bug")
        learn(self, *what)

    monkeypatch.setattr(Runner, "_learn", fails)
    runs = [random_llama.start("x", max_tokens=tokens, sampling=LONG) for _ in range(1 + others)]
    assert {type(run.ending) for run in runs} == {Failed}
    assert failed.is_set()
    assert random_llama.start("x", max_tokens=5, sampling=LONG).finished


def test_an_ending_is_told_before_room_is_made_for_the_next(driver, tiny, monkeypatch) -> None:
    driver.load(tiny, n_ctx=1024, n_parallel=2)
    begin, put, told, there = PrefixCache.begin, driver.engine._decoding.put, [], threading.Event()
    runs: list = []

    def puts(job):
        put(job)
        if job.request.id == "third":
            there.set()

    def begins(self, *what, **more):
        assert there.wait(60)
        told.append(any(isinstance(event, Finished) for event in runs[1].events))
        return begin(self, *what, **more)

    monkeypatch.setattr(driver.engine._decoding, "put", puts)
    monkeypatch.setattr(PrefixCache, "begin", begins)
    asked = {"first": 60, "second": 3, "third": 3}
    runs = [
        driver.start("n", id=name, max_tokens=most, sampling=LONG, cache_prompt=False) for name, most in asked.items()
    ]
    assert runs[2].finished
    assert told == [False, False, True]


def test_a_step_that_fails_ends_each_running_answer_once_after_its_text(driver, tiny, monkeypatch) -> None:
    driver.load(tiny, n_ctx=1024)
    evaluate, steps = Context.evaluate, [0]

    def fails(self, batch):
        steps[0] += 1
        if steps[0] == 30:
            raise RuntimeError("the computation failed")
        return evaluate(self, batch)

    monkeypatch.setattr(Context, "evaluate", fails)
    runs = [driver.start(f"n {number}", max_tokens=200, sampling=LONG) for number in range(4)]
    assert all(isinstance(run.ending, Failed) for run in runs)
    assert any(isinstance(event, TextDelta) for event in runs[0].events)
    assert isinstance(driver.start("next", max_tokens=5, sampling=LONG).ending, Finished)
    driver.engine.close()
