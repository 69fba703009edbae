"""Right after a load the engine gets ready for its first request, and a request does not wait for that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paddock.backends.llamacpp.bindings import ABORTED, Context
from paddock.backends.llamacpp.runner import Runner

DEADLINE = 60.0


def test_a_context_is_warm_and_empty_before_anybody_asks(
    make_driver: Callable[[], Any], tiny: Path, monkeypatch
) -> None:
    ready, warmed = threading.Event(), []
    warm_up = Runner.warm_up

    def seen(self: Runner) -> None:
        warm_up(self)
        warmed.append(self.context.positions(0))
        ready.set()

    monkeypatch.setattr(Runner, "warm_up", seen)
    driver = make_driver()
    driver.load(tiny, n_ctx=256)
    assert ready.wait(DEADLINE)
    assert warmed == [(-1, -1)]
    first = driver.greedy("the cab", max_tokens=8, cache_prompt=False)
    assert first.text_when_finished == driver.greedy("the cab", max_tokens=8, cache_prompt=False).text_when_finished


def test_a_request_breaks_the_warming_up_off(
    make_driver: Callable[[], Any], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped, statuses = threading.Event(), threading.Event(), []
    decode, abort = Context.decode, Context.abort

    def held(self: Context, rows: Any, *more: Any) -> int:
        begun.set()
        assert stopped.wait(DEADLINE)
        statuses.append(decode(self, rows, *more))
        return statuses[-1]

    def stop(self: Context) -> None:
        abort(self)
        stopped.set()

    monkeypatch.setattr(Context, "decode", held)
    monkeypatch.setattr(Context, "abort", stop)
    driver = make_driver()
    driver.load(tiny, n_ctx=256)
    assert begun.wait(DEADLINE)
    assert driver.greedy("the cab", max_tokens=2).finished.usage.completion_tokens == 2
    assert statuses[0] == ABORTED
