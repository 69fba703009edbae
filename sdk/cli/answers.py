"""One answer on the terminal, while it is being written."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, assert_never

from rich.status import Status

from paddock.sdk.asking import Gathering
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.events import (
    Cancelled,
    Failed,
    Finished,
    GenerationEvent,
    LoadProgress,
    PromptProgress,
    Queued,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from paddock.sdk.types import Completion
from paddock.sdk.units import counted

_CUT = {"length": "cut off at --max-tokens", "context": "cut off: the context is full"}


class AnswerView:
    """Shows the events of one answer: text on standard output, reasoning and progress on standard error."""

    def __init__(self, terminal: Terminal, model: str, *, streaming: bool = True, quiet: bool = False) -> None:
        self._terminal = terminal
        self._streaming = streaming and not quiet
        self._quiet = quiet
        self._gathering = Gathering(model)
        self._status: Status | None = None
        self._part = ""
        self._ended_line = True

    @property
    def text(self) -> str:
        """What has been written so far."""
        return self._gathering.text

    def show(self, events: Generator[GenerationEvent, None, None]) -> Completion:
        """Show the answer to its end. Raises the PaddockError that ended it; leaving early (KeyboardInterrupt) closes
        ``events``, which stops the answer."""
        try:
            with closing(events):
                for event in events:
                    self._show(event)
                    completion = self._gathering.add(event)
                    if completion is not None:
                        self._whole(completion)
                        return completion
        finally:
            self._progress("")
            self._end_line()
        raise AssertionError("a stream of events without an ending")  # the client lets none pass

    def _show(self, event: GenerationEvent) -> None:
        match event:
            case Queued():
                before = f", {event.position} before it" if event.position else ""
                self._progress(f"waiting{before}")
            case LoadProgress():
                self._progress(f"loading {event.model} {event.fraction:.0%}")
            case PromptProgress():
                self._progress(f"reading the prompt, {event.done} of {event.total} tokens")
            case ReasoningDelta():
                self._progress("")
                if self._streaming:
                    self._reasoning(event.text)
            case TextDelta():
                self._progress("")
                if self._streaming:
                    self._text(event.text)
            case ToolCallDelta() | Finished() | Failed() | Cancelled():
                self._progress("")
            case _:
                assert_never(event)

    def _reasoning(self, text: str) -> None:
        if self._part != "reasoning":
            text = text.lstrip("\n")
        if text:
            self._part, self._ended_line = "reasoning", text.endswith("\n")
            self._terminal.aside(text, end="")

    def _text(self, text: str) -> None:
        if self._part != "text":
            text = text.lstrip("\n")
            if text and self._part == "reasoning":
                self._terminal.aside("\n" if self._ended_line else "\n\n", end="")
        if text:
            # before it is written: Ctrl+C may come at any point of the writing
            self._part, self._ended_line = "text", text.endswith("\n")
            self._terminal.text(text)

    def _whole(self, completion: Completion) -> None:
        if not self._streaming and not self._quiet:
            if completion.reasoning:
                self._reasoning(completion.reasoning)
            self._text(completion.text)

    def _end_line(self) -> None:
        if not self._ended_line:
            self._ended_line = True
            if self._part == "text":
                self._terminal.text("\n")
            else:
                self._terminal.aside("")

    def _progress(self, text: str) -> None:
        """The moving line; ``text`` empty takes it away."""
        if not text:
            if self._status is not None:
                self._status.stop()
                self._status = None
        elif self._terminal.watched and self._part == "":
            if self._status is None:
                self._status = self._terminal.status(text)
                self._status.start()
            self._status.update(text)


def stats_line(completion: Completion) -> str:
    """The numbers of an answer, in words."""
    usage, stats = completion.usage, completion.stats
    prompt = f"prompt {counted(usage.prompt_tokens, 'token')}"
    if usage.cached_tokens:
        prompt += f", {usage.cached_tokens} cached"
    parts = [
        counted(usage.completion_tokens, "token"),
        f"{stats.tokens_per_second:.1f} tokens/s",
        f"first after {stats.ttft_s:.2f} s",
        prompt,
    ]
    if stats.drafted_tokens:
        parts.append(f"{stats.accepted_tokens} of {stats.drafted_tokens} guesses right")
    if completion.stop_reason in _CUT:
        parts.append(_CUT[completion.stop_reason])
    return " · ".join(parts)


def answer_json(completion: Completion) -> dict[str, Any]:
    """What ``chat --json`` prints; scripts rely on these names."""
    answer: dict[str, Any] = {
        "model": completion.model,
        "text": completion.text,
        "reasoning": completion.reasoning,
        "usage": completion.usage,
        "stats": {
            "ttft_s": completion.stats.ttft_s,
            "tokens_per_second": completion.stats.tokens_per_second,
        },
        "stop_reason": completion.stop_reason,
    }
    if completion.tool_calls:
        answer["tool_calls"] = completion.tool_calls
    return answer
