"""Whom ``paddock bench`` asks: a model of this host, or any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from paddock.sdk.asking import Gathering, question
from paddock.sdk.bench import Timing
from paddock.sdk.errors import PaddockError, UnknownOption
from paddock.sdk.events import ReasoningDelta, TextDelta, ToolCallDelta
from paddock.sdk.protocol import SseParser
from paddock.sdk.types import EngineInfo, LoadedModel, Options

if TYPE_CHECKING:
    import httpx2

    from paddock.sdk.aclient import AsyncClient

CONNECT_S = 10.0
SILENCE_S = 600.0
"""A long prompt on a slow machine: so long a server may say nothing."""


class HostTarget:
    """A loaded model, through the control API."""

    def __init__(self, client: AsyncClient, loaded: LoadedModel, engine: EngineInfo | None) -> None:
        self.model = loaded.model
        self.engine = loaded.engine
        devices = (
            [device.description or device.name for device in engine.devices if device.kind != "cpu"] if engine else []
        )
        self.machine = ", ".join([this_machine(), *devices])
        self._client = client
        self._sampling: Options = {"ignore_eos": True}

    async def ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
        try:
            return await self._ask(text, max_tokens, on_piece)
        except UnknownOption:
            if not self._sampling:
                raise
            self._sampling = {}  # the model ends the answers, their real length is reported
            return await self._ask(text, max_tokens, on_piece)

    async def _ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
        request = question(text, model=self.model, max_tokens=max_tokens, sampling=self._sampling)
        gathering = Gathering(self.model)
        first: float | None = None
        asked = time.perf_counter()
        async with aclosing(self._client.generate(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta):
                    first = first or time.perf_counter()
                    on_piece()
                completion = gathering.add(event)
                if completion is not None:
                    ended = time.perf_counter()
                    return Timing(
                        prompt_tokens=completion.usage.prompt_tokens,
                        cached_tokens=completion.usage.cached_tokens,
                        generated_tokens=completion.usage.completion_tokens,
                        asked=asked,
                        first=first or ended,
                        ended=ended,
                    )
        raise AssertionError("a stream of events without an ending")  # the client lets none pass


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class _Refused(PaddockError):
    """The server does not take the request as it is."""


class UrlTarget:
    """A model behind ``url``, the base address of an OpenAI-compatible API (``/v1`` is added where it has no path)."""

    def __init__(self, http: httpx2.AsyncClient, url: str, model: str) -> None:
        self.model = model
        self.engine = url
        self.machine = this_machine() if _is_here(url) else urlsplit(url).hostname or url
        self._http = http
        self._address = (url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/v1").rstrip(
            "/"
        ) + "/chat/completions"
        self._extra: dict[str, Any] = {"ignore_eos": True}

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, model: str) -> AsyncIterator[UrlTarget]:
        """The target with an HTTP client of its own. The environment's ``PADDOCK_API_KEY`` is sent as the key."""
        import httpx2

        key = os.environ.get("PADDOCK_API_KEY", "")
        client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=None),
            trust_env=not _is_here(url),
        )
        async with client as http:
            yield cls(http, url, model)

    async def ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
        try:
            return await self._ask(text, max_tokens, on_piece)
        except _Refused:
            if not self._extra:
                raise
            self._extra = {}  # a strict server: the model ends the answers, their real length is reported
            return await self._ask(text, max_tokens, on_piece)

    async def _ask(self, text: str, max_tokens: int, on_piece: Callable[[], None]) -> Timing:
        import httpx2

        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._extra,
        }
        first, usage = None, None
        asked = time.perf_counter()
        try:
            async with aclosing(self._chunks(body)) as chunks:
                async for chunk in chunks:
                    usage = chunk.usage or usage
                    if any(c.delta.content or c.delta.reasoning_content or c.delta.reasoning for c in chunk.choices):
                        first = first or time.perf_counter()
                        on_piece()
        except httpx2.HTTPError as error:
            raise PaddockError(
                f"{self._address} cannot be asked ({str(error) or type(error).__name__}).",
                hint="Check the address, and whether the server runs.",
            ) from error
        ended = time.perf_counter()
        if usage is None:
            raise PaddockError(
                f"{self.engine} does not report how many tokens it read and wrote.",
                hint="The benchmark needs a server that takes “stream_options”: {“include_usage”: true}.",
            )
        details = usage.prompt_tokens_details
        return Timing(
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=details.cached_tokens or 0 if details else 0,
            generated_tokens=usage.completion_tokens,
            asked=asked,
            first=first or ended,
            ended=ended,
        )

    async def _chunks(self, body: dict[str, Any]) -> AsyncGenerator[_Chunk, None]:
        parser = SseParser()
        async with self._http.stream("POST", self._address, json=body) as answer:
            if not answer.is_success:
                kind = _Refused if answer.status_code in (400, 422) else PaddockError
                raise kind(f"{self._address} answered {answer.status_code}: {_sentence(await answer.aread())}")
            async for piece in answer.aiter_bytes():
                for data in parser.feed(piece):
                    if data == b"[DONE]":
                        return
                    try:
                        chunk = msgspec.json.decode(data, type=_Chunk)
                    except msgspec.DecodeError as error:
                        raise PaddockError(f"{self._address} sent what is no chat completion ({error}).") from error
                    if chunk.error:
                        raise PaddockError(f"{self._address} failed: {_sentence(data)}")
                    yield chunk


def _sentence(body: bytes) -> str:
    """What an error's body says, or its beginning as it is."""
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:300].decode(errors="replace").strip() or "no explanation."


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def this_machine() -> str:
    """This computer's processor and system in words."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} processors, {platform.system()}"
