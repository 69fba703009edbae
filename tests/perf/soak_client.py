"""The requests of ``soak.py``: what is asked, what came back, and what is wrong with it."""

from __future__ import annotations

import json
import math
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

SHORTEST, LONGEST, LONGEST_ANSWER = 5, 1500, 200
TOPICS = ("alpha", "river", "seven", "stone", "blue", "walk", "count", "green", "tree", "house", "Paris", "winter")
CHATML = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
QUESTIONS = (
    "What is the capital of Kenya?",
    "What is 9 + 4?",
    "Count from 1 to 50.",
    "What is a GGUF?",
    "Write hello world in Python",
    "What is the KV cache for?",
)
LEAVING = 0.25
"""Some answers end before the client leaves: a fifth of all is left."""
_SILENCE_S = 600.0


@dataclass(frozen=True)
class Asked:
    """One request. With ``exact`` the answer has as many tokens as it may. The client leaves after ``cut`` pieces of a
    stream, or after ``cut`` seconds of another request."""

    path: str
    body: dict[str, Any]
    prompt_tokens: int | None = None
    exact: bool = False
    cut: float | None = None


@dataclass(frozen=True)
class Reply:
    """What came back; ``left`` when the client did not wait for all of it, ``error`` when it was none."""

    text: str = ""
    finish: str | None = None
    usage: dict[str, Any] | None = None
    left: bool = False
    error: str = ""


def talk(number: int, turns: int) -> list[dict[str, str]]:
    """A conversation of sums; every number begins another."""
    source = random.Random(number)
    pairs = [(source.randrange(1, 20), source.randrange(1, 20)) for _ in range(turns)]
    return [
        {"role": role, "content": text}
        for one, two in pairs
        for role, text in (("user", f"What is {one} + {two}?"), ("assistant", f"{one} + {two} = {one + two}."))
    ]


