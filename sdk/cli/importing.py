"""``paddock import``: models from anywhere on this computer into our own folder."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from paddock.sdk.cli.jobs import finish
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.errors import BadRequest
from paddock.sdk.library import ImportMethod
from paddock.sdk.units import bytes_text


def import_(
    path: Annotated[str, typer.Argument(help="A model file, or a folder of models.", metavar="PATH")],
    move: Annotated[bool, typer.Option("--move", help="Remove the original when all has arrived.")] = False,
    hardlink: Annotated[
        bool, typer.Option("--hardlink", help="A second name for the same bytes; on the same disk only.")
    ] = False,
    symlink: Annotated[bool, typer.Option("--symlink", help="Only a link to the original.")] = False,
    name: Annotated[str, typer.Option(help="What the model is called, as PUBLISHER/REPO.", metavar="NAME")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take a model file, or all models of a folder, into Paddock’s own folder: as a copy, if not told otherwise."""
    terminal = Terminal()
    methods: dict[ImportMethod, bool] = {"move": move, "hardlink": hardlink, "symlink": symlink}
    chosen = [method for method, wanted in methods.items() if wanted]
    if len(chosen) > 1:
        raise typer.BadParameter("Only one of --move, --hardlink and --symlink can be had.")
    method: ImportMethod = chosen[0] if chosen else "copy"
    path = os.path.abspath(os.path.expanduser(path))
    with Client.connect(client="cli") as client:
        found = client.preview_import(path)
        if method in found.refused:
            raise BadRequest(found.refused[method], hint="Choose another way, or copy it.")
        if terminal.watched:
            files = f"{found.files} file{'s' if found.files > 1 else ''}"
            terminal.note(f"{files}, {bytes_text(found.size_bytes)}; {bytes_text(found.free_bytes)} are free.")
        job = finish(client, terminal, client.import_model(path, method, name=name))
    if json:
        result = {"id": job.model, "models": found.models, "files": found.files, "bytes": found.size_bytes}
        terminal.json(result | {"method": method, "note": job.note})
        return
    what = job.model or f"{found.models} models"
    terminal.line(f"{printable(what)} {'are' if found.models > 1 else 'is'} here. {printable(job.note)}".rstrip())
