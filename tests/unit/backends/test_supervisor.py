"""One real worker process at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from paddock.backends import supervisor, wire
from paddock.backends.echo import DESCRIPTOR
from paddock.backends.outcome import OomWatch
from paddock.backends.probe import probe
from paddock.backends.supervisor import Worker
from paddock.sdk.errors import (
    EngineDied,
    EngineError,
    EngineMissing,
    LoadFailed,
    OutOfMemory,
)
from paddock.sdk.events import Cancelled, Ending, Failed, Finished, GenerationEvent, TextDelta

from .workers import Ask, Make, Write, answer, child, loaded, nothing, until

pytestmark = pytest.mark.anyio

_READY = "os.write(1, wire.Framer().pack(wire.Ready(pid=os.getpid(), wire=wire.WIRE)));"


def test_a_worker_starts_without_anything_slow_to_import() -> None:
    code = "import sys, paddock.backends.worker; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    slow = {"asyncio", "logging", "traceback", "numpy", "llama_cpp", "httpx2", "litestar", "jinja2", "psutil", "ssl"}
    assert slow & {*done.stdout.split()} == set()


async def test_a_worker_starts_without_what_only_some_engines_need() -> None:
    heavy = ("argparse", "asyncio", "ctypes", "importlib.metadata", "json", "logging", "numpy", "ssl", "subprocess")
    code = f"import sys, paddock.backends.worker; print([m for m in {heavy} if m in sys.modules])"
    child = await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", code, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    assert output.decode().strip() == "[]"


async def test_it_is_apart_from_our_terminal_and_first_to_go_when_memory_ends(make: Make) -> None:
    worker = make()
    await worker.start()
    pid = worker.pid
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(0)
    if sys.platform == "linux":
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"


async def test_a_polite_stop_is_an_end_that_was_asked_for(make: Make, script: Write) -> None:
    worker = await loaded(make, script())
    outcome = await worker.stop(grace=60)
    assert (outcome.exit_code, outcome.signal, outcome.asked) == (0, None, True)
    assert worker.pid is None


async def test_an_engine_that_does_not_close_is_killed(make: Make, script: Write) -> None:
    worker = await loaded(make, script(hang="close"))
    outcome = await worker.stop()
    assert outcome.signal in ("SIGTERM", "SIGKILL"), "the second only where the first took too long"


async def test_what_a_library_prints_reaches_the_log_and_no_frame(
    make: Make, script: Write, ask: Ask, tmp_path: Path
) -> None:
    worker = await loaded(make, script(lie=["prints"]))
    assert isinstance((await answer(worker, ask()))[-1], Finished)
    assert isinstance((await answer(worker, ask()))[-1], Finished)
    assert "prints to standard output" in (tmp_path / "logs" / "worker-echo-t0.log").read_text()


@pytest.mark.parametrize(
    ("death", "name", "code"),
    [
        ({"signal": "SIGSEGV"}, "SIGSEGV", None),
        ({"signal": "SIGKILL"}, "SIGKILL", None),
        ({"signal": "SIGABRT"}, "SIGABRT", None),
        ({"exit_code": 3}, None, 3),
        ({"exit_code": 0}, None, 0),
    ],
)
async def test_every_running_request_fails_once_with_the_cause_of_death(
    make: Make, script: Write, ask: Ask, death: dict[str, object], name: str | None, code: int | None
) -> None:
    die, hold = {**death, "after_tokens": 3, "log": "assert n > 0 failed"}, {"until": "go", "after_tokens": 2}
    model = script(die=die, hold=hold)
    worker = await loaded(make, model)
    answers: list[list[GenerationEvent]] = [[], [], []]

    async def read(events: list[GenerationEvent], key: str) -> None:
        async for event in worker.generate(ask(key=key)):
            events.append(event)

    def said(events: list[GenerationEvent]) -> str:
        return "".join(event.text for event in events if isinstance(event, TextDelta))

    reading = asyncio.gather(*(read(events, key) for events, key in zip(answers, "abc", strict=True)))
    await until(lambda: all(said(events) == "one two" for events in answers))
    Path(model.path).with_name("go").touch()
    await reading
    for events in answers:
        assert [type(event) for event in events if isinstance(event, Ending)] == [Failed]
        failed = events[-1]
        assert isinstance(failed, Failed)
        assert failed.error.code == "engine_died"
        assert failed.error.details["signal"] == name
        assert failed.error.details["exit_code"] == code
        assert "assert n > 0 failed" in failed.error.details["log_tail"]
    late = await answer(worker, ask())
    assert isinstance(late[-1], Failed)


async def test_a_kill_while_the_kernel_counts_one_is_out_of_memory(make: Make, script: Write, ask: Ask) -> None:
    kills = [0]
    worker = await loaded(make, script(hang=True), oom=OomWatch(lambda: kills[0]))
    running = asyncio.create_task(answer(worker, ask()))
    await asyncio.wait({running}, timeout=0.1)
    kills[0] = 1
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    failed = (await running)[-1]
    assert isinstance(failed, Failed)
    assert failed.error.code == "out_of_memory"
    assert isinstance((await worker.died).error("Echo"), OutOfMemory)


async def test_a_death_while_loading_names_its_signal(make: Make, script: Write) -> None:
    with pytest.raises(EngineDied) as caught:
        await loaded(make, script(die={"signal": "SIGILL", "during": "load"}))
    assert caught.value.details["signal"] == "SIGILL"


async def test_a_cancel_ends_as_the_engine_says(
    make: Make, script: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 60.0)
    worker = await loaded(make, script(text="word " * 1000, hold={"after_tokens": 3}))
    async with aclosing(worker.generate(ask())) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                worker.cancel("r")
            last = event
    assert isinstance(last, Cancelled)
    assert 0 < last.usage.completion_tokens <= 3


async def test_an_engine_that_ignores_a_cancel_does_not_keep_the_reader(
    make: Make, script: Write, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.1)
    worker = await loaded(make, script(hang=True))
    running = asyncio.create_task(answer(worker, ask()))
    await asyncio.wait({running}, timeout=0.05)
    worker.cancel("r")
    async with asyncio.timeout(60):
        assert isinstance((await running)[-1], Cancelled)


@pytest.mark.parametrize("lie", ["after_end", "two_endings", "unknown_id"])
async def test_a_lying_engine_ends_each_request_once(make: Make, script: Write, ask: Ask, lie: str) -> None:
    worker = await loaded(make, script(lie=[lie]))
    for _ in range(3):
        events = await answer(worker, ask("hello"))
        assert [type(event) for event in events if isinstance(event, Ending)] == [Finished]
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "hello"


async def test_an_engine_that_never_ends_can_be_cancelled(make: Make, script: Write, ask: Ask) -> None:
    worker = await loaded(make, script(lie=["no_ending"]))
    running = asyncio.create_task(answer(worker, ask()))
    await asyncio.wait({running}, timeout=0.2)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    again = asyncio.create_task(answer(worker, ask(key="again")))
    await asyncio.wait({again}, timeout=0.1)
    await worker.stop()
    assert isinstance((await again)[-1], Cancelled)


@pytest.mark.parametrize("lie", ["raise", "unsendable"])
async def test_what_an_engine_breaks_ends_as_failed(make: Make, script: Write, ask: Ask, lie: str) -> None:
    worker = await loaded(make, script(lie=[lie]))
    failed = (await answer(worker, ask()))[-1]
    assert isinstance(failed, Failed)
    assert failed.error.code == "engine_error"


async def test_a_second_request_with_the_same_id_is_refused(make: Make, script: Write, ask: Ask) -> None:
    worker = await loaded(make, script(text="word " * 100, tokens_per_second=1000))
    first = asyncio.create_task(answer(worker, ask()))
    await asyncio.wait({first}, timeout=0)
    second = await answer(worker, ask())
    assert isinstance(second[-1], Failed)
    assert second[-1].error.code == "bad_request"
    assert isinstance((await first)[-1], Finished)


async def test_a_request_that_cannot_be_sent_fails_alone(make: Make, script: Write, ask: Ask) -> None:
    worker = await loaded(make, script())
    failed = (await answer(worker, ask("\ud800")))[-1]
    assert isinstance(failed, Failed)
    assert failed.error.code == "bad_request"
    assert isinstance((await answer(worker, ask()))[-1], Finished)


async def test_a_reader_that_lags_gets_everything(make: Make, script: Write, ask: Ask) -> None:
    worker = await loaded(make, script(text="word " * 3000))
    async with aclosing(worker.generate(ask())) as events:
        first = await anext(events)
        while worker.running:
            await asyncio.sleep(0)
        rest = [event async for event in events]
    text = "".join(event.text for event in [first, *rest] if isinstance(event, TextDelta))
    assert text == "word " * 3000
    assert len(rest) < 10


async def test_a_child_that_says_nothing_is_given_up(make: Make) -> None:
    worker = make(command=child("time.sleep(60)"))
    with pytest.raises(EngineDied, match=r"it said nothing for 0\.3 s"):
        await worker.start(timeout=0.3)
    assert worker.pid is None


async def test_a_child_that_dies_at_once_is_quoted(make: Make) -> None:
    worker = make(command=child("sys.exit('no room for Python')"))
    with pytest.raises(EngineDied) as caught:
        await worker.start()
    assert caught.value.details["exit_code"] == 1
    assert "no room for Python" in caught.value.hint


async def test_a_command_that_is_not_there_is_an_engine_error(make: Make) -> None:
    with pytest.raises(EngineError, match="could not be started"):
        await make(command=("/nowhere/python",)).start()


async def test_a_worker_of_another_version_is_refused(make: Make) -> None:
    code = f"os.write(1, wire.Framer().pack(wire.Ready(pid=1, wire={wire.WIRE + 1}))); time.sleep(60)"
    with pytest.raises(EngineDied, match="another version of Paddock"):
        await make(command=child(code)).start()


@pytest.mark.parametrize("noise", [b"\xff\xff\xff\xff", struct.pack(">I", 3) + b"abc", b"Hello, I print.\n"])
async def test_damaged_frames_end_the_worker_with_a_clear_error(make: Make, ask: Ask, noise: bytes) -> None:
    worker = make(command=child(f"{_READY} os.read(0, 1); os.write(1, {noise!r}); time.sleep(60)"))
    await worker.start()
    failed = (await answer(worker, ask()))[-1]
    assert isinstance(failed, Failed)
    assert "it sent damaged data" in failed.error.message


async def test_a_worker_that_gets_a_damaged_frame_leaves_and_says_why(make: Make) -> None:
    worker = make()
    await worker.start()
    assert worker._transport is not None
    pipe = worker._transport.get_pipe_transport(0)
    assert isinstance(pipe, asyncio.WriteTransport)
    pipe.write(b"\x00\x00\x00\x03abc")
    outcome = await worker.died
    assert outcome.exit_code == 70
    assert "cannot be read" in outcome.log_tail[-1]


async def test_the_end_of_the_pipe_ends_the_worker_in_the_middle_of_a_load(make: Make, script: Write) -> None:
    worker = make()
    await worker.start()
    begun = asyncio.Event()
    load = asyncio.create_task(worker.load(script(hang="load").path, {}, lambda fraction: begun.set()))
    await begun.wait()
    assert worker._transport is not None
    pipe = worker._transport.get_pipe_transport(0)
    assert isinstance(pipe, asyncio.WriteTransport)
    pipe.close()
    async with asyncio.timeout(60):
        assert (await worker.died).exit_code == 0
    with pytest.raises(EngineDied):
        await load


async def test_a_grandchild_with_the_pipes_does_not_hide_a_death(make: Make) -> None:
    # it stays until the host closes the pipe, which it does when it has noticed the death
    code = f"{_READY} os.read(0, 1); os.fork() and os._exit(5); os.setsid()\nwhile os.read(0, 99): pass"
    worker = make(command=child(code))
    await worker.start()
    worker.cancel("x")
    worker._send(wire.Close())
    async with asyncio.timeout(60):
        assert (await worker.died).exit_code == 5


async def test_a_missing_engine_says_what_is_missing(make: Make) -> None:
    missing = msgspec.structs.replace(DESCRIPTOR, factory="no_such_engine:create", probe="no_such_engine:probe")
    worker = Worker(missing, "missing", make()._log.path.parent)
    await worker.start()
    with pytest.raises(EngineMissing, match="cannot be started here") as caught:
        await worker.load("x", {}, nothing)
    assert "no_such_engine" in caught.value.hint
    await worker.stop()


async def test_an_engine_that_raises_in_load_is_a_failed_load(make: Make, tmp_path: Path) -> None:
    strange = msgspec.structs.replace(DESCRIPTOR, factory="builtins:int")
    worker = Worker(strange, "strange", tmp_path)
    await worker.start()
    with pytest.raises(LoadFailed, match="AttributeError"):
        await worker.load("x", {}, nothing)
    assert "Traceback" in (tmp_path / "worker-echo-strange.log").read_text()
    await worker.stop()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_engine:probe", "no_such_engine"),
        ("os:abort", "SIGABRT"),
        ("builtins:int", ""),
        ("threading:Lock().acquire", "cannot be started"),
    ],
)
async def test_a_probe_that_goes_wrong_is_an_answer(tmp_path: Path, target: str, reason: str) -> None:
    info = await probe(msgspec.structs.replace(DESCRIPTOR, probe=target), tmp_path)
    assert not info.available
    assert reason in info.reason
