"""The commands, put together, and what their errors look like."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.sdk.cli.chat import chat
from paddock.sdk.cli.models import LoadCommand, ls, ps, stop, unload
from paddock.sdk.cli.option_flags import OptionFlags
from paddock.sdk.cli.serve import serve
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.errors import InvalidOption, PaddockError
from paddock.sdk.llamacpp_options import LOAD, SAMPLING
from paddock.sdk.version import VERSION


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. A PaddockError becomes its sentence on standard error."""
    try:
        build()(arguments, prog_name="paddock")
    except PaddockError as error:
        Terminal().fail(error)
        return 2 if isinstance(error, InvalidOption) else 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def build() -> typer.Typer:
    """The command line as a typer application."""
    app = typer.Typer(
        name="paddock",
        help="Local language models: chat with them, serve them, look after them. Without a command the app opens "
        "(with --new-window beside one that is open).",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_about)
    sampling = OptionFlags(SAMPLING, title="Sampling", where="llama.cpp sampling")
    loading = OptionFlags(LOAD, title="Loading", where="llama.cpp loading")
    app.command("chat")(sampling.added_to(chat, argument="sampling"))
    app.command("serve")(serve)
    app.command("ls")(ls)
    app.command("ps")(ps)
    app.command("load")(loading.added_to(LoadCommand(LOAD).load, argument="options"))
    app.command("unload")(unload)
    app.command("stop")(stop)
    app.command("doctor")(_doctor)
    return app


def _doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look for what keeps Paddock from working, and say what to do about it."""
    from paddock.sdk.cli.doctor import doctor

    doctor(json=json)


def _version(wanted: bool) -> None:
    if wanted:
        Terminal().line(f"paddock {VERSION}")
        raise typer.Exit


def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass
