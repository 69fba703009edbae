"""What Echo will say to one request, worked out beforehand, and how far it has come."""

from __future__ import annotations

import re
import time
from typing import Literal

import msgspec

from paddock.backends.base import Emit
from paddock.backends.echo.script import Script
from paddock.sdk.errors import BadRequest, ContextOverflow, NoVision
from paddock.sdk.events import (
    Cancelled,
    Finished,
    GenerationEvent,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import GenerateRequest, Stats, StopReason, Usage

VOCABULARY = 1000
HOLD_LOOK_S = 0.02
_TOKEN = re.compile(r"\s*\S+|\s+")


class Plan(msgspec.Struct, frozen=True):
    """``deltas``: one event a token; an empty text is a token that is not shown (the rest of a stop string)."""

    prompt_tokens: int
    deltas: tuple[GenerationEvent, ...]
    reason: StopReason


def last_user_message(request: GenerateRequest) -> str:
    """Or the prompt that stands in its place; a token id is a word of its digits."""
    if isinstance(request.prompt, tuple):
        return " ".join(map(str, request.prompt))
    if request.prompt is not None:
        return request.prompt
    return next((m.content for m in reversed(request.messages) if m.role == "user"), "")


def plan(request: GenerateRequest, script: Script, context_length: int) -> Plan:
    """Raises ContextOverflow with both numbers, BadRequest for a token that there is none of, NoVision."""
    if script.blind and any(message.pictures for message in request.messages):
        raise NoVision("This model cannot see pictures.", hint="Choose one with vision.")
    prompt = _prompt_tokens(request)
    if prompt >= context_length:
        raise ContextOverflow(
            f"The prompt has {prompt:,} tokens, the context holds {context_length:,}.",
            hint="Shorten the conversation or load the model with a longer context.",
            prompt_tokens=prompt,
            context_length=context_length,
        )
    if request.prompt is not None:
        script = msgspec.structs.replace(script, reasoning="", tool_calls=())
    deltas: list[GenerationEvent] = []
    if request.reasoning is not False:
        deltas += [ReasoningDelta(id=request.id, text=token) for token in _TOKEN.findall(script.reasoning)]
    asked = last_user_message(request)
    text = next((reply for said, reply in script.replies.items() if said in asked), script.text)
    text = asked if text is None else text
    shown, stopped = _until_stop(text, request.stop)
    deltas += [TextDelta(id=request.id, text=token) for token in shown]
    if not stopped:
        deltas += _calls(request, script)
    reason: StopReason = "stop_string" if stopped else "tool_calls" if script.tool_calls else "stop"
    room = context_length - prompt
    limit = room if request.max_tokens is None else min(room, request.max_tokens)
    if len(deltas) > limit:
        reason = "context" if limit == room else "length"
    return Plan(prompt, tuple(deltas[:limit]), reason)


def _prompt_tokens(request: GenerateRequest) -> int:
    match request.prompt:
        case None:
            return sum(1 + len(words(message.content)) for message in request.messages)
        case str():
            return len(words(request.prompt))
        case ids:
            return len(known(ids))


def words(text: str) -> list[str]:
    """The tokens of ``text``."""
    return _TOKEN.findall(text)


def known(ids: tuple[int, ...]) -> tuple[int, ...]:
    """``ids``, all of them in the vocabulary. Raises BadRequest."""
    wrong = next((token for token in ids if not 0 <= token < VOCABULARY), None)
    if wrong is not None:
        raise BadRequest(f"There is no token {wrong}.", hint=f"The model's tokens go from 0 to {VOCABULARY - 1}.")
    return ids


def _until_stop(text: str, stops: tuple[str, ...]) -> tuple[list[str], bool]:
    """The tokens up to the first stop string; those that belong to it are there but empty."""
    hits = [(text.find(stop), stop) for stop in stops if stop and stop in text]
    if not hits:
        return _TOKEN.findall(text), False
    cut, stop = min(hits)
    shown: list[str] = []
    for token in _TOKEN.finditer(text):
        if token.start() >= cut + len(stop):
            break
        shown.append(text[token.start() : min(token.end(), cut)])
    return shown, True


def _calls(request: GenerateRequest, script: Script) -> list[GenerationEvent]:
    deltas: list[GenerationEvent] = []
    for index, call in enumerate(script.tool_calls):
        deltas.append(ToolCallDelta(id=request.id, index=index, call_id=call.id, name=call.name))
        pieces = _TOKEN.findall(call.arguments)
        deltas += [ToolCallDelta(id=request.id, index=index, arguments=piece) for piece in pieces]
    return deltas


class Sequence:
    """One running request. Used by the engine's thread only; ``due`` is when its next step may be taken."""

    def __init__(self, request: GenerateRequest, emit: Emit, made: Plan, script: Script, arrived: float) -> None:
        self.request = request
        self.emit = emit
        self.due = time.perf_counter()
        self.done = 0
        self._plan = made
        self._interval = 1 / script.tokens_per_second if script.tokens_per_second > 0 else 0.0
        self._prompt_seconds = script.prompt_seconds
        self._hold = script.hold
        self._arrived = arrived
        self._started = self.due
        self._first: float | None = None
        self._prompt_done = False

    def step(self) -> bool:
        """Emit the next thing, unless it is held; False when there is nothing left but the ending."""
        if not self._prompt_done:
            return self._prompt()
        if self._holds("generate"):
            self.due = time.perf_counter() + HOLD_LOOK_S
            return True
        if self.done >= len(self._plan.deltas):
            return False
        delta = self._plan.deltas[self.done]
        self.done += 1
        if self._first is None:
            self._first = time.perf_counter()
        if not (isinstance(delta, TextDelta) and not delta.text):
            self.emit(delta)
        self.due += self._interval
        return True

    def finished(self) -> Finished:
        return Finished(id=self.request.id, usage=self._usage(), stats=self._stats(), reason=self._plan.reason)

    def cancelled(self) -> Cancelled:
        return Cancelled(id=self.request.id, usage=self._usage(), stats=self._stats())

    def _prompt(self) -> bool:
        total = self._plan.prompt_tokens
        now = time.perf_counter()
        reading = now - self._started < self._prompt_seconds
        if reading or self._holds("prompt"):
            if self.due == self._started:
                self.emit(PromptProgress(id=self.request.id, done=0, total=total, cached=0))
            self.due = self._started + self._prompt_seconds if reading else now + HOLD_LOOK_S
        else:
            self.emit(PromptProgress(id=self.request.id, done=total, total=total, cached=0))
            self._prompt_done = True
            self.due = now + self._interval
        return True

    def _holds(self, during: Literal["prompt", "generate"]) -> bool:
        return self._hold is not None and self._hold.holds(during, self.done, last_user_message(self.request))

    def _usage(self) -> Usage:
        return Usage(prompt_tokens=self._plan.prompt_tokens, completion_tokens=self.done)

    def _stats(self) -> Stats:
        now = time.perf_counter()
        first = self._first if self._first is not None else now
        decoding = now - first
        return Stats(
            ttft_s=first - self._arrived,
            tokens_per_second=(self.done - 1) / decoding if self.done > 1 and decoding > 0 else 0.0,
            prompt_per_second=self._plan.prompt_tokens / (first - self._started) if first > self._started else 0.0,
            duration_s=now - self._arrived,
        )
