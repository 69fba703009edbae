"""Which files of a repository are meant by a quant: “Q4_K_M”, “UD-Q4_K_XL”, or the name of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from paddock.browser.describe import quant_in
from paddock.browser.hub import HubFile, Listing
from paddock.browser.shards import shard_names, shard_of
from paddock.sdk.errors import BadRequest, ModelNotFound, ModelUnusable

PREFERRED = "Q4_K_M"
_COMPANION = re.compile(r"mmproj|imatrix", re.IGNORECASE)
_MOST_SHOWN = 12


def choose(listing: Listing, quant: str) -> tuple[str, tuple[HubFile, ...]]:
    """The quant's label and its files in a repository; an empty ``quant`` chooses.

    Raises ModelNotFound where there is no such quant, BadRequest where several could be meant, and ModelUnusable where
    parts of it are missing.
    """
    models = _models_in(listing)
    if not models:
        raise ModelNotFound(
            f"{listing.repo} holds no GGUF file.", hint=f"Look for a conversion: “{listing.repo.split('/')[1]} GGUF”."
        )
    wanted = (quant or PREFERRED).casefold()
    found = [model for model in models if model.label.casefold() == wanted]
    found = found or [model for model in models if wanted in model.names]
    if not found and not quant and len(models) == 1:
        found = models
    if len(found) == 1:
        model = found[0]
        there = {file.path: file for file in listing.files}
        lost = [path for path in model.paths if path not in there]
        if lost:
            raise ModelUnusable(f"{listing.repo} lacks {lost[0]}, a part of {model.label}.", hint="Choose another one.")
        return model.label, tuple(there[path] for path in model.paths)
    labels = [model.label for model in found or models]
    some = ", ".join(labels[:_MOST_SHOWN]) + (" …" if len(labels) > _MOST_SHOWN else "")
    hint = f"There are {some}. Write {listing.repo}:{labels[0]}, for example."
    if found:
        raise BadRequest(f"Several files of {listing.repo} are called {quant or PREFERRED}.", hint=hint)
    if quant:
        raise ModelNotFound(f"{listing.repo} has no {quant[:60]}.", hint=hint, near=labels[:_MOST_SHOWN])
    raise BadRequest(f"{listing.repo} has no {PREFERRED}, so it has to be said which is meant.", hint=hint)


def variants(listing: Listing) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Label and paths of each model in a repository, the smallest first; a path may be missing there."""
    return tuple((model.label, model.paths) for model in _models_in(listing))


def is_projector(path: str) -> bool:
    """Whether the file at ``path`` lets models of its repository see pictures."""
    return path.lower().endswith(".gguf") and "mmproj" in path.lower()


@dataclass(frozen=True)
class _Model:
    """One model in a repository. ``names``: other words for it, in small letters."""

    label: str
    paths: tuple[str, ...]
    names: frozenset[str]


def _models_in(listing: Listing) -> list[_Model]:
    """The smallest first."""
    sizes: dict[tuple[str, ...], int] = {}
    for file in listing.files:
        if file.path.lower().endswith(".gguf") and not _COMPANION.search(file.path):
            paths = shard_names(file.path)
            sizes[paths] = sizes.get(paths, 0) + file.size
    order = sorted(sizes, key=lambda paths: (sizes[paths], paths))
    labels = [_label(PurePosixPath(paths[0])) for paths in order]
    models = []
    for paths, label in zip(order, labels, strict=True):
        path = PurePosixPath(paths[0])
        stem = shard_of(path.stem)[0]
        names = {stem, path.name, paths[0], quant_in(path.stem)}
        clear = label if labels.count(label) == 1 else stem
        models.append(_Model(clear, paths, frozenset(name.casefold() for name in names | {label} if name)))
    return models


def _label(path: PurePosixPath) -> str:
    """“Q4_K_M”, “UD-Q4_K_XL”; of the folder where the file's name has none, else the file's name."""
    for stem in (shard_of(path.stem)[0], path.parent.name):
        quant = quant_in(stem) or (quant_in(f"-{stem}") if stem else "")
        if quant:
            return f"UD-{quant}" if stem.upper().endswith(f"UD-{quant}") else quant
    return shard_of(path.stem)[0]
