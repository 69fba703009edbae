"""JSON lines: our own, and plain OpenAI messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from paddock.sdk.compare import MOST_PANES
from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage, Pane, ToolCall
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_foreign import (
    Losses,
    Node,
    asked_about,
    grown,
    mapping,
    message,
    pictures,
    record,
    role_of,
    sequence,
    text,
    thought_apart,
)
from paddock.server.chat_lines import VERSION, record_of


def is_chat(item: dict[str, Any]) -> bool:
    return "paddock" in item or isinstance(item.get("messages"), list)


def read_item(item: dict[str, Any]) -> Iterator[ChatRecord | str]:
    """A line. Raises BadRequest."""
    if "paddock" in item:
        yield from _own(item)
    else:
        yield from _plain(item)


def _own(item: dict[str, Any]) -> Iterator[ChatRecord | str]:
    version = mapping(item["paddock"]).get("version")
    if isinstance(version, int) and version > VERSION:
        raise BadRequest("It was written by a newer Paddock.", hint="Update Paddock.")
    try:
        given = record_of(item)
    except msgspec.ValidationError as error:
        raise BadRequest(f"It is damaged: {error}.", hint="Export it again.") from None
    tree = grown((Node(one.id, one.parent, one) for one in given.messages), given.leaf)
    # their order tells which version came first
    ids = {one.id: one for one in tree.messages}
    messages = tuple(ids[id] for id in dict.fromkeys(one.id for one in given.messages))
    panes = {pane.id: pane for pane in given.panes if pane.id}
    title = given.summary.title[:80]
    if len(panes) == 1 or len(panes) > MOST_PANES:
        yield f"“{title}”: its {len(panes)} panes are left out; there are two to {MOST_PANES}."
        panes = {}
    if tree.circles:
        yield f"“{title}”: its messages went in circles; they were cut apart."
    yield msgspec.structs.replace(
        given,
        leaf=tree.leaf,
        messages=_in_panes(messages, panes),
        panes=tuple(panes.values()),
        leaves={pane: leaf for pane, leaf in given.leaves.items() if leaf in ids},
        votes=tuple({vote.turn: vote for vote in given.votes}.values()),
    )


def _in_panes(messages: Sequence[ChatMessage], panes: dict[str, Pane]) -> tuple[ChatMessage, ...]:
    """A message of a pane that has gone belongs to none."""
    return tuple(one if one.pane in panes else msgspec.structs.replace(one, pane="") for one in messages)


def _plain(item: dict[str, Any]) -> Iterator[ChatRecord | str]:
    losses = Losses()
    said = list(map(mapping, sequence(item.get("messages"))))
    system = ""
    if said and said[0].get("role") in ("system", "developer"):
        system, shown = _said(said.pop(0).get("content"), losses)
        losses.add("images", len(shown))
    nodes: list[Node] = []
    for at, one in enumerate(said):
        read = _message(str(at), one, losses)
        if read is not None:
            nodes.append(Node(read.id, nodes[-1].id if nodes else None, read))
    if not nodes:
        raise BadRequest("It holds no messages.", hint="")
    mark = hashlib.sha256(msgspec.json.encode(item["messages"], order="sorted")).hexdigest()[:32]
    yield record(
        f"jsonl:{mark}",
        text(item.get("title")),
        grown(nodes, None),
        model=text(item.get("model")),
        system=system,
        losses=losses,
    )


def _message(id: str, one: dict[str, Any], losses: Losses) -> ChatMessage | None:
    role = role_of({"developer": "system", "function": "tool"}.get(text(one.get("role")), one.get("role")))
    if role is None:
        losses.add("messages of an unknown kind")
        return None
    content, shown = _said(one.get("content"), losses)
    reasoning = text(one.get("reasoning_content")) or text(one.get("reasoning"))
    if role == "assistant" and not reasoning:
        reasoning, content = thought_apart(content)
    calls = []
    for call in map(mapping, sequence(one.get("tool_calls"))):
        asked = mapping(call.get("function"))
        calls.append(
            ToolCall(id=text(call.get("id")), name=text(asked.get("name")), arguments=text(asked.get("arguments")))
        )
    read = message(
        id, role, content, reasoning=reasoning if role == "assistant" else "", shown=asked_about(shown, role, losses)
    )
    return msgspec.structs.replace(read, tool_calls=tuple(calls))


def _said(content: object, losses: Losses) -> tuple[str, list[Picture]]:
    if isinstance(content, str):
        return text(content), []
    words: list[str] = []
    shown: list[Picture] = []
    for part in map(mapping, sequence(content)):
        match part.get("type"):
            case "text" | "input_text" | "output_text":
                words.append(text(part.get("text")))
            case "image_url" | "input_image":
                shown += pictures(part.get("image_url"), len("\n\n".join(words)), losses)
            case _:
                losses.add("attachments")
    return "\n\n".join(words), shown
