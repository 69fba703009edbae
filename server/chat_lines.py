"""Conversations as JSON lines: one a line, as OpenAI's messages and, beside them, all that we know of it. No I/O."""

from __future__ import annotations

from typing import Any

import msgspec

from paddock.sdk.chats import Revision
from paddock.sdk.compare import Vote
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
    """``messages`` is the conversation as it is shown, of a comparison its first pane. ``blind``: nothing else."""
    line: dict[str, Any] = {"messages": _openai(record, blind=blind)}
    if not blind:
        line["paddock"] = _kept(record, reasoning=reasoning)
    return msgspec.json.encode(line).decode() + "\n"


def record_of(line: dict[str, Any]) -> ChatRecord:
    """A line that has our part. Raises msgspec.ValidationError where that is damaged."""
    kept = msgspec.convert(line["paddock"], _Kept)
    chat = msgspec.convert({"id": "", "title": "", "created": 0.0, "updated": 0.0} | kept.chat, ChatSummary)
    messages = tuple(msgspec.convert({"chat_id": "", "parent": None} | one, ChatMessage) for one in kept.messages)
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


def _openai(record: ChatRecord, *, blind: bool) -> list[dict[str, Any]]:
    """The messages as OpenAI's API and the tools for fine-tuning have them; empty answers are left out."""
    first = record.panes[0] if record.panes else None
    last = record.messages[-1].id if record.messages else None
    leaf = record.leaves.get(first.id) if first is not None else record.leaf or last
    own = None if first is None or blind else first.system
    system = record.summary.system if own is None else own
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in record.path(leaf):
        if message.role == "assistant" and not message.content and not message.tool_calls:
            continue
        one: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            one["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.tool_calls
            ]
        messages.append(one)
    return messages
