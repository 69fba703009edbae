"""``paddock estimate``: what a model would take, before it is loaded or even downloaded, and whether it fits."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from paddock.sdk.cli.chat import model_argument, model_names
from paddock.sdk.cli.option_flags import assignment
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.llamacpp_load import LOAD
from paddock.sdk.memory import Estimate, EstimatedDevice
from paddock.sdk.options import number_text
from paddock.sdk.types import Options, OptionValue
from paddock.sdk.units import bytes_text

PARTS = {
    "weights": "Weights",
    "kv": "KV cache",
    "recurrent": "Recurrent state",
    "compute": "Compute",
    "output": "Output",
    "projector": "Projector",
    "draft": "Draft model",
    "adapters": "Adapters",
    "overhead": "Process",
}
_BAR = 40


def estimate(
    model: Annotated[
        str,
        typer.Argument(
            help="Id or file of a model, REPO:QUANT on the hub, or the URL of a file.", autocompletion=model_names
        ),
    ],
    context: Annotated[
        str | None, typer.Option("--context", "-c", metavar="TOKENS", help="Context length, or “auto”: the largest.")
    ] = None,
    kv: Annotated[
        str | None,
        typer.Option("--kv", metavar="TYPE", help="Type of the KV cache: q8_0, or K and V apart: q8_0,q4_0."),
    ] = None,
    parallel: Annotated[int | None, typer.Option("--parallel", metavar="NUMBER", help="Requests at once.")] = None,
    gpu_layers: Annotated[
        int | None, typer.Option("--gpu-layers", metavar="NUMBER", help="Layers on the GPU: -1 all, 0 none.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", metavar="NAME=VALUE", help="A load option by name.")
    ] = None,
    on: Annotated[
        str, typer.Option("--on", metavar="MACHINE", help="Another computer: 24GB, 2x16GB, “64GB mac”.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a model would take of the memory, and whether it fits. Nothing is loaded; of a model on the hub only
    the header is fetched."""
    k, comma, v = kv.partition(",") if kv is not None else (None, "", None)
    given: Options = {"n_ctx": _number(context), "cache_type_k": k, "cache_type_v": v if comma else k,
                      "n_parallel": parallel, "n_gpu_layers": gpu_layers}  # fmt: skip
    options = dict(assignment(item, LOAD) for item in option or ())
    options |= {name: value for name, value in given.items() if value is not None}
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        name = model if "://" in model else model_argument(model)
        if terminal.watched:
            with terminal.status(f"looking at {model}"):
                found = client.estimate(name, options, on=on)
        else:
            found = client.estimate(name, options, on=on)
    if json:
        terminal.json(found.as_json())
    else:
        show(terminal, found)


def show(terminal: Terminal, found: Estimate) -> None:
    """The estimate for a person."""
    terminal.line(_title(found))
    terminal.line("")
    used = [device for device in found.devices if device.bytes]
    rows = [
        (words, *(_size(getattr(device.parts, part)) for device in used))
        for part, words in PARTS.items()
        if any(getattr(device.parts, part) for device in used)
    ]
    rows.append(("Together", *(bytes_text(device.bytes) for device in used)))
    rows.append(("May take", *(bytes_text(device.free) or "unknown" for device in used)))
    terminal.table(("", *(device.name for device in used)), rows, right=range(1, len(used) + 1))
    terminal.line("")
    width = max((len(device.name) for device in found.devices), default=0)
    for device in found.devices:
        if device.total:
            terminal.line(f"{device.name:<{width}}  {bar(device)}  {bytes_text(device.total)}")
    terminal.line("")
    terminal.line(printable(found.sentence))
    if found.remedy is not None:
        terminal.line(f"→ {printable(found.remedy.sentence)}{_as_flags(found.remedy.options)}")
    if found.max_context is not None:
        terminal.line(f"The largest context that fits has {found.max_context:,} tokens.")
    for note in found.notes:
        terminal.note(printable(note), style="yellow")


def bar(device: EstimatedDevice) -> str:
    """The whole device: what is in use, what the model would take (``!`` where that is not there), what stays free."""
    free = device.total if device.free is None else max(0, min(device.free, device.total))
    in_use = round(_BAR * (device.total - free) / device.total)
    wanted = max(round(_BAR * device.bytes / device.total), 1) if device.bytes else 0
    fitting = min(wanted, _BAR - in_use) if device.bytes <= free else round(_BAR * free / device.total)
    beyond = "!" * min(max(wanted - fitting, 0), _BAR) if device.bytes > free else ""
    return "▒" * in_use + "█" * fitting + "░" * (_BAR - in_use - fitting) + beyond


def _title(found: Estimate) -> str:
    facts = [printable(found.model), found.architecture]
    if found.context_length:
        facts.append(f"{found.context_length:,} tokens of context")
    how = {"simulated": "simulated by the engine", "analytic": "computed", "measured": "measured"}[found.source]
    facts.append("a guess by its size" if found.confidence == "low" else how)
    if found.fetched_bytes:
        facts.append(f"{bytes_text(found.fetched_bytes)} fetched")
    facts.append(f"{number_text(round(found.seconds, 2))} s")
    return " · ".join(fact for fact in facts if fact)


def _as_flags(options: Options) -> str:
    """The options of a remedy as flags of ``paddock load``."""
    if not options:
        return ""
    texts = {name: msgspec.json.encode(value).decode().strip('"') for name, value in options.items()}
    return ": " + " ".join(f"-o {name}={text}" for name, text in texts.items())


def _number(text: str | None) -> OptionValue:
    return int(text) if text is not None and text.isdecimal() else text


def _size(size: int) -> str:
    return bytes_text(size) if size else ""
