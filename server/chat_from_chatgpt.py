"""ChatGPT's export: ``conversations.json``, a list of trees, by itself or in the archive that is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import Picture, picture_of
from paddock.sdk.types import ChatMessage, Role
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_foreign import (
    Losses,
    Node,
    asked_about,
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
_FILE = re.compile(r"file[-_][0-9A-Za-z]+")
"""The name that a file has in messages, “sediment://file_00ab”, and which names in the export begin with."""

Files = Callable[[str], bytes | None]
"""The content of the export's file that has this name in messages; None where there is none."""


def known_as(name: str) -> str:
    """What the export's file ``name``, with its folders, is called where a message points to it, and the same of such a
    pointer; empty where it is none of theirs."""
    found = _FILE.match(name.rpartition("/")[2])
    return found[0] if found is not None else ""


def is_chat(item: dict[str, Any]) -> bool:
    return isinstance(item.get("mapping"), dict)


def read_item(item: dict[str, Any], files: Files = lambda name: None) -> Iterator[ChatRecord | str]:
    """An element of the list; ``files`` has the pictures of its messages."""
    losses = Losses()
    given = mapping(item.get("mapping"))
    nodes = [_node(id, mapping(one), files, losses) for id, one in _ordered(given)]
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


def _node(id: str, one: dict[str, Any], files: Files, losses: Losses) -> Node:
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
        return Node(id, parent, _message(id, role, said, content, files, losses))
    return Node(id, parent)


def _message(
    id: str, role: Role, said: dict[str, Any], content: dict[str, Any], files: Files, losses: Losses
) -> ChatMessage | None:
    words = [text(content.get("text"))]
    shown: list[Picture] = []
    for part in sequence(content.get("parts")):
        if isinstance(part, str):
            words.append(text(part))
        elif mapping(part).get("content_type") == "audio_transcription":
            words.append(text(mapping(part).get("text")))
        elif "image" in text(mapping(part).get("content_type")):
            shown += _pictures(mapping(part), len("\n\n".join(filter(None, words))), files, losses)
        else:
            losses.add("attachments")
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
        shown=asked_about(shown, role, losses),
    )


def _pictures(part: dict[str, Any], at: int, files: Files, losses: Losses) -> Iterator[Picture]:
    name = known_as(text(part.get("asset_pointer")))
    try:
        yield picture_of((files(name) if name else None) or b"", at=at)
    except BadRequest:
        losses.add("images")


def _written_out(words: str, references: list[Any]) -> str:
    """With what ChatGPT shows in the place of references: most often a link."""
    shown = {text(one.get("matched_text")): text(one.get("alt")) for one in map(mapping, references)}
    return _REFERENCE.sub(lambda found: shown.get(found[0], ""), words)


def _picture(attachment: dict[str, Any]) -> bool:
    """Told already, as a part of the message."""
    return text(attachment.get("mime_type")).startswith("image/")
