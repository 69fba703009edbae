"""What Python and sampling cost beside the computation, with eight answers running.

    python tests/perf/engine_overhead.py [--rounds 5] [--sequences 8] [--tokens 48] [--cpu] [--threads N] [--cache DIR]

The engine runs in this process as in a worker, its frames written to nowhere. ``llama_decode`` and the drawing of
a token are timed; everything else between two decode calls is Python that every answer waits for: ending, scheduling,
filling the batch. Only steps count that carry one token of every sequence and nothing else. Each sampler setting
is measured once a round. Prints one JSON object with medians over all steps; targets, with the default samplers and
with top-k off: Python under 20 us a token, sampling under 3 % of the step. Exit code 1: missed. ``--cpu``
takes the thread's processor time instead of the clock's, for a machine that does other things. Beside the times stand
the function calls of a token, sampling included, which are the same on every machine, and (Linux) the processor time a
token takes on the two threads that work while a step computes: ``meanwhile`` makes text and events of tokens and
learns from step times, ``writer`` writes the frames. It delays no step, but it is work; prompts are in it, spread over
the tokens. With ``--sequences 1`` there is no such work: the token of the only answer is told between the steps.
"""

from __future__ import annotations

import functools
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bench_model import bench_model
from chat_load import SAMPLING
from comparison import in_turns, options, report
from words import words

from paddock.backends import wire
from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.engine import LlamaCppEngine
from paddock.backends.llamacpp.samplers import SamplerChain
from paddock.backends.outbox import Outbox
from paddock.sdk.events import Cancelled, Failed, Finished, GenerationEvent
from paddock.sdk.types import GenerateRequest, Message, Options

TARGET_PYTHON_US, TARGET_SAMPLING = 20.0, 0.03
SETTINGS: dict[str, Options] = {
    "default": {},
    "top_k_off": {"top_k": 0},
    "greedy": {"temperature": 0.0},
    "penalties": {"repeat_penalty": 1.1},
}
JUDGED = ("default", "top_k_off")


@dataclass(frozen=True)
class Step:
    """One decode call and what followed until the next; seconds."""

    decode_s: float
    sampling_s: float
    python_s: float

    @property
    def sampling_share(self) -> float:
        return self.sampling_s / (self.decode_s + self.sampling_s + self.python_s)


