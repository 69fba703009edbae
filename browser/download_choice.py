"""Which files of a repository make one download: a quant with its projector, or a model of safetensors as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from paddock.browser.hub import HubFile, Listing
from paddock.browser.quants import choose, is_projector, variants
from paddock.browser.shards import shard_names
from paddock.sdk.errors import ModelNotFound, ModelUnusable

NO_MLX = "This is a model for MLX, which this version of Paddock cannot run; it is kept for one that can."
CONFIG = "config.json"
_WEIGHTS = re.compile(r"model[^/]*\.safetensors$")
_BESIDE = re.compile(r"[^/]+\.(?:json|jinja|txt|jsonl|tiktoken)$|tokenizer\.model$")
"""What mlx-lm reads beside the weights; scripts of the repository are left where they are."""
_UNWANTED = re.compile(r"requirements[^/]*\.txt$|training_args|trainer_state|optimizer", re.IGNORECASE)
_LONGEST_BESIDE = 256 * 2**20


@dataclass(frozen=True)
class Choice:
    """``name`` is what the download is called. ``files`` come in the order of their loading: the first one arrives
    last, because a model is looked for by it. ``note`` is a sentence that a person should read first."""

    name: str
    files: tuple[HubFile, ...]
    note: str = ""


def chosen(listing: Listing, quant: str) -> Choice:
    """What REPO:QUANT downloads; an empty ``quant`` chooses.

    Raises ModelNotFound where there is no such model, BadRequest where several could be meant, and ModelUnusable where
    parts of it are missing or no engine could load it.
    """
    if not quant and is_mlx(listing):
        return Choice(listing.repo, safetensors_of(listing), NO_MLX)
    label, files = choose(listing, quant)
    projector = projector_of(listing, files[0].path)
    return Choice(f"{listing.repo}:{label}", files if projector is None else (*files, projector))


def is_mlx(listing: Listing) -> bool:
    """Whether it is a model for MLX and nothing else; other safetensors are for engines that Paddock does not have."""
    return not variants(listing) and (listing.mlx or "mlx" in listing.repo.casefold())


def projector_of(listing: Listing, model: str) -> HubFile | None:
    """The projector that goes with the model in the file ``model``; None where there is none. Of several precisions
    F16, else the smallest unquantised one; of several projectors the one whose place and name are nearest."""
    found = [file for file in listing.files if is_projector(file.path)]
    if not found:
        return None
    path = PurePosixPath(model)

    def order(file: HubFile) -> tuple[object, ...]:
        other = PurePosixPath(file.path)
        return other.parent != path.parent, -_alike(other.stem, path.stem), _precision(other.stem), file.size, file.path

    return min(found, key=order)


def _precision(stem: str) -> int:
    """0 for F16, 1 for what else is not quantised, 2 for the rest."""
    named = re.search(r"(?:^|[-_.])(B?F16|FP16|F32|FP32)(?:$|[-_.])", stem, re.IGNORECASE)
    if named is None:
        return 2
    return 0 if named[1].upper() in ("F16", "FP16") else 1


def _alike(projector: str, model: str) -> int:
    """Words of the model's name that the projector's has too."""
    words = set(re.split(r"[-_.]", model.casefold()))
    return len(words & set(re.split(r"[-_.]", projector.casefold())) - {"f16", "bf16", "f32"})


def safetensors_of(listing: Listing) -> tuple[HubFile, ...]:
    """The files that mlx-lm needs of a repository, its ``config.json`` first.

    Raises ModelNotFound and ModelUnusable where they are not those of a language model.
    """
    there = {file.path: file for file in listing.files}
    weights = [path for path in there if _WEIGHTS.match(path)]
    if CONFIG not in there or not weights:
        lacking = "a config.json" if CONFIG not in there else "model.safetensors"
        raise ModelNotFound(
            f"{listing.repo} holds no model that can be loaded: it has neither a GGUF file nor {lacking}.",
            hint=f"Look for a conversion: “{listing.repo.split('/')[1]} GGUF”.",
        )
    for path in weights:
        lost = next((part for part in shard_names(path) if part not in there), None)
        if lost is not None:
            raise ModelUnusable(f"{listing.repo} lacks {lost}, a part of the model.", hint="Choose another repository.")
    beside = [
        path
        for path, file in there.items()
        if _BESIDE.match(path)
        and not path.startswith(".")
        and not _UNWANTED.search(path)
        and file.size <= _LONGEST_BESIDE
    ]
    return tuple(there[path] for path in dict.fromkeys([CONFIG, *sorted(weights), *sorted(beside)]))
