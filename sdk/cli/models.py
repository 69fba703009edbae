"""``paddock ls``, ``ps``, ``load``, ``unload`` and ``stop``."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import typer

from paddock.sdk.cli.chat import model_argument, model_names
from paddock.sdk.cli.option_flags import assignment
from paddock.sdk.cli.search import count_text
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.errors import HostBusy, HostUnavailable
from paddock.sdk.options import OptionSpec
from paddock.sdk.types import LoadedModel, ModelInfo, ModelSource, Options
from paddock.sdk.units import bytes_text, span_text

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_SOURCES: dict[ModelSource, str] = {
    "bundled": "Paddock",
    "folder": "folder",
    "path": "path",
    "huggingface": "Hugging Face cache",
    "lmstudio": "LM Studio",
    "ollama": "Ollama",
    "jan": "Jan",
    "llamacpp": "llama.cpp cache",
}


def running_client() -> Client | None:
    """A client of the host that is running already; None when none is."""
    try:
        return Client.connect(client="cli", start=False)
    except HostUnavailable as error:
        if error.details.get("running") is False:
            return None
        raise


def ls(json: Json = False) -> None:
    """List the models on disk."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        models = client.refresh_models()
        problems = client.model_problems()
        names = {place.path: printable(place.name) for place in client.places() if place.source == "folder"}
    broken = {model.path for model in models if model.error}
    for problem in problems:
        if problem.path not in broken:  # the list says it
            terminal.note(printable(problem.sentence), style="yellow")
    if json:
        terminal.json([_listed(model) for model in models])
        return
    if not models:
        terminal.note(
            "There are no models yet. “paddock get OWNER/REPO:QUANT” downloads one, “paddock import FILE” takes one in."
        )
        return
    rows = [
        (
            model.id,
            bytes_text(model.size_bytes),
            count_text(model.parameters),
            model.quant,
            "" if model.context_length is None else f"{model.context_length:,}",
            names.get(model.folder, _SOURCES[model.source]),
            "" if model.last_used is None else datetime.fromtimestamp(model.last_used).strftime("%Y-%m-%d"),
            _remarks(model),
        )
        for model in models
    ]
    columns = ("Model", "Size", "Parameters", "Quant", "Context", "From", "Last used", "Remarks")
    terminal.table(columns, rows, right=(1, 2, 4))


def _listed(model: ModelInfo) -> dict[str, Any]:
    """What scripts rely on comes first."""
    names = ("id", "path", "arch", "parameters", "quant", "size_bytes", "context", "source")
    every = msgspec.structs.asdict(model) | {"arch": model.architecture, "context": model.context_length}
    return {name: every[name] for name in names} | every


def _remarks(model: ModelInfo) -> str:
    if model.error:
        return model.error
    same = f"same content as {model.duplicates[0]}" if model.duplicates else ""
    named = f"also {', '.join(model.aliases)}" if model.aliases else ""
    return "; ".join(filter(None, (model.architecture, named, same, " ".join(model.notes.split()))))


def ps(json: Json = False) -> None:
    """List the models in memory."""
    terminal = Terminal()
    client = running_client()
    loaded: list[LoadedModel] = []
    if client is not None:
        with client:
            loaded = client.loaded()
    if json:
        terminal.json([_process(model) for model in loaded])
        return
    if not loaded:
        terminal.note("No model is loaded.")
        return
    now = time.time()
    rows = [
        (
            model.identifier or model.id,
            model.model,
            model.engine,
            model.state if model.state != "loading" else f"loading {model.progress:.0%}",
            "" if model.pid is None else str(model.pid),
            "" if model.context_length is None else f"{model.context_length:,}",
            _memory(model),
            f"{model.active} running, {model.queued} waiting" if model.active or model.queued else "idle",
            _stays(model, now),
        )
        for model in loaded
    ]
    columns = ("Id", "Model", "Engine", "State", "Pid", "Context", "Memory", "Requests", "Stays")
    terminal.table(columns, rows, right=(4, 5))


def _memory(model: LoadedModel) -> str:
    """What was measured, beside what was predicted."""
    predicted = "" if model.predicted_bytes is None else f"{bytes_text(model.predicted_bytes)} predicted"
    if model.measured_bytes is None:
        return predicted
    return bytes_text(model.measured_bytes) + (f" ({predicted})" if predicted else "")


