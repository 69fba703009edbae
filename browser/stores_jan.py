"""Jan: a folder with a ``model.yml`` for each model, which names its files; in older versions plain folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from paddock.browser.files import ModelFile, folders_below, look_at
from paddock.browser.shards import shard_names
from paddock.browser.stores_reading import UserFolders, setting_of, small_file

_CARD = "model.yml"
_ENGINE = "llamacpp"
_NAMELESS = "model.gguf"
"""What Jan calls the file of every model that it downloads."""
_LARGEST = 1 << 16
_DEEPEST = 20
"""Bytes, and levels of nesting, of a card that is read; Jan's have some hundred, and one level."""


def folders(user: UserFolders) -> Iterator[Path]:
    """The models folders that there are."""
    settings = [user.data / "Jan" / "settings.json", user.config / "Jan" / "settings.json"]
    data = [user.named("JAN_DATA_FOLDER"), *(user.path(setting_of(path, "data_folder")) for path in settings)]
    data += [user.data / "Jan" / "data", user.config / "Jan" / "data", user.home / "jan"]
    for folder in data:
        if folder is not None:
            for path in (folder / _ENGINE / "models", folder / "models"):
                if os.path.isdir(path):
                    yield path


def listing(root: Path, wanted: Callable[[str], bool], failed: Callable[[str], None]) -> Iterator[list[ModelFile]]:
    """For each model a list of its weights and its projector."""
    if root.parent.name != _ENGINE:
        yield from folders_below(root, wanted, failed)
        return
    for cards in folders_below(root, lambda name: name == _CARD, failed):
        for card in cards:
            shown = card.path.parent.relative_to(root).as_posix()
            try:
                files = _files(root, card.path)
            except (OSError, ValueError):  # a card may hold anything
                failed(f"Jan’s model {shown} is left out: its {_CARD} cannot be read.\nGet the model again in Jan.")
                continue
            if not files:
                failed(f"Jan’s model {shown} is not whole: its file is missing.\nGet the model again in Jan.")
            elif all(wanted(file.name or file.path.name) for file in files):
                yield files


def _files(root: Path, card: Path) -> list[ModelFile]:
    """Those that are there. The card's paths are absolute or below Jan's data folder. Raises OSError and ValueError for
    a card that cannot be read."""
    fields = _fields(small_file(card, _LARGEST))
    path, projector_path = fields.get("model_path", ""), fields.get("mmproj_path", "")
    parts = card.parent.relative_to(root).parts
    base = "/".join(parts[:2]) if len(parts) > 1 else f"jan/{card.parent.name}"
    label = "-".join(parts[2:])
    data = root.parent.parent
    first = data / path if path else card.parent / _NAMELESS
    name = f"{card.parent.name}.gguf" if first.name == _NAMELESS else ""
    weights = [file for part in shard_names(first.name) if (file := look_at(first.with_name(part))) is not None]
    there = [replace(file, name=name) for file in weights if not file.error]
    if there and projector_path:
        projector = look_at(data / projector_path)
        there += [projector] if projector is not None and not projector.error else []
    return [replace(file, base=base, label=label) for file in there]


def _fields(text: bytes) -> dict[str, str]:
    """The texts of a YAML mapping, read event by event: what is built of YAML can be endless, or too deep for the stack
    of PyYAML's C code."""
    import yaml

    fields: dict[str, str] = {}
    depth, key = 0, None
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                break
            if depth == 1 and not isinstance(event, yaml.MappingStartEvent):
                if key is None:
                    key = event.value if isinstance(event, yaml.ScalarEvent) else ""
                else:
                    fields[key] = event.value if isinstance(event, yaml.ScalarEvent) else ""
                    key = None
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error
    return fields
