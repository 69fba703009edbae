"""What the engine gives up when the machine is short of memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from paddock.sdk.questions import EmbedRequest
from paddock.sdk.types import EngineStats

PLANTS = "Plants need light, water and air to live and grow. " * 20
STARS = "Stars are made of gas and shine by themselves at night. " * 20


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path))


class Counts:
    """What an engine tells of itself."""

    def __init__(self, driver) -> None:
        self._changed = threading.Condition()
        self._all: list[EngineStats] = []
        driver.engine.watch(self._told)

    def _told(self, stats: EngineStats) -> None:
        with self._changed:
            self._all.append(stats)
            self._changed.notify_all()

    def wait(self, condition: Callable[[EngineStats], object]) -> EngineStats:
        """The first counts from now on for which ``condition`` is true, the last ones told included."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._all and condition(self._all[-1]), 60), self._all[-1:]
            return self._all[-1]


def fill(driver) -> tuple[str, list[str]]:
    """Answers whose prompts cannot all stay in the context: the first is saved to memory."""
    asked = [f"{PLANTS} What about number {n}?" for n in range(2)] + [
        f"{STARS} What about number {n}?" for n in range(2)
    ]
    answers = [driver.greedy(text, max_tokens=8, sampling={"ignore_eos": True}).text for text in asked]
    return asked[0], answers


@pytest.mark.parametrize("stored", [False, True])
def test_memory_falls_to_nothing_and_the_next_answer_is_the_same(driver, starter: Path, stored: bool, home) -> None:
    driver.load(starter, n_ctx=512, n_parallel=1, cache_ram_mib=64, kv_store=stored)
    counts = Counts(driver)
    question, answers = fill(driver)
    kept = counts.wait(lambda stats: stats.memory_bytes > 100_000)
    assert kept.memory_prefixes > 0
    driver.engine.shed()
    shed = counts.wait(lambda stats: stats.memory_bytes == 0)
    assert shed.memory_prefixes == 0
    again = driver.greedy(question, max_tokens=8, sampling={"ignore_eos": True})
    assert again.text == answers[0]
    assert (counts.wait(lambda stats: stats.generated_tokens >= 40).restored_from_disk > 0) is stored


def test_running_answers_go_on_while_everything_else_is_shed(driver, starter: Path) -> None:
    driver.load(starter, n_ctx=512, n_parallel=1, cache_ram_mib=64)
    question, answers = fill(driver)
    seen = []

    def shed(event) -> None:
        seen.append(event)
        if len(seen) in (2, 5):
            driver.engine.shed()

    run = driver.greedy(question, max_tokens=8, sampling={"ignore_eos": True}, on_event=shed)
    assert run.text == answers[0]


def test_the_context_for_embeddings_leaves_when_nobody_asks(driver, starter: Path) -> None:
    driver.load(starter, n_ctx=512)
    counts = Counts(driver)
    answered = threading.Event()
    driver.engine.ask(EmbedRequest(id="q", model="m", inputs=("Hello there",)), lambda reply: answered.set())
    assert answered.wait(60)
    assert counts.wait(lambda stats: stats.embedding_bytes > 0)
    driver.engine.shed()
    assert counts.wait(lambda stats: stats.embedding_bytes == 0)
    answered.clear()
    driver.engine.ask(EmbedRequest(id="r", model="m", inputs=("Hello there",)), lambda reply: answered.set())
    assert answered.wait(60)


def test_shedding_before_and_after_everything_is_harmless(driver, tiny: Path) -> None:
    driver.engine.shed()
    driver.load(tiny, n_ctx=256)
    driver.engine.shed()
    driver.engine.close()
    driver.engine.shed()
