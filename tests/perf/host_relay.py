"""What the host computes for each token of an answer that it relays to one client.

    python tests/perf/host_relay.py [--rates 25 200] [--seconds 8] [--rounds 3]

The Echo engine writes so many tokens a second in a worker of its own; they go through the host to a client of
``/v1/chat/completions``. Beside it a bare application on the same HTTP server and event loop sends chunks of the same
length at the same pace, out of a timer. Prints one JSON object: for each rate the microseconds of processor time a
token of the host, of the bare application and of Echo's worker (medians of the rounds; the kernel's part and what the
host does every second are in them), and the median ratio of the first two. The rarer the tokens, the colder the
processor's caches: at 25 tokens a second one costs twice what it does at 200.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from chat_load import ChatLoad, ChatRequest
from comparison import in_turns, median_ratio, medians
from words import chat, words


def echo_model(home: Path, rate: float, tokens: int) -> str:
    """Make a model that writes ``tokens`` tokens, ``rate`` of them a second; its id."""
    name = f"rate-{rate:g}"
    folder = home / "models" / "echo" / name
    folder.mkdir(parents=True)
    script = {"text": words(tokens, "answer"), "tokens_per_second": rate, "context_length": tokens + 1000}
    (folder / f"{name}.echo.json").write_text(json.dumps(script))
    return f"echo/{name}"


@contextmanager
def program(command: list[str], environment: dict[str, str]) -> Iterator[tuple[psutil.Process, str]]:
    """A process of ours, and the address that it says it serves."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = next((line for line in process.stdout if line.startswith("serving ")), None)
        if line is None:
            raise RuntimeError(f"{command} did not start")
        yield psutil.Process(process.pid), line.split()[1]
    finally:
        process.terminate()
        process.wait()


def seconds(process: psutil.Process) -> float:
    """Of processor time that it has taken; psutil tells hundredths, Linux's own clock of a process nanoseconds."""
    if sys.platform == "linux":
        return time.clock_gettime((~process.pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
    times = process.cpu_times()
    return float(times.user + times.system)


async def bare(rate: float) -> None:
    """Serve the bare application: every request gets as many chunks as its ``max_tokens`` says. For ever."""
    from paddock.server.listeners import Listener

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        tokens = json.loads(body)["max_tokens"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(tokens):
            await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
            await send({"type": "http.response.body", "body": chunk(number), "more_body": True})
        usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": tokens}}
        await send({"type": "http.response.body", "body": b"data: " + json.dumps(usage).encode() + b"\n\n"})

    made = socket.create_server(("127.0.0.1", 0))
    await Listener(app, [made], idle_s=5).start()
    sys.stdout.write(f"serving http://127.0.0.1:{made.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def chunk(number: int) -> bytes:
    """As long as one of the host's."""
    choice = {"index": 0, "delta": {"content": " " + "word"[: 1 + number % 4]}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-" + "0" * 32, "created": 1_700_000_000, "model": "echo/rate-25"}
    said = {**head, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(said, separators=(",", ":")).encode() + b"\n\n"


def measured(rate: float, rounds: int, tokens: int) -> dict[str, float]:
    host = [sys.executable, "-m", "paddock.server", "--serve", "--api-port", "0", "--foreground"]
    with (
        tempfile.TemporaryDirectory(prefix="paddock-perf-", ignore_cleanup_errors=True) as home,
        program([sys.executable, __file__, "--bare", f"{rate:g}"], {}) as (plain, plain_url),
        ChatLoad() as load,
    ):
        model = echo_model(Path(home), rate, tokens)
        with program(host, {"PADDOCK_HOME": home, "PADDOCK_STORES": "off"}) as (relay, relay_url):

            def ask(url: str, count: int, *processes: psutil.Process) -> list[float]:
                before = [seconds(process) for process in processes]
                load.run(url, model, [ChatRequest(chat("You are a host.", "Go on."), count)])
                return [(seconds(one) - was) / count * 1e6 for one, was in zip(processes, before, strict=True)]

            for url in (relay_url, plain_url):
                ask(url, 8)
            worker = relay.children()[-1]
            sides = {
                "relayed": lambda _: ask(relay_url, tokens, relay, worker),
                "bare": lambda _: ask(plain_url, tokens, plain),
            }
            found = in_turns(rounds, sides)
    us = {"host_us": [one[0] for one in found["relayed"]], "bare_us": [one[0] for one in found["bare"]]}
    us["echo_worker_us"] = [one[1] for one in found["relayed"]]
    return {**medians(us, 1), "ratio": median_ratio(us["host_us"], us["bare_us"])}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[25.0, 200.0], help="tokens a second")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long an answer takes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare is not None:
        from paddock.server.__main__ import _loop_factory

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(bare(asked.bare))
    figures = {f"{rate:g}": measured(rate, asked.rounds, int(rate * asked.seconds)) for rate in asked.rates}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
