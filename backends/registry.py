"""Which engines there are: entry points of the group ``paddock.backends``, our own through the same door as strangers'.

An entry's value is a module attribute ``DESCRIPTOR`` (:class:`~paddock.backends.base.EngineDescriptor`). Reading a
descriptor never imports an engine library; that happens in a worker. An entry that cannot be read is reported in
``problems`` and leaves the others alone.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import logging
import threading
from collections.abc import Callable, Iterable

import msgspec

from paddock.backends.base import EngineDescriptor
from paddock.sdk.errors import EngineMissing

GROUP = "paddock.backends"

_log = logging.getLogger(__name__)


class BrokenEntry(msgspec.Struct, frozen=True):
    """An entry point that gave no descriptor, and why, in words."""

    entry: str
    reason: str


class Registry:
    """The engines by name. Entry points are read at the first question, not before. Thread-safe."""

    def __init__(self, descriptors: Iterable[EngineDescriptor] = ()) -> None:
        self._read: Callable[[], tuple[list[EngineDescriptor], list[BrokenEntry]]] | None = None
        self._reading = threading.Lock()
        self._engines: dict[str, EngineDescriptor] = {}
        self._problems: tuple[BrokenEntry, ...] = ()
        self._take(list(descriptors), [])

    @classmethod
    def discover(cls) -> Registry:
        """The engines installed here. Reads nothing until asked for the first time."""
        registry = cls()
        registry._read = _read_entry_points
        return registry

    def descriptors(self) -> tuple[EngineDescriptor, ...]:
        """Every engine, in the order of their names."""
        self._ensure()
        return tuple(self._engines[name] for name in sorted(self._engines))

    @property
    def problems(self) -> tuple[BrokenEntry, ...]:
        """Entry points that could not be used."""
        self._ensure()
        return self._problems

    def get(self, name: str) -> EngineDescriptor:
        """The engine called ``name``; raises EngineMissing, naming the known ones."""
        self._ensure()
        found = self._engines.get(name)
        if found is not None:
            return found
        near = difflib.get_close_matches(name, self._engines, n=1)
        broken = next((p for p in self._problems if p.entry == name), None)
        known = ", ".join(sorted(self._engines)) or "none"
        if broken is not None:
            raise EngineMissing(f"The engine “{name}” is installed but broken.", hint=broken.reason, engine=name)
        hint = f"Did you mean “{near[0]}”? " if near else ""
        raise EngineMissing(f"There is no engine “{name}”.", hint=f"{hint}Engines here: {known}.", engine=name)

    def suffixes(self) -> dict[str, str]:
        """File name suffix to engine name, longest suffix first."""
        pairs = [(suffix, engine.name) for engine in self.descriptors() for suffix in engine.suffixes]
        return dict(sorted(pairs, key=lambda pair: (-len(pair[0]), pair[0])))

    def _ensure(self) -> None:
        with self._reading:
            if self._read is not None:
                self._take(*self._read())
                self._read = None

    def _take(self, descriptors: list[EngineDescriptor], problems: list[BrokenEntry]) -> None:
        for descriptor in descriptors:
            if descriptor.name in self._engines:
                problems.append(BrokenEntry(descriptor.name, f"Two engines are called “{descriptor.name}”."))
            else:
                self._engines[descriptor.name] = descriptor
        for problem in problems:
            _log.warning("engine entry %s: %s", problem.entry, problem.reason)
        self._problems = tuple(problems)


def _read_entry_points() -> tuple[list[EngineDescriptor], list[BrokenEntry]]:
    descriptors: list[EngineDescriptor] = []
    problems: list[BrokenEntry] = []
    entries = {(entry.name, entry.value): entry for entry in importlib.metadata.entry_points(group=GROUP)}
    for entry in entries.values():
        try:
            descriptor = entry.load()
        except Exception as error:  # noqa: BLE001 - a stranger's package may raise anything at import
            problems.append(BrokenEntry(entry.name, f"{entry.value}: {type(error).__name__}: {error}"))
            continue
        if isinstance(descriptor, EngineDescriptor):
            descriptors.append(descriptor)
        else:
            problems.append(BrokenEntry(entry.name, f"{entry.value} is not an EngineDescriptor."))
    return descriptors, problems
