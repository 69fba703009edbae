"""What goes wrong in a worker, and what it gives up when it has to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from paddock.backends.echo import DESCRIPTOR
from paddock.backends.process_memory import resident_bytes
from paddock.backends.supervisor import Worker
from paddock.sdk.errors import EngineDied, EngineError, ModelUnusable, OutOfMemory, PaddockError
from paddock.sdk.events import Failed, Finished
from paddock.sdk.types import EngineStats

from .workers import Ask, Make, Write, answer, child, loaded, nothing, until

pytestmark = pytest.mark.anyio


async def test_an_engine_that_is_told_to_sheds_what_it_keeps_and_goes_on(make: Make, script: Write, ask: Ask) -> None:
    worker = make()
    await worker.start()
    counts: list[EngineStats] = []
    await worker.load(script(cache_mib=32).path, {}, nothing, counts.append)
    assert isinstance((await answer(worker, ask()))[-1], Finished)
    await until(lambda: bool(counts))
    assert counts[-1].memory_bytes == 32 * 2**20
    pid = worker.pid
    assert pid is not None
    before = resident_bytes(pid)
    worker.shed()
    await until(lambda: counts[-1].memory_bytes == 0)
    assert before - resident_bytes(pid) > 30 * 2**20
    assert isinstance((await answer(worker, ask()))[-1], Finished)
    await worker.stop()
    worker.shed()


async def test_a_lost_device_is_marked_and_a_new_worker_can_use_it(
    make: Make, script: Write, ask: Ask, tmp_path: Path
) -> None:
    model = script(lose_device=str(tmp_path / "lost"))
    failed = (await answer(await loaded(make, model), ask()))[-1]
    assert isinstance(failed, Failed)
    assert failed.error.details["lost_device"] is True
    assert isinstance((await answer(await loaded(make, model), ask()))[-1], Finished)


async def test_a_death_by_a_lost_device_is_marked(make: Make, script: Write, ask: Ask) -> None:
    worker = await loaded(make, script(die={"signal": "SIGABRT", "log": "CUDA error: unspecified launch failure"}))
    failed = (await answer(worker, ask()))[-1]
    assert isinstance(failed, Failed)
    assert (failed.error.code, failed.error.details["lost_device"]) == ("engine_died", True)


async def test_a_shortage_that_kills_while_loading_says_what_was_needed(make: Make, script: Write) -> None:
    log = "alloc_tensor_range: failed to allocate CPU buffer of size 3145728000"
    with pytest.raises(OutOfMemory, match=r"3\.1 GB were needed") as caught:
        await loaded(make, script(load_seconds=0.6, die={"signal": "SIGABRT", "during": "load", "log": log}))
    assert caught.value.details["needed_bytes"] == 3145728000
    assert caught.value.details["limit_bytes"] > 2**20


async def test_the_death_of_a_thread_ends_the_worker_instead_of_hanging_its_requests(make: Make) -> None:
    code = (
        "import threading; from paddock.backends import worker\n"
        "reader = threading.Thread(target=bytearray, args=(1 << 62,))\n"
        "worker._probe = lambda name: (reader.start(), reader.join())\n"
        "worker.main(sys.argv[1:])"
    )
    worker = make(command=child(code))
    await worker.start()
    with pytest.raises(OutOfMemory):
        await worker.probe(timeout=60)
    assert (await worker.died).exit_code == 1


SIMULATIONS = """
import os, threading
from paddock.sdk.memory import Prediction
from paddock.sdk.errors import ModelUnusable


def simulate(path, options):
    match path:
        case "abort":
            os.write(2, b"GGML_ASSERT(n > 0) failed\\n")
            os.abort()
        case "hang":
            threading.Event().wait()
        case "refuse":
            raise ModelUnusable("It is no model.")
        case "memory":
            bytearray(1 << 62)
        case "exit":
            os._exit(0)
        case "unsendable":
            return Prediction(source="simulated", confidence="exact", devices=(), architecture="\\ud800")
    return Prediction(source="simulated", confidence="exact", devices=(), architecture=path)
"""


@pytest.fixture
def simulating(tmp_path: Path, make: Make) -> Callable[[], Worker]:
    """Workers of an engine whose simulations go wrong as their path says."""
    (tmp_path / "simulations.py").write_text(SIMULATIONS)
    descriptor = msgspec.structs.replace(DESCRIPTOR, simulate="simulations:simulate")

    def worker() -> Worker:
        made = make(command=child(f"sys.path.insert(0, {str(tmp_path)!r})\nfrom paddock.backends import worker\n"
                                  "worker.main(sys.argv[1:])"))  # fmt: skip
        made._descriptor = descriptor
        return made

    return worker


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("refuse", ModelUnusable, "It is no model"),
        ("memory", OutOfMemory, "Memory ran out"),
        ("unsendable", EngineError, "cannot be sent"),
    ],
)
async def test_a_simulation_that_goes_wrong_is_an_error_and_the_worker_simulates_on(
    simulating: Callable[[], Worker], path: str, error: type[PaddockError], says: str
) -> None:
    worker = simulating()
    await worker.start()
    with pytest.raises(error, match=says):
        await worker.simulate(path, {}, timeout=60)
    assert (await worker.simulate("llama", {}, timeout=60)).architecture == "llama"


@pytest.mark.parametrize(("path", "says"), [("abort", "SIGABRT"), ("exit", "exit code 0")])
async def test_a_simulation_that_ends_its_worker_ends_all_that_wait_for_it(
    simulating: Callable[[], Worker], path: str, says: str
) -> None:
    worker = simulating()
    await worker.start()
    waiting = [worker.simulate(name, {}, timeout=60) for name in (path, "llama", "mamba")]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in answers] == [EngineDied] * 3
    assert says in str(answers[0])
    with pytest.raises(EngineDied):
        await worker.simulate("llama", {}, timeout=60)


async def test_a_simulation_that_hangs_is_given_up_and_its_worker_can_be_killed(
    simulating: Callable[[], Worker],
) -> None:
    worker = simulating()
    await worker.start()
    with pytest.raises(TimeoutError):
        await worker.simulate("hang", {}, timeout=0.3)
    behind = asyncio.create_task(worker.simulate("llama", {}, timeout=60))
    await asyncio.wait({behind}, timeout=0)
    worker.kill("it simulated for too long.")
    with pytest.raises(EngineDied, match="it simulated for too long"):
        await behind


async def test_many_workers_killed_in_mid_load_each_end_their_load_once(make: Make, script: Write) -> None:
    workers = [make() for _ in range(6)]
    await asyncio.gather(*(worker.start() for worker in workers))
    model = script(hang="load")
    begun = [asyncio.Event() for _ in workers]
    loads = [
        asyncio.create_task(worker.load(model.path, {}, lambda fraction, event=event: event.set()))
        for worker, event in zip(workers, begun, strict=True)
    ]
    await asyncio.gather(*(event.wait() for event in begun))
    for worker in workers:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
    ended = await asyncio.gather(*loads, return_exceptions=True)
    assert {type(one) for one in ended} == {EngineDied}
