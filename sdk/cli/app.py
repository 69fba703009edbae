"""The commands, put together, and what their errors look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.errors import InvalidOption, PaddockError
from paddock.sdk.version import VERSION

COMMANDS = (
    "chat", "serve", "search", "get", "downloads", "import", "quantize", "rm", "alias", "ls", "ps", "estimate", "load",
    "unload", "stop", "chats", "presets", "compare", "bench", "cache", "login", "logout", "integrate", "doctor",
)  # fmt: skip
"""In the order of the help."""


class _QuickHelp:
    """``--help`` that was not given is False, not None: None is handed to pydantic, whose import is a third of the time
    that a short command takes."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.default = False
        return option


class _Command(_QuickHelp, TyperCommand):
    pass


class _Group(_QuickHelp, TyperGroup):
    pass


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. A PaddockError becomes its sentence on standard error."""
    try:
        named = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
        build(named)(arguments, prog_name="paddock")
    except PaddockError as error:
        Terminal().fail(error)
        return 2 if isinstance(error, InvalidOption) else 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def build(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The command line as a typer application. With one of the ``commands`` alone it is ready sooner: all flags of all
    commands are built, and ``chat`` and ``load`` have a hundred."""
    app = typer.Typer(
        name="paddock",
        cls=_Group,
        help="Local language models: chat with them, serve them, look after them. Without a command the app opens "
        "(with --new-window beside one that is open).",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        # its two flags belong to no command, and None of them is handed to pydantic too
        add_completion=len(commands) == len(COMMANDS),
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_about)
    for name in commands:
        if name == "chats":
            app.add_typer(_chats(), name=name)
        elif name == "presets":
            app.add_typer(_presets(), name=name)
        else:
            app.command(name, cls=_Command)(_command(name))
    return app


def _chats() -> typer.Typer:
    from paddock.sdk.cli import chats

    group = typer.Typer(cls=_Group, help="List, export and import conversations.", no_args_is_help=True)
    commands: dict[str, Callable[..., None]] = {
        "list": chats.list_,
        "export": chats.export,
        "import": chats.import_,
    }
    for name, command in commands.items():
        group.command(name, cls=_Command)(command)
    return group


def _presets() -> typer.Typer:
    from paddock.sdk.cli import presets

    group = typer.Typer(cls=_Group, help="List, show, import and delete presets.", no_args_is_help=True)
    commands: dict[str, Callable[..., None]] = {
        "list": presets.list_,
        "show": presets.show,
        "import": presets.import_,
        "delete": presets.delete,
    }
    for name, command in commands.items():
        group.command(name, cls=_Command)(command)
    return group


def _command(name: str) -> Callable[..., None]:
    match name:
        case "chat":
            from paddock.sdk.cli.chat import chat
            from paddock.sdk.cli.option_flags import OptionFlags
            from paddock.sdk.llamacpp_sampling import SAMPLING

            return OptionFlags(SAMPLING, title="Sampling", where="llama.cpp sampling").added_to(
                chat, argument="sampling"
            )
        case "load":
            from paddock.sdk.cli.models import LoadCommand
            from paddock.sdk.cli.option_flags import OptionFlags
            from paddock.sdk.llamacpp_load import LOAD

            flags = OptionFlags(LOAD, title="Loading", where="llama.cpp loading")
            return flags.added_to(LoadCommand(LOAD).load, argument="options")
        case "estimate":
            from paddock.sdk.cli.estimate import estimate

            return estimate
        case "search":
            from paddock.sdk.cli.search import search

            return search
        case "login" | "logout":
            from paddock.sdk.cli import login

            return login.login if name == "login" else login.logout
        case "get":
            from paddock.sdk.cli.get import get

            return get
        case "downloads":
            from paddock.sdk.cli.downloads import downloads

            return downloads
        case "serve":
            from paddock.sdk.cli.serve import serve

            return serve
        case "compare":
            from paddock.sdk.cli.compare import compare

            return compare
        case "bench":
            from paddock.sdk.cli.bench import bench

            return bench
        case "cache":
            from paddock.sdk.cli.cache import cache

            return cache
        case "import":
            from paddock.sdk.cli.importing import import_

            return import_
        case "quantize":
            from paddock.sdk.cli.quantize import quantize

            return quantize
        case "rm":
            from paddock.sdk.cli.rm import rm

            return rm
        case "alias":
            from paddock.sdk.cli.alias import alias

            return alias
        case "integrate":
            from paddock.sdk.cli.integrate import integrate

            return integrate
        case "doctor":
            return _doctor
        case _:
            from paddock.sdk.cli import models

            commands: dict[str, Callable[..., None]] = {
                "ls": models.ls,
                "ps": models.ps,
                "unload": models.unload,
                "stop": models.stop,
            }
            return commands[name]


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
