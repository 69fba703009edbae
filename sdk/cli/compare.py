"""``paddock compare``: a list of prompts asked in several panes, each answer checked."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from paddock.sdk.batch_lines import DEFAULT_CRITERION, cell_line, pane_names, prompt_text, summarised, verdict
from paddock.sdk.cli.chat import model_argument, model_names
from paddock.sdk.cli.option_flags import assignment
from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.compare import Batch, BatchCell, BatchPatch, BatchPrompt, BatchRequest, Check, PromptsText
from paddock.sdk.errors import BadRequest, HostUnavailable, PaddockError
from paddock.sdk.events import BatchChanged, Snapshot
from paddock.sdk.llamacpp_sampling import SAMPLING
from paddock.sdk.options import OptionSpec, check
from paddock.sdk.types import Pane
from paddock.sdk.units import counted, span_text

if TYPE_CHECKING:
    from rich.text import Text

_OWN = (
    OptionSpec(name="system", kind="text", default="", label="System prompt", help="", group=""),
    OptionSpec(name="name", kind="text", default="", label="Name", help="", group=""),
    OptionSpec(name="max_tokens", kind="int", default=None, label="Most tokens", help="", group="", minimum=1),
    OptionSpec(name="reasoning", kind="bool", default=None, label="Reasoning", help="", group=""),
    OptionSpec(name="stop", kind="list", default=None, label="Stop strings", help="", group=""),
)
_NEXT_OPTION = re.compile(r",(?=\s*[A-Za-z_]+\s*=)")
"""A comma before a name and “=” begins the next option; others belong to the text."""
_PAGE = 1000
_SHOWN = 48


def compare(
    prompts: Annotated[
        str, typer.Argument(help="JSONL, CSV or a prompt a line; - for standard input.", show_default=False)
    ] = "",
    pane: Annotated[
        list[str] | None,
        typer.Option(
            "--pane",
            metavar="MODEL[,option=value...]",
            help="A model with sampling, system (or system=@FILE), max_tokens, reasoning, stop, name. Several times.",
            autocompletion=model_names,
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Ask each prompt so many times, with other seeds.")] = 1,
    judge: Annotated[
        str, typer.Option(metavar="MODEL", help="Judges what is to be judged.", autocompletion=model_names)
    ] = "",
    criterion: Annotated[
        str, typer.Option(help="What the judge looks for where a prompt does not say.", show_default=False)
    ] = DEFAULT_CRITERION,
    name: Annotated[str, typer.Option(help="A name for the list of runs.", show_default=False)] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Print the id and leave; it goes on in the host.")] = False,
    resume: Annotated[str, typer.Option(metavar="ID", help="Go on with one that was paused.", show_default=False)] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON line per answer, as they end.")] = False,
) -> None:
    """Ask a list of prompts in several panes, and check the answers. Ctrl+C pauses; --resume goes on."""
    terminal = Terminal()
    if bool(resume) == bool(prompts):
        raise typer.BadParameter("Give a file of prompts, or --resume with an id.", param_hint="PROMPTS")
    if not resume and not pane:
        raise typer.BadParameter("Say which models to ask, each with --pane.", param_hint="--pane")
    if resume and (pane or judge or repeat > 1):
        raise typer.BadParameter("It goes on as it was begun: give no panes, judge or repeat.", param_hint="--resume")
    interrupts: list[int] = []
    with Client.connect(client="cli") as client:
        if resume:
            batch = client.batch(resume)
            if batch.state == "paused":
                with _noting(interrupts):
                    batch = client.patch_batch(resume, BatchPatch(action="resume"))
        else:
            asked = client.read_prompts(_source(prompts))
            judge = model_argument(judge) if judge else ""
            request = BatchRequest(
                name=name or asked.name,
                prompts=tuple(with_judge(prompt, judge, criterion) for prompt in asked.prompts),
                panes=tuple(read_pane(text) for text in pane or ()),
                repeat=repeat,
            )
            with _noting(interrupts):
                batch = client.start_batch(request)
        if detach:
            terminal.json(batch) if json else terminal.line(batch.id)
            return
        try:
            if interrupts:
                raise KeyboardInterrupt
            batch = _follow(client, terminal, batch, json=json)
        except KeyboardInterrupt:
            client.patch_batch(batch.id, BatchPatch(action="pause"))
            terminal.note(_to_resume("Paused.", batch.id))
            raise typer.Exit(130) from None
    if batch.failed or batch.state != "done":
        raise typer.Exit(1)


def read_pane(text: str) -> Pane:
    """``MODEL[,option=value...]``. Raises UnknownOption, InvalidOption, BadRequest."""
    model, *given = _NEXT_OPTION.split(text)
    if not model.strip():
        raise BadRequest(f"The pane “{text}” names no model.", hint="Begin it with one: MODEL,temperature=0.")
    specs = (*_OWN, *SAMPLING)
    named = [assignment(item.strip(), specs) for item in given]
    options = check(dict(named), specs, where="a pane")
    if len(options) < len(named):
        twice = next(name for number, (name, _) in enumerate(named) if name in dict(named[:number]))
        raise BadRequest(f"The pane “{text}” says {twice} twice.", hint="Say it once.")
    own = {spec.name: options.pop(spec.name) for spec in _OWN if spec.name in options}
    if isinstance(system := own.get("system"), str):
        own["system"] = _text_of(system)
    return msgspec.convert({**own, "model": model_argument(model.strip()), "sampling": options}, Pane)


def _text_of(given: str) -> str:
    """What is given, or the text of the file behind an @."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise BadRequest(f"{given[1:]} cannot be read: {why}.", hint="Name a text file in UTF-8.") from None