@dataclass
class Stopwatch:
    """Times of decode calls with their number of rows, and of drawn tokens; with ``counting``, the calls of functions,
    written in Python and in C, behind each decode call instead. One thread."""

    decodes: list[tuple[float, float, int]] = field(default_factory=list)
    samples: list[tuple[float, float]] = field(default_factory=list)
    clock: Callable[[], float] = time.perf_counter
    counting: bool = False
    calls: list[Counter[str]] = field(default_factory=list)

    def decoding(self, decode: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(decode)
        def timed(context: Any, batch: Any) -> int:
            if self.counting:
                sys.setprofile(None)
            rows, begun = batch.n_tokens, self.clock()
            status = decode(context, batch)
            self.decodes.append((begun, self.clock(), rows))
            if self.counting:
                self.calls.append(Counter(rows=rows))
                sys.setprofile(self._count)
            return status

        return timed

    def sampling(self, sample: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(sample)
        def timed(*arguments: Any) -> int:
            begun = self.clock()
            token = sample(*arguments)
            self.samples.append((begun, self.clock()))
            return token

        return timed

    def _count(self, _frame: object, event: str, _argument: object) -> None:
        self.calls[-1][event] += 1

    def calls_per_token(self, rows: int) -> dict[str, float]:
        """Of steps of ``rows`` rows."""
        steps = [calls for calls in self.calls if calls["rows"] == rows]
        kinds = {"python": "call", "native": "c_call"}
        return {name: round(statistics.median(step[kind] for step in steps) / rows, 1) for name, kind in kinds.items()}

    def steps(self, rows: int) -> list[Step]:
        """Those of ``rows`` rows that are followed by another one; forgets everything."""
        decodes, samples = self.decodes, self.samples
        self.decodes, self.samples = [], []
        found = []
        for (begun, ended, count), (following, _, count_after) in pairwise(decodes):
            if count == count_after == rows:
                drawn = sum(end - begin for begin, end in samples if ended <= begin < following)
                found.append(Step(ended - begun, drawn, following - ended - drawn))
        return found


def answers(engine: LlamaCppEngine, outbox: Outbox, requests: list[GenerateRequest]) -> None:
    """Have them all answered; blocks. Raises RuntimeError when one fails."""
    endings: dict[str, GenerationEvent] = {}
    done = threading.Event()

    def emit(event: GenerationEvent) -> None:
        outbox.put(wire.Emitted(event=event))
        if isinstance(event, Finished | Failed | Cancelled):
            endings[event.id] = event
            if len(endings) == len(requests):
                done.set()

    for request in requests:
        engine.submit(request, emit)
    done.wait()
    failed = [ending for ending in endings.values() if not isinstance(ending, Finished)]
    if failed:
        raise RuntimeError(str(failed[0]))


def beside_us(names: tuple[str, ...], tokens: int) -> dict[str, float]:
    """Microseconds of processor time for each of ``tokens`` that the threads of these names have taken so far."""
    if sys.platform != "linux":
        return {}
    clocks = {thread.name: time.pthread_getcpuclockid(thread.ident or 0) for thread in threading.enumerate()}
    seconds = {name: time.clock_gettime(clocks[name]) if name in clocks else 0.0 for name in names}
    return {name: round(taken / tokens * 1e6, 1) for name, taken in seconds.items()}


def figures_of(steps: list[Step], sequences: int) -> dict[str, float]:
    return {
        "python_us_per_token": round(statistics.median(step.python_s for step in steps) / sequences * 1e6, 1),
        "sampling_us_per_token": round(statistics.median(step.sampling_s for step in steps) / sequences * 1e6, 1),
        "sampling_share": round(statistics.median(step.sampling_share for step in steps), 4),
        "decode_ms": round(statistics.median(step.decode_s for step in steps) * 1000, 2),
        "steps": len(steps),
    }


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--cpu", action="store_true")
    asked = parser.parse_args()
    clock = time.thread_time if asked.cpu else time.perf_counter
    model = bench_model(asked.cache)  # before the library is there: making it leaves a dead callback for the log
    watch, api, plain_sample = Stopwatch(clock=clock), library().api, SamplerChain.sample
    api.llama_decode = watch.decoding(api.llama_decode)
    SamplerChain.sample = watch.sampling(SamplerChain.sample)  # type: ignore[method-assign]
    outbox, engine = Outbox(os.open(os.devnull, os.O_WRONLY)), LlamaCppEngine()
    shape = {"n_ctx": 512 * asked.sequences, "n_parallel": asked.sequences, "n_threads": asked.threads}
    engine.load(str(model), shape, lambda fraction: None)
    engine.watch(lambda stats: outbox.put(wire.StatsReported(stats=stats)))

    def run(setting: str, number: int) -> list[Step]:
        requests = [
            GenerateRequest(
                id=f"{setting}-{number}-{sequence}",
                model="bench",
                messages=(Message(role="user", content=words(20, (setting, number, sequence))),),
                sampling={**SAMPLING, "seed": sequence, **SETTINGS[setting]},
                max_tokens=asked.tokens,
            )
            for sequence in range(asked.sequences)
        ]
        answers(engine, outbox, requests)
        return watch.steps(asked.sequences)

    found = in_turns(asked.rounds, {setting: functools.partial(run, setting) for setting in SETTINGS})
    tokens = asked.rounds * len(SETTINGS) * asked.sequences * asked.tokens
    beside = beside_us(("meanwhile", "writer"), tokens)
    watch.counting, SamplerChain.sample = True, plain_sample  # type: ignore[method-assign]
    run("default", asked.rounds)
    engine.close()
    figures = {name: figures_of([step for steps in rounds for step in steps], asked.sequences)
               for name, rounds in found.items()}  # fmt: skip
    python = max(figures[name]["python_us_per_token"] for name in JUDGED)
    sampling = max(figures[name]["sampling_share"] for name in JUDGED)
    targets = {"target_python_us": TARGET_PYTHON_US, "target_sampling": TARGET_SAMPLING}
    worst = {"python_us_per_token": python, "sampling_share": sampling}
    worst |= {"calls_per_token": watch.calls_per_token(asked.sequences), "beside_us_per_token": beside}
    return report(python < TARGET_PYTHON_US and sampling < TARGET_SAMPLING, {**worst, **targets, **figures})


if __name__ == "__main__":
    sys.exit(main())
