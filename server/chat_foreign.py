"""What other programs wrote, read with care: nothing about its shape is taken for granted. No I/O."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import Picture, picture_of_url
from paddock.sdk.types import ChatMessage, ChatSummary, MessageState, Role, Stats, Usage
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_texts import title_of

_MILLISECONDS = 1e11
"""Unix times above are in milliseconds: in seconds it would be the year 5138."""
_LARGEST = 2**63
_THINKING = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*", re.DOTALL)
_ONE = {
    "1 images": "1 image",
    "1 attachments": "1 attachment",
    "1 tool calls": "1 tool call",
    "1 messages to and from tools": "1 message to or from a tool",
    "1 messages of an unknown kind": "1 message of an unknown kind",
    "1 parts of an unknown kind": "1 part of an unknown kind",
    "1 custom instructions": "custom instructions",
}


def text(value: object) -> str:
    """``value`` where it is text; characters that no text can hold become “?”."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return 0.0
    return float(value) if abs(value) < _LARGEST else 0.0


def moment(value: object) -> float:
    """Unix seconds, from seconds or milliseconds; 0 where there is no time."""
    found = number(value)
    return found / 1000 if found > _MILLISECONDS else max(found, 0.0)


def usage(given: Mapping[str, Any], prompt: str, completion: str) -> Usage | None:
    read, written = int(number(given.get(prompt))), int(number(given.get(completion)))
    return Usage(prompt_tokens=read, completion_tokens=written) if read or written else None


def thought_apart(said: str) -> tuple[str, str]:
    """The thinking that an answer begins with, and the answer."""
    found = _THINKING.match(said)
    return (found[1].strip(), said[found.end() :]) if found else ("", said)


def pictures(image: object, at: int, losses: Losses) -> list[Picture]:
    """The picture of a part in OpenAI's form, to stand before character ``at``. One that lies elsewhere, or that cannot
    be read, is a loss."""
    url = image.get("url") if isinstance(image, dict) else image
    try:
        return [picture_of_url(text(url), at=at)]
    except BadRequest:
        losses.add("images")
        return []


def asked_about(shown: Sequence[Picture], role: Role, losses: Losses) -> tuple[Picture, ...]:
    """``shown``, in a question. What an answer shows is a loss: a model without vision could not go on from it."""
    if role == "user":
        return tuple(shown)
    losses.add("images", len(shown))
    return ()


class Losses:
    """Counts what cannot be held."""

    def __init__(self) -> None:
        self._lost: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """``what`` in the plural."""
        if count:
            self._lost[what] += count

    def sentence(self, title: str, *, circles: bool = False) -> str:
        """Empty where nothing was lost. ``circles``: messages followed each other in a circle."""
        cut = "its messages went in circles; they were cut apart."
        if not self._lost:
            return f"“{title[:80]}”: {cut}" if circles else ""
        parts = [_ONE.get(words, words) for words in (f"{count} {what}" for what, count in self._lost.items())]
        listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
        verb = "was" if sum(self._lost.values()) == 1 else "were"
        return f"“{title[:80]}”: {listed} {verb} left out{f'; {cut}' if circles else '.'}"


@dataclass(frozen=True)
class Node:
    """A message in another program's tree; None for a node that is no message, or none that can be held. What follows
    such a node follows what is before it, and gets its ``reasoning``."""

    id: str
    parent: str | None
    message: ChatMessage | None = None
    reasoning: str = ""


@dataclass(frozen=True)
class Grown:
    """``messages`` come after the messages that they follow."""

    messages: tuple[ChatMessage, ...]
    leaf: str | None
    circles: bool = False


def message(
    id: str,
    role: Role,
    content: str,
    *,
    reasoning: str = "",
    model: str = "",
    created: float = 0.0,
    state: MessageState = "done",
    used: Usage | None = None,
    stats: Stats | None = None,
    shown: Sequence[Picture] = (),
) -> ChatMessage:
    return ChatMessage(
        id=id,
        chat_id="",
        parent=None,
        role=role,
        content=content,
        reasoning=reasoning,
        model=model,
        created=created,
        state=state,
        usage=used,
        stats=stats,
        pictures=tuple(shown),
    )


def role_of(value: object) -> Role | None:
    return next((role for role in get_args(Role) if role == value), None)


def grown(nodes: Iterable[Node], chosen: str | None) -> Grown:
    """A tree of messages from nodes in any order. Children keep the order of ``nodes``; a parent that there is not
    makes a root, a circle is cut at its first node. ``chosen`` is the last node of the path to show."""
    found: dict[str, Node] = {}
    for node in nodes:
        found.setdefault(node.id, node)
    below: dict[str | None, list[str]] = {}
    for node in found.values():
        below.setdefault(node.parent if node.parent in found else None, []).append(node.id)
    messages: list[ChatMessage] = []
    kept: dict[str, str | None] = {}  # the nearest message at or above a node
    for start in below.get(None, ()):
        _grow(start, found, below, messages, kept)
    circles = len(kept) < len(found)
    for start in found:
        _grow(start, found, below, messages, kept)
    last = messages[-1].id if messages else None
    leaf = kept.get(chosen) if chosen is not None and kept.get(chosen) is not None else last
    return Grown(tuple(messages), leaf, circles)


def _grow(
    start: str,
    found: Mapping[str, Node],
    below: Mapping[str | None, Sequence[str]],
    messages: list[ChatMessage],
    kept: dict[str, str | None],
) -> None:
    waiting: list[tuple[str, str | None, str]] = [(start, None, "")]
    while waiting:
        id, parent, reasoning = waiting.pop()
        if id in kept:
            continue
        node = found[id]
        if node.message is None:
            reasoning = "\n\n".join(filter(None, (reasoning, node.reasoning)))
        else:
            whole = "\n\n".join(filter(None, (reasoning, node.message.reasoning)))
            messages.append(_replaced(node.message, parent, whole if node.message.role == "assistant" else ""))
            parent, reasoning = node.message.id, ""
        kept[id] = parent
        waiting.extend((child, parent, reasoning) for child in reversed(below.get(id, ())))


def _replaced(message: ChatMessage, parent: str | None, reasoning: str) -> ChatMessage:
    return msgspec.structs.replace(message, parent=parent, reasoning=reasoning)


def record(
    origin: str,
    title: str,
    tree: Grown,
    *,
    created: float = 0.0,
    updated: float = 0.0,
    model: str = "",
    system: str = "",
    pinned: bool = False,
    tags: Iterable[str] = (),
    folder: tuple[str, ...] = (),
    losses: Losses,
) -> ChatRecord:
    """A conversation of another program. Without a title it is called after its first question, without times it is
    as old as its messages. An ``origin`` that ends with a colon lacks the name; what was said stands in for it."""
    if origin.endswith(":"):
        said = msgspec.json.encode([title, *(one.content for one in tree.messages)])
        origin += hashlib.sha256(said).hexdigest()[:32]
    asked = next((one.content for one in tree.messages if one.role == "user"), "")
    times = [one.created for one in tree.messages if one.created]
    model = model or next((one.model for one in reversed(tree.messages) if one.model), "")
    summary = ChatSummary(
        id="",
        title=" ".join(title.split())[:500] or title_of(asked),
        created=created or min(times, default=0.0),
        updated=updated or max(times, default=created),
        model=model,
        system=system,
        pinned=pinned,
        tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
    )
    return ChatRecord(
        summary=summary,
        origin=origin,
        folder=folder,
        leaf=tree.leaf,
        messages=tree.messages,
        lost=losses.sentence(summary.title, circles=tree.circles),
    )
