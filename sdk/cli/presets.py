"""``paddock presets``: list, show, import and delete presets."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from paddock.sdk.cli.terminal import Terminal
from paddock.sdk.client import Client
from paddock.sdk.errors import BadRequest, NotFound
from paddock.sdk.presets import Preset, PresetText
from paddock.sdk.types import Options

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Name = Annotated[str, typer.Argument(help="Name or id of the preset.", metavar="PRESET")]
_LONGEST = 1 << 20
"""Characters of a preset that are read."""


def find_preset(client: Client, name: str, model: str = "") -> Preset:
    """The preset with this id or name; of several of one name the one for ``model``. Raises NotFound, BadRequest."""
    found = [preset for preset in client.presets() if name in (preset.id, preset.name)]
    ids = _ids(client, model) if len(found) > 1 else ()
    fitting = [p for p in found if p.model in ids] or [p for p in found if not p.model] or found
    if not fitting:
        raise NotFound(f"There is no preset “{name}”.", hint="See: paddock presets list")
    if fitting[0].error:
        raise BadRequest(fitting[0].error, hint="Repair the file or move it away.")
    return fitting[0]


def _ids(client: Client, model: str) -> tuple[str, ...]:
    """The id of the model with this id or further name."""
    return tuple(info.id for info in client.models() if model.casefold() in map(str.casefold, (info.id, *info.aliases)))


def list_(json: _Json = False) -> None:
    """List the presets."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        presets = client.presets()
    if json:
        terminal.json(presets)
        return
    rows = [(each.name, each.model or "any", each.error or _summary(each)) for each in presets]
    terminal.table(("Preset", "Model", "Settings"), rows)


def show(name: _Name, json: _Json = False) -> None:
    """Show what a preset says."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        preset = find_preset(client, name)
    if json:
        terminal.json(preset)
        return
    terminal.line(preset.name + (f" (for {preset.model})" if preset.model else ""))
    for line in _told(preset):
        terminal.line(f"  {line}")


def import_(
    file: Annotated[str, typer.Argument(help="A preset's file; “-” reads standard input.", metavar="FILE")],
    name: Annotated[str, typer.Option("--name", help="Keep it under this name.")] = "",
    model: Annotated[str, typer.Option("--for", help="For this model only.", metavar="MODEL")] = "",
    json: _Json = False,
) -> None:
    """Take over a preset of LM Studio or Paddock, or a command line of llama.cpp from a text file."""
    terminal = Terminal()
    text = PresetText(text=_text(file), name="" if file == "-" else Path(file).name)
    with Client.connect(client="cli") as client:
        read = client.read_preset(text)
        changes = {"name": name or read.preset.name, "model": model}
        kept = client.put_preset(msgspec.structs.replace(read.preset, **changes))
    if json:
        terminal.json(msgspec.structs.replace(read, preset=kept))
        return
    terminal.line(f"Kept as “{kept.name}”: {_summary(kept)}")
    for note in read.notes:
        terminal.note(note)
    if read.load:
        terminal.note(f"Not kept, because it belongs to loading the model: {_options(read.load)}")


def delete(name: _Name, json: _Json = False) -> None:
    """Remove a preset."""
    terminal = Terminal()
    with Client.connect(client="cli") as client:
        preset = find_preset(client, name)
        client.delete_preset(preset.id)
    if json:
        terminal.json(preset)
    else:
        terminal.note(f"The preset “{preset.name}” is removed.")


def _text(file: str) -> str:
    try:
        with nullcontext(sys.stdin) if file == "-" else Path(file).expanduser().open(encoding="utf-8") as source:
            text = source.read(_LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise BadRequest(f"{file} cannot be read: {reason}.", hint="Check its name.") from error
    if len(text) > _LONGEST:
        raise BadRequest(f"{file} is too long for a preset.", hint="Is it the right file?")
    return text


def _summary(preset: Preset) -> str:
    return "; ".join(_told(preset)) or "the model’s defaults"


def _told(preset: Preset) -> list[str]:
    told = [f"{name} = {_value(value)}" for name, value in preset.sampling.items()]
    if preset.stop is not None:
        told.append(f"stop = {_value(preset.stop)}")
    if preset.max_tokens is not None:
        told.append(f"max_tokens = {preset.max_tokens or 'no limit'}")
    if preset.reasoning is not None:
        told.append(f"reasoning = {_value(preset.reasoning)}")
    if preset.system is not None:
        told.append(f"system = {_value(preset.system)}")
    return told


def _options(options: Options) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in options.items())


def _value(value: object) -> str:
    return msgspec.json.encode(value).decode()
