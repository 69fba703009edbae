"""OpenAI's legacy completions: a prompt, as text or as token ids, continued as it stands."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import post

from paddock.sdk.events import Finished, ToolCallDelta
from paddock.sdk.types import GenerateRequest
from paddock.server.api import openai_fields as fields
from paddock.server.api.bodies import read_json
from paddock.server.api.openai_answers import (
    FINISH,
    Answer,
    Asked,
    Chunks,
    Delta,
    Runs,
    choices,
    json_answer,
    measured,
)

if TYPE_CHECKING:
    from paddock.server.host import Host

MAX_TOKENS = 16
"""OpenAI's default."""
MAX_RUNS = 256


class CompletionBody(fields.Fields, frozen=True, kw_only=True):
    prompt: str | list[str | int | list[int]]
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    logprobs: int | bool | None = None


class CompletionsApi:
    """One route, on the host's loop."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[Any]:
        return [post("/v1/completions", status_code=200)(self.completions)]

    async def completions(self, request: Asked) -> Answer:
        body, rest = fields.read(read_json(await request.body()), CompletionBody)
        _refuse(body)
        model = await self._host.models.find(body.model, paths=False)
        name, n, given = (
            f"cmpl-{uuid.uuid4().hex}",
            body.n or 1,
            fields.texts_or_ids("prompt", body.prompt, MAX_RUNS // (body.n or 1)),
        )
        asked = GenerateRequest(
            id=name,
            model=body.model,
            sampling=fields.sampling(body, rest, self._host.models.descriptor(model)),
            max_tokens=fields.max_tokens(body, default=MAX_TOKENS),
            stop=fields.stops(body),
            priority="batch",
            cache_prompt=body.cache_prompt is not False,
            ttl_s=fields.ttl_s(body),
        )
        requests = [
            choice
            for number, prompt in enumerate(given)
            for choice in choices(msgspec.structs.replace(asked, id=_id(name, number), prompt=prompt), n)
        ]
        runs = Runs(self._host, model, requests, n)
        before = [str(prompt) if body.echo else "" for prompt in given for _ in range(n)]
        if body.stream:
            return await runs.stream(_TextChunks(runs, before, fields.include_usage(body)))
        finished = await runs.whole(request)
        texts = [text + run.text for text, run in zip(before, runs.runs, strict=True)]
        return json_answer(
            {
                **runs.head,
                "object": "text_completion",
                "choices": [_choice(i, text, _reason(finished[i])) for i, text in enumerate(texts)],
                "usage": runs.usage(finished),
                **measured(finished[0]),
            }
        )


class _TextChunks(Chunks):
    """``before``: what is put before each choice's text."""

    def __init__(self, runs: Runs, before: list[str], include_usage: bool) -> None:
        super().__init__(runs, "text_completion", include_usage)
        self._before = before

    def opening(self, index: int) -> list[dict[str, Any]]:
        return [_choice(index, self._before[index])] if self._before[index] else []

    def delta(self, index: int, event: Delta) -> dict[str, Any] | None:
        return None if isinstance(event, ToolCallDelta) else _choice(index, event.text)

    def last(self, index: int, finish: str) -> dict[str, Any]:
        return _choice(index, "", finish)


def _choice(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _reason(ending: Finished) -> str:
    return FINISH[ending.reason]


def _id(name: str, number: int) -> str:
    return f"{name}-p{number}" if number else name


def _refuse(body: CompletionBody) -> None:
    if body.suffix:
        fields.later("suffix", "Filling in between two texts")
    if body.logprobs is not None and body.logprobs is not False:
        fields.later("logprobs", "Giving out log probabilities")
    if body.best_of not in (None, 1, body.n):
        fields.later("best_of", "Choosing the best of several answers")
    if body.echo and not all(isinstance(item, str) for item in body.prompt):
        raise fields.wrong("echo", "“echo” needs the prompt as text.", "Send text, or leave “echo” out.")
