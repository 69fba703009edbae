"""``paddock serve``: the public API server, on for as long as the command runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from paddock.sdk.cli.chat import model_argument, model_names
from paddock.sdk.cli.models import load
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.client import Client
from paddock.sdk.errors import HostUnavailable, PaddockError, PortUnavailable
from paddock.sdk.events import HostEvent, Leaving, ServerChanged, Snapshot
from paddock.sdk.host import ServerRequest, ServerStatus
from paddock.sdk.types import Options


class _Ended(BaseException):
    """SIGINT or SIGTERM: the command has done what it was asked to."""


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 5151,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Load this model first: an id or a file.", autocompletion=model_names)
    ] = "",
    context: Annotated[
        str | None, typer.Option(metavar="TOKENS", help="Its context, or “auto”: the largest.", show_default=False)
    ] = None,
    parallel: Annotated[int | None, typer.Option(min=1, help="Requests at once.", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads.", show_default=False)] = None,
) -> None:
    """Open the OpenAI-compatible API server and keep it open until Ctrl+C.

    What --model loaded is in memory for as long as the server is open.
    """
    terminal = Terminal()
    given = {"n_ctx": _context(context), "n_parallel": parallel, "n_threads": threads}
    options: Options = {name: value for name, value in given.items() if value is not None}
    if options and not model:
        raise typer.BadParameter("--context, --parallel and --threads need --model.", param_hint="--model")
    with _signals():
        client = Client.connect(client="cli")
        try:
            loaded_before = {loaded.id for loaded in client.loaded()}
            loaded = load(client, terminal, model_argument(model), options) if model else None
            before = client.server()
            status = client.set_server(ServerRequest(running=True, host=host, port=port, strict_port=True))
            if not status.running:
                raise PortUnavailable(
                    status.error or f"Port {port} of {host} cannot be used.", hint="Choose another one with --port."
                )
            terminal.line(f"Paddock API on {api_url(status)}")
            try:
                _stay(client, terminal)
            except _Ended:
                if not _same(before, status):
                    client.set_server(ServerRequest(running=False))
                    if loaded is not None and loaded.id not in loaded_before:
                        client.unload(loaded.id)
        except _Ended:
            return
        finally:
            client.close()


def _context(text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter("It takes a whole number from 1, or “auto”.", param_hint="--context")
    return int(text)


def api_url(status: ServerStatus) -> str:
    """The address for clients: the IPv4 one where there is a choice."""
    urls = [url for url in status.urls if "[" not in url] or list(status.urls)
    url = (urls[0] if urls else f"http://{status.host}:{status.port}").rstrip("/")
    return url if url.endswith("/v1") else url + "/v1"


def _same(before: ServerStatus, status: ServerStatus) -> bool:
    """It was on already at this address: then it is not ours to switch off."""
    return before.running and (before.host, before.port) == (status.host, status.port)


def _stay(client: Client, terminal: Terminal) -> None:
    """Stay attached until the server is switched off elsewhere. Raises HostUnavailable when the host ends."""
    while True:
        try:
            for event in client.events():
                if _is_off(event):
                    terminal.note("The API server was switched off.")
                    return
                if isinstance(event, Leaving):
                    raise HostUnavailable(
                        f"Paddock’s host is ending: {event.reason}", hint="“paddock serve” starts it again."
                    )
        except HostUnavailable as error:
            _still_there(client, error)


def _is_off(event: HostEvent) -> bool:
    match event:
        case ServerChanged():
            return not event.status.running
        case Snapshot():
            return not event.server.running
        case _:
            return False


def _still_there(client: Client, error: HostUnavailable) -> None:
    """After a sleep of the computer the stream is silent while the host is well: then go on."""
    try:
        if client.handshake().instance == client.address.instance:
            return
    except PaddockError:
        pass
    raise HostUnavailable(
        "Paddock’s host has ended, and with it the API server.", hint="“paddock serve” starts it again."
    ) from error


@contextmanager
def _signals() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl+C breaks off the tidying
        raise _Ended

    old = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Ended:
        pass
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
