"""One question as a request, and one answer out of its events. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, assert_never

import msgspec

from paddock.sdk.errors import PaddockError
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
from paddock.sdk.pictures import LARGEST_BYTES, picture_of
from paddock.sdk.types import Completion, GenerateRequest, Message, Options, OptionValue, Tool, ToolCall

Prompt = str | Message | Sequence[Message | Mapping[str, Any]]
"""A question, or a conversation as messages (or mappings with the fields of :class:`~paddock.sdk.types.Message`)."""
Image = bytes | str | PathLike[str]
"""A picture's file: its content, or its path."""


def new_id() -> str:
    """A fresh id for a request."""
    return uuid.uuid4().hex


def conversation(prompt: Prompt, system: str = "", images: Iterable[Image] = ()) -> tuple[Message, ...]:
    """``prompt`` as messages, after ``system`` when there is one; ``images`` stand before the text of the last. Raises
    TypeError or ValueError on bad mappings, BadRequest for what is no picture, OSError for what cannot be read."""
    if isinstance(prompt, str):
        messages = [Message(role="user", content=prompt)]
    elif isinstance(prompt, Message):
        messages = [prompt]
    else:
        messages = [item if isinstance(item, Message) else msgspec.convert(dict(item), Message) for item in prompt]
    pictures = tuple(picture_of(image if isinstance(image, bytes) else _content(image)) for image in images)
    if pictures and messages:
        messages[-1] = msgspec.structs.replace(messages[-1], pictures=(*pictures, *messages[-1].pictures))
    if system:
        messages.insert(0, Message(role="system", content=system))
    return tuple(messages)


def _content(path: str | PathLike[str]) -> bytes:
    """Of a file; of one that is too large only as much as shows that it is."""
    with Path(path).open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


def question(
    prompt: Prompt,
    *,
    model: str,
    system: str = "",
    reasoning: bool | None = None,
    max_tokens: int | None = None,
    stop: Iterable[str] = (),
    tools: Iterable[Tool] = (),
    private: bool = False,
    images: Iterable[Image] = (),
    sampling: Mapping[str, OptionValue],
) -> GenerateRequest:
    """The request for one answer; sampling options that are None are left to the model."""
    chosen: Options = {name: value for name, value in sampling.items() if value is not None}
    return GenerateRequest(
        id=new_id(),
        model=model,
        messages=conversation(prompt, system, images),
        tools=tuple(tools),
        sampling=chosen,
        max_tokens=max_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        reasoning=reasoning,
        private=private,
    )


class Gathering:
    """An answer put together from its events."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, ToolCall] = {}

    @property
    def text(self) -> str:
        return "".join(self._text)

    def add(self, event: GenerationEvent) -> Completion | None:
        """Take in ``event``; the whole answer when it is the last one. Raises the PaddockError of a Failed."""
        match event:
            case TextDelta():
                self._text.append(event.text)
            case ReasoningDelta():
                self._reasoning.append(event.text)
            case ToolCallDelta():
                self._add_call(event)
            case Finished():
                return Completion(
                    model=self.model,
                    text=self.text,
                    reasoning="".join(self._reasoning),
                    tool_calls=tuple(call for _, call in sorted(self._calls.items())),
                    usage=event.usage,
                    stats=event.stats,
                    stop_reason=event.reason,
                )
            case Failed():
                raise PaddockError.from_info(event.error)
            case Cancelled():
                raise PaddockError("The answer was stopped before its end.", text=self.text)
            case Queued() | LoadProgress() | PromptProgress():
                pass  # how far it is, nothing of the answer
            case _:
                assert_never(event)
        return None

    def _add_call(self, event: ToolCallDelta) -> None:
        before = self._calls.get(event.index, ToolCall(id="", name="", arguments=""))
        self._calls[event.index] = ToolCall(
            id=before.id or event.call_id,
            name=before.name or event.name,
            arguments=before.arguments + event.arguments,
        )
