"""``paddock quantize``: a smaller model out of one that is here."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from paddock.sdk.cli.jobs import finish
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.library import QuantChoice, QuantizeRequest
from paddock.sdk.memory import Verdict
from paddock.sdk.units import bytes_text

_FITS: dict[Verdict, str] = {
    "fits": "fits",
    "fits_if_unloaded": "fits after unloading",
    "fits_with": "fits with changes",
    "does_not_fit": "too big",
    "cannot_tell": "cannot tell",
}


def quantize(
    model: Annotated[str, typer.Argument(help="Id of a model, or a GGUF file.", metavar="MODEL")],
    quant: Annotated[str, typer.Argument(help="Q4_K_M, for example; --list tells all.", metavar="QUANT")] = "",
    show: Annotated[bool, typer.Option("--list", help="List the quants with size and fit, and make none.")] = False,
    requantize: Annotated[
        bool, typer.Option("--requantize", help="Also from weights that are quantised already, at a loss.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Processors to compute on.", metavar="N")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a smaller model out of an F16 or BF16 one. Ctrl+C cancels it, and leaves nothing behind."""
    terminal = Terminal()
    if show == bool(quant):
        raise typer.BadParameter("Say which quant, or --list.", param_hint="QUANT")
    if os.path.isfile(model):
        model = os.path.abspath(model)
    with Client.connect(client="cli") as client:
        if show:
            _show(terminal, client.quants(model), json)
            return
        request = QuantizeRequest(model=model, quant=quant, requantize=requantize, threads=threads)
        job = finish(client, terminal, client.quantize(request))
        made = next((info for info in client.models() if info.id == job.model), None)
    if json:
        path, size = (made.path, made.size_bytes) if made is not None else ("", 0)
        terminal.json({"id": job.model, "path": path, "bytes": size})
    else:
        size_text = f" ({bytes_text(made.size_bytes)})" if made is not None else ""
        terminal.line(f"{printable(job.model)} is here{size_text}.")


def _show(terminal: Terminal, choices: list[QuantChoice], json: bool) -> None:
    if json:
        terminal.json(choices)
        return
    rows = [
        (
            choice.quant,
            bytes_text(choice.size_bytes),
            f"{choice.bits_per_weight:.1f}",
            choice.about,
            _FITS[choice.estimate.verdict] if choice.estimate is not None else "",
            choice.refusal,
        )
        for choice in choices
    ]
    terminal.table(("Quant", "Size", "Bits", "Quality", "Here", "Not possible"), rows, right=(1, 2))
