"""``paddock get``: a model from the hub, with its progress."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.downloads import Download
from paddock.sdk.errors import HostUnavailable, PaddockError, StorageFailed
from paddock.sdk.events import DownloadFinished, DownloadProgress, Snapshot
from paddock.sdk.units import bytes_text, span_text


def get(
    model: Annotated[
        str, typer.Argument(help="OWNER/REPO, OWNER/REPO:QUANT, or its address at the hub.", metavar="MODEL")
    ],
    background: Annotated[bool, typer.Option("--background", help="Do not wait for it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Get a model from the hub. Ctrl+C pauses it, and the same command goes on with it."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        known = any(model.casefold() in (each.id, each.model.casefold()) for each in client.downloads())
        untold = "" if known else _tell_fit(client, terminal, model)
        download = client.download(model)  # what is wrong with the name is told by this
        for sentence in _beforehand(download):
            terminal.note(printable(sentence), style="yellow" if sentence == download.note else "")
        if untold and not download.note:
            terminal.note(f"Whether it fits cannot be told: {printable(untold)}", style="yellow")
        if background:
            if json:
                terminal.json(download)
            else:
                terminal.note(f"{download.model} is on its way: “paddock downloads” tells how far it is.")
            return
        try:
            download = wait(client, terminal, download)
        except KeyboardInterrupt:
            client.pause_download(download.id)
            terminal.note(f"Paused. “paddock get {download.model}” goes on with it.")
            raise typer.Exit(130) from None
        if download.error is not None:
            raise PaddockError.from_info(download.error)
        if download.state == "paused":
            raise PaddockError("The download was paused.", hint=f"“paddock get {download.model}” goes on with it.")
        result = _result(client, download)
    if json:
        terminal.json(result)
    else:
        compared = all(file.sha256 for file in download.files)
        facts = f"{bytes_text(download.total_bytes)}, {'checksums right' if compared else 'the hub tells no checksum'}"
        terminal.line(f"{printable(result['id'])} is here ({facts}): {printable(download.path)}")


def _tell_fit(client: Client, terminal: Terminal, model: str) -> str:
    """Why not, where it cannot be told."""
    try:
        terminal.note(printable(client.estimate(model, quick=True).sentence))
    except PaddockError as error:
        return error.message
    return ""


def _beforehand(download: Download) -> list[str]:
    """What should be known before it is waited for: what speaks against it, and what comes along."""
    said = [download.note] if download.note and download.state != "running" else []
    projectors = [file for file in download.files if "mmproj" in file.name.lower()]
    said += [f"With it comes its projector, {file.name} ({bytes_text(file.size)})." for file in projectors]
    return said


def wait(client: Client, terminal: Terminal, download: Download) -> Download:
    """Until it is done, has failed or was paused, with its progress where somebody looks."""
    if not terminal.watched:
        return _follow(client, download, lambda seen: None)
    with terminal.status(line_of(download)) as status:
        return _follow(client, download, lambda seen: status.update(line_of(seen)))


def _follow(client: Client, download: Download, seen: Callable[[Download], None]) -> Download:
    for event in client.events():
        now: Download | None
        match event:
            case Snapshot(downloads=downloads):
                now = next((each for each in downloads if each.id == download.id), None)
            case DownloadProgress(id=download.id, download=now) | DownloadFinished(id=download.id, download=now):
                pass
            case _:
                continue
        if now is None:
            raise StorageFailed("The download was cancelled.", hint="Get the model again if you want it after all.")
        seen(now)
        if now.state not in ("queued", "running"):
            return now
    raise HostUnavailable("Paddock’s host has ended.", hint=f"“paddock get {download.model}” goes on with it.")


def line_of(download: Download) -> str:
    """How far it is, for a person."""
    if download.state != "running":
        return f"{download.model}: {download.state}"
    if download.verifying:
        return f"{download.model}: verifying, {_share(download.verified_bytes, download.total_bytes)}"
    facts = [
        f"{download.model}: {bytes_text(download.done_bytes)} of {bytes_text(download.total_bytes)}",
        _share(download.done_bytes, download.total_bytes),
    ]
    if download.speed is not None:
        facts.append(f"{bytes_text(download.speed)}/s")
    if download.seconds_left is not None:
        facts.append(f"{span_text(download.seconds_left)} left")
    if download.note:
        facts.append(printable(download.note))
    return " · ".join(facts)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _result(client: Client, download: Download) -> dict[str, Any]:
    """What scripts rely on. ``id`` is what the model is called here."""
    folder = os.path.dirname(download.path)
    here = (os.path.realpath(download.path), os.path.realpath(folder))
    info = next((info for info in client.models() if os.path.realpath(info.path) in here), None)
    files = [
        {"path": os.path.join(folder, file.name), "bytes": file.size, "sha256": file.sha256} for file in download.files
    ]
    return {
        "id": info.id if info is not None else download.model,
        "path": download.path,
        "bytes": download.total_bytes,
        "sha256": download.files[0].sha256,
        "files": files,
    }
