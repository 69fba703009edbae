"""Which program a file or folder of conversations is from, and what is in it. To be called off the host's loop."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, assert_never

from paddock.sdk.chats import ImportFormat
from paddock.sdk.errors import BadRequest, PaddockError
from paddock.server import chat_from_chatgpt, chat_from_jan, chat_from_jsonl, chat_from_lmstudio, chat_from_openwebui
from paddock.server.chat_archive import ChatRecord
from paddock.server.chat_sources import Way, items, json, lines, pictures, texts, unpacked, whole

Found = Iterator[ChatRecord | str]
"""Conversations, and sentences about what cannot be read."""
FORMATS: dict[ImportFormat, str] = {
    "jsonl": "JSON lines",
    "lmstudio": "LM Studio",
    "jan": "Jan",
    "openwebui": "Open WebUI",
    "chatgpt": "ChatGPT",
}
_MOST_FILES = 100_000
_MOST_FOLDERS = 50_000


def format_of(path: Path) -> ImportFormat:
    """By names first, then by what is inside. Raises BadRequest where it cannot be told."""
    if path.is_dir():
        found = _format_of_folder(path)
    else:
        found = _by_name(path.name) or _by_content(path)
    if found is None:
        raise BadRequest(
            f"“{path.name}” holds no conversations that Paddock knows.",
            hint="It reads its own JSON lines, OpenAI messages, and what LM Studio, Jan, Open WebUI and ChatGPT write.",
        )
    return found


def read(path: Path, format: ImportFormat, way: Way) -> Found:
    """``way`` hears how far it is. Raises BadRequest, StorageFailed where nothing can be read; of several files those
    that can be are."""
    match format:
        case "jsonl":
            yield from _each(_files(path, "*.jsonl", "*.ndjson", "*.json"), _jsonl, way)
        case "lmstudio":
            base = path if path.is_dir() else path.parent
            files = _files(path, f"*{chat_from_lmstudio.ENDING}")
            yield from _each(
                files, lambda file, part: chat_from_lmstudio.read_file(file, file.parent.relative_to(base).parts), way
            )
        case "jan":
            yield from _jan(path, way)
        case "openwebui":
            yield from _each(
                _files(path, "*.json"), lambda file, part: _listed(whole(file), file.name, "openwebui", part), way
            )
        case "chatgpt":
            yield from _each(_files(path, "conversations*.json", "*.zip"), _chatgpt, way)
        case _:
            assert_never(format)


# -------------------------------------------------------------------- which format


def _by_name(name: str) -> ImportFormat | None:
    name = name.lower()
    if name.endswith(chat_from_lmstudio.ENDING):
        return "lmstudio"
    if name in ("thread.json", "messages.jsonl", "jan.db"):
        return "jan"
    if name.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    return "chatgpt" if name.endswith(".zip") else None


def _by_content(path: Path) -> ImportFormat | None:
    for _, item in items(whole(path), path.name, Way(lambda share: None)):
        if isinstance(item, dict):
            if isinstance(item.get("messages"), list) and any(
                "versions" in one for one in item["messages"] if isinstance(one, dict)
            ):
                return "lmstudio"
            known = (format for format, (is_chat, _) in _LISTED.items() if is_chat(item))
            return next(known, None)
    return None


def _format_of_folder(path: Path) -> ImportFormat | None:
    if next(_below(path, f"*{chat_from_lmstudio.ENDING}"), None) is not None:
        return "lmstudio"
    if (path / "jan.db").exists() or next(_below(path, "thread.json"), None) is not None:
        return "jan"
    if next(path.glob("conversations*.json"), None) is not None:
        return "chatgpt"
    if next(path.glob("*.jsonl"), None) is not None:
        return "jsonl"
    file = next(path.glob("*.json"), None)
    return _by_content(file) if file is not None else None


# -------------------------------------------------------------------- reading


_ReadItem = Callable[[dict[str, Any]], Found]
_LISTED: dict[ImportFormat, tuple[Callable[[dict[str, Any]], bool], _ReadItem]] = {
    "chatgpt": (chat_from_chatgpt.is_chat, chat_from_chatgpt.read_item),
    "openwebui": (chat_from_openwebui.is_chat, chat_from_openwebui.read_item),
    "jsonl": (chat_from_jsonl.is_chat, chat_from_jsonl.read_item),
}


def _files(path: Path, *patterns: str) -> list[Path]:
    """Below a folder those of the first pattern that any has, in their order; of a file itself. Links are followed to
    no other place."""
    if not path.is_dir():
        return [path]
    for pattern in patterns:
        found = sorted(file for file in _below(path, pattern) if file.is_file() and not file.is_symlink())
        if found:
            return found[:_MOST_FILES]
    return []


def _below(path: Path, pattern: str) -> Iterator[Path]:
    """Files in a folder and those inside it, but for those that cannot be looked into. Raises BadRequest."""
    for number, (folder, _, names) in enumerate(os.walk(path)):
        if number >= _MOST_FOLDERS:
            raise BadRequest(
                f"“{path}” holds more than {_MOST_FOLDERS:,} folders.", hint="Choose the one with the conversations."
            )
        yield from (Path(folder, name) for name in fnmatch.filter(names, pattern))


def _each(files: list[Path], reader: Callable[[Path, Way], Found], way: Way) -> Found:
    """One file that cannot be read is an error; among several it is a problem."""
    for file, part in zip(files, way.parts(list(map(_size, files))), strict=True):
        try:
            yield from reader(file, part)
            part.reached(1.0)
        except PaddockError as error:
            if len(files) == 1:
                raise
            yield error.message


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # whoever reads it says why
        return 0


def _jsonl(file: Path, way: Way) -> Found:
    if file.suffix.lower() == ".json":
        yield from _listed(whole(file), file.name, "jsonl", way)
        return
    nothing, read, size = True, 0, max(_size(file), 1)
    for number, line in lines(file):
        read += len(line)
        way.reached(read / size)
        name = f"{file.name}, line {number}"
        try:
            item = json(line, name)
            if not isinstance(item, dict) or not chat_from_jsonl.is_chat(item):
                raise BadRequest(f"“{name}” is no conversation.")
            yield from chat_from_jsonl.read_item(item)
            nothing = False
        except BadRequest as error:
            yield error.message if name in error.message else f"“{name}”: {error.message}"
    if nothing:
        yield f"“{file.name}” holds no conversations."


def _listed(content: bytes, name: str, format: ImportFormat, way: Way, reader: _ReadItem | None = None) -> Found:
    """``reader``: another one than the format's own."""
    is_chat, usual = _LISTED[format]
    reader = reader or usual
    for number, item in items(content, name, way):
        place = f"{name}, number {number}"
        if isinstance(item, BadRequest):
            yield item.message
        elif not isinstance(item, dict) or not is_chat(item):
            yield f"“{place}” is no conversation of {FORMATS[format]}."
        else:
            try:
                yield from reader(item)
            except BadRequest as error:
                yield f"“{place}”: {error.message}"


