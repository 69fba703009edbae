"""What every engine does behind a pool, with real worker processes."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from paddock.backends.pool import Pool
from paddock.sdk.errors import NotFound, UnknownOption
from paddock.sdk.events import (
    Cancelled,
    Ending,
    Failed,
    Finished,
    GenerationEvent,
    LoadProgress,
    ReasoningDelta,
    TextDelta,
)

pytestmark = pytest.mark.anyio

Events = AsyncGenerator[GenerationEvent, None]


async def gather(events: Events) -> list[GenerationEvent]:
    async with aclosing(events):
        return [event async for event in events]


async def until_delta(events: Events) -> None:
    async for event in events:
        if isinstance(event, (TextDelta, ReasoningDelta)):
            return
        assert not isinstance(event, Ending), event


def text(events: list[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_streams_deltas_and_then_exactly_one_ending(subject: Any, pool: Pool) -> None:
    events = await gather(pool.generate(subject.model, subject.request("a", "Hello", max_tokens=12)))
    endings = [event for event in events if isinstance(event, Ending)]
    assert len(endings) == 1
    assert events[-1] is endings[0]
    assert isinstance(endings[0], Finished)
    assert isinstance(events[0], LoadProgress)
    assert any(isinstance(event, (TextDelta, ReasoningDelta)) for event in events)
    assert {event.id for event in events} == {"a"}


async def test_usage_and_stats_count_what_was_done(subject: Any, pool: Pool) -> None:
    events = await gather(pool.generate(subject.model, subject.request("a", max_tokens=9, sampling=subject.endless)))
    ending = events[-1]
    assert isinstance(ending, Finished)
    assert ending.reason == "length"
    assert ending.usage.completion_tokens == 9
    assert ending.usage.prompt_tokens > 0
    assert ending.stats.ttft_s > 0
    assert ending.stats.tokens_per_second > 0
    assert ending.stats.duration_s >= ending.stats.ttft_s


async def test_what_was_counted_reaches_the_loaded_model(subject: Any, pool: Pool) -> None:
    events = await gather(pool.generate(subject.model, subject.request("a", max_tokens=9, sampling=subject.endless)))
    ending = events[-1]
    assert isinstance(ending, Finished)
    async with asyncio.timeout(60):
        while (stats := pool.loaded()[0].stats) is None or stats.generated_tokens < 9:
            await asyncio.sleep(0.01)
    assert (stats.prompt_tokens, stats.generated_tokens) == (ending.usage.prompt_tokens, 9)


@pytest.mark.parametrize("prompt", ["one two three", (5, 6, 7)])
async def test_a_prompt_is_continued_without_a_template(subject: Any, pool: Pool, prompt: Any) -> None:
    asked = msgspec.structs.replace(subject.request("a", max_tokens=5), messages=(), prompt=prompt)
    ending = (await gather(pool.generate(subject.model, asked)))[-1]
    assert isinstance(ending, Finished)
    assert ending.usage.prompt_tokens == 3 or isinstance(prompt, str)
    assert 0 < ending.usage.completion_tokens <= 5


@pytest.mark.parametrize("token", [-1, 2**31, 2**40])
async def test_a_token_outside_the_vocabulary_is_a_bad_request(subject: Any, pool: Pool, token: int) -> None:
    asked = msgspec.structs.replace(subject.request("a"), messages=(), prompt=(1, token))
    ending = (await gather(pool.generate(subject.model, asked)))[-1]
    assert isinstance(ending, Failed)
    assert (ending.error.code, str(token) in ending.error.message) == ("bad_request", True)


async def test_a_stop_string_ends_the_answer_and_is_not_shown(subject: Any, pool: Pool) -> None:
    whole = text(await gather(pool.generate(subject.model, subject.request("a", max_tokens=30, sampling={"seed": 1}))))
    stop = whole[len(whole) // 2 :][:3]
    events = await gather(
        pool.generate(subject.model, subject.request("b", max_tokens=30, sampling={"seed": 1}, stop=(stop,)))
    )
    ending = events[-1]
    assert isinstance(ending, Finished)
    assert ending.reason == "stop_string"
    assert text(events) == whole[: whole.index(stop)]


async def test_unicode_is_whole_in_every_delta(subject: Any, pool: Pool) -> None:
    events = await gather(pool.generate(subject.model, subject.request("a", "Say é 🐎 é", max_tokens=40)))
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert deltas
    for delta in deltas:
        assert delta
        delta.encode("utf-8")
        assert "\ufffd" not in delta


async def test_the_same_seed_gives_the_same_answer(subject: Any, pool: Pool) -> None:
    sampling = {"seed": 7, "temperature": 1.0}
    one, two = [
        text(await gather(pool.generate(subject.model, subject.request(key, max_tokens=16, sampling=sampling))))
        for key in "ab"
    ]
    assert one == two


async def test_an_engine_that_is_told_to_shed_goes_on_and_answers_as_before(subject: Any, pool: Pool) -> None:
    sampling = {"seed": 7, "temperature": 1.0}
    asked = [subject.request(key, max_tokens=16, sampling=sampling) for key in "ab"]
    before = text(await gather(pool.generate(subject.model, asked[0])))
    async with aclosing(pool.generate(subject.model, subject.long("c"))) as events:
        await until_delta(events)
        await pool.relieve("some")
        await until_delta(events)
    assert text(await gather(pool.generate(subject.model, asked[1]))) == before


async def test_closing_the_stream_frees_the_slot_at_once(subject: Any, pool: Pool) -> None:
    await pool.load(subject.model, {"n_parallel": 1})
    async with aclosing(pool.generate(subject.model, subject.long("a"))) as events:
        await until_delta(events)
        assert pool.loaded()[0].active == 1
    assert pool.loaded()[0].active == 0
    async with asyncio.timeout(30):
        ending = (await gather(pool.generate(subject.model, subject.request("b", max_tokens=2))))[-1]
    assert isinstance(ending, Finished)


async def test_cancelling_the_task_frees_the_slot(subject: Any, pool: Pool) -> None:
    await pool.load(subject.model, {"n_parallel": 1})
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(pool.generate(subject.model, subject.long("a"))) as events:
            await until_delta(events)
            started.set()
            await gather(events)

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        ending = (await gather(pool.generate(subject.model, subject.request("b", max_tokens=2))))[-1]
    assert isinstance(ending, Finished)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
async def test_a_death_names_its_signal_and_the_next_request_works(
    subject: Any, pool: Pool, changes: Any, name: str
) -> None:
    async with aclosing(pool.generate(subject.model, subject.long("a"))) as events:
        await until_delta(events)
        pid = pool.loaded()[0].pid
        assert pid is not None
        os.kill(pid, signal.Signals[name])
        rest = await gather(events)
    failed = rest[-1]
    assert isinstance(failed, Failed)
    assert failed.error.code == "engine_died"
    assert failed.error.details["signal"] == name
    assert name in failed.error.message
    assert not any(isinstance(event, Ending) for event in rest[:-1])
    assert pool.loaded() == ()
    assert changes.states()[-2:] == ["failed", "gone"]
    again = await gather(pool.generate(subject.model, subject.request("b", max_tokens=3)))
    assert isinstance(again[-1], Finished)
    assert pool.loaded()[0].pid != pid


async def test_twenty_requests_at_once_all_finish(subject: Any, pool: Pool) -> None:
    requests = [subject.request(str(i), max_tokens=5 + i, sampling=subject.endless) for i in range(20)]
    answers = await asyncio.gather(*(gather(pool.generate(subject.model, request)) for request in requests))
    for i, events in enumerate(answers):
        ending = events[-1]
        assert isinstance(ending, Finished), ending
        assert ending.usage.completion_tokens == 5 + i
    assert pool.loaded()[0].active == pool.loaded()[0].queued == 0


async def test_unloading_ends_the_process_and_cancels_what_runs(subject: Any, pool: Pool, changes: Any) -> None:
    async with aclosing(pool.generate(subject.model, subject.long("a"))) as events:
        await until_delta(events)
        pid = pool.loaded()[0].pid
        assert pid is not None
        rest, _ = await asyncio.gather(gather(events), pool.unload(subject.model.id))
    assert isinstance(rest[-1], Cancelled)
    assert not psutil.pid_exists(pid)
    assert pool.loaded() == ()
    assert changes.states()[-2:] == ["unloading", "gone"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
async def test_a_stopped_worker_goes_on_after_sigcont(subject: Any, pool: Pool) -> None:
    await pool.load(subject.model, {})
    pid = pool.loaded()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    answer = asyncio.create_task(gather(pool.generate(subject.model, subject.request("a", max_tokens=3))))
    done, _ = await asyncio.wait({answer}, timeout=0.3)
    assert not done
    os.kill(pid, signal.SIGCONT)
    assert isinstance((await answer)[-1], Finished)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
async def test_a_stopped_worker_can_be_unloaded(subject: Any, pool: Pool) -> None:
    await pool.load(subject.model, {})
    pid = pool.loaded()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(60):
        await pool.unload(subject.model.id)
    assert not psutil.pid_exists(pid)


async def test_unknown_sampling_options_fail_with_a_suggestion(subject: Any, pool: Pool) -> None:
    events = await gather(pool.generate(subject.model, subject.request("a", sampling={"temprature": 1.0})))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert events[0].error.code == "unknown_option"
    assert "temperature" in events[0].error.hint
    assert pool.loaded() == ()


async def test_unknown_load_options_are_refused(subject: Any, pool: Pool) -> None:
    with pytest.raises(UnknownOption):
        await pool.load(subject.model, {"n_ctxx": 512})


async def test_a_prompt_longer_than_the_context_fails_with_both_numbers(subject: Any, pool: Pool) -> None:
    await pool.load(subject.model, {"n_ctx": 256})
    events = await gather(pool.generate(subject.model, subject.request("a", "word " * 2000)))
    ending = events[-1]
    assert isinstance(ending, Failed)
    assert ending.error.code == "context_overflow"
    numbers = [value for value in ending.error.details.values() if isinstance(value, int)]
    assert 256 in numbers
    assert max(numbers) > 2000
    assert isinstance((await gather(pool.generate(subject.model, subject.request("b", max_tokens=2))))[-1], Finished)


async def test_a_file_that_is_no_model_is_unusable(subject: Any, pool: Pool, tmp_path: Path) -> None:
    broken = tmp_path / f"broken{subject.descriptor.suffixes[0]}"
    broken.write_bytes(b"\x00not a model\xff" * 20)
    model = msgspec.structs.replace(subject.model, id="test/broken", path=str(broken))
    events = await gather(pool.generate(model, subject.request("a")))
    ending = events[-1]
    assert isinstance(ending, Failed)
    assert ending.error.code == "model_unusable"
    assert pool.loaded() == ()


async def test_an_engine_can_be_probed(subject: Any, pool: Pool) -> None:
    info = await pool.probe(subject.descriptor)
    assert info.available, info.reason
    assert info.version
    assert info.devices


async def test_unloading_what_is_not_loaded_suggests(subject: Any, pool: Pool) -> None:
    await pool.load(subject.model, {})
    with pytest.raises(NotFound) as caught:
        await pool.unload(subject.model.id + "x")
    assert subject.model.id in caught.value.hint


@contextmanager
def ended(pid: int, *, seconds: float) -> Iterator[None]:
    """What is done inside ends the process in that time. Linux tells by a pidfd, also where nobody reaps it."""
    if not hasattr(os, "pidfd_open"):
        process = psutil.Process(pid)
        yield
        process.wait(timeout=seconds)
        return
    fd = os.pidfd_open(pid)
    try:
        yield
        assert select.select([fd], [], [], seconds)[0], f"worker {pid} lives"
    finally:
        os.close(fd)


_PARENT = """
import asyncio, sys
from pathlib import Path
import msgspec
from paddock.backends.pool import Pool
from paddock.backends.registry import Registry
from paddock.sdk.types import GenerateRequest, ModelInfo

