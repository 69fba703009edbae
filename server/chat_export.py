"""Conversations written to files, or as text."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from paddock.sdk.chats import ChatFolder, Exported, ExportFormat, ExportRequest
from paddock.sdk.errors import BadRequest
from paddock.server.chat_files import Names, PictureFolder, absolute, file_name, place, there, unwritten, write_file
from paddock.server.chat_html import HtmlPage
from paddock.server.chat_lines import line_of
from paddock.server.chat_markdown import Address, markdown
from paddock.server.chat_pdf import check_printer, print_pages
from paddock.server.chat_table import table
from paddock.server.chat_transcript import Transcript, transcript
from paddock.server.jobs import from_thread

if TYPE_CHECKING:
    from paddock.sdk.pictures import Picture
    from paddock.sdk.types import ChatSummary
    from paddock.server.chat_archive import ChatRecord
    from paddock.server.chats import ChatStore, ChatTable

SUFFIXES: dict[ExportFormat, str] = {
    "markdown": ".md",
    "html": ".html",
    "jsonl": ".jsonl",
    "csv": ".csv",
    "pdf": ".pdf",
}
_READ_TOGETHER = 10
"""So many conversations are read at once: so long others wait for the database."""
_PRINTED_TOGETHER = 20


def _nowhere(picture: Picture) -> str:
    """The address of pictures in a text without a file."""
    return ""


@dataclass(frozen=True)
class _Wanted:
    """A conversation to export. ``folder`` are the names of its folders, ``below`` those of them that become folders
    on the disk."""

    chat: ChatSummary
    folder: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


@dataclass
class _Plan:
    """Which conversations go to which file; the file is None for text."""

    files: list[tuple[Path | None, list[_Wanted]]]
    notes: list[str] = field(default_factory=list)


class ChatExport:
    """Lives on the host's loop; what takes long happens in a thread."""

    def __init__(self, store: ChatStore) -> None:
        self._store = store

    async def counts(self) -> dict[str, int]:
        """How many messages each conversation has, all versions counted, by their ids."""
        return await self._store.ask(lambda table: table.archive.counts())

    async def export(
        self, request: ExportRequest, heard: Callable[[int, int], None] = lambda done, total: None
    ) -> Exported:
        """When cancelled, the file that is being written is left out; ``heard`` gets how many conversations of how many
        are read. Raises ChatNotFound, NotFound, BadRequest,
        StorageFailed where a file is there or cannot be written."""
        wanted, notes = await self._store.ask(lambda table: _chosen(table, request))
        if not wanted:
            empty = "The folder is empty: choose another." if request.folder else "There are no conversations yet."
            raise BadRequest("There is nothing to export.", hint=" ".join(notes) or empty)
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        done = 0

        async def read_on_loop(some: Sequence[_Wanted]) -> list[ChatRecord]:
            nonlocal done
            records = await self._store.ask(lambda table: [table.archive.read(one.chat.id, one.folder) for one in some])
            done += len(some)
            heard(done, len(wanted))
            return records

        def read(some: Sequence[_Wanted]) -> list[ChatRecord]:
            if stop.is_set():
                raise asyncio.CancelledError
            return from_thread(read_on_loop(some), loop, stop)

        def write() -> Exported:
            return _Writing(request, _Plan(_files(wanted, request), notes), read, stop).write()

        task = asyncio.ensure_future(asyncio.to_thread(write))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([task])
            raise


