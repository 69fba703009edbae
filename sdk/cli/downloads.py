"""``paddock downloads``: what is on its way, and what to do with it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from paddock.sdk.cli.get import line_of
from paddock.sdk.cli.jobs import line_of as line_of_job
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.downloads import Download, DownloadRemains
from paddock.sdk.jobs import ENDED
from paddock.sdk.units import bytes_text, span_text


def downloads(
    action: Annotated[
        Literal["list", "pause", "resume", "retry", "first", "cancel", "remove"] | None,
        typer.Argument(
            help="list (as without); pause; resume or retry: go on, also with one that failed; first: to the front of "
            "the queue; cancel: take it from the list, and remove what came of it; remove: what is left of one that is "
            "in no list."
        ),
    ] = None,
    id: Annotated[str, typer.Argument(help="Id of the download, or the model’s name.", metavar="ID")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the downloads, or pause, resume and cancel one."""
    terminal = Terminal()
    listing = action in (None, "list")
    if listing == bool(id):
        raise typer.BadParameter("An id goes with every action except “list”.", param_hint="ID")
    with Client.connect(client="cli") as client:
        if listing:
            _show(terminal, client.downloads(), json)
            for job in () if json else client.jobs():
                if job.state not in ENDED:
                    terminal.note(line_of_job(job))
            for left in () if json else client.download_remains():
                terminal.note(_left(left), style="yellow")
            return
        match action:
            case "pause":
                changed = client.pause_download(id)
            case "first":
                changed = client.move_download(id, 0)
            case "cancel":
                client.cancel_download(id)
                terminal.note(f"{printable(id)} is off the list.")
                return
            case "remove":
                client.remove_download_remains(id)
                terminal.note(f"What was left of {printable(id)} is removed.")
                return
            case _:
                changed = client.resume_download(id)
    if json:
        terminal.json(changed)
    else:
        terminal.note(printable(line_of(changed)))


def _left(remains: DownloadRemains) -> str:
    files = ", ".join(remains.files[:2]) + (" and more" if len(remains.files) > 2 else "")
    return printable(
        f"{bytes_text(remains.size_bytes)} are left of a download that is in no list ({files or 'no file'})."
        f" Get the model again to go on, or: paddock downloads remove {remains.id}"
    )


def _show(terminal: Terminal, found: list[Download], json: bool) -> None:
    if json:
        terminal.json([_with_total(download) for download in found])
        return
    if not found:
        terminal.note("Nothing is on its way. “paddock get OWNER/REPO:QUANT” begins a download.")
        return
    rows = [
        (
            download.id,
            download.model,
            "verifying" if download.verifying else download.state,
            bytes_text(download.done_bytes),
            bytes_text(download.total_bytes),
            "" if download.speed is None else f"{bytes_text(download.speed)}/s",
            "" if download.seconds_left is None else span_text(download.seconds_left),
            download.error.message if download.error is not None else download.note,
        )
        for download in found
    ]
    columns = ("Id", "Model", "State", "Here", "Size", "Speed", "Left", "Remarks")
    terminal.table(columns, rows, right=(3, 4, 5, 6))


def _with_total(download: Download) -> dict[str, object]:
    from msgspec import structs

    return structs.asdict(download) | {"total_bytes": download.total_bytes}
