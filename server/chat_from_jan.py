"""Jan's threads: ``threads/<id>/thread.json`` with ``messages.jsonl`` beside it, or the same in ``jan.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from paddock.sdk.errors import BadRequest
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
)
from paddock.server.chat_sources import Way, json, lines, whole


def read_thread(folder: Path) -> Iterator[ChatRecord | str]:
    """The thread of a folder. Raises BadRequest, StorageFailed."""
    thread = mapping(json(whole(folder / "thread.json"), f"{folder.name}/thread.json"))
    problems: list[str] = []
    said: list[Any] = []
    file = folder / "messages.jsonl"
    for number, line in lines(file) if file.exists() else ():
        try:
            said.append(json(line, f"{folder.name}/messages.jsonl, line {number}"))
        except BadRequest as error:
            problems.append(error.message)
    yield from _thread(text(thread.get("id")) or folder.name, thread, said)
    yield from problems


def read_database(path: Path, way: Way) -> Iterator[ChatRecord | str]:
    """The threads of ``jan.db``; ``way`` hears how many of them are read. Raises BadRequest where there is none."""
    nothing = True
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes  # a text that is none must not end it
            threads = connection.execute("SELECT id, data FROM threads ORDER BY created_at").fetchall()
            for at, (id, data) in enumerate(threads, 1):
                rows = connection.execute(
                    "SELECT data FROM messages WHERE thread_id=CAST(? AS TEXT) ORDER BY created_at", (id,)
                )
                yield from _stored_thread(path.name, _words(id), data, [row[0] for row in rows])
                nothing = False
                way.reached(at / len(threads))
    except sqlite3.Error as error:
        if nothing:
            raise BadRequest(
                f"“{path.name}” is no store of Jan ({error}).", hint="Choose its threads folder."
            ) from None
        yield f"“{path.name}” is damaged ({error}); not all of its threads could be read."


def _stored_thread(name: str, id: str, data: object, rows: Sequence[object]) -> Iterator[ChatRecord | str]:
    place = f"{name}, thread {id}"
    said, broken = _readable(rows, f"{place}, message")
    thread, nameless = _readable([data], place)
    yield from _thread(id, mapping(next(iter(thread), {})), said)
    if nameless:
        yield f"{nameless[0]} Its messages came without their title and model."
    if broken:
        count = "1 message was" if len(broken) == 1 else f"{len(broken):,} messages were"
        yield f"“{place}”: {count} left out. {broken[0]}"


def _readable(rows: Sequence[object], place: str) -> tuple[list[Any], list[str]]:
    """What is JSON, and why the others are none."""
    found, problems = [], []
    for at, value in enumerate(rows, 1):
        try:
            found.append(json(_words(value).encode(), f"{place} {at}" if place.endswith("message") else place))
        except BadRequest as error:
            problems.append(error.message)
    return found, problems


def _words(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _thread(id: str, thread: dict[str, Any], said: Iterable[Any]) -> Iterator[ChatRecord | str]:
    losses = Losses()
    nodes: list[Node] = []
    for at, one in enumerate(sorted(map(mapping, said), key=lambda one: moment(one.get("created_at")))):
        read = _message(text(one.get("id")) or str(at), one, losses)
        if read is not None:
            nodes.append(Node(read.id, nodes[-1].id if nodes else None, read))
    assistant = mapping(next(iter(sequence(thread.get("assistants"))), None))
    model = mapping(assistant.get("model")) or mapping(thread.get("model"))
    yield record(
        f"jan:{id}",
        text(thread.get("title")),
        grown(nodes, None),
        created=moment(thread.get("created")),
        updated=moment(thread.get("updated")),
        model=text(model.get("id")),
        system=text(assistant.get("instructions")),
        pinned=mapping(thread.get("metadata")).get("is_favorite") is True or thread.get("isFavorite") is True,
        losses=losses,
    )


def _message(id: str, one: dict[str, Any], losses: Losses) -> ChatMessage | None:
    role = role_of(one.get("role"))
    if role is None:
        losses.add("messages of an unknown kind")
        return None
    said, thought = [], []
    shown: list[Picture] = []
    content = one.get("content")
    for part in map(mapping, sequence(content)):
        value = part.get("text")
        words = text(mapping(value).get("value")) or text(value)
        match part.get("type"):
            case "text":
                said.append(words)
            case "reasoning":
                thought.append(words)
            case "image" | "image_url":
                shown += pictures(part.get("image_url"), len("\n\n".join(said)), losses)
            case "tool_call":
                losses.add("tool calls")
            case _:
                losses.add("parts of an unknown kind")
    details = mapping(one.get("metadata"))
    losses.add("tool calls", len(sequence(details.get("tool_calls"))))
    files = [*sequence(one.get("attachments")), *sequence(details.get("inline_file_contents"))]
    losses.add("attachments", len(files))
    answer = "\n\n".join(said) or text(content)
    reasoning, answer = thought_apart(answer) if role == "assistant" and not thought else ("\n\n".join(thought), answer)
    return message(
        id,
        role,
        answer,
        reasoning=reasoning,
        model=text(details.get("modelId")) or text(details.get("model")),
        created=moment(one.get("created_at")),
        shown=asked_about(shown, role, losses),
    )
