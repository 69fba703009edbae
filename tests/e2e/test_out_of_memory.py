"""Memory that really runs out: the limit of the process makes it so. What is reported is that, with a change that then
indeed loads; the test makes the change and gets an answer."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import pytest

from paddock.sdk.errors import OutOfMemory
from paddock.sdk.events import Failed, Finished
from paddock.sdk.types import GenerateRequest, Message

STARTER = "paddock/starter"
LONG = "word " * 1500

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")


def field(pid: int, name: str) -> int:
    """A size in ``/proc/<pid>/status``, in bytes."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def limit(pid: int, size: int) -> None:
    """Let the process, and those that it starts from now on, have no more than ``size`` bytes of data."""
    resource.prlimit(pid, resource.RLIMIT_DATA, (size, resource.RLIM_INFINITY))


def context_of(remedy: str) -> int:
    """The context that the remedy speaks of."""
    found = re.search(r"use ([\d,]+) tokens of context", remedy, re.IGNORECASE)
    assert found is not None, remedy
    return int(found[1].replace(",", ""))


def ending(client, text: str, key: str):
    request = GenerateRequest(
        id=key,
        model=STARTER,
        messages=(Message(role="user", content=text),),
        sampling={"temperature": 0.0},
        max_tokens=4,
    )
    return list(client.generate(request))[-1]


def test_a_load_that_runs_out_of_memory_names_what_it_was_for_and_a_context_that_then_loads(program):
    with program.client() as client:
        client.load(STARTER)
        client.unload(STARTER)
        limit(program.host_pid(), 1 << 30)
        with pytest.raises(OutOfMemory) as caught:
            client.load(STARTER, {"n_ctx": 800_000}, force=True)
        error = caught.value
        assert "were needed for the KV cache" in error.message
        assert error.details["phase"] == "kv"
        assert error.details["needed_bytes"] == 800_000 * 2560
        assert error.details["limit_bytes"] < 1 << 30
        context = context_of(error.details["remedy"])
        assert error.details["remedy"] in error.hint
        assert 100_000 < context < 420_000
        assert client.load(STARTER, {"n_ctx": context}).context_length == context
        assert "Paris" in client.respond("What is the capital of France?", model=STARTER, temperature=0.0).text


def test_an_answer_that_runs_out_of_memory_ends_the_worker_only_and_a_smaller_context_answers(program):
    with program.client() as client:
        loaded = client.load(STARTER, {"n_ctx": 65_536}, force=True)
        assert isinstance(ending(client, "hello", "warm"), Finished)
        allowed = field(loaded.pid, "VmData") + (64 << 10)
        limit(loaded.pid, allowed)
        failed = ending(client, LONG, "short")
        assert isinstance(failed, Failed)
        assert failed.error.code == "out_of_memory"
        assert failed.error.details["signal"] == "SIGABRT"
        assert client.handshake().pid == program.host_pid()
        context = context_of(failed.error.hint)
        assert 30_000 < context < 65_536
        smaller = client.load(STARTER, {"n_ctx": context})
        limit(smaller.pid, allowed)
        assert isinstance(ending(client, LONG, "again"), Finished)
