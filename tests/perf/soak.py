"""Many mixed requests at once through the public API, for a long time: nothing fails, leaks or changes.

    python tests/perf/soak.py [--requests 2000] [--concurrency 16] [--seconds 600] [--model FILE] [--seed N]

In a fresh data folder, with a context (``--context``, ``--parallel``) and memory for prompts (``--cache-ram-mib``) so
small that prefixes are evicted and answers pre-empted. Goes on until so many requests are through and so many seconds
are over. Prompts have 5 to 1,500 tokens and answers 1 to 200, streamed or not, as chats and as completions of token
ids, behind shared and unshared prefixes, some with drafts, some without the cache; the client leaves about a fifth of
them. One in eight is of a fixed subset, greedy, whose answers are known from a quiet run before. A crowd that outgrows
the context opens it.

Fails (exit code 1) when a request ends with an error, another finish reason or another number of tokens than promised;
when a request stays after the end, or a burst that needs all slots and cells does not run at once; when evictions,
pre-emptions or restores from memory did not happen; when the median of the worker's memory in the last third of the
time exceeds that of the first by more than ``--cache-ram-mib`` plus 32 MiB; when an answer of the fixed subset differs,
except where two tokens were equally likely (``soak_reference.py``; listed as ``ties``). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import msgspec
import psutil
from comparison import report
from soak_client import SHORTEST, Asked, Mixture, Reply, exchange, wrong
from soak_reference import Reference

from paddock import resources
from paddock.backends.llamacpp.scheduler import HEADROOM
from paddock.sdk import Client
from paddock.sdk.connect import lock_held
from paddock.sdk.host import ServerRequest
from paddock.sdk.paths import Home
from paddock.sdk.types import EngineStats, LoadedModel

STARTER = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"
FIXED_SHARE = 0.125
MARGIN_MIB = 32
QUIET_S = 60.0
MUST_HAPPEN = ("evictions", "preemptions", "restored_from_memory")


class Soak:
    """The requests to one loaded model. ``failures`` are sentences."""

    def __init__(self, client: Client, url: str, reference: Reference, seed: int) -> None:
        self._client = client
        self._reference = reference
        self._url = url
        self._random = random.Random(seed)
        model = self._loaded()
        self._worker = psutil.Process(model.pid)
        self.mixture = Mixture(model.model, reference.tokens, seed)
        self._fixed = self.mixture.fixed()
        self._known: dict[int, str] = {}
        self._lock = threading.Lock()
        self._partings: dict[tuple[int, str], int] = {}
        self._rss: list[float] = []
        self.through = self.left = self.tokens = 0
        self.failures: list[str] = []

    def quiet(self) -> None:
        """The answers of the fixed subset, one after the other."""
        for number, asked in enumerate(self._fixed):
            self._known[number] = self._exchange(asked).text

    def run(self, requests: int, seconds: float, concurrency: int) -> float:
        """Everything at once; the seconds that it took."""
        begun = time.monotonic()
        over = threading.Event()
        watching = threading.Thread(target=self._watch, args=(over,))
        watching.start()
        numbers = itertools.count()

        def one_after_the_other() -> None:
            while next(numbers) < requests or time.monotonic() - begun < seconds:
                self._one()

        with ThreadPoolExecutor(concurrency) as pool:
            users = [pool.submit(one_after_the_other) for _ in range(concurrency)]
        over.set()
        watching.join()
        for user in users:
            user.result()
        return time.monotonic() - begun

    def crowd(self, parallel: int, cells: int) -> None:
        """Requests that all begin and cannot all end beside each other: some are pre-empted."""
        self._at_once(parallel, SHORTEST, min(2 * cells // parallel, cells - 2 * SHORTEST))

    def burst(self, parallel: int, cells: int) -> int:
        """Requests that take all slots and nearly all cells; how many of them were seen to run at once."""
        self.wait_until_quiet()
        before = self.stats().preemptions
        most = self._at_once(parallel, max(cells // parallel - HEADROOM - 4, 1), HEADROOM)
        self.wait_until_quiet()
        if most < parallel or self.stats().preemptions > before:
            self.failures.append(f"{most} of {parallel} ran at once in the burst")
        return most

    def _at_once(self, parallel: int, length: int, answer: int) -> int:
        most = 0
        with ThreadPoolExecutor(parallel) as pool:
            asked = [self.mixture.of_length(length, answer) for _ in range(parallel)]
            running = [pool.submit(self._exchange, one) for one in asked]
            while not all(one.done() for one in running):
                most = max(most, self._loaded().active)
                time.sleep(0.01)
        return most

    def wait_until_quiet(self) -> None:
        end = time.monotonic() + QUIET_S
        while (model := self._loaded()).active or model.queued:
            if time.monotonic() > end:
                self.failures.append(f"{model.active} running and {model.queued} waiting after the end")
                return
            time.sleep(0.05)

    def stats(self) -> EngineStats:
        return self._loaded().stats or EngineStats()

    def memory_mib(self) -> tuple[list[float], float]:
        """Medians of the worker's memory in the three thirds of the time, and the growth from the first to the last."""
        third = max(len(self._rss) // 3, 1)
        thirds = [round(statistics.median(self._rss[at : at + third]), 1) for at in (0, third, len(self._rss) - third)]
        return thirds, round(thirds[2] - thirds[0], 1)

    def partings(self) -> tuple[list[object], list[object]]:
        """Answers of the fixed subset that differed: those with a tie, and the wrong ones."""
        ties: list[object] = []
        different: list[object] = []
        for (number, text), times in self._partings.items():
            found = self._reference.parting(self._fixed[number].body, self._known[number], text)
            (ties if found.tie else different).append({"number": number, "times": times, **asdict(found)})
        return ties, different

    def _one(self) -> None:
        with self._lock:
            number = self._random.randrange(len(self._fixed)) if self._random.random() < FIXED_SHARE else None
            asked = self._fixed[number] if number is not None else self.mixture.any()
        reply = self._exchange(asked)
        if number is not None and not reply.error and reply.text != self._known[number]:
            with self._lock:
                self._partings[number, reply.text] = self._partings.get((number, reply.text), 0) + 1

    def _exchange(self, asked: Asked) -> Reply:
        reply = exchange(self._url, asked)
        problem = wrong(asked, reply)
        with self._lock:
            self.through += 1
            self.left += reply.left
            self.tokens += reply.usage["completion_tokens"] if reply.usage else 0
            if problem:
                kind = {name: value for name, value in asked.body.items() if name not in ("prompt", "messages")}
                self.failures.append(f"{problem} ({asked.path}, {kind})")
        return reply

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(0.5):
            with suppress(psutil.Error):  # a dead worker fails its requests
                self._rss.append(self._worker.memory_info().rss / 2**20)

    def _loaded(self) -> LoadedModel:
        [model] = self._client.loaded()
        return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000, help="at least")
    parser.add_argument("--seconds", type=float, default=600, help="at least")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--context", type=int, default=1792)
    parser.add_argument("--parallel", type=int, default=12)
    parser.add_argument("--cache-ram-mib", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    options = {"n_ctx": asked.context, "n_parallel": asked.parallel, "cache_ram_mib": asked.cache_ram_mib}
    with tempfile.TemporaryDirectory(prefix="paddock-soak-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder))
        with Client.connect(home) as client:
            try:
                client.load(str(asked.model.resolve()), options)
                url = client.set_server(ServerRequest(running=True, port=0)).urls[0]
                with Reference(asked.model, asked.context) as reference:
                    figures = soak(Soak(client, url.removesuffix("/v1"), reference, asked.seed), asked)
            finally:
                client.shutdown("now")
        while lock_held(home):
            time.sleep(0.05)
    return report(not figures["failures"], figures)


def soak(soak: Soak, asked: argparse.Namespace) -> dict[str, object]:
    """Everything; the figures."""
    soak.quiet()
    soak.crowd(asked.parallel, asked.context)
    seconds = soak.run(asked.requests, asked.seconds, asked.concurrency)
    burst = soak.burst(asked.parallel, asked.context)
    stats = soak.stats()
    thirds, growth = soak.memory_mib()
    ties, different = soak.partings()
    failures = soak.failures
    if growth > asked.cache_ram_mib + MARGIN_MIB:
        failures.append(f"the worker's memory grew by {growth} MiB")
    failures += [f"no {name}" for name in MUST_HAPPEN if not getattr(stats, name)]
    failures += [f"another answer than in the quiet run: {one}" for one in different]
    figures: dict[str, object] = {"requests": soak.through, "left": soak.left, "tokens": soak.tokens}
    figures |= {"seconds": round(seconds), "rss_mib": thirds, "growth_mib": growth, "burst": burst}
    figures |= {"stats": {name: value for name, value in msgspec.structs.asdict(stats).items() if value}, "ties": ties}
    return figures | {"failures": failures[:20], "failed": len(failures)}


if __name__ == "__main__":
    sys.exit(main())