def _stays(model: LoadedModel, now: float) -> str:
    """For how long it stays when nobody uses it."""
    if model.pinned:
        return "pinned"
    if not model.ttl_s:
        return "until its memory is needed"
    in_use = model.active + model.queued > 0 or model.last_used is None
    left = model.ttl_s if in_use or model.last_used is None else max(0.0, model.last_used + model.ttl_s - now)
    return span_text(left) if not in_use else f"{span_text(left)} after its work"


def _process(model: LoadedModel) -> dict[str, Any]:
    """What scripts rely on comes first."""
    first = {name: getattr(model, name) for name in ("id", "model", "engine", "state", "pid")}
    return first | msgspec.structs.asdict(model)


def load(client: Client, terminal: Terminal, model: str, options: Options, **keywords: Any) -> LoadedModel:
    """Load ``model`` with its progress on the terminal; ``keywords`` as :meth:`~paddock.sdk.client.Client.load` has
    them."""
    if not terminal.watched:
        return client.load(model, options, **keywords)
    with terminal.status(f"loading {model}") as status:
        return client.load(model, options, lambda done: status.update(f"loading {model} {done:.0%}"), **keywords)


class LoadCommand:
    """``paddock load``; ``specs`` are the load options that can be given by name."""

    def __init__(self, specs: tuple[OptionSpec, ...]) -> None:
        self._specs = specs

    def load(
        self,
        model: Annotated[str, typer.Argument(help="Id or file of the model.", autocompletion=model_names)],
        option: Annotated[
            list[str] | None, typer.Option("--option", "-o", metavar="NAME=VALUE", help="A load option by name.")
        ] = None,
        identifier: Annotated[
            str, typer.Option(help="A name of its own: a further instance of the model.", show_default=False)
        ] = "",
        force: Annotated[bool, typer.Option("--force", help="Load it although the memory guard says no.")] = False,
        pin: Annotated[
            bool | None, typer.Option("--pin/--no-pin", help="Never unload it by itself; also for one that is loaded.")
        ] = None,
        ttl: Annotated[
            float | None, typer.Option(min=0, metavar="SECONDS", help="Unload it after so long without use; 0: never.")
        ] = None,
        json: Json = False,
        *,
        options: Options,
    ) -> None:
        """Load a model into memory and keep it there."""
        terminal = Terminal()
        chosen = dict(assignment(item, self._specs) for item in option or ()) | options
        named = {"identifier": identifier, "force": force, "pinned": pin, "ttl_s": ttl}
        with Client.connect(client="cli") as client:
            loaded = load(client, terminal, model_argument(model), chosen, **named)
        if json:
            terminal.json(_process(loaded))
        else:
            terminal.line(_ready(loaded))


def _ready(loaded: LoadedModel) -> str:
    facts = [f"id {loaded.id}", f"{loaded.engine} in process {loaded.pid}"]
    if loaded.context_length is not None:
        facts.append(f"{loaded.context_length:,} tokens of context")
    memory = loaded.measured_bytes or loaded.size_bytes
    if memory:
        facts.append(bytes_text(memory))
    return f"{loaded.model} is loaded ({', '.join(facts)})."


def unload(
    id: Annotated[str, typer.Argument(help="Id of the loaded model, as in “paddock ps”, or of the model.")] = "",
    all: Annotated[bool, typer.Option("--all", help="Unload every model.")] = False,
) -> None:
    """Take a model out of memory."""
    if bool(id) == all:
        raise typer.BadParameter("Name one model, or give --all.", param_hint="ID")
    client = running_client()
    if client is None:
        Terminal().note("No model is loaded.")
        raise typer.Exit(0 if all else 1)
    with client:
        for name in [model.id for model in client.loaded()] if all else [model_argument(id)]:
            client.unload(name)
            Terminal().note(f"{name} is unloaded.")


def stop(
    when: Annotated[
        Literal["idle", "done", "now"],
        typer.Option(help="idle: only when nothing runs; done: after its work; now: in the middle of it."),
    ] = "idle",
) -> None:
    """End the host: the process behind the app that holds the models."""
    from paddock.sdk.connect import stop_host

    terminal = Terminal()
    try:
        ended = stop_host(when, client="cli")
    except HostBusy as error:
        raise HostBusy(
            error.message,
            hint="“paddock stop --when done” waits for its work, “--when now” breaks it off.",
            **error.details,
        ) from error
    terminal.note("The host has ended." if ended else "The host is not running.")
