"""Open WebUI's export: a JSON list of chats, each with the tree of its messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_foreign import (
    Losses,
    Node,
    asked_about,
    grown,
    mapping,
    message,
    moment,
    pictures,
    record,
    role_of,
    sequence,
    text,
    thought_apart,
    usage,
)

_DETAILS = re.compile(
    r'<details\b[^>]*\btype="(?P<kind>[a-z_]+)"[^>]*>\s*(?:<summary>.*?</summary>)?(?P<inside>.*?)</details>\s*',
    re.DOTALL,
)


def is_chat(item: dict[str, Any]) -> bool:
    return "history" in mapping(item.get("chat")) or isinstance(mapping(item.get("chat")).get("messages"), list)


def read_item(item: dict[str, Any]) -> Iterator[ChatRecord | str]:
    """An element of the list."""
    chat, losses = mapping(item.get("chat")), Losses()
    history = mapping(chat.get("history"))
    nodes = []
    for id, one in mapping(history.get("messages")).items():
        given = mapping(one)
        nodes.append(Node(id, text(given.get("parentId")) or None, _message(id, given, losses)))
    if not nodes:  # exports of its first versions have a list alone
        for at, one in enumerate(map(mapping, sequence(chat.get("messages")))):
            nodes.append(Node(str(at), str(at - 1) if at else None, _message(str(at), one, losses)))
    tree = grown(nodes, text(history.get("currentId")) or None)
    tags = [text(tag) or text(mapping(tag).get("name")) for tag in sequence(mapping(item.get("meta")).get("tags"))]
    losses.add("attachments", len(sequence(chat.get("files"))))
    models = [text(model) for model in sequence(chat.get("models")) if text(model)]
    yield record(
        f"openwebui:{text(item.get('id')) or text(chat.get('id'))}",
        text(item.get("title")) or text(chat.get("title")),
        tree,
        created=moment(item.get("created_at")) or moment(chat.get("timestamp")),
        updated=moment(item.get("updated_at")),
        model=models[0] if models else "",
        system=text(mapping(chat.get("params")).get("system")) or text(chat.get("system")),
        pinned=item.get("pinned") is True,
        tags=[*tags, "archived" if item.get("archived") is True else ""],
        losses=losses,
    )


def _message(id: str, one: dict[str, Any], losses: Losses) -> ChatMessage | None:
    role = role_of(one.get("role"))
    if role is None:
        losses.add("messages of an unknown kind")
        return None
    shown: list[Picture] = []
    for file in map(mapping, sequence(one.get("files"))):
        if file.get("type") == "image":
            shown += pictures(file.get("url"), 0, losses)
        else:
            losses.add("attachments")
    content, thought = _words(one.get("content"), shown, losses), []

    def apart(found: re.Match[str]) -> str:
        if found["kind"] == "reasoning":
            lines = unescape(found["inside"]).strip().splitlines()
            thought.append("\n".join(re.sub(r"^> ?", "", line) for line in lines))
            return ""
        if found["kind"] == "tool_calls":
            losses.add("tool calls")
            return ""
        return found[0]

    if role == "assistant":
        if content.strip():
            content = _DETAILS.sub(apart, content)
        else:
            content = _put_out(sequence(one.get("output")), thought, losses)
        if not thought:
            early, content = thought_apart(content)
            thought = [early] if early else []
    counted = mapping(one.get("usage"))
    return message(
        id,
        role,
        content,
        reasoning="\n\n".join(thought),
        model=text(one.get("model")) if role == "assistant" else "",
        created=moment(one.get("timestamp")),
        used=usage(counted, "prompt_tokens", "completion_tokens") or usage(counted, "input_tokens", "output_tokens"),
        shown=asked_about(shown, role, losses),
    )


def _put_out(items: list[Any], thought: list[str], losses: Losses) -> str:
    """The answer in the items of OpenAI's responses, where versions since 0.10 have left ``content`` empty."""
    said: list[str] = []
    for item in map(mapping, items):
        parts = [*sequence(item.get("content")), *sequence(item.get("summary"))]
        words = "\n\n".join(filter(None, (text(mapping(part).get("text")) for part in parts)))
        match item.get("type"):
            case "message":
                said.append(words)
            case "reasoning" if words:
                thought.append(words)
            case "function_call" | "open_webui:code_interpreter":
                losses.add("tool calls")
            case _:
                pass  # results of tools are told with their calls
    return "\n\n".join(filter(None, said))


def _words(content: object, shown: list[Picture], losses: Losses) -> str:
    """Its text; its pictures are added to those ``shown``."""
    if isinstance(content, list):
        parts = [mapping(part) for part in content]
        for part in parts:
            if part.get("type") != "text":
                shown += pictures(part.get("image_url"), 0, losses)
        return "\n\n".join(text(part.get("text")) for part in parts if part.get("type") == "text")
    return text(content)
