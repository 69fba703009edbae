"""What a model writes, taken apart while it streams: answer, reasoning, tool calls, and where a stop string ends it.

Both parsers take text in pieces of any size and give the same result for every way to cut it; they hold back only
what can still become a marker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

import msgspec

from paddock.sdk.types import ToolCall

THINK = "<think>"
THINK_END = "</think>"
CALL = "<tool_call>"
CALL_END = "</tool_call>"
MARKERS = (THINK, THINK_END, CALL, CALL_END)


class Text(msgspec.Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Reasoning(msgspec.Struct, frozen=True):
    """A piece of what the model thinks before it answers."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """A complete tool call; ``arguments`` is JSON text exactly as generated."""

    name: str
    arguments: str


Piece = Text | Reasoning | Call
Inside = Literal["nothing", "opened", "reasoning", "text"]
"""Where a prompt ends: before the answer's first word, right behind the marker that opens the reasoning, or in the
middle of the reasoning or of the answer's text, which then go on."""


_STATES: dict[Inside, Literal["start", "reasoning", "text"]] = {
    "nothing": "start",
    "opened": "reasoning",
    "reasoning": "reasoning",
    "text": "text",
}


class AnswerParser:
    """Splits one answer.

    A reasoning block counts only before the answer's first word (or where the prompt has opened it, which ``inside``
    says): later the words “<think>” are text. Line ends right after a marker belong to the marker. Tool calls
    are recognised only when ``tools`` were offered; one that is not valid JSON stays text.
    """

    def __init__(self, *, inside: Inside = "nothing", tools: bool = False) -> None:
        self._state: Literal["start", "reasoning", "text", "call"] = _STATES[inside]
        self._tools = tools
        self._held = ""
        self._after_marker = inside == "opened"

    @property
    def plain(self) -> bool:
        """Whether all that comes is text as it is: no marker counts any more, and nothing is held back."""
        return self._state == "text" and not (self._tools or self._after_marker)

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are certain with ``text``."""
        if self.plain:
            return [Text(text)] if text else []
        self._held += text
        return self._pieces(final=False)

    def finish(self) -> list[Piece]:
        """The rest: the answer is at its end."""
        return self._pieces(final=True)

    def _pieces(self, *, final: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._step(pieces, final):
            pass
        return pieces

    def _step(self, pieces: list[Piece], final: bool) -> bool:
        """One move through the held text; False when it needs more text."""
        if self._after_marker:
            self._held = self._held.lstrip("\r\n")
            if not self._held:
                return False
            self._after_marker = False
        match self._state:
            case "start":
                return self._start(pieces, final)
            case "reasoning":
                return self._until((THINK_END,), Reasoning, pieces, final)
            case "text":
                return self._until((CALL,) if self._tools else (), Text, pieces, final)
            case "call":
                return self._call(pieces, final)

    def _start(self, pieces: list[Piece], final: bool) -> bool:
        bare = self._held.lstrip()
        if bare.startswith(THINK):
            self._held = bare[len(THINK) :]
            self._enter("reasoning", after_marker=True)
            return True
        if not final and (not bare or THINK.startswith(bare)):
            return False
        self._enter("text")
        return True

    def _until(
        self, markers: tuple[str, ...], kind: type[Text] | type[Reasoning], pieces: list[Piece], final: bool
    ) -> bool:
        for marker in markers:
            at = self._held.find(marker)
            if at >= 0:
                _add(pieces, kind, self._held[:at])
                self._held = self._held[at + len(marker) :]
                self._enter("call" if marker == CALL else "text", after_marker=marker == THINK_END)
                return True
        keep = 0 if final else beginning_at_end(self._held, markers)
        certain = len(self._held) - keep
        _add(pieces, kind, self._held[:certain])
        self._held = self._held[certain:]
        return False

    def _call(self, pieces: list[Piece], final: bool) -> bool:
        at = self._held.find(CALL_END)
        if at < 0 and not final:
            return False
        body = self._held if at < 0 else self._held[:at]
        call = parse_call(body)
        if call is not None:
            pieces.append(call)
        elif at < 0:
            _add(pieces, Text, CALL + body)
        else:
            _add(pieces, Text, CALL + body + CALL_END)
        self._held = "" if at < 0 else self._held[at + len(CALL_END) :]
        self._enter("text", after_marker=call is not None)
        return bool(self._held)

    def _enter(self, state: Literal["reasoning", "text", "call"], *, after_marker: bool = False) -> None:
        self._state = state
        self._after_marker = after_marker


class StopMatcher:
    """Ends a text at the first of its stop strings, which may be spread over any number of pieces."""

    def __init__(self, stop: Iterable[str]) -> None:
        self._stop = tuple(text for text in stop if text)
        self.plain = not self._stop
        """Whether all text passes as it is."""
        self._held = ""
        self.matched: str | None = None
        """The stop string that ended the text; None while there was none."""

    def feed(self, text: str) -> str:
        """The text that is certain; empty after a match."""
        if self.matched is not None:
            return ""
        if self.plain:
            return text
        self._held += text
        found = [(at, stop) for stop in self._stop if (at := self._held.find(stop)) >= 0]
        # A longer stop string that began earlier may still be incomplete: it would end the text sooner.
        first = min(found, default=None)
        keep = beginning_at_end(self._held, self._stop)
        if first is not None and first[0] <= len(self._held) - keep:
            self.matched = first[1]
            certain, self._held = self._held[: first[0]], ""
            return certain
        certain = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return certain

    def finish(self) -> str:
        """What was held back, because no stop string came."""
        rest, self._held = self._held, ""
        if self.matched is not None:
            return ""
        found = [(at, stop) for stop in self._stop if (at := rest.find(stop)) >= 0]
        if found:
            at, self.matched = min(found)
            return rest[:at]
        return rest


def beginning_at_end(text: str, words: Iterable[str]) -> int:
    """Length of the longest end of ``text`` that is a beginning, but not the whole, of one of ``words``."""
    longest = 0
    for word in words:
        for length in range(min(len(word) - 1, len(text)), longest, -1):
            if text.endswith(word[:length]):
                longest = length
                break
    return longest


def parse_call(body: str) -> Call | None:
    """The call that ``body`` (a JSON object with name and arguments) asks for; None where it is not one."""
    fields = _fields(body.strip())
    if fields is None or "name" not in fields:
        return None
    name = json.loads(fields["name"])
    arguments = fields.get("arguments", fields.get("parameters", "{}"))
    value = json.loads(arguments)
    if isinstance(value, str):
        arguments = value
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(name, str) or not name or not isinstance(value, dict):
        return None
    return Call(name, arguments)


def opens_reasoning(prompt: str) -> bool:
    """Whether the template has opened the reasoning block at the end of ``prompt``."""
    return prompt.rstrip().endswith(THINK)


def call_of(call: Call, request_id: str, index: int) -> ToolCall:
    """``call`` with an id that is unique within its conversation."""
    return ToolCall(id=f"call_{request_id[-8:]}_{index}", name=call.name, arguments=call.arguments)


def _add(pieces: list[Piece], kind: type[Text] | type[Reasoning], text: str) -> None:
    if text:
        pieces.append(kind(text))


def _fields(text: str) -> dict[str, str] | None:
    """The top-level fields of the JSON object ``text`` with their values' source text; None when it is not one."""
    decoder = json.JSONDecoder()
    fields: dict[str, str] = {}
    try:
        if not isinstance(json.loads(text), dict):
            return None
        at = _skip(text, 1)
        while text[at] != "}":
            key, at = decoder.raw_decode(text, at)
            start = _skip(text, _skip(text, at) + 1)
            _, at = decoder.raw_decode(text, start)
            fields[key] = text[start:at]
            at = _skip(text, at)
            if text[at] == ",":
                at = _skip(text, at + 1)
    except (ValueError, RecursionError):
        return None
    return fields


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
