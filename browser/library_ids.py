"""What the models of the library are called: PUBLISHER/REPO, or PUBLISHER/REPO:QUANT where there are several of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from paddock.browser.stores import StorePlace
from paddock.sdk.types import ModelInfo


class Nameless(msgspec.Struct, frozen=True, kw_only=True):
    """A model before it has its id. ``base`` and ``label`` as :class:`~paddock.browser.files.ModelFile` has them,
    ``stem`` is of its file's name, and ``folder`` what it lies in."""

    info: ModelInfo
    base: str
    label: str
    stem: str
    folder: Path


def parents_of(place: StorePlace, folder: Path) -> tuple[str, ...]:
    root, below = str(place.path), str(folder)
    return tuple(below[len(root) :].strip(os.sep).split(os.sep)) if below.startswith(f"{root}{os.sep}") else ()


def repository_of(place: StorePlace, folder: Path) -> str:
    """PUBLISHER/REPO by the layout of folders; empty where there are not as many."""
    parents = parents_of(place, folder)
    return "/".join(parents[-2:]) if len(parents) >= 2 else ""


def with_ids(place: StorePlace, models: Sequence[Nameless]) -> Iterator[ModelInfo]:
    """The models of one repository or one folder of ``place``, smallest first."""
    quants = Counter(model.info.quant for model in models)
    bundled = f"paddock/{place.path.name}" if place.source == "bundled" else ""
    base = models[0].base or bundled or repository_of(place, models[0].folder)
    for index, model in enumerate(sorted(models, key=lambda model: (model.info.size_bytes, model.stem))):
        quant = model.info.quant
        label = model.label or (quant if quant and quants[quant] == 1 else model.stem)
        if not base:
            name = "/".join((*parents_of(place, model.folder), model.stem))
        elif model.label or (index if bundled else len(models) > 1):
            name = f"{base}:{label}"
        else:
            name = base
        yield msgspec.structs.replace(model.info, id=name)


def unique(models: Sequence[ModelInfo]) -> Iterator[ModelInfo]:
    """Two places may hold different models of the same id: the second is told apart by its quant, or by a number."""
    taken: dict[str, str] = {}
    for info in sorted(models, key=lambda info: info.source != "bundled"):
        name = info.id
        if taken.get(name.casefold(), info.quant) != info.quant and info.quant and ":" not in name:
            name = f"{name}:{info.quant}"
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{info.id}@{number}"
        taken[name.casefold()] = info.quant
        yield info if name == info.id else msgspec.structs.replace(info, id=name)
