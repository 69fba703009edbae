"""Which models of a repository on the hub are on this computer already. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from paddock.sdk.hub import HubModel, HubQuant
from paddock.sdk.types import ModelInfo


def downloaded(model: HubModel, models: Iterable[ModelInfo]) -> dict[str, str]:
    """The ids of the models on disk by the label of their quant: those whose file has the checksum (other programs
    name files by it), or the name and the size, of one of the repository."""
    usable = [info for info in models if info.error is None]
    found: dict[str, str] = {}
    for quant in model.quants:
        info = next((info for info in usable if _is_from(info, quant, model.result.id)), None)
        if info is not None:
            found[quant.label] = info.id
    return found


def named(source: str, models: Iterable[ModelInfo]) -> str:
    """The id of the model REPO:QUANT on disk; empty where it is not there."""
    repo, _, quant = source.casefold().partition(":")
    for info in models:
        id = info.id.casefold()
        if info.error is None and (id == source.casefold() or (id == repo and quant in (info.quant.casefold(), ""))):
            return info.id
    return ""


def _is_from(info: ModelInfo, quant: HubQuant, repo: str) -> bool:
    if not quant.files or quant.missing:
        return False
    first = quant.files[0]
    path = PurePath(info.path)
    if first.sha256 and first.sha256 in path.name:
        return True
    names = (first.path.rpartition("/")[2], first.path.replace("/", "-"))
    same_repo = info.id.casefold().partition(":")[0] == repo.casefold()
    return path.name in names and (same_repo or info.size_bytes == quant.size_bytes)
