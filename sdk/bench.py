"""How fast a model answers: what ``paddock bench`` asks, measures and keeps.

A run asks so many questions at once and waits for all answers; :func:`summarize` says how each number is computed.
Whom it asks is a :class:`Target` (``sdk/bench_targets.py``); nothing here knows HTTP or the host.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from paddock.sdk.errors import StorageFailed
from paddock.sdk.types import Value
from paddock.sdk.version import VERSION

WORDS = """
    the of and to in is it for on with as by at from this that be are was not have but or an they you we he she
    his her all one will can more when who out up so about time has like other into some could them see then now
    only its over also after first new because any these give day most us water house road light year people hand
"""
"""Common words: one token each in nearly every vocabulary, so that a prompt can be made token by token."""
LEAD = "Words:"
"""Begins every prompt: the word behind it is a token with its space, like all that follow."""
TRIES = 12


class Plan(Value, frozen=True, kw_only=True):
    """What to measure. Tokens: ``prompt`` of each question (chat template included), ``generate`` of each answer,
    ``shared_prefix`` of the prompt that all questions of a run begin with. One run for each ``concurrency``."""

    prompt: int = 512
    generate: int = 128
    concurrency: tuple[int, ...] = (1,)
    shared_prefix: int = 0


class Timing(Value, frozen=True, kw_only=True):
    """One answer. Token counts are the server's ``usage``; times are seconds of one clock on the client's side:
    the request was sent, the first piece of the answer came (thinking counts), the answer ended."""

    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    asked: float
    first: float
    ended: float


class BenchRun(Value, frozen=True, kw_only=True):
    """One run in numbers; :func:`summarize` says what they mean."""

    concurrency: int
    prompt_tokens: int
    generated_tokens: int
    ttft_s: float
    prefill_tps: float
    decode_tps: float
    total_tps: float


class BenchResult(Value, frozen=True, kw_only=True):
    """What ``paddock bench --json`` prints; scripts rely on these names."""

    model: str
    engine: str
    machine: str
    runs: tuple[BenchRun, ...]


class BenchRecord(Value, frozen=True, kw_only=True):
    """A result as it is kept in ``bench/<created>.json`` of the data folder. ``created`` is in Unix seconds."""

    version: int = 1
    paddock: str = VERSION
    created: float
    plan: Plan
    result: BenchResult


class Target(Protocol):
    """A model that can be asked."""

    model: str
    engine: str
    machine: str

    async def ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
        """Have ``text`` answered with exactly ``max_tokens`` tokens where the engine can be told so; ``on_piece`` is
        called for each piece. Being cancelled stops the answer. Raises PaddockError."""
        ...


def summarize(answers: Sequence[Timing]) -> BenchRun:
    """The numbers of one run, all of them measured; a speed is 0 where nothing of its kind happened.

    ``prompt_tokens``, ``generated_tokens``: of one request (the mean). ``ttft_s``: median over the requests from
    sending to the first piece. ``prefill_tps``: prompt tokens that were evaluated, which is all that were not cached,
    of all requests together, over the time from the first sending until the last of them had its first piece.
    ``decode_tps``: median over the requests of the tokens after the first, over the time from the first piece to the
    end. ``total_tps``: generated tokens of all requests over the time of the whole run, prefill included.
    """
    begin = min(answer.asked for answer in answers)
    evaluated = sum(answer.prompt_tokens - answer.cached_tokens for answer in answers)
    decode = [_rate(answer.generated_tokens - 1, answer.ended - answer.first) for answer in answers]
    return BenchRun(
        concurrency=len(answers),
        prompt_tokens=round(statistics.fmean(answer.prompt_tokens for answer in answers)),
        generated_tokens=round(statistics.fmean(answer.generated_tokens for answer in answers)),
        ttft_s=statistics.median(answer.first - answer.asked for answer in answers),
        prefill_tps=_rate(evaluated, max(answer.first for answer in answers) - begin),
        decode_tps=statistics.median(decode),
        total_tps=_rate(
            sum(answer.generated_tokens for answer in answers), max(answer.ended for answer in answers) - begin
        ),
    )


def _rate(tokens: int, seconds: float) -> float:
    return tokens / seconds if tokens > 0 and seconds > 0 else 0.0


async def run(
    target: Target,
    plan: Plan,
    *,
    on_piece: Callable[[], None] = lambda: None,
    on_run: Callable[[int], None] = lambda concurrency: None,
    seed: int | None = None,
) -> BenchResult:
    """Measure ``plan``; ``on_run`` hears of each run that begins, ``on_piece`` of every piece of its answers.

    Being cancelled stops all answers. Raises the PaddockError of the first request that failed.
    """
    prompts = Prompts(random.Random(seed))
    await prompts.fit(target, plan)
    runs = []
    for number in plan.concurrency:
        on_run(number)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(target.ask(text, plan.generate, on_piece)) for text in prompts.texts(number)]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        runs.append(summarize([task.result() for task in asked]))
    return BenchResult(model=target.model, engine=target.engine, machine=target.machine, runs=tuple(runs))


class Prompts:
    """Prompts of as many tokens as the plan says, of words in random order.

    The order is drawn anew for each request (and for each run, of the shared words): so nothing is shared that was
    not to be, and the number of tokens stays.
    """

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._words = WORDS.split()
        self._shared: list[str] = []
        self._own: list[str] = []

    async def fit(self, target: Target, plan: Plan) -> None:
        """Find by asking how many words make the wanted number of tokens. The model is warm afterwards."""
        if plan.shared_prefix:
            self._shared = await self._fitted(target, [], plan.shared_prefix)
        self._own = await self._fitted(target, self._shared, plan.prompt)

    def texts(self, number: int) -> list[str]:
        """The prompts of one run."""
        shared = self._mixed(self._shared)
        return [_text([*shared, *self._mixed(self._own)]) for _ in range(number)]

    def _mixed(self, words: Sequence[str]) -> list[str]:
        return self._random.sample(words, len(words))

    async def _fitted(self, target: Target, before: list[str], tokens: int) -> list[str]:
        """Words that, after ``before``, make a prompt of ``tokens`` tokens, or nearly where no number of them does.

        A secant search: the first guesses are short, so that none overflows a context in which the prompt fits.
        """
        words, best, slope = self._drawn(8), (tokens, self._drawn(1)), 1.0
        last: tuple[int, int] | None = None
        for _ in range(TRIES):
            count = (await target.ask(_text([*before, *words]), 1, lambda: None)).prompt_tokens
            best = min(best, (abs(tokens - count), list(words)), key=lambda found: found[0])
            if count == tokens:
                break
            if last is not None and last[0] != len(words):
                slope = max(0.25, (count - last[1]) / (len(words) - last[0]))
            last = (len(words), count)
            step = round((tokens - count) / slope) or (1 if tokens > count else -1)
            wanted = max(1, min(len(words) + step, 4 * len(words)))
            words = words[:wanted] + self._drawn(wanted - len(words))
        return best[1]

    def _drawn(self, number: int) -> list[str]:
        return [self._random.choice(self._words) for _ in range(number)]


def _text(words: Sequence[str]) -> str:
    return " ".join((LEAD, *words))


def save(folder: Path, plan: Plan, result: BenchResult) -> Path:
    """Keep a result in ``folder``, as one file, atomically. Raises StorageFailed."""
    created = time.time()
    record = msgspec.json.format(msgspec.json.encode(BenchRecord(created=created, plan=plan, result=result)), indent=2)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(created)) + f".{created % 1 * 1e6:06.0f}"
    path = folder / f"{stamp}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
            file.write(record)
        os.replace(file.name, path)
    except OSError as error:
        raise StorageFailed(
            f"The result cannot be kept in {folder}: {error.strerror}.", hint="Look at the disk and its rights."
        ) from error
    return path
