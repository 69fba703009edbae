"""Presets and saved system prompts: one JSON file each below ``presets`` in the data folder, and those that ship with
Paddock. The folder is read again at each question, so files may be put there by hand; what cannot be read is named and
left alone."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from paddock import resources
from paddock.sdk.errors import BadRequest, NotFound, StorageFailed
from paddock.sdk.events import PresetsChanged
from paddock.sdk.presets import Preset, SavedPrompt
from paddock.server.bus import Bus
from paddock.server.instance import write_private

logger = logging.getLogger(__name__)

VERSION = 1
LONGEST_NAME = 200
T = TypeVar("T", Preset, SavedPrompt)


class Presets:
    """Lives on the host's loop; files are read and written in threads. ``clock`` gives Unix seconds."""

    def __init__(self, folder: Path, bus: Bus, *, clock: Callable[[], float]) -> None:
        self._bus = bus
        self._clock = clock
        self._presets = _Shelf(folder, Preset, "preset")
        self._prompts = _Shelf(folder / "prompts", SavedPrompt, "prompt")

    async def presets(self) -> list[Preset]:
        """All of them, by name. Raises StorageFailed."""
        return await asyncio.to_thread(self._presets.all)

    async def put_preset(self, preset: Preset) -> Preset:
        """Keep it, as a new one where it has no id. Raises BadRequest, StorageFailed."""
        kept = await asyncio.to_thread(self._presets.put, msgspec.structs.replace(preset, changed=self._clock()))
        self._tell()
        return kept

    async def delete_preset(self, id: str) -> None:
        """Raises NotFound, BadRequest for one that ships with Paddock, StorageFailed."""
        await asyncio.to_thread(self._presets.delete, id)
        self._tell()

    async def prompts(self) -> list[SavedPrompt]:
        """All of them, by name. Raises StorageFailed."""
        return await asyncio.to_thread(self._prompts.all)

    async def put_prompt(self, prompt: SavedPrompt) -> SavedPrompt:
        """Keep it, as a new one where it has no id. Raises BadRequest, StorageFailed."""
        kept = await asyncio.to_thread(self._prompts.put, msgspec.structs.replace(prompt, changed=self._clock()))
        self._tell()
        return kept

    async def delete_prompt(self, id: str) -> None:
        """Raises NotFound, BadRequest for one that ships with Paddock, StorageFailed."""
        await asyncio.to_thread(self._prompts.delete, id)
        self._tell()

    def _tell(self) -> None:
        self._bus.publish(PresetsChanged(id="presets"))


class _Shelf(Generic[T]):
    """The files of one kind. Thread-safe."""

    def __init__(self, folder: Path, kind: type[T], name: str) -> None:
        self._folder = folder
        self._kind: type[T] = kind
        self._name = name
        self._lock = threading.Lock()
        msgspec.json.Decoder(kind)  # before threads use it at once (paddock.sdk.protocol.decoder)

    def all(self) -> list[T]:
        with self._lock:
            return self._all()

    def put(self, item: T) -> T:
        with self._lock:
            known = self._all()
            name = " ".join(item.name.split())
            if not name or len(name) > LONGEST_NAME:
                raise BadRequest(f"A {self._name} needs a name of at most {LONGEST_NAME} characters.", hint="Name it.")
            same = [one for one in known if one.name == name and one.id != item.id and _scope(one) == _scope(item)]
            if same:
                raise BadRequest(f"There is a {self._name} called “{name}” already.", hint="Choose another name.")
            id = item.id or _new_id(name, {one.id for one in known})
            if not re.fullmatch(r"[\w-][\w.-]{0,99}", id):
                raise BadRequest(f"“{id}” cannot be the id of a {self._name}.", hint="Leave it out for a new one.")
            if any(one.id == id and one.error for one in known):
                raise BadRequest(f"The file {id}.json cannot be read.", hint="Repair it or move it away first.")
            kept = msgspec.structs.replace(item, id=id, name=name, shipped=False, error="")
            for other in known:
                changed = _without_defaults_of(other, kept)
                if changed is not None:
                    self._write(changed)
            self._write(kept)
            return kept

    def delete(self, id: str) -> None:
        with self._lock:
            found = next((one for one in self._all() if one.id == id), None)
            if found is None:
                raise NotFound(f"There is no {self._name} “{id}”.", hint="It may have been removed meanwhile.")
            if found.shipped:
                raise BadRequest(f"“{found.name}” comes with Paddock.", hint="It cannot be removed.")
            try:
                self._path(id).unlink(missing_ok=True)
            except OSError as error:
                raise _failed(f"The {self._name} “{found.name}” could not be removed", self._path(id), error) from error

    def _all(self) -> list[T]:
        found = {item.id: item for item in _shipped(self._kind, self._name)}
        try:
            for path in sorted(self._folder.glob("*.json")):
                if not path.name.startswith("."):
                    found[path.stem] = self._read(path)
        except OSError as error:
            raise _failed(f"The {self._name}s cannot be read", self._folder, error) from error
        return sorted(found.values(), key=lambda item: (item.name.casefold(), item.id))

    def _read(self, path: Path) -> T:
        try:
            raw = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            if not isinstance(version := raw.pop("version", VERSION), int) or version > VERSION:
                return self._unusable(path, "it was written by a newer Paddock")
            return self._value({**raw, "id": path.stem, "shipped": False, "error": ""})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
            return self._unusable(path, str(error))

    def _unusable(self, path: Path, reason: str) -> T:
        logger.warning("%s cannot be used: %s", path, reason)
        text = {} if self._kind is Preset else {"text": ""}
        error = f"{path.name} cannot be used: {reason}."
        return self._value({"id": path.stem, "name": path.stem, "error": error, **text})

    def _value(self, fields: dict[str, Any]) -> T:
        value: T = msgspec.convert(fields, self._kind)
        return value

    def _write(self, item: T) -> None:
        fields = {name: value for name, value in msgspec.to_builtins(item).items() if name not in _UNWRITTEN}
        content = msgspec.json.format(msgspec.json.encode({"version": VERSION, **fields}))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_private(self._path(item.id), content)
        except OSError as error:
            raise _failed(f"The {self._name} “{item.name}” could not be saved", self._path(item.id), error) from error

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}.json"


_UNWRITTEN = ("id", "shipped", "error")


def _scope(item: Preset | SavedPrompt) -> str:
    return item.model if isinstance(item, Preset) else ""


def _without_defaults_of(other: T, kept: T) -> T | None:
    """``other`` without being the default of what ``kept`` is the default of now; None where nothing changes."""
    if not isinstance(other, Preset) or not isinstance(kept, Preset) or other.id == kept.id or other.error:
        return None
    left = tuple(model for model in other.default_for if model not in kept.default_for)
    return None if left == other.default_for else msgspec.structs.replace(other, default_for=left, shipped=False)


def _new_id(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^\w]+", "-", name.casefold()).strip("-_")[:60] or "preset"
    numbers = (f"{base}-{number}" for number in range(2, 10_000))
    return base if base not in taken else next(id for id in numbers if id not in taken)


def _shipped(kind: type[T], table: str) -> list[T]:
    read = tomllib.loads((resources.FOLDER / "presets.toml").read_text("utf-8"))
    return [msgspec.convert({**item, "shipped": True}, kind) for item in read[table]]


def _failed(what: str, path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{what}: {error.strerror or error}.", hint="Check the disk and the permissions of the folder.", path=str(path)
    )