def _source(prompts: str) -> PromptsText:
    if prompts != "-":
        return PromptsText(path=os.path.abspath(os.path.expanduser(prompts)))
    return PromptsText(text=sys.stdin.read(), name="standard input")


def with_judge(prompt: BatchPrompt, model: str, criterion: str) -> BatchPrompt:
    """``prompt`` with the judge where its checks name none; one that is not judged at all is, by the ``criterion``."""
    if not model:
        return prompt
    checks = [
        msgspec.structs.replace(each, model=each.model or model) if each.kind == "judge" else each
        for each in prompt.checks
    ]
    if not any(each.kind == "judge" for each in checks):
        checks.append(Check(kind="judge", value=criterion, model=model))
    return msgspec.structs.replace(prompt, checks=tuple(checks))


# ---------------------------------------------------------------- following


@contextmanager
def _noting(interrupts: list[int]) -> Iterator[None]:
    """Ctrl+C in the body is only noted: a batch that begins must not go on unknown. In the main thread."""
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _follow(client: Client, terminal: Terminal, batch: Batch, *, json: bool) -> Batch:
    prompts, names = client.batch_prompts(batch.id), pane_names(batch.panes)
    seen = _Cells(client, batch.id)
    found: list[BatchCell] = []
    with terminal.status(_progress(batch)) if terminal.watched else nullcontext() as status:
        for now in _states(client, batch.id):
            if status is not None:
                status.update(_progress(now))
            for cell in seen.ended():
                found.append(cell)
                if json:
                    terminal.json(cell_line(cell, prompts[cell.prompt], names[cell.pane]), pretty=False)
            batch = now
            if now.state != "running":
                break
    if not json:
        _print(terminal, batch, prompts, names, found)
    if batch.state == "paused":
        terminal.note(_to_resume(batch.note or "It was paused.", batch.id))
    elif batch.failed:
        terminal.note(f"{counted(batch.failed, 'answer')} failed.", style="yellow")
    return batch


def _to_resume(what: str, id: str) -> str:
    return f"{what} Go on with: paddock compare --resume {id}"


def _states(client: Client, id: str) -> Iterator[Batch]:
    """The batch as it is now and whenever that changes."""
    for event in client.events():
        match event:
            case Snapshot():
                yield client.batch(id)
            case BatchChanged(id=changed, batch=batch) if changed == id:
                if batch is None:
                    raise PaddockError("It was removed.", hint="Start it again from the file.")
                yield batch
            case _:
                continue
    raise HostUnavailable("Paddock’s host has ended.", hint=_to_resume("Nothing is lost.", id))


class _Cells:
    """The cells of a batch as they end, each once."""

    def __init__(self, client: Client, id: str) -> None:
        self._client = client
        self._id = id
        self._since = 0

    def ended(self) -> Iterator[BatchCell]:
        while changes := self._client.batch_changes(self._id, since=self._since, limit=_PAGE):
            self._since = changes[-1].change
            yield from (cell for cell in changes if cell.state in ("done", "failed") and not cell.judging)


def _progress(batch: Batch) -> str:
    facts = [f"{batch.done + batch.failed:,} of {batch.total:,}"]
    if batch.failed:
        facts.append(f"{batch.failed:,} failed")
    if batch.seconds_left:
        facts.append(f"{span_text(batch.seconds_left)} left")
    return " · ".join([*facts, printable(batch.note)] if batch.note else facts)


# ---------------------------------------------------------------- the table


def _print(
    terminal: Terminal, batch: Batch, prompts: Sequence[BatchPrompt], names: Sequence[str], cells: Sequence[BatchCell]
) -> None:
    latest = {(cell.prompt, cell.pane, cell.repeat): cell for cell in cells}
    rows: list[list[str | Text]] = []
    for number, prompt in enumerate(prompts):
        row: list[str | Text] = [_short(prompt.name or prompt_text(prompt))]
        for pane in range(len(names)):
            row.append(_answer([c for r in range(batch.repeat) if (c := latest.get((number, pane, r)))]))
        rows.append(row)
    terminal.table(("Prompt", *names), rows)
    terminal.line("")
    found = [summarised([c for c in latest.values() if c.pane == pane]) for pane in range(len(names))]
    summaries = [
        (name, f"{s.answers:,}", f"{s.failed:,}", s.passed_text, s.speed_text, s.first_text, s.tokens_text)
        for name, s in zip(names, found, strict=True)
    ]
    columns = ("Pane", "Answers", "Failed", "Checks passed", "Tokens/s", "First token", "Tokens")
    terminal.table(columns, summaries, right=range(1, len(columns)))


def _answer(cells: Sequence[BatchCell]) -> Text:
    """The beginning of the first answer, with how many of all passed their checks."""
    from rich.text import Text

    if not cells:
        return Text("–", style="dim")
    failed = [cell for cell in cells if cell.state == "failed"]
    told = [verdict(cell.checks) for cell in cells if cell.checks]
    all_told = False if False in told else True if told and all(told) else None
    mark = {True: ("✓ ", "green"), False: ("✗ ", "red"), None: ("", "")}[all_told]
    count = f" ({told.count(True)} of {len(told)})" if len(told) > 1 else ""
    if len(failed) == len(cells) and failed[0].error is not None:
        return Text(printable(_short(failed[0].error.message)), style="red")
    return Text.assemble(mark, printable(_short(cells[0].text)), (count, "dim"))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
