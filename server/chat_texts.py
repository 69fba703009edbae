"""What becomes of an answer, of a path as a prompt, and of a question as a title. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from paddock.sdk.events import Cancelled, Ending, Failed, Finished
from paddock.sdk.types import ChatMessage, Message

if TYPE_CHECKING:
    from paddock.server.generations import Run

TITLE_LENGTH = 60


def completed(answer: ChatMessage, run: Run, ending: Ending, *, leaving: bool) -> ChatMessage:
    """``answer`` as it is kept after ``ending``."""
    message = written(answer, run)
    match ending:
        case Finished():
            return msgspec.structs.replace(
                message, state="done", usage=ending.usage, stats=ending.stats, stop_reason=ending.reason
            )
        case Cancelled():
            state = "interrupted" if leaving else "cancelled"
            return msgspec.structs.replace(message, state=state, usage=ending.usage, stats=ending.stats)
        case Failed():
            return msgspec.structs.replace(message, state="failed", error=msgspec.to_builtins(ending.error))
        case _:
            assert_never(ending)


def written(answer: ChatMessage, run: Run) -> ChatMessage:
    """``answer`` with what ``run`` has written behind what it held."""
    return msgspec.structs.replace(
        answer,
        content=answer.content + run.text,
        reasoning=answer.reasoning + run.reasoning,
        tool_calls=run.tool_calls,
    )


def prompt(path: list[ChatMessage], system: str) -> tuple[Message, ...]:
    """The conversation as the model sees it; answers that failed before their first word are left out."""
    messages = [Message(role="system", content=system)] if system else []
    for message in path:
        if message.role == "assistant" and not message.content and not message.tool_calls:
            continue
        messages.append(
            Message(
                role=message.role,
                content=message.content,
                reasoning=message.reasoning,
                tool_calls=message.tool_calls,
                pictures=message.pictures,
            )
        )
    return tuple(messages)


def question_title(question: ChatMessage) -> str:
    """A chat's name from its first question."""
    return title_of(question.content) or ("Picture" if question.pictures else "")


def title_of(text: str) -> str:
    """A chat's name from its first question: its first line, cut at a word."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = " ".join(line.split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH].rsplit(" ", 1)[0] if " " in line[:TITLE_LENGTH] else line[:TITLE_LENGTH]
    return cut.rstrip(" ,.;:–-") + "…"