async def main():
    model = msgspec.json.decode(sys.argv[1], type=ModelInfo)
    request = msgspec.json.decode(sys.argv[2], type=GenerateRequest)
    pool = Pool(Registry.discover(), changed=lambda key, model: None, logs=Path(sys.argv[3]))
    async for event in pool.generate(model, request):
        if type(event).__name__ in ("TextDelta", "ReasoningDelta"):
            print(pool.loaded()[0].pid, flush=True)
    assert (await pool.probe(Registry.discover().get(model.engine))).available
    await pool.close()

asyncio.run(main())
"""


async def test_the_host_never_imports_the_engine(subject: Any, tmp_path: Path) -> None:
    descriptor, request = subject.descriptor, subject.request("a", max_tokens=2)
    arguments = [msgspec.json.encode(value).decode() for value in (subject.model, request)]
    engine = [name.partition(":")[0] for name in (descriptor.factory, descriptor.probe)]
    asked = f"print('imported', [m for m in {engine} + ['llama_cpp', 'numpy', 'jinja2'] if m in sys.modules])"
    command = [sys.executable, "-P", "-c", _PARENT + asked, *arguments, str(tmp_path / "logs")]
    done = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "imported []"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
async def test_no_worker_outlives_a_killed_host(subject: Any, tmp_path: Path, stopped: bool) -> None:
    arguments = [msgspec.json.encode(value).decode() for value in (subject.model, subject.long("a"))]
    command = [sys.executable, "-P", "-c", _PARENT, *arguments, str(tmp_path / "logs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        with ended(pid, seconds=60):
            parent.kill()


async def test_sampling_may_change_while_an_answer_is_written(subject: Any, pool: Pool) -> None:
    request = subject.request("a", sampling={**subject.endless, "temperature": 1.0})
    async with aclosing(pool.generate(subject.model, request)) as events:
        await until_delta(events)
        with pytest.raises(UnknownOption):
            pool.retune(subject.model, request.id, {"temperatur": 0.0})
        pool.retune(subject.model, request.id, {"temperature": 0.0})
        await until_delta(events)
    with pytest.raises(NotFound):
        pool.retune(subject.model, request.id, {"temperature": 0.0})
