"""The pool under a limit of memory: real workers that take real memory, and never more than they may in all."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import ModuleType

import psutil
import pytest
from module_files import load_file

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.ledger import Ledger
from paddock.backends.planning import GuardRule, Plan, Planner
from paddock.backends.pool import Pool
from paddock.backends.process_memory import resident_bytes
from paddock.backends.registry import Registry
from paddock.backends.simulator import Simulator
from paddock.sdk.events import Ending, Finished, TextDelta
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, MemoryDevice, Parts, Prediction
from paddock.sdk.types import GenerateRequest, LoadedModel, Message, ModelInfo, Options

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(480)]
MIB = 2**20
TAKES = 64 * MIB
CROWDS = {24: 260, 2: 40}
"""So many clients send so many requests in all. In a crowd everything is busy; of few there is somebody to choose."""


class Sizes:
    """A planner that knows what a worker takes: its model's bytes, and as much as a worker without a model."""

    def __init__(self, overhead: int) -> None:
        self.overhead = overhead

    def prediction(self, model: ModelInfo) -> Prediction:
        use = DeviceUse(name=MACHINE_MEMORY, parts=Parts(weights=model.size_bytes, overhead=self.overhead))
        return Prediction(source="analytic", confidence="high", devices=(use,))

    async def plan(self, model: ModelInfo, options: Options, *, replacing: tuple[str, ...] = ()) -> Plan:
        return Plan(options=options, prediction=self.prediction(model))

    async def remedy(
        self, model: ModelInfo, plan: Plan, *, replacing: tuple[str, ...] = (), limit: int | None = None
    ) -> None:
        return None


class Watched:
    """What the pool tells, and, from a thread of its own, the most memory that its workers have had together."""

    def __init__(self, size: Callable[[int], int]) -> None:
        self.most = 0
        self._size = size
        self.evicted: list[str] = []
        self.wrong: list[str] = []
        self.choices = 0
        self._there: dict[str, LoadedModel] = {}
        self._served: set[str] = set()
        """What has just been loaded belongs to the request that it was loaded for."""
        self._workers: set[int] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def changed(self, key: str, told: LoadedModel | None) -> None:
        if told is None:
            del self._there[key]
            return
        if told.pid is not None:
            self._workers.add(told.pid)
        if told.active:
            self._served.add(key)
        if told.state == "unloading" and self._there[key].state == "ready":
            self._evicted(self._there[key])
        self._there[key] = told

    def _evicted(self, gone: LoadedModel) -> None:
        self.evicted.append(gone.model)
        unused = [m for m in self._there.values() if m.state == "ready" and m.active + m.queued == 0]
        idle = [m for m in unused if m.id in self._served and not m.pinned]
        self.choices += len(idle) > 1
        oldest = min(idle, key=lambda m: m.last_used or 0.0, default=None)
        if gone.active or gone.pinned or oldest is None or oldest.last_used != gone.last_used:
            self.wrong.append(f"{gone} left although {idle} were idle")

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, sum(map(self._size, list(self._workers))))

    def close(self) -> None:
        self._done.set()
        self._thread.join()


