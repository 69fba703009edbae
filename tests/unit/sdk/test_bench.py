"""The benchmark's arithmetic, its prompts, and a foreign server with rules of its own."""

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.sdk.bench import BenchRecord, BenchResult, Plan, Prompts, Timing, run, save, summarize
from paddock.sdk.bench_targets import UrlTarget
from paddock.sdk.errors import PaddockError

TEMPLATE = 17


def timing(
    asked: float, first: float, ended: float, *, prompt: int = 100, cached: int = 0, generated: int = 11
) -> Timing:
    return Timing(
        prompt_tokens=prompt, cached_tokens=cached, generated_tokens=generated, asked=asked, first=first, ended=ended
    )


class Fake:
    """Counts as a model would whose template takes 17 tokens and whose words take as many as ``weight`` says."""

    model, engine, machine = "fake", "none", "nowhere"

    def __init__(self, weight: Callable[[str], int] = lambda word: 1) -> None:
        self.weight = weight
        self.asked: list[str] = []

    def count(self, text: str) -> int:
        return TEMPLATE + sum(map(self.weight, text.split()))

    async def ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
        self.asked.append(text)
        on_piece()
        return timing(0, 1, 2, prompt=self.count(text), generated=max_tokens)


def test_every_number_is_of_what_was_measured() -> None:
    found = summarize([timing(10.0, 10.5, 11.5, cached=60), timing(10.0, 12.0, 14.0)])
    assert (found.concurrency, found.prompt_tokens, found.generated_tokens) == (2, 100, 11)
    assert found.ttft_s == pytest.approx(1.25)
    assert found.prefill_tps == pytest.approx((40 + 100) / 2.0)
    assert found.decode_tps == pytest.approx((10 / 1.0 + 10 / 2.0) / 2)
    assert found.total_tps == pytest.approx(22 / 4.0)


def test_what_did_not_happen_has_no_speed() -> None:
    found = summarize([timing(1.0, 2.0, 2.0, cached=100, generated=1)])
    assert (found.prefill_tps, found.decode_tps, found.total_tps) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("tokens", [20, 128, 4000])
@pytest.mark.parametrize("weight", [lambda word: 1, lambda word: 1 + len(word) // 4], ids=["one", "some more"])
def test_prompts_have_the_tokens_that_were_asked_for(tokens: int, weight: Callable[[str], int]) -> None:
    target, prompts = Fake(weight), Prompts(random.Random(1))
    asyncio.run(prompts.fit(target, Plan(prompt=tokens)))
    counts = {target.count(text) for text in prompts.texts(4)}
    assert len(counts) == 1, "the order changes nothing"
    assert abs(counts.pop() - tokens) <= (0 if weight("people") == 1 else 1)
    assert max(map(target.count, target.asked)) <= max(tokens * 1.05, TEMPLATE + 30), "no guess overflows the context"


def test_requests_share_the_prefix_and_nothing_else_and_runs_share_nothing() -> None:
    prompts = Prompts(random.Random(2))
    asyncio.run(prompts.fit(Fake(), Plan(prompt=300, shared_prefix=100)))
    first, second = prompts.texts(3), prompts.texts(3)

    def heads(texts: list[str], words: int) -> set[tuple[str, ...]]:
        return {tuple(text.split()[:words]) for text in texts}

    assert len(heads(first, 100 - TEMPLATE)) == 1
    assert len(heads(first, 100 - TEMPLATE + 8)) == 3
    assert heads(first, 10) != heads(second, 10)


def test_one_failure_stops_the_other_requests_and_is_told() -> None:
    class Failing(Fake):
        stopped = 0

        async def ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
            if max_tokens == 1:
                return await super().ask(text, max_tokens, on_piece)
            self.asked.append(text)
            if len(self.asked) % 3 == 0:
                raise PaddockError("It broke.")
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped += 1
            raise AssertionError

    target = Failing()
    with pytest.raises(PaddockError, match="It broke"):
        asyncio.run(run(target, Plan(prompt=64, generate=4, concurrency=(3,))))
    assert target.stopped == 2


def test_a_result_is_kept_whole(tmp_path: Path) -> None:
    plan = Plan(prompt=64, generate=4, concurrency=(1, 2))
    begun: list[int] = []
    result = asyncio.run(run(Fake(), plan, on_run=begun.append))
    assert begun == [1, 2]
    path = save(tmp_path / "bench", plan, result)
    record = msgspec.json.decode(path.read_bytes(), type=BenchRecord)
    assert (record.version, record.plan, record.result) == (1, plan, result)
    assert list(path.parent.iterdir()) == [path]
    assert list(msgspec.to_builtins(result)) == ["model", "engine", "machine", "runs"]
    (tmp_path / "file").touch()
    with pytest.raises(PaddockError, match="cannot be kept"):
        save(tmp_path / "file" / "bench", plan, result)


# ---------------------------------------------------------------- a foreign server


@contextmanager
def server(reply: Callable[[dict[str, Any]], tuple[int, str]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server whose ``reply`` makes status and body of a request's body; its address, and what was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, text = reply(asked[-1]) if self.path == "/v1/chat/completions" else (404, self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", asked
        made.shutdown()
        thread.join()


def stream(*chunks: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def ask(url: str, pieces: list[int]) -> Timing:
    async def once() -> Timing:
        async with UrlTarget.open(url, "m") as target:
            return await target.ask("hello", 5, lambda: pieces.append(1))

    return asyncio.run(once())


def test_a_server_that_refuses_unknown_fields_is_asked_without_them() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}

    def reply(body: dict[str, Any]) -> tuple[int, str]:
        if "ignore_eos" in body:
            return 400, json.dumps({"error": {"message": "Unknown field ignore_eos."}})
        role: dict[str, Any] = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
        words = [{"choices": [{"delta": delta}]} for delta in ({"reasoning_content": "a"}, {"content": "b"})]
        return 200, stream(role, *words, {"choices": [], "usage": usage})

    pieces: list[int] = []
    with server(reply) as (url, asked):
        found = ask(url, pieces)
    assert [body.get("ignore_eos") for body in asked] == [True, None]
    assert (found.prompt_tokens, found.cached_tokens, found.generated_tokens, len(pieces)) == (9, 4, 3, 2)
    assert found.asked < found.first <= found.ended


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, json.dumps({"error": {"message": "Too long."}}), "Too long."),
        (500, "<html>", "answered 500: <html>"),
        (200, stream({"choices": [{"delta": {"content": "x"}}]}), "does not report how many tokens"),
        (200, stream({"error": {"message": "Out of memory."}}), "Out of memory."),
        (200, "data: nothing\n\n", "no chat completion"),
    ],
)
def test_what_a_foreign_server_does_wrong_is_a_sentence(status: int, body: str, says: str) -> None:
    with server(lambda _: (status, body)) as (url, _), pytest.raises(PaddockError) as caught:
        ask(url, [])
    assert says in caught.value.sentence()


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with server(lambda _: (200, "")) as (url, _):
        pass
    with pytest.raises(PaddockError, match="cannot be asked"):
        ask(url, [])


def test_names_that_scripts_rely_on() -> None:
    result = BenchResult(model="m", engine="e", machine="x", runs=(summarize([timing(0, 1, 2)]),))
    assert list(msgspec.to_builtins(result)["runs"][0]) == [
        "concurrency",
        "prompt_tokens",
        "generated_tokens",
        "ttft_s",
        "prefill_tps",
        "decode_tps",
        "total_tps",
    ]
