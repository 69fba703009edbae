"""``paddock chats``: conversations listed, written to files, and taken over from files."""

from __future__ import annotations

import os
import sys
import time
import uuid
from typing import Annotated, Any

import typer

from paddock.sdk.chats import ChatFolder, ChatImport, ExportFormat, ExportRequest, FolderPatch, ImportFormat
from paddock.sdk.cli.jobs import shown
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.errors import NotFound

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_(
    folder: Annotated[str, typer.Option(help="Only those of this folder: its path or id.", metavar="FOLDER")] = "",
    tag: Annotated[str, typer.Option(help="Only those with this tag.", metavar="TAG")] = "",
    json: _Json = False,
) -> None:
    """List the conversations, the last changed first."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        paths = _paths(client.chat_folders())
        inside = _inside(paths, _folder(client, folder)) if folder else None
        counts = client.chat_counts()
        chats = [
            chat
            for chat in client.chats()
            if (inside is None or chat.folder in inside) and (not tag or tag in chat.tags)
        ]
    rows: list[dict[str, Any]] = [
        {
            "id": chat.id,
            "title": chat.title,
            "folder": paths.get(chat.folder, ""),
            "tags": chat.tags,
            "model": chat.model,
            "updated": chat.updated,
            "messages": counts.get(chat.id, 0),
            "pinned": chat.pinned,
            "private": chat.private,
            "panes": chat.panes,
        }
        for chat in chats
    ]
    if json:
        terminal.json(rows)
    elif not rows:
        terminal.note("There are no conversations.")
    else:
        shown = [
            (row["id"], row["title"], row["folder"], row["model"], str(row["messages"]), _local(row["updated"]))
            for row in rows
        ]
        terminal.table(("Id", "Title", "Folder", "Model", "Messages", "Changed"), shown, right=(4,))


def export(
    chats: Annotated[list[str] | None, typer.Argument(help="Ids from “paddock chats list”.", metavar="ID")] = None,
    format: Annotated[ExportFormat, typer.Option(help="What it is written as.")] = "markdown",
    folder: Annotated[str, typer.Option(help="All of this folder: its path or id.", metavar="FOLDER")] = "",
    all: Annotated[bool, typer.Option("--all", help="All conversations but private ones.")] = False,
    out: Annotated[
        str, typer.Option(help="A file, or a folder that gets a file for each. Without it: the text.", metavar="PATH")
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Write over files that are there.")] = False,
    versions: Annotated[bool, typer.Option("--versions", help="With all versions of each turn.")] = False,
    reasoning: Annotated[bool, typer.Option("--reasoning/--no-reasoning", help="With what models thought.")] = True,
    numbers: Annotated[bool, typer.Option("--numbers", help="With speeds and token counts.")] = False,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="The panes of comparisons as columns.")] = False,
    blind: Annotated[bool, typer.Option("--blind", help="Without the names of models.")] = False,
    json: _Json = False,
) -> None:
    """Write conversations to files, or one after the other to the terminal."""
    terminal = Terminal()
    if bool(chats) + bool(folder) + all != 1:
        raise typer.BadParameter("Name conversations, or one of --folder and --all.", param_hint="ID")
    path = os.path.abspath(os.path.expanduser(out)) if out else ""
    if out.endswith(("/", os.sep)):
        path += os.sep
    with Client.connect(client="cli") as client:
        request = ExportRequest(
            format=format,
            chats=tuple(chats or ()),
            folder=_folder(client, folder) if folder else "",
            path=path,
            replace=replace,
            versions=versions,
            reasoning=reasoning,
            numbers=numbers,
            side_by_side=side_by_side,
            blind=blind,
            job=uuid.uuid4().hex,
        )
        with shown(terminal, request.job, "Reading the conversations"):
            done = client.export_chats(request)
    for note in done.notes:
        terminal.note(printable(note), style="yellow")
    if json:
        terminal.json(done)
    elif not path:
        terminal.text(done.text)
    else:
        where = done.files[0] if len(done.files) == 1 else f"{len(done.files)} files in {path}"
        terminal.line(f"{_many(done.chats, done.messages)}: {printable(where)}")


def import_(
    path: Annotated[str, typer.Argument(help="A file, an archive or a folder of conversations.", metavar="PATH")],
    format: Annotated[ImportFormat | None, typer.Option(help="Which program wrote it; found out if not said.")] = None,
    folder: Annotated[
        str, typer.Option(help="The folder they come into; made where there is none.", metavar="FOLDER")
    ] = "",
    json: _Json = False,
) -> None:
    """Take over conversations: our own JSON lines, OpenAI messages, LM Studio, Jan, Open WebUI, ChatGPT."""
    terminal = Terminal()
    path = os.path.abspath(os.path.expanduser(path))
    with Client.connect(client="cli") as client:
        into = _folder(client, folder, make=True) if folder else ""
        request = ChatImport(path=path, format=format, folder=into, job=uuid.uuid4().hex)
        with shown(terminal, request.job, "Reading the file"):
            done = client.import_chats(request)
    if json:
        terminal.json(done)
    else:
        were = "was" if done.skipped == 1 else "were"
        there = f"; {done.skipped:,} {were} there already" if done.skipped else ""
        terminal.line(f"{_many(len(done.chats), done.messages)}{there}.")
    for problem in done.problems:
        terminal.note(printable(problem), style="yellow" if sys.stderr.isatty() else "")


def _many(chats: int, messages: int) -> str:
    return f"{chats:,} conversation{'s' * (chats != 1)}, {messages:,} message{'s' * (messages != 1)}"


def _paths(folders: list[ChatFolder]) -> dict[str, str]:
    """The folders' names with those above them, by id."""
    by_id = {folder.id: folder for folder in folders}
    paths: dict[str, str] = {}
    for folder in folders:
        names, at = [folder.name], folder.parent
        while at in by_id and len(names) <= len(by_id):
            names.append(by_id[at].name)
            at = by_id[at].parent
        paths[folder.id] = "/".join(reversed(names))
    return paths


def _inside(paths: dict[str, str], folder: str) -> set[str]:
    """A folder and those that lie in it."""
    return {id for id, path in paths.items() if path == paths[folder] or path.startswith(f"{paths[folder]}/")}


def _folder(client: Client, named: str, *, make: bool = False) -> str:
    """The id of a folder by its id, its path (“Work/Python”) or, where only one has it, its name. Raises NotFound."""
    paths = _paths(client.chat_folders())
    if named in paths:
        return named
    wanted = named.strip("/").casefold()
    found = [id for id, path in paths.items() if path.casefold() == wanted]
    found = found or [id for id, path in paths.items() if path.casefold().endswith(f"/{wanted}")]
    if len(found) == 1:
        return found[0]
    if found or not make:
        if found:
            which = ", ".join(f"{id} ({paths[id]})" for id in found[:8])
            raise NotFound(f"Several folders are called “{named}”.", hint=f"Give its id: {which}.")
        known = ", ".join(sorted(paths.values())[:8])
        raise NotFound(
            f"No folder is called “{named}”.", hint=f"There are: {known}." if known else "There are none yet."
        )
    at = ""
    for name in filter(None, named.strip("/").split("/")):
        inside = (folder.id for folder in client.chat_folders() if folder.parent == at and folder.name == name)
        at = next(inside, "") or client.put_chat_folder(FolderPatch(name=name, parent=at)).id
    return at


def _local(moment: float) -> str:
    """A moment in Unix seconds, by the user's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
