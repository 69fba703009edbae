"""LM Studio's conversations: ``conversations/**/*.conversation.json``, a list of messages with versions each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paddock.sdk.errors import BadRequest
from paddock.sdk.pictures import LARGEST_BYTES, Picture, picture_of
from paddock.sdk.types import ChatMessage, Stats
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_foreign import (
    Losses,
    Node,
    asked_about,
    grown,
    mapping,
    message,
    moment,
    number,
    record,
    role_of,
    sequence,
    text,
    thought_apart,
    usage,
)
from paddock.server.chat_sources import json, whole

ENDING = ".conversation.json"


def read_file(path: Path, folder: tuple[str, ...] = ()) -> Iterator[ChatRecord | str]:
    """The conversation of a file. Raises BadRequest, StorageFailed."""
    chat = mapping(json(whole(path), path.name))
    if not isinstance(chat.get("messages"), list):
        raise BadRequest(f"“{path.name}” is no conversation of LM Studio.", hint="It has no messages.")
    losses = Losses()
    files = _files(path)
    nodes: list[Node] = []
    parent: str | None = None
    for at, turn in enumerate(chat["messages"]):
        versions = sequence(mapping(turn).get("versions"))
        read = [_version(f"{at}.{one}", mapping(version), files, losses) for one, version in enumerate(versions)]
        nodes += [Node(found.id, parent, found) for found in read if found is not None]
        selected = int(number(mapping(turn).get("currentlySelected")))
        chosen = read[selected] if 0 <= selected < len(read) else None
        parent = chosen.id if chosen is not None else next((one.id for one in reversed(read) if one), parent)
    created = moment(chat.get("createdAt"))
    used = mapping(chat.get("lastUsedModel"))
    yield record(
        f"lmstudio:{path.name.removesuffix(ENDING)}:{created:.0f}",
        text(chat.get("name")),
        grown(nodes, parent),
        created=created,
        updated=max(moment(chat.get(name)) for name in ("assistantLastMessagedAt", "userLastMessagedAt", "createdAt")),
        model=text(used.get("indexedModelIdentifier")) or text(used.get("identifier")),
        system=_system(chat),
        pinned=chat.get("pinned") is True,
        folder=folder,
        losses=losses,
    )


def _files(path: Path) -> Path | None:
    """Where the files of its messages lie: in the data folder, beside the conversations."""
    top = next((folder for folder in path.absolute().parents if folder.name == "conversations"), None)
    return top.parent / "user-files" if top is not None else None


def _version(id: str, version: dict[str, Any], files: Path | None, losses: Losses) -> ChatMessage | None:
    role = role_of(version.get("role"))
    if role is None:
        losses.add("messages of an unknown kind")
        return None
    steps = [mapping(step) for step in sequence(version.get("steps"))]
    blocks = [version] if version.get("type") != "multiStep" else [s for s in steps if s.get("type") == "contentBlock"]
    said: list[str] = []
    thought: list[str] = []
    shown: list[Picture] = []
    info: dict[str, Any] = {}
    for block in blocks:
        thinking = mapping(block.get("style")).get("type") == "thinking"
        (thought if thinking else said).extend(_texts(block.get("content"), losses))
        shown += _pictures(block.get("content"), files, losses)
        info = mapping(block.get("genInfo")) or info
    content = "\n\n".join(said)
    reasoning, content = (
        thought_apart(content) if role == "assistant" and not thought else ("\n\n".join(thought), content)
    )
    measured = mapping(info.get("stats"))
    return message(
        id,
        role,
        content,
        reasoning=reasoning,
        model=text(info.get("indexedModelIdentifier")) or text(info.get("identifier")),
        used=usage(measured, "promptTokensCount", "predictedTokensCount"),
        stats=_stats(measured) if measured else None,
        shown=asked_about(shown, role, losses),
    )


def _texts(content: object, losses: Losses) -> Iterator[str]:
    if isinstance(content, str):
        yield text(content)
    for part in map(mapping, sequence(content)):
        match part.get("type"):
            case "text":
                yield text(part.get("text"))
            case "file" if part.get("fileType") == "image":
                pass  # see _pictures
            case "file":
                losses.add("attachments")
            case "toolCallRequest":
                losses.add("tool calls")
            case "toolCallResult":
                pass  # told with its call
            case _:
                losses.add("parts of an unknown kind")


def _pictures(content: object, files: Path | None, losses: Losses) -> Iterator[Picture]:
    for part in map(mapping, sequence(content)):
        if (part.get("type"), part.get("fileType")) == ("file", "image"):
            name = text(part.get("fileIdentifier"))
            try:
                # a name must not lead out of the folder, and a pipe might never end
                if files is None or name != Path(name).name or not (files / name).is_file():
                    raise BadRequest("It is not there.")
                with (files / name).open("rb") as file:
                    yield picture_of(file.read(LARGEST_BYTES + 1))
            except (OSError, ValueError, BadRequest):
                losses.add("images")


def _stats(measured: dict[str, Any]) -> Stats:
    return Stats(
        ttft_s=number(measured.get("timeToFirstTokenSec")),
        tokens_per_second=number(measured.get("tokensPerSecond")),
        duration_s=number(measured.get("totalTimeSec")),
    )


def _system(chat: dict[str, Any]) -> str:
    fields = sequence(mapping(chat.get("perChatPredictionConfig")).get("fields"))
    own = (
        mapping(field).get("value") for field in fields if mapping(field).get("key") == "llm.prediction.systemPrompt"
    )
    return text(next(own, "")) or text(chat.get("systemPrompt"))
