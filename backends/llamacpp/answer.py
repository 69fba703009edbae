"""One answer while it is written: from token bytes to events, with its numbers."""

from __future__ import annotations

import time
from collections.abc import Iterable

from paddock.backends.chat.parse import AnswerParser, Call, Inside, Piece, Reasoning, StopMatcher, Text, call_of
from paddock.backends.chat.utf8 import Utf8Stream
from paddock.sdk.events import GenerationEvent, ReasoningDelta, TextDelta, ToolCallDelta
from paddock.sdk.types import GenerateRequest, Stats, StopReason, Usage


class Answer:
    """Turns the bytes of tokens into deltas; text that may still become a marker or a stop string is held back. What
    continues a raw prompt has no markers.

    ``end_of_turn`` is text that ends the answer for models whose vocabulary lacks their template's token for it.
    """

    def __init__(self, request: GenerateRequest, *, inside: Inside = "nothing", end_of_turn: str = "") -> None:
        self._id = request.id
        self._end_of_turn = end_of_turn
        self._utf8 = Utf8Stream()
        raw = request.prompt is not None
        self._parser = None if raw else AnswerParser(inside=inside, tools=bool(request.tools))
        self._stop = StopMatcher((*request.stop, end_of_turn))
        self._plain = False
        self._texts: list[str] = []
        self.calls = 0

    @property
    def text(self) -> str:
        """The answer so far, without its reasoning."""
        return "".join(self._texts)

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self._stop.matched is not None

    @property
    def stop_reason(self) -> StopReason:
        """Why the answer ended by itself."""
        if self.stopped and self._stop.matched != self._end_of_turn:
            return "stop_string"
        return "tool_calls" if self.calls else "stop"

    def feed(self, piece: bytes) -> list[GenerationEvent]:
        text = self._utf8.feed(piece)
        if self._plain:
            return [self._delta(text)] if text else []
        events = self._events(self._parse(text))
        self._plain = self._stop.plain and (self._parser is None or self._parser.plain)
        return events

    def finish(self) -> list[GenerationEvent]:
        """The deltas that were held back: the answer is at its end."""
        left = self._parser.finish() if self._parser is not None else []
        events = self._events([*self._parse(self._utf8.finish()), *left])
        rest = self._stop.finish()
        return [*events, self._delta(rest)] if rest else events

    def _parse(self, text: str) -> list[Piece]:
        if self._parser is not None:
            return self._parser.feed(text)
        return [Text(text)] if text else []

    def _delta(self, text: str) -> TextDelta:
        self._texts.append(text)
        return TextDelta(id=self._id, text=text)

    def _events(self, pieces: Iterable[Piece]) -> list[GenerationEvent]:
        events: list[GenerationEvent] = []
        for piece in pieces:
            if self._stop.matched is not None:
                break
            match piece:
                case Text(text):
                    certain = self._stop.feed(text)
                    if certain:
                        events.append(self._delta(certain))
                case Reasoning(text):
                    events.append(ReasoningDelta(id=self._id, text=text))
                case Call():
                    events.extend(self._call(piece))
        return events

    def _call(self, piece: Call) -> list[GenerationEvent]:
        held = self._stop.finish()
        call = call_of(piece, self._id, self.calls)
        delta = ToolCallDelta(id=self._id, index=self.calls, call_id=call.id, name=call.name, arguments=call.arguments)
        self.calls += 1
        return [self._delta(held), delta] if held else [delta]


class Timing:
    """Moments of one request, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.arrived = time.monotonic()
        self.started: float | None = None
        self.first: float | None = None
        self.last = self.arrived
        self.generated = 0

    def start(self) -> None:
        """Its prompt is being read."""
        self.started = self.started or time.monotonic()

    def token(self, at: float) -> None:
        """A token came, ``at`` that moment."""
        self.last = at
        self.first = self.first or self.last
        self.generated += 1

    def usage(self, prompt: int, cached: int) -> Usage:
        return Usage(prompt_tokens=prompt, completion_tokens=self.generated, cached_tokens=cached)

    def stats(self, evaluated: int, *, drafted: int = 0, accepted: int = 0) -> Stats:
        """The numbers so far; ``evaluated`` prompt tokens were computed, ``drafted`` tokens guessed."""
        decoding = self.last - self.first if self.first else 0.0
        reading = self.first - self.started if self.first and self.started else 0.0
        return Stats(
            ttft_s=self.first - self.arrived if self.first else 0.0,
            tokens_per_second=(self.generated - 1) / decoding if decoding > 0 else 0.0,
            prompt_per_second=evaluated / reading if reading > 0 else 0.0,
            duration_s=time.monotonic() - self.arrived,
            drafted_tokens=drafted,
            accepted_tokens=accepted,
        )
