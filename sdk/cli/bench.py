"""``paddock bench``: how fast a model answers, here or behind any OpenAI-compatible address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from paddock.sdk.cli.chat import model_argument, model_names
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.errors import PaddockError

if TYPE_CHECKING:
    from rich.progress import Progress

    from paddock.sdk.bench import BenchResult, Plan, Target
    from paddock.sdk.types import LoadedModel
_MANY = 256
"""Requests at once, at most."""


def bench(
    model: Annotated[
        str, typer.Argument(help="Id or file of the model; with --url its name there.", autocompletion=model_names)
    ],
    prompt: Annotated[int, typer.Option(min=1, help="Tokens of each prompt.")] = 512,
    generate: Annotated[int, typer.Option(min=1, help="Tokens of each answer.")] = 128,
    concurrency: Annotated[
        str, typer.Option(metavar="N,N,…", help="Requests at once; a run for each number, as in 1,4,8.")
    ] = "1",
    shared_prefix: Annotated[
        int, typer.Option(min=0, help="Tokens of the prompt that all requests of a run begin with.")
    ] = 0,
    url: Annotated[
        str,
        typer.Option(help="Measure the OpenAI-compatible API at this address instead.", show_default=False),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure time to first token, prefill and decode speed, and throughput."""
    from paddock.sdk.bench import Plan, save
    from paddock.sdk.connect import home_of

    if shared_prefix >= prompt:
        raise typer.BadParameter("It must be shorter than the prompt.", param_hint="--shared-prefix")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise typer.BadParameter("Give an address such as http://127.0.0.1:8080/v1.", param_hint="--url")
    plan = Plan(prompt=prompt, generate=generate, concurrency=_numbers(concurrency), shared_prefix=shared_prefix)
    terminal = Terminal()
    result = asyncio.run(_measure(terminal, plan, model if url else model_argument(model), url))
    if json:
        terminal.json(result)
    else:
        _print(terminal, result)
    path = save(home_of(None).bench, plan, result)
    if not json:
        terminal.aside(f"kept in {path}")


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part[:9]) <= _MANY for part in parts):
        raise typer.BadParameter(f"It takes numbers from 1 to {_MANY}, as in 1,4,8.", param_hint="--concurrency")
    return tuple(int(part) for part in parts)


async def _measure(terminal: Terminal, plan: Plan, model: str, url: str) -> BenchResult:
    from paddock.sdk.bench import run
    from paddock.sdk.bench_targets import UrlTarget

    with _progress(terminal) as progress:
        bar = progress.add_task("preparing", total=None)

        def begin(number: int) -> None:
            words = f"{number} requests at once" if number > 1 else "one request"
            progress.reset(bar, description=words, total=number * plan.generate)

        opened = UrlTarget.open(url, model) if url else _on_host(terminal, model, max(plan.concurrency))
        async with opened as target:
            return await run(target, plan, on_run=begin, on_piece=lambda: progress.advance(bar))


@asynccontextmanager
async def _on_host(terminal: Terminal, model: str, many: int) -> AsyncIterator[Target]:
    """``model`` as it is loaded, or loaded for the time of the benchmark."""
    from paddock.sdk.aclient import AsyncClient
    from paddock.sdk.bench_targets import HostTarget

    async with await AsyncClient.connect(client="cli") as client:
        before = {loaded.id for loaded in await client.loaded()}
        new = True
        try:
            loaded = await client.load(model)
            new = loaded.id not in before
            if new and _takes(loaded) < many:
                loaded = await client.load(model, {"n_parallel": many})
            if _takes(loaded) < many:
                terminal.note(f"{model} takes {_takes(loaded)} requests at once; more of them wait.", style="yellow")
            engine = next((engine for engine in await client.engines() if engine.name == loaded.engine), None)
            yield HostTarget(client, loaded, engine)
        finally:
            if new:
                with suppress(PaddockError):  # it could not be loaded, or is gone
                    await client.unload(model)


def _takes(loaded: LoadedModel) -> int:
    """How many requests the model takes at once, where it says so."""
    number = loaded.options.get("n_parallel")
    return number if isinstance(number, int) else _MANY


def _progress(terminal: Terminal) -> Progress:
    """Nothing is shown where nobody looks."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=terminal.err, transient=True, disable=not terminal.watched)


def _print(terminal: Terminal, result: BenchResult) -> None:
    terminal.line(f"{result.model} · {result.engine} · {result.machine}")
    rows = [
        (
            str(run.concurrency),
            f"{run.prompt_tokens:,}",
            f"{run.generated_tokens:,}",
            f"{run.ttft_s:.3f} s",
            f"{run.prefill_tps:,.1f}",
            f"{run.decode_tps:,.1f}",
            f"{run.total_tps:,.1f}",
        )
        for run in result.runs
    ]
    columns = ("At once", "Prompt", "Answer", "First token", "Prefill/s", "Decode/s", "Total/s")
    terminal.table(columns, rows, right=range(len(columns)))
