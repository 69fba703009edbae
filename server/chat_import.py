"""Conversations taken over from files, also those of other programs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.chats import ChatImport, FolderPatch, Imported, ImportFormat
from paddock.sdk.errors import BadRequest
from paddock.sdk.events import ChatChanged, FoldersChanged
from paddock.server.chat_files import absolute
from paddock.server.jobs import from_thread

if TYPE_CHECKING:
    from paddock.sdk.types import ChatSummary
    from paddock.server.bus import Bus
    from paddock.server.chat_archive import ChatRecord, Present
    from paddock.server.chats import ChatStore, ChatTable

Heard = Callable[[int, float], None]
_TOGETHER = 50
_TOGETHER_MESSAGES = 1000
"""Stored in one go: so long others wait for the database."""
_AS_MESSAGE = 2**16
"""So many bytes of pictures count as a message."""
_MOST_PROBLEMS = 200
_DEEPEST = 20
"""Folders inside each other."""


class ChatImporting:
    """Lives on the host's loop; reading happens in a thread."""

    def __init__(self, store: ChatStore, bus: Bus) -> None:
        self._store = store
        self._bus = bus

    async def import_(self, request: ChatImport, heard: Heard = lambda done, share: None) -> Imported:
        """When cancelled, what has come in stays; ``heard`` gets how many conversations were found so far, and how much
        is read, 0 to 1. Raises NotFound for the folder, BadRequest, StorageFailed."""
        absolute(request.path)
        if request.folder:
            await self._store.ask(lambda table: table.folders.get(request.folder))
        loop = asyncio.get_running_loop()
        running = _Running(request, self, loop, heard)
        task = asyncio.ensure_future(asyncio.to_thread(running.run))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            running.stop.set()
            await asyncio.wait([task])
            raise

    async def keep(self, records: Sequence[ChatRecord], folder: str) -> list[str | Present]:
        """Store the ``records`` that are new in their folders below ``folder``, and tell. For each the new
        conversation's id, or why it is none. Raises StorageFailed."""
        folders, summaries, results = await self._store.ask(lambda table: _kept(table, records, folder))
        if folders:
            self._bus.publish(FoldersChanged(id="folders"))
        for summary in summaries:
            self._bus.publish(ChatChanged(id=summary.id, summary=summary))
        return results


class _Running:
    """One import, in a thread."""

    def __init__(
        self,
        request: ChatImport,
        importing: ChatImporting,
        loop: asyncio.AbstractEventLoop,
        heard: Heard,
    ) -> None:
        self._request, self._importing, self._loop, self._heard = request, importing, loop, heard
        self.stop = threading.Event()
        self._chats: list[str] = []
        self._messages = self._skipped = self._found = 0
        self._share = 0.0
        self._problems: list[str] = []

    def run(self) -> Imported:
        from paddock.server.chat_reading import format_of, read
        from paddock.server.chat_sources import Way

        path = Path(self._request.path)
        if not path.exists():
            raise BadRequest(f"There is no “{path}”.", hint="Check the path.")
        if not (path.is_file() or path.is_dir()):  # a pipe would never end
            raise BadRequest(f"“{path}” is no file and no folder.", hint="Check the path.")
        format = self._request.format or format_of(path)
        for records in self._batches(read(path, format, Way(self._reached))):
            self._keep(records)
        return self._result(path, format)

    def _reached(self, share: float) -> None:
        self._share = share

    def _batches(self, found: Iterator[ChatRecord | str]) -> Iterator[list[ChatRecord]]:
        batch: list[ChatRecord] = []
        messages = 0
        for one in found:
            if self.stop.is_set():
                return
            if isinstance(one, str):
                self._problems.append(one)
                continue
            self._found += 1
            batch.append(one)
            messages += len(one.messages) + _bytes(one) // _AS_MESSAGE
            if len(batch) == _TOGETHER or messages >= _TOGETHER_MESSAGES:
                yield batch
                batch, messages = [], 0
        if batch:
            yield batch

    def _keep(self, records: list[ChatRecord]) -> None:
        written = from_thread(self._importing.keep(records, self._request.folder), self._loop, self.stop)
        self._loop.call_soon_threadsafe(self._heard, self._found, self._share)
        for record, how in zip(records, written, strict=True):
            if how not in ("there", "in the trash"):
                self._chats.append(how)
                self._messages += len(record.messages)
                if record.lost:
                    self._problems.append(record.lost)
                continue
            self._skipped += 1
            if how == "in the trash":
                title = record.summary.title[:80]
                self._problems.append(f"“{title}” is in the trash; bring it back from there.")

    def _result(self, path: Path, format: ImportFormat) -> Imported:
        if not self._found and not self.stop.is_set():
            raise _nothing(path, self._problems)
        problems = self._problems[:_MOST_PROBLEMS]
        if len(self._problems) > len(problems):
            problems.append(f"… and {len(self._problems) - len(problems):,} more.")
        return Imported(
            format=format,
            chats=tuple(self._chats),
            messages=self._messages,
            skipped=self._skipped,
            problems=tuple(problems),
        )


def _bytes(record: ChatRecord) -> int:
    """Of its pictures."""
    return sum(len(picture.data or b"") for message in record.messages for picture in message.pictures)


def _nothing(path: Path, problems: Sequence[str]) -> BadRequest:
    first = problems[0] if problems else f"“{path.name}” holds no conversations."
    others = len(problems) - 1
    count = "1 more problem was" if others == 1 else f"{others:,} more problems were"
    more = f" {count} found." if others > 0 else ""
    return BadRequest(f"{first}{more}", hint="Choose another file, or say which program it is from.")


def _kept(
    table: ChatTable, records: Sequence[ChatRecord], folder: str
) -> tuple[bool, list[ChatSummary], list[str | Present]]:
    """On the database's thread. Whether there are new folders, the new conversations, and what became of each."""
    if not any(one.id == folder for one in table.folders.all()):
        folder = ""  # it was removed meanwhile
    there = {record.origin: table.archive.there(record.origin) for record in records}
    new = {record.origin: record for record in records if there[record.origin] is None}
    before = len(table.folders.all())
    ids = table.archive.write([_placed(table, record, folder) for record in new.values()])
    by_origin = dict(zip(new, ids, strict=True))
    results: list[str | Present] = []
    for record in records:
        results.append(there[record.origin] or by_origin.pop(record.origin, "there"))
    return len(table.folders.all()) != before, [table.summary(id) for id in ids], results


def _placed(table: ChatTable, record: ChatRecord, folder: str) -> ChatRecord:
    """``record`` in the folder that its names lead to; those that there are not are made."""
    at = folder
    for name in record.folder[:_DEEPEST]:
        name = " ".join(name.split())[:200] or "Folder"
        inside = (one.id for one in table.folders.all() if one.parent == at and one.name == name)
        at = next(inside, "") or table.folders.put("", FolderPatch(name=name, parent=at)).id
    return _dated(msgspec.structs.replace(record, summary=msgspec.structs.replace(record.summary, folder=at)))


def _dated(record: ChatRecord) -> ChatRecord:
    """``record`` with the time of the import where it tells none: a message without one counts as not stored yet."""
    now = time.time()
    chat = record.summary
    chat = msgspec.structs.replace(chat, created=chat.created or now, updated=chat.updated or now)
    messages = (msgspec.structs.replace(one, created=one.created or chat.created) for one in record.messages)
    return msgspec.structs.replace(record, summary=chat, messages=tuple(messages))
