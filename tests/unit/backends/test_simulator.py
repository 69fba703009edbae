"""Simulations in real workers, of an engine that does what its options say."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from paddock import resources
from paddock.backends.base import EngineDescriptor
from paddock.backends.llamacpp import DESCRIPTOR as LLAMACPP
from paddock.backends.registry import Registry
from paddock.backends.simulator import Simulator
from paddock.sdk.errors import EngineDied, EngineError, InvalidOption
from paddock.sdk.memory import Prediction
from paddock.sdk.types import OptionValue

pytestmark = pytest.mark.anyio

_ENGINE = """
import os, sys, threading
from paddock.sdk.errors import InvalidOption
from paddock.sdk.memory import DeviceUse, Parts, Prediction

def simulate(path, options):
    if not path:
        own = DeviceUse(name="RAM", parts=Parts(overhead=7))
        return Prediction(source="measured", confidence="exact", devices=(own,))
    with open(path, "a") as file:
        print(options["n"], file=file)
    match options.get("do"):
        case "abort":
            print("GGML_ASSERT(n_rot > 0) failed", file=sys.stderr, flush=True)
            os.abort()
        case "hang":
            threading.Event().wait()
        case "refuse":
            raise InvalidOption("no", hint="yes")
        case "wait":
            with open(path + ".gate") as gate:
                gate.read()
    return Prediction(source="simulated", confidence="exact", devices=(DeviceUse(name="RAM"),), layers=os.getpid())
"""


def _descriptor(name: str, simulate: str) -> EngineDescriptor:
    return EngineDescriptor(name=name, title=name.title(), factory="", probe="", suffixes=(), simulate=simulate)


@pytest.fixture
async def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: object) -> AsyncIterator[Simulator]:
    (tmp_path / "told_engine.py").write_text(_ENGINE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engines = [_descriptor("told", "told_engine:simulate"), _descriptor("plain", ""), LLAMACPP]
    made = Simulator(Registry(engines), tmp_path / "logs", timeout_s=60.0)
    yield made
    await made.close()


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """The file that is asked about; the engine writes into it what it was asked."""
    path = tmp_path / "model"
    path.touch()
    return path


async def test_a_worker_is_ready_before_the_question_comes(simulator: Simulator, asked: Path) -> None:
    simulator.prepare("told")
    simulator.prepare("told")
    simulator.prepare("plain")  # cannot simulate
    workers = [child.pid for child in await children(1)]
    assert (await ask(simulator, asked, 1)).layers in workers
    assert (simulator.overhead("told"), simulator.overhead("plain")) == (7, None)
    assert questions(asked) == ["1"]
    assert [child.pid for child in await children(1)] == workers
    await simulator._seats["told"].leave()
    simulator.prepare("told")
    assert [child.pid for child in await children(1)] != workers


async def children(number: int) -> list[psutil.Process]:
    """This process's, once there are so many."""
    async with asyncio.timeout(60):
        while len(found := psutil.Process().children()) != number:
            await asyncio.sleep(0.01)
    return found


async def ask(simulator: Simulator, path: Path, n: int, **options: OptionValue) -> Prediction:
    return await simulator.predict("told", str(path), {"n": n, **options}, key="model")


def questions(path: Path) -> list[str]:
    return path.read_text().split()


async def began(path: Path, n: int) -> None:
    async with asyncio.timeout(60):
        while str(n) not in questions(path):
            await asyncio.sleep(0.01)


async def test_one_worker_answers_everything_and_each_question_once(simulator: Simulator, asked: Path) -> None:
    same = await asyncio.gather(*(ask(simulator, asked, 1) for _ in range(5)))
    other = await ask(simulator, asked, 2)
    again = await ask(simulator, asked, 1)
    assert questions(asked) == ["1", "2"]
    assert {answer.layers for answer in (*same, other, again)} == {other.layers}
    assert simulator.known("told", str(asked), {"n": 1}, key="model") == again
    assert simulator.known("told", str(asked), {"n": 3}, key="model") is None


