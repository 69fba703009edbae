"""ChatGPT's export: ``conversations.json``, a list of trees, by itself or in the archive that is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from paddock.sdk.types import ChatMessage
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_foreign import (
    Losses,
    Node,
    grown,
    mapping,
    message,
    moment,
    record,
    role_of,
    sequence,
    text,
)

FILES = r"(^|/)conversations([-_]\d+)?\.json$"
"""Names of the files in the archive; large exports come in several."""
_REFERENCE = re.compile("\ue200[^\ue200\ue201]*\ue201")
"""Where a source or the like is shown: a name that means nothing outside of ChatGPT, between signs for private use."""


def is_chat(item: dict[str, Any]) -> bool:
    return isinstance(item.get("mapping"), dict)


def read_item(item: dict[str, Any]) -> Iterator[ChatRecord | str]:
    """An element of the list."""
    losses = Losses()
    given = mapping(item.get("mapping"))
    nodes = [_node(id, mapping(one), losses) for id, one in _ordered(given)]
    tree = grown(nodes, text(item.get("current_node")) or None)
    yield record(
        f"chatgpt:{text(item.get('conversation_id')) or text(item.get('id'))}",
        text(item.get("title")),
        tree,
        created=moment(item.get("create_time")),
        updated=moment(item.get("update_time")),
        pinned=item.get("is_starred") is True,
        tags=["archived"] if item.get("is_archived") is True else [],
        losses=losses,
    )


def _ordered(given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Siblings in the order in which their parent lists them."""
    listed = [child for one in given.values() for child in sequence(mapping(one).get("children"))]
    for id in dict.fromkeys([*(text(child) for child in listed), *given]):
        if id in given:
            yield id, given[id]


def _node(id: str, one: dict[str, Any], losses: Losses) -> Node:
    parent = text(one.get("parent")) or None
    said = mapping(one.get("message"))
    content, details = mapping(said.get("content")), mapping(said.get("metadata"))
    kind = content.get("content_type")
    if kind == "thoughts":
        thoughts = [mapping(thought) for thought in sequence(content.get("thoughts"))]
        words = ["\n\n".join(filter(None, (text(t.get("summary")), text(t.get("content"))))) for t in thoughts]
        return Node(id, parent, reasoning="\n\n".join(words))
    if not said or kind == "reasoning_recap":
        return Node(id, parent)
    role = role_of(mapping(said.get("author")).get("role"))
    if kind in ("user_editable_context", "model_editable_context"):
        losses.add("custom instructions")
    elif role == "tool" or said.get("recipient") not in (None, "", "all"):
        losses.add("messages to and from tools")
    elif role is None:
        losses.add("messages of an unknown kind")
    elif details.get("is_visually_hidden_from_conversation") is not True:
        return Node(id, parent, _message(id, role, said, content, losses))
    return Node(id, parent)


def _message(id: str, role: Any, said: dict[str, Any], content: dict[str, Any], losses: Losses) -> ChatMessage | None:
    words = [text(content.get("text"))]
    for part in sequence(content.get("parts")):
        if isinstance(part, str):
            words.append(text(part))
        elif mapping(part).get("content_type") == "audio_transcription":
            words.append(text(mapping(part).get("text")))
        else:
            pictured = "image" in text(mapping(part).get("content_type"))
            losses.add("images" if pictured else "attachments")
    details = mapping(said.get("metadata"))
    whole = _written_out("\n\n".join(filter(None, words)), sequence(details.get("content_references")))
    losses.add("attachments", len([a for a in map(mapping, sequence(details.get("attachments"))) if not _picture(a)]))
    if not whole.strip() and role == "system":
        return None
    return message(
        id,
        role,
        whole,
        model=text(details.get("model_slug")) if role == "assistant" else "",
        created=moment(said.get("create_time")),
    )


def _written_out(words: str, references: list[Any]) -> str:
    """With what ChatGPT shows in the place of references: most often a link."""
    shown = {text(one.get("matched_text")): text(one.get("alt")) for one in map(mapping, references)}
    return _REFERENCE.sub(lambda found: shown.get(found[0], ""), words)


def _picture(attachment: dict[str, Any]) -> bool:
    """Told already, as a part of the message."""
    return text(attachment.get("mime_type")).startswith("image/")