class Mixture:
    """Requests for ``model``, the same ones for the same seed; ``tokens`` are those of a text."""

    def __init__(self, model: str, tokens: Callable[[str], list[int]], seed: int) -> None:
        self._model = model
        self._tokens = tokens
        self._random = random.Random(seed)
        words = random.Random(seed + 1)
        self._ids = tokens(" ".join(words.choice(TOPICS) for _ in range(6000)))

    def fixed(self) -> list[Asked]:
        """Greedy ones of 10 to 400 tokens; every fourth as token ids."""
        greedy = {"model": self._model, "max_tokens": LONGEST_ANSWER, "temperature": 0}
        found = []
        for number, question in enumerate(QUESTIONS):
            for turns in (0, 6, 16):
                messages = [*talk(number, turns), {"role": "user", "content": question}]
                stream = bool(len(found) % 2)
                found.append(Asked("/v1/chat/completions", {**greedy, "messages": messages, "stream": stream}))
            ids = self._tokens(CHATML.format(question))
            found.append(Asked("/v1/completions", {**greedy, "prompt": ids, "stream": bool(number % 2)}, len(ids)))
        return found

    def any(self) -> Asked:
        """One of any kind."""
        pick = self._random
        length = round(math.exp(pick.uniform(math.log(SHORTEST), math.log(LONGEST))))
        answer = pick.randint(1, LONGEST_ANSWER)
        exact, stream, leaves = pick.random() < 0.7, pick.random() < 0.5, pick.random() < LEAVING
        body = {"model": self._model, "max_tokens": answer, "ignore_eos": exact, "stream": stream}
        body |= {"seed": pick.getrandbits(31), "temperature": pick.choice((0, 0.8, 1.5))}
        body |= {"drafting": "ngram"} if pick.random() < 0.25 else {}
        body |= {"cache_prompt": False} if pick.random() < 0.125 else {}
        cut = (pick.uniform(0, answer) if stream else pick.uniform(0.01, 2)) if leaves else None
        begin = pick.choice((0, 500, 1000, pick.randrange(len(self._ids) - LONGEST)))
        if pick.random() < 0.5:
            prompt = self._ids[begin : begin + length]
            return Asked("/v1/completions", {**body, "prompt": prompt}, len(prompt), exact, cut)
        words = random.Random(begin)
        text = " ".join(words.choice(TOPICS) for _ in range(max(1, length * 2 // 3 - 15)))
        turns = [{"role": "system", "content": text}, {"role": "user", "content": f"Question {pick.randrange(9)}"}]
        return Asked("/v1/chat/completions", {**body, "messages": turns}, None, exact, cut)

    def of_length(self, length: int, answer: int) -> Asked:
        """``length`` tokens that nothing else begins with, and an answer of ``answer``."""
        begin = self._random.randrange(len(self._ids) - length)
        body = {"model": self._model, "prompt": self._ids[begin : begin + length], "max_tokens": answer}
        return Asked("/v1/completions", {**body, "ignore_eos": True, "cache_prompt": False}, length, exact=True)


def exchange(url: str, asked: Asked) -> Reply:
    """Send ``asked`` and wait for its answer, or leave. One thread for each call."""
    connection = _connection(url)
    body = {**asked.body, "stream_options": {"include_usage": True}} if asked.body.get("stream") else asked.body
    try:
        connection.request("POST", asked.path, json.dumps(body), {"Content-Type": "application/json"})
        if asked.cut is not None and not asked.body.get("stream"):
            assert isinstance(connection.sock, socket.socket)
            connection.sock.settimeout(asked.cut)
        with connection.getresponse() as response:
            if response.status != 200:
                return Reply(error=f"{response.status}: {response.read().decode()}")
            if not asked.body.get("stream"):
                answer = json.loads(response.read())
                choice = answer["choices"][0]
                text = choice["message"]["content"] if "message" in choice else choice["text"]
                return Reply(text or "", choice["finish_reason"], answer["usage"])
            return _streamed(response, asked.cut)
    except TimeoutError:
        return Reply(left=True)
    except (OSError, ValueError, KeyError) as error:
        return Reply(error=f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def wrong(asked: Asked, reply: Reply) -> str:
    """What ``reply`` breaks of the promises; empty when nothing."""
    if reply.error or reply.left:
        return reply.error
    if reply.usage is None:
        return "no usage"
    prompt, written = reply.usage["prompt_tokens"], reply.usage["completion_tokens"]
    cached, most = reply.usage["prompt_tokens_details"]["cached_tokens"], asked.body["max_tokens"]
    if reply.finish != "length" and (asked.exact or reply.finish != "stop"):
        return f"finish reason {reply.finish}"
    if written != most if reply.finish == "length" else not 0 < written <= most:
        return f"{written} of {most} tokens with finish reason {reply.finish}"
    if asked.prompt_tokens not in (None, prompt) or not 0 <= cached < prompt:
        return f"{prompt} prompt tokens, {cached} cached, of {asked.prompt_tokens}"
    if cached and asked.body.get("cache_prompt") is False:
        return f"{cached} cached tokens without the cache"
    return ""


def _connection(url: str) -> HTTPConnection:
    where = urlsplit(url)
    return HTTPConnection(where.hostname or "", where.port, timeout=_SILENCE_S)


def _streamed(response: Any, cut: float | None) -> Reply:
    text, finish, usage, pieces = "", None, None, 0
    for line in response:
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        if cut is not None and pieces >= cut:
            return Reply(text, left=True)
        event = json.loads(line[6:])
        if "error" in event:
            return Reply(text, error=str(event["error"]))
        usage = event.get("usage") or usage
        for choice in event.get("choices", ()):
            piece = choice["delta"].get("content") if "delta" in choice else choice["text"]
            pieces += bool(piece)
            text += piece or ""
            finish = choice["finish_reason"] or finish
    return Reply(text, finish, usage)
