"""Conversations as JSON lines: one a line, as OpenAI's messages and, beside them, all that we know of it. No I/O."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from paddock.sdk.chats import Revision
from paddock.sdk.compare import Vote
from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import Picture, data_url, picture_of_url
from paddock.sdk.types import ChatMessage, ChatSummary, Pane
from paddock.server.chat_archive import ChatRecord

VERSION = 1
_DERIVED = {"chat_id", "version", "versions", "siblings", "revisions"}
_HERE = {"id", "folder", "panes", "generating", "deleted"}


class _Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What stands under “paddock” in a line."""

    version: int
    origin: str
    chat: dict[str, Any] = {}
    folder: tuple[str, ...] = ()
    leaf: str | None = None
    messages: tuple[dict[str, Any], ...] = ()
    revisions: dict[str, tuple[Revision, ...]] = {}
    panes: tuple[Pane, ...] = ()
    leaves: dict[str, str] = {}
    votes: tuple[Vote, ...] = ()


def line_of(record: ChatRecord, *, reasoning: bool, blind: bool) -> str:
    """``messages`` is the conversation as it is shown, of a comparison its first pane. ``blind``: nothing else. The
    file of a picture that is in them stands there alone."""
    shown = _shown(record)
    line: dict[str, Any] = {"messages": _openai(record, shown, blind=blind)}
    if not blind:
        there = {picture.hash for message in shown for picture in message.pictures}
        line["paddock"] = _kept(_without(record, there), reasoning=reasoning)
    return msgspec.json.encode(line).decode() + "\n"


def record_of(line: dict[str, Any]) -> ChatRecord:
    """A line that has our part. Raises msgspec.ValidationError where that is damaged."""
    kept = msgspec.convert(line["paddock"], _Kept)
    chat = msgspec.convert({"id": "", "title": "", "created": 0.0, "updated": 0.0} | kept.chat, ChatSummary)
    messages = tuple(msgspec.convert({"chat_id": "", "parent": None} | one, ChatMessage) for one in kept.messages)
    found = {picture.hash: picture.data for one in _listed(line.get("messages")) for picture in pictures_in(one)}
    messages = tuple(_filled(message, found) for message in messages)
    return ChatRecord(
        summary=chat,
        origin=kept.origin,
        folder=kept.folder,
        leaf=kept.leaf,
        messages=messages,
        revisions=kept.revisions,
        panes=kept.panes,
        leaves=kept.leaves,
        votes=kept.votes,
    )


def _kept(record: ChatRecord, *, reasoning: bool) -> _Kept:
    left_out = _DERIVED if reasoning else {*_DERIVED, "reasoning"}
    return _Kept(
        version=VERSION,
        origin=record.origin,
        chat=_said(record.summary, _HERE),
        folder=record.folder,
        leaf=record.leaf,
        messages=tuple(_said(message, left_out) for message in record.messages),
        revisions=record.revisions,
        panes=record.panes,
        leaves=record.leaves,
        votes=record.votes,
    )


def _said(value: msgspec.Struct, left_out: set[str]) -> dict[str, Any]:
    """The fields of ``value`` that say something."""
    names, defaults = value.__struct_fields__, value.__struct_defaults__
    usual = dict(zip(reversed(names), reversed(defaults), strict=False))
    given = ((name, getattr(value, name)) for name in names if name not in left_out)
    return {name: one for name, one in given if one not in (usual.get(name, msgspec.UNSET), {}, ())}


def _shown(record: ChatRecord) -> list[ChatMessage]:
    first = record.panes[0] if record.panes else None
    last = record.messages[-1].id if record.messages else None
    path = record.path(record.leaves.get(first.id) if first is not None else record.leaf or last)
    return [one for one in path if one.role != "assistant" or one.content or one.tool_calls]


def _without(record: ChatRecord, there: Container[str]) -> ChatRecord:
    """``record`` without the files of the pictures that are ``there`` already."""

    def cut(message: ChatMessage) -> ChatMessage:
        pictures = tuple(replace(one, data=None) if one.hash in there else one for one in message.pictures)
        return replace(message, pictures=pictures) if pictures else message

    return replace(record, messages=tuple(map(cut, record.messages)))


def _filled(message: ChatMessage, found: Mapping[str, bytes | None]) -> ChatMessage:
    if not message.pictures:
        return message
    return replace(
        message, pictures=tuple(replace(one, data=one.data or found.get(one.hash)) for one in message.pictures)
    )


def _openai(record: ChatRecord, shown: Sequence[ChatMessage], *, blind: bool) -> list[dict[str, Any]]:
    """The messages as OpenAI's API and the tools for fine-tuning have them; empty answers are left out."""
    first = record.panes[0] if record.panes else None
    own = None if first is None or blind else first.system
    system = record.summary.system if own is None else own
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in shown:
        one: dict[str, Any] = {"role": message.role, "content": _parts(message) or message.content}
        if message.tool_calls:
            one["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.tool_calls
            ]
        messages.append(one)
    return messages


def _parts(message: ChatMessage) -> list[dict[str, Any]]:
    """Its text with its pictures where they stand; empty without any."""
    parts: list[dict[str, Any]] = []
    done = 0
    pictures = sorted((one for one in message.pictures if one.data), key=lambda one: one.at)
    for picture in pictures:
        if said := message.content[done : picture.at]:
            parts.append({"type": "text", "text": said})
            done = picture.at
        parts.append({"type": "image_url", "image_url": {"url": data_url(picture)}})
    if pictures and (rest := message.content[done:]):
        parts.append({"type": "text", "text": rest})
    return parts


def pictures_in(message: Mapping[str, Any]) -> Iterator[Picture]:
    """Those of a message in OpenAI's form that hold their files; others, and damaged ones, are passed over."""
    for part in _listed(message.get("content")):
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str):
            with suppress(BadRequest):
                yield picture_of_url(url)


def _listed(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
