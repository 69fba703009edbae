"""``paddock cache``: prompts kept on disk so that they are not read again."""

from __future__ import annotations

import os
import time
from typing import Annotated, Literal

import typer

from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.client import Client
from paddock.sdk.units import bytes_text


def cache(
    action: Annotated[
        Literal["list", "clear"] | None, typer.Argument(help="list (as without): what is kept; clear: remove it.")
    ] = None,
    model: Annotated[str, typer.Argument(help="With clear: only the prompts of this model.", metavar="MODEL")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List or clear the prompts that are kept on disk, so that they need not be read again."""
    terminal = Terminal()
    if action != "clear" and model:
        raise typer.BadParameter("A model goes with “clear”.", param_hint="MODEL")
    with Client.connect(client="cli") as client:
        if action == "clear":
            client.clear_prompt_cache(os.path.abspath(model) if os.path.isfile(model) else model)
            terminal.note(f"The kept prompts{f' of {model}' if model else ''} are removed.")
            return
        kept = client.prompt_cache()
    if json:
        terminal.json(kept)
        return
    if not kept:
        terminal.note("No prompts are kept.")
        return
    rows = [(each.model, f"{each.prompts:,}", bytes_text(each.size_bytes), _local(each.used)) for each in kept]
    terminal.table(("Model", "Prompts", "Size", "Last used"), rows, right=(1, 2))


def _local(moment: float) -> str:
    """A moment in Unix seconds, by the user's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