def resident(pid: int) -> int:
    """All of it, what workers share counted for each."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


@contextmanager
def watching(size: Callable[[int], int] = resident) -> Iterator[Watched]:
    watched = Watched(size)
    try:
        yield watched
    finally:
        watched.close()


@pytest.fixture(scope="module")
def gguf_file() -> ModuleType:
    return load_file("unit/browser/gguf_file.py")


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watching() as made:
        yield made


def echo(folder: Path, name: str, takes: int) -> ModelInfo:
    path = folder / f"{name}.echo.json"
    path.write_text(json.dumps({"take_mib": takes // MIB, "parallel": 8, "tokens_per_second": 400}))
    return ModelInfo(id=name, name=name, engine="echo", path=str(path), size_bytes=takes)


async def answered(pool: Pool, model: ModelInfo, key: str, text: str) -> bool:
    request = GenerateRequest(id=key, model=model.id, messages=(Message(role="user", content=text),))
    async with aclosing(pool.generate(model, request)) as events:
        seen = [event async for event in events]
    said = "".join(event.text for event in seen if isinstance(event, TextDelta))
    return isinstance(seen[-1], Finished) and said == text


async def bare(tmp_path: Path) -> int:
    """Bytes of a worker that has answered and holds no model, with a little to spare."""
    pool = Pool(Registry([DESCRIPTOR]), changed=lambda key, told: None, logs=tmp_path / "logs")
    model = echo(tmp_path, "bare", 0)
    assert await answered(pool, model, "bare", "a b c")
    size = resident(pool.loaded()[0].pid or 0)
    await pool.close()
    return size + 4 * MIB


def guarded(limit: int, planner: Planner, watched: Watched, logs: Path) -> Pool:
    memory = MemoryDevice(name=MACHINE_MEMORY, total=2**50, free=2**50)
    ledger = Ledger(lambda: (memory,), lambda: GuardRule(mode="custom", limit=limit))
    return Pool(Registry.discover(), changed=watched.changed, logs=logs, ledger=ledger, planner=planner)


async def test_three_of_five_models_serve_three_hundred_requests_within_the_limit(
    tmp_path: Path, watched: Watched
) -> None:
    sizes = Sizes(await bare(tmp_path))
    models = [echo(tmp_path, f"m{number}", TAKES) for number in range(5)]
    limit = 3 * (TAKES + sizes.overhead) + TAKES // 2
    pool = guarded(limit, sizes, watched, tmp_path / "logs")
    order = iter(enumerate(random.Random(4).choices(models, k=sum(CROWDS.values()))))

    async def client(share: Iterator[tuple[int, ModelInfo]]) -> list[bool]:
        return [await answered(pool, model, f"r{number}", f"{number} and a few words") for number, model in share]

    for clients, requests in CROWDS.items():
        share = itertools.islice(order, requests)
        done = await asyncio.gather(*(client(share) for _ in range(clients)))
        assert list(itertools.chain(*done)) == [True] * requests
    assert watched.choices >= 2
    assert watched.wrong == []
    assert 3 * TAKES < watched.most <= limit
    await pool.close()


async def test_busy_and_pinned_models_stay_while_others_come_and_go(tmp_path: Path, watched: Watched) -> None:
    sizes = Sizes(await bare(tmp_path))
    models = [echo(tmp_path, f"m{number}", TAKES) for number in range(5)]
    limit = 3 * (TAKES + sizes.overhead)
    pool = guarded(limit, sizes, watched, tmp_path / "logs")
    pinned = await pool.load(models[0], {}, pinned=True)
    long = GenerateRequest(id="long", model="m1", messages=(Message(role="user", content="word " * 4000),))
    async with aclosing(pool.generate(models[1], long)) as events:
        while not isinstance(await anext(events), TextDelta):
            pass
        for number, model in enumerate(models[2:] * 4):
            assert await answered(pool, model, f"r{number}", "some words")
        assert not isinstance(await anext(events), Ending)
    assert set(watched.evicted) == {"m2", "m3", "m4"}
    assert watched.wrong == []
    assert watched.most <= limit
    assert pinned.id in {model.id for model in pool.loaded()}
    await pool.close()


class Simulated:
    """A planner that asks the engine."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def plan(self, model: ModelInfo, options: Options, *, replacing: tuple[str, ...] = ()) -> Plan:
        return Plan(options=options, prediction=await self._simulator.predict(model.engine, model.path, options))

    async def remedy(
        self, model: ModelInfo, plan: Plan, *, replacing: tuple[str, ...] = (), limit: int | None = None
    ) -> None:
        return None


async def test_three_of_five_gguf_models_stay_within_the_limit_by_what_the_engine_foretells(
    tmp_path: Path, gguf_file: ModuleType
) -> None:
    options: Options = {"n_ctx": 65_536}
    paths = [gguf_file.write_llama(tmp_path / f"m{number}.gguf") for number in range(5)]
    models = [ModelInfo(id=path.stem, name=path.stem, engine="llamacpp", path=str(path)) for path in paths]
    simulator = Simulator(Registry.discover(), tmp_path / "logs")
    planner = Simulated(simulator)
    plans = [await planner.plan(model, options) for model in models]
    size = plans[0].prediction.total if plans[0].prediction is not None else 0
    with watching(resident_bytes) as watched:
        pool = guarded(3 * size + size // 2, planner, watched, tmp_path / "logs")
        order = iter(enumerate(random.Random(4).choices(models, k=30)))

        async def client() -> list[bool]:
            return [await finishes(pool, model, f"r{number}", options) for number, model in order]

        done = await asyncio.gather(*(client() for _ in range(6)))
        assert list(itertools.chain(*done)) == [True] * 30
        assert watched.evicted
        assert watched.wrong == []
        assert size < watched.most <= 3 * size + size // 2
        assert [model.measured_bytes for model in pool.loaded()] == [pytest.approx(size, rel=0.1)] * 3
        await pool.close()
    await simulator.close()


async def finishes(pool: Pool, model: ModelInfo, key: str, options: Options) -> bool:
    request = GenerateRequest(id=key, model=model.id, prompt="one two three", max_tokens=4)
    async with aclosing(pool.generate(model, request, options)) as events:
        return isinstance([event async for event in events][-1], Finished)
