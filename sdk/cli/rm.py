"""``paddock rm``: models to the trash, back out of it, or out of it for good."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.errors import NotFound
from paddock.sdk.library import Trashed
from paddock.sdk.units import bytes_text


def rm(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Ids from “paddock ls”; with --undo or --empty of the trash.", metavar="ID"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Bring back: the last one, or those named.")] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="Remove from the trash for good: all, or those named.")
    ] = False,
    trash: Annotated[bool, typer.Option("--list", help="List what is in the trash.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete models. They stay in the trash for a week; “paddock rm --undo” brings them back."""
    terminal = Terminal()
    named = models or []
    if undo + empty + trash > 1:
        raise typer.BadParameter("Only one of --undo, --empty and --list can be had.")
    if not (named or undo or empty or trash):
        raise typer.BadParameter("Say which model.", param_hint="ID")
    with Client.connect(client="cli") as client:
        if trash:
            _show(terminal, client.trash(), json)
        elif undo:
            _undo(client, terminal, named, json)
        elif empty:
            _empty(client, terminal, named, yes, json)
        else:
            _delete(client, terminal, named, yes, json)


def _delete(client: Client, terminal: Terminal, named: list[str], yes: bool, json: bool) -> None:
    _agreed(f"Delete {', '.join(map(printable, named))}?", yes)
    gone = []
    for model in named:
        trashed = client.delete_model(model)
        gone.append(trashed)
        if not json:
            freed = f"{bytes_text(trashed.size_bytes)} are free once the trash is emptied"
            terminal.line(f"{printable(trashed.model)} is in the trash ({freed}).")
    if json:
        terminal.json(gone)
    else:
        terminal.note("“paddock rm --undo” brings it back, “paddock rm --empty” removes it for good.")


def _undo(client: Client, terminal: Terminal, named: list[str], json: bool) -> None:
    there = client.trash()
    if not there:
        raise NotFound("The trash is empty.", hint="Deleted models are kept for a week.")
    back = [client.restore_model(trashed.id) for trashed in _chosen(there, named) or there[:1]]
    if json:
        terminal.json(back)
        return
    for info in back:
        terminal.line(f"{printable(info.id)} is back.")


def _empty(client: Client, terminal: Terminal, named: list[str], yes: bool, json: bool) -> None:
    there = client.trash()
    going = _chosen(there, named) or there
    if going:
        size = bytes_text(sum(trashed.size_bytes for trashed in going))
        _agreed(f"Remove {len(going)} from the trash for good ({size})?", yes)
    for trashed in going:
        client.empty_trash(trashed.id)
    if json:
        terminal.json(going)
    else:
        terminal.line(f"{bytes_text(sum(trashed.size_bytes for trashed in going))} freed." if going else "It is empty.")


def _chosen(there: list[Trashed], named: list[str]) -> list[Trashed]:
    """By id in the trash, or by the model’s id; then the latest."""
    found = []
    for name in named:
        trashed = next((each for each in there if name in (each.id, each.model)), None)
        if trashed is None:
            raise NotFound(f"There is nothing “{name}” in the trash.", hint="“paddock rm --list” says what is.")
        found.append(trashed)
    return found


def _agreed(question: str, yes: bool) -> None:
    """Ends the command where a person at the terminal does not agree."""
    if not yes and sys.stdin is not None and sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _show(terminal: Terminal, there: list[Trashed], json: bool) -> None:
    if json:
        terminal.json(there)
        return
    if not there:
        terminal.note("The trash is empty.")
        return
    now = time.time()
    rows = [
        (each.id, each.model, bytes_text(each.size_bytes), f"{max(0, int((each.expires - now) // 86_400))} days")
        for each in there
    ]
    terminal.table(("Id", "Model", "Size", "Kept for"), rows, right=(2, 3))
