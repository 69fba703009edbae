"""``paddock alias``: further names of a model."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.sdk.cli.chat import model_argument, model_names
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.errors import NotFound


def alias(
    model: Annotated[str, typer.Argument(help="Id or file of the model.", autocompletion=model_names)],
    names: Annotated[list[str] | None, typer.Argument(help="Names to add; none: list them.", metavar="NAME")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take these names away, or all of them.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Give a model further names that requests may use. They stay until they are taken away."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        info = client.patch_model(model_argument(model))
        if remove or names:
            wanted = _without(info.aliases, names or ()) if remove else (*info.aliases, *(names or ()))
            info = client.patch_model(info.id, aliases=wanted)
    if json:
        terminal.json({"id": info.id, "aliases": info.aliases})
    elif info.aliases:
        terminal.line(f"{printable(info.id)} is also called {', '.join(map(printable, info.aliases))}.")
    else:
        terminal.line(f"{printable(info.id)} has no further names.")


def _without(kept: tuple[str, ...], names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Without ``names``, or empty where none is named. Raises NotFound."""
    going = {name.casefold() for name in names or kept}
    for name in names:
        if name.casefold() not in {alias.casefold() for alias in kept}:
            raise NotFound(f"“{name}” is none of its names.", hint=f"They are: {', '.join(kept) or 'none'}.")
    return tuple(alias for alias in kept if alias.casefold() not in going)