def _chatgpt(file: Path, way: Way) -> Found:
    known_as = chat_from_chatgpt.known_as
    if file.suffix.lower() != ".zip":
        near = (one for pattern in ("file*", "*/file*") for one in file.parent.glob(pattern) if one.is_file())
        files = pictures({known_as(one.name): partial(FileIO, one) for one in near})
        yield from _listed(whole(file), file.name, "chatgpt", way, partial(chat_from_chatgpt.read_item, files=files))
        return
    nothing = True
    try:
        with unpacked(file) as archive:
            files = pictures({known_as(info.filename): partial(archive.open, info) for info in archive.infolist()})
            reader = partial(chat_from_chatgpt.read_item, files=files)
            for name, content, part in texts(archive, chat_from_chatgpt.FILES, way):
                nothing = False
                yield from _listed(content, name, "chatgpt", part, reader)
    except BadRequest as error:
        if nothing:
            raise
        yield error.message
    if nothing:
        raise BadRequest(f"There is no conversations.json in “{file.name}”.", hint="Is it ChatGPT’s export?")


def _jan(path: Path, way: Way) -> Found:
    if path.suffix == ".db":
        yield from chat_from_jan.read_database(path, way)
        return
    threads: Iterable[Path]
    if path.is_dir():
        threads = sorted(file.parent for file in _below(path, "thread.json"))
        if not threads and (path / "jan.db").exists():
            yield from chat_from_jan.read_database(path / "jan.db", way)
    else:
        threads = [path.parent]
    yield from _each(list(threads), lambda folder, part: chat_from_jan.read_thread(folder), way)
