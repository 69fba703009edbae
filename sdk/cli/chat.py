"""``paddock chat``: one question from the arguments or a pipe, or a conversation on a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from paddock.sdk.asking import question
from paddock.sdk.cli.answers import AnswerView, answer_json, stats_line
from paddock.sdk.cli.presets import find_preset
from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.client import Client
from paddock.sdk.connect import home_of
from paddock.sdk.errors import BadRequest, PaddockError
from paddock.sdk.types import Options

_FILES = (".gguf", ".json", ".safetensors")


def model_argument(model: str) -> str:
    """A model id as it is; a path as an absolute one, because the host works in another folder."""
    is_path = model.startswith((".", "~", "/")) or model.lower().endswith(_FILES) or Path(model).is_file()
    return os.path.abspath(Path(model).expanduser()) if is_path else model


def model_names(incomplete: str) -> list[str]:
    """Shell completion: the models of a host that is running already."""
    try:
        with Client.connect(client="cli", start=False) as client:
            names = [name for model in client.models() for name in (model.id, *model.aliases)]
            return [name for name in names if name.startswith(incomplete)]
    except PaddockError:
        return []


Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="Id or file of the model; by default that of the settings.", autocompletion=model_names
    ),
]


def chat(
    prompt: Annotated[
        str, typer.Argument(help="What to ask. Text from a pipe is added behind it.", show_default=False)
    ] = "",
    model: Model = "",
    system: Annotated[str, typer.Option("--system", "-s", help="The system prompt.", show_default=False)] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object with text, usage and stats.")] = False,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Print the answer while it is written.")] = True,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="End the answer after so many tokens.", show_default=False)
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", help="End the answer before this text; several times.")
    ] = None,
    reasoning: Annotated[
        bool | None, typer.Option("--reasoning/--no-reasoning", help="Let the model think first, or not.")
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image", "-i", help="An image file for a model with vision; several times.", exists=True, dir_okay=False
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset", help="Begin with the settings of this preset; other flags go before it.", show_default=False
        ),
    ] = "",
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help="Keep nothing of it on disk. What was kept of earlier chats stays until it is pushed out or cleared"
            " (paddock cache clear).",
        ),
    ] = False,
    *,
    sampling: Options,
) -> None:
    """Ask a model, or talk with it: without a prompt on a terminal a conversation opens."""
    terminal = Terminal()
    asked = joined(prompt, piped(sys.stdin))
    if not asked and (json or not _on_terminal()):
        raise typer.BadParameter("There is nothing to ask: give a prompt, or text through a pipe.", param_hint="PROMPT")
    if image and not asked:
        raise typer.BadParameter("Give a prompt with the image.", param_hint="PROMPT")
    with Client.connect(client="cli") as client:
        name = model_argument(model) if model else client.settings().default_model
        if preset:
            chosen = find_preset(client, preset, name)
            sampling = {**chosen.sampling, **sampling}
            system = system or chosen.system or ""
            stop = list(chosen.stop or ()) if stop is None else stop
            max_tokens = (chosen.max_tokens or None) if max_tokens is None else max_tokens
            reasoning = chosen.reasoning if reasoning is None else reasoning
        if not asked:
            from paddock.sdk.cli.dialogue import Dialogue

            dialogue = Dialogue(client, terminal, home_of(None), model=name, system=system, private=private)
            dialogue.run(sampling=sampling, max_tokens=max_tokens, stop=stop or (), reasoning=reasoning)
            return
        view = AnswerView(terminal, name, streaming=stream, quiet=json)
        request = question(
            asked,
            model=name,
            system=system,
            reasoning=reasoning,
            max_tokens=max_tokens,
            stop=stop or (),
            private=private,
            images=image or (),
            sampling=sampling,
        )
        completion = view.show(client.generate(request))
        if json:
            terminal.json(answer_json(completion), pretty=False)
        else:
            terminal.aside(stats_line(completion))


def _on_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def piped(stream: TextIO | None) -> str:
    """What comes through a pipe on standard input; empty when it is a terminal, closed or empty."""
    if stream is None or stream.closed or stream.isatty():
        return ""
    try:
        return stream.read().strip()
    except UnicodeDecodeError as error:
        raise BadRequest("The text from the pipe is not UTF-8.", hint="Convert it, for example with iconv.") from error


def joined(prompt: str, text: str) -> str:
    """The argument with the piped text behind it: in the same line when the text is one line, else below it."""
    if prompt and text:
        return prompt + ("\n\n" if "\n" in text else " ") + text
    return prompt or text