async def test_a_changed_file_is_asked_about_again(simulator: Simulator, asked: Path) -> None:
    await simulator.predict("told", str(asked), {"n": 1})  # which makes the file longer
    await simulator.predict("told", str(asked), {"n": 1})
    assert questions(asked) == ["1", "1"]


async def test_a_death_is_an_error_with_its_reason_and_the_next_question_gets_another_worker(
    simulator: Simulator, asked: Path
) -> None:
    first = await ask(simulator, asked, 1)
    for _ in range(2):
        with pytest.raises(EngineError, match="could not simulate") as failed:
            await ask(simulator, asked, 2, do="abort")
        assert not isinstance(failed.value, EngineDied)
        assert "SIGABRT" in failed.value.message
        assert "GGML_ASSERT(n_rot > 0)" in failed.value.hint
    second = await ask(simulator, asked, 3)
    assert second.layers != first.layers
    assert questions(asked) == ["1", "2", "3"]


async def test_a_question_without_end_is_given_up(tmp_path: Path, simulator: Simulator, asked: Path) -> None:
    hasty = Simulator(simulator._registry, tmp_path / "logs", timeout_s=0.2)
    with pytest.raises(EngineError, match="longer than"):
        await ask(hasty, asked, 1, do="hang")
    hasty._timeout_s = 60.0
    assert (await ask(hasty, asked, 2)).layers
    await hasty.close()


async def test_what_the_engine_refuses_comes_through(simulator: Simulator, asked: Path) -> None:
    with pytest.raises(InvalidOption, match="no"):
        await ask(simulator, asked, 1, do="refuse")


async def test_an_engine_that_cannot_simulate_says_so(simulator: Simulator, asked: Path) -> None:
    with pytest.raises(EngineError, match="Plain cannot simulate"):
        await simulator.predict("plain", str(asked), {})


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in its file system")
async def test_leaving_is_safe(simulator: Simulator, asked: Path) -> None:
    gate = asked.with_name("model.gate")
    os.mkfifo(gate)
    first = await ask(simulator, asked, 1)
    running = asyncio.create_task(ask(simulator, asked, 2, do="wait"))
    await began(asked, 2)
    waiting = asyncio.create_task(ask(simulator, asked, 3))
    staying = asyncio.create_task(ask(simulator, asked, 4))
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert running.cancelled()
    gate.write_text("")
    assert (await staying).layers == first.layers
    assert questions(asked) == ["1", "2", "4"]
    assert simulator.known("told", str(asked), {"n": 2, "do": "wait"}, key="model") is not None


async def test_an_idle_worker_leaves_and_another_comes(tmp_path: Path, simulator: Simulator, asked: Path) -> None:
    quick = Simulator(simulator._registry, tmp_path / "logs", idle_s=0.05)
    first = await ask(quick, asked, 1)
    async with asyncio.timeout(60):
        while psutil.pid_exists(first.layers):
            await asyncio.sleep(0.01)
    assert (await ask(quick, asked, 2)).layers != first.layers
    await quick.close()
    assert not list((tmp_path / "logs").iterdir())


async def test_closing_ends_what_is_asked(simulator: Simulator, asked: Path) -> None:
    running = asyncio.create_task(ask(simulator, asked, 1, do="hang"))
    await began(asked, 1)
    waiting = asyncio.create_task(ask(simulator, asked, 2))
    await asyncio.sleep(0)
    await simulator.close()
    for one in (running, waiting, asyncio.create_task(ask(simulator, asked, 3))):
        with pytest.raises(EngineError, match="closing"):
            await one


async def test_llama_cpp_simulates_the_starter_model(simulator: Simulator) -> None:
    starter = Path(str(resources.__file__)).parent / "starter" / "starter-Q8_0.gguf"
    prediction = await simulator.predict("llamacpp", str(starter), {"context": 1024})
    assert (prediction.source, prediction.context_length) == ("simulated", 1024)
    assert prediction.parts.weights >= 0.9 * starter.stat().st_size
    assert prediction.parts.kv > 0
    own = simulator.overhead("llamacpp")
    assert own is not None
    assert 0 < own < prediction.parts.overhead