class _Writing:
    """Runs in a thread. ``read`` asks the database, and raises CancelledError once ``stop`` is set."""

    def __init__(
        self,
        request: ExportRequest,
        plan: _Plan,
        read: Callable[[Sequence[_Wanted]], list[ChatRecord]],
        stop: threading.Event,
    ) -> None:
        self._request, self._plan, self._read, self._stop = request, plan, read, stop
        self._chats = self._messages = 0

    def write(self) -> Exported:
        text = ""
        if self._request.format == "pdf":
            self._print()
        else:
            for path, wanted in self._plan.files:
                if path is None:
                    text = "".join(self._pieces(wanted))
                else:
                    self._write(path, wanted)
        return Exported(
            files=tuple(str(path) for path, _ in self._plan.files if path is not None),
            chats=self._chats,
            messages=self._messages,
            text=text,
            notes=tuple(self._plan.notes),
        )

    def _write(self, path: Path, wanted: Sequence[_Wanted]) -> None:
        pictures = PictureFolder(path, replace=self._request.replace)
        try:
            write_file(path, self._until_stopped(wanted, pictures.address), replace=self._request.replace)
        except BaseException:  # also when it is stopped
            pictures.undo()
            raise
        if note := pictures.note():
            self._plan.notes.append(note)

    def _records(self, wanted: Sequence[_Wanted]) -> Iterator[ChatRecord]:
        for at in range(0, len(wanted), _READ_TOGETHER):
            for record in self._read(wanted[at : at + _READ_TOGETHER]):
                self._chats += 1
                yield record

    def _transcripts(self, wanted: Sequence[_Wanted]) -> Iterator[Transcript]:
        for record in self._records(wanted):
            read = transcript(record, self._request)
            self._messages += read.messages
            yield read

    def _until_stopped(self, wanted: Sequence[_Wanted], address: Address = _nowhere) -> Iterator[str]:
        for piece in self._pieces(wanted, address):
            if self._stop.is_set():
                raise asyncio.CancelledError
            yield piece

    def _pieces(self, wanted: Sequence[_Wanted], address: Address = _nowhere) -> Iterator[str]:
        request = self._request
        match request.format:
            case "markdown":
                yield from markdown(self._transcripts(wanted), address, side_by_side=request.side_by_side)
            case "html" | "pdf":
                page = HtmlPage(side_by_side=request.side_by_side, paper=request.format == "pdf")
                title = wanted[0].chat.title if len(wanted) == 1 else f"{len(wanted)} conversations"
                yield from page.write(title, self._transcripts(wanted))
            case "csv":
                yield table(list(self._transcripts(wanted)), numbers=request.numbers and not request.blind)
            case "jsonl":
                for record in self._records(wanted):
                    self._messages += len(record.messages)
                    yield line_of(record, reasoning=request.reasoning, blind=request.blind)
            case _:
                assert_never(request.format)

    def _print(self) -> None:
        files = [(path, wanted) for path, wanted in self._plan.files if path is not None]
        for at in range(0, len(files), _PRINTED_TOGETHER):
            some = files[at : at + _PRINTED_TOGETHER]
            drafts = [path.with_name(f".paddock-{os.getpid()}-{number}.pdf") for number, (path, _) in enumerate(some)]
            path = some[0][0]
            try:
                for path, _ in some:
                    path.parent.mkdir(parents=True, exist_ok=True)
                pages = [(draft, self._until_stopped(wanted)) for draft, (_, wanted) in zip(drafts, some, strict=True)]
                print_pages(pages, self._stop, landscape=self._request.side_by_side)
                if self._stop.is_set():
                    raise asyncio.CancelledError
                for draft, (path, _) in zip(drafts, some, strict=True):
                    place(draft, path, replace=self._request.replace)
            except OSError as error:
                raise unwritten(path, error) from error
            finally:
                for draft in drafts:
                    draft.unlink(missing_ok=True)


def _chosen(table: ChatTable, request: ExportRequest) -> tuple[list[_Wanted], list[str]]:
    """What to export, and what was left out. On the database's thread."""
    if request.chats and request.folder:
        raise BadRequest("Conversations and a folder cannot be named together.", hint="Leave one out.")
    folders = {folder.id: folder for folder in table.folders.all()}
    if request.chats:
        named = [table.summary(chat) for chat in dict.fromkeys(request.chats)]
        return [_Wanted(chat, _names(folders, chat.folder)) for chat in named], []
    inside = set(table.folders.below(request.folder)) if request.folder else None
    chats = [chat for chat in table.summaries() if inside is None or chat.folder in inside]
    private = sum(chat.private for chat in chats)
    notes = []
    if private:
        one = private == 1
        left = "1 private conversation was" if one else f"{private} private conversations were"
        notes.append(f"{left} left out; {'it is' if one else 'they are'} exported only by name.")
    above = len(_names(folders, request.folder))
    wanted = []
    for chat in chats:
        if not chat.private:
            names = _names(folders, chat.folder)
            wanted.append(_Wanted(chat, names, names[above:]))
    return wanted, notes


def _names(folders: dict[str, ChatFolder], folder: str) -> tuple[str, ...]:
    """Of a folder and those that hold it, the outermost first."""
    names: list[str] = []
    seen: set[str] = set()
    while folder in folders and folder not in seen:
        seen.add(folder)
        names.append(folders[folder].name)
        folder = folders[folder].parent
    return tuple(reversed(names))


def _files(wanted: list[_Wanted], request: ExportRequest) -> list[tuple[Path | None, list[_Wanted]]]:
    """Raises BadRequest, StorageFailed where something is in the way; nothing is written yet."""
    if request.format == "pdf":
        check_printer()
    if not request.path:
        if request.format == "pdf":
            raise BadRequest("A PDF is no text.", hint="Name the file that it is to be written to.")
        return [(None, wanted)]
    path, suffix = absolute(request.path), SUFFIXES[request.format]
    files: list[tuple[Path | None, list[_Wanted]]] = [(path, wanted)]
    if path.is_dir() or not (path.exists() or path.suffix) or request.path.endswith(("/", os.sep)):
        names = Names()
        files = [(names.take(_folder(path, one), one.chat.title, suffix), [one]) for one in wanted]
    taken = [file for file, _ in files if file is not None and os.path.lexists(file)]
    if taken and not request.replace:
        raise there(taken[0], len(taken) - 1)
    if any(file.is_dir() for file in taken):
        raise BadRequest(f"{taken[0]} is a folder.", hint="Choose another name.")
    return files


def _folder(base: Path, one: _Wanted) -> Path:
    return base.joinpath(*(file_name(name) for name in one.below))
