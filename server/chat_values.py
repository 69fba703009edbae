"""Rows of the conversations' database as values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from paddock.sdk.pictures import Picture
from paddock.sdk.types import ChatMessage, ChatSummary, Options, Stats, ToolCall, Usage

T = TypeVar("T")

SUMMARIES = "SELECT chats.*, (SELECT count(*) FROM panes WHERE chat_id=chats.id) AS panes FROM chats"
MESSAGES = "SELECT messages.*, (SELECT count(*) FROM revisions WHERE message=messages.id) AS revisions FROM messages"


def to_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def from_json(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


def summary_of(row: sqlite3.Row) -> ChatSummary:
    """A row of :data:`SUMMARIES`."""
    return ChatSummary(
        id=row["id"],
        title=row["title"],
        created=row["created"],
        updated=row["updated"],
        model=row["model"],
        system=row["system"],
        pinned=bool(row["pinned"]),
        private=bool(row["private"]),
        folder=row["folder"],
        tags=msgspec.json.decode(row["tags"], type=tuple[str, ...]),
        sampling=msgspec.json.decode(row["sampling"], type=Options),
        stop=msgspec.json.decode(row["stop"], type=tuple[str, ...]),
        max_tokens=row["max_tokens"],
        reasoning=None if row["reasoning"] is None else bool(row["reasoning"]),
        panes=row["panes"],
        deleted=row["deleted"],
        revision=row["revision"],
    )


def insert_chat(rows: sqlite3.Connection, chat: ChatSummary, origin: str | None) -> bool:
    """Inside the caller's transaction. False when a chat of this ``origin`` is there already."""
    added = rows.execute(
        "INSERT INTO chats (id, title, created, updated, model, system, pinned, private, folder, tags,"
        " sampling, stop, max_tokens, reasoning, origin)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(origin) WHERE origin IS NOT NULL DO NOTHING",
        (
            *(chat.id, chat.title, chat.created, chat.updated, chat.model, chat.system),
            *(chat.pinned, chat.private, chat.folder, to_json(chat.tags), to_json(chat.sampling)),
            *(to_json(chat.stop), chat.max_tokens, chat.reasoning, origin),
        ),
    )
    return added.rowcount == 1


def change_sampling(rows: sqlite3.Connection, chat_id: str, changes: Options) -> None:
    """Inside the caller's transaction: set the options of ``changes``, and take away those that are None there."""
    (stored,) = rows.execute("SELECT sampling FROM chats WHERE id=?", (chat_id,)).fetchone()
    changed = {**msgspec.json.decode(stored, type=Options), **changes}
    kept = {name: value for name, value in changed.items() if value is not None}
    rows.execute("UPDATE chats SET sampling=? WHERE id=?", (to_json(kept), chat_id))


def keep_pictures(rows: sqlite3.Connection, pictures: Iterable[Picture]) -> str | None:
    """Store the files of ``pictures`` inside the caller's transaction; what their message's row says of them."""
    pictures = tuple(pictures)
    for picture in pictures:
        if picture.data is not None:
            rows.execute("INSERT OR IGNORE INTO pictures (hash, data) VALUES (?, ?)", (picture.hash, picture.data))
    return to_json([msgspec.structs.replace(picture, data=None) for picture in pictures])


def message_of(stored: sqlite3.Row, siblings: tuple[str, ...]) -> ChatMessage:
    """A row of :data:`MESSAGES`; ``siblings`` are its versions, itself among them."""
    row = dict(zip(stored.keys(), stored, strict=True))  # a Row looks for each name among all
    turn = row["turn"] or (row["id"] if row["role"] == "user" else row["parent"] or "")
    return ChatMessage(
        id=row["id"],
        chat_id=row["chat_id"],
        parent=row["parent"],
        role=row["role"],
        content=row["content"],
        reasoning=row["reasoning"],
        tool_calls=from_json(row["tool_calls"], tuple[ToolCall, ...]) or () if row["tool_calls"] != "[]" else (),
        model=row["model"],
        state=row["state"],
        error=from_json(row["error"], dict[str, Any]),
        usage=from_json(row["usage"], Usage),
        stats=from_json(row["stats"], Stats),
        stop_reason=row["stop_reason"],
        created=row["created"],
        version=siblings.index(row["id"]) + 1,
        versions=len(siblings),
        siblings=siblings,
        pane=row["pane"],
        turn=turn,
        edited=row["edited"],
        revisions=row["revisions"],
        pictures=from_json(row["pictures"], tuple[Picture, ...]) or () if row["pictures"] != "[]" else (),
    )
