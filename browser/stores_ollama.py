"""Ollama: ``manifests/HOST/NAMESPACE/NAME/TAG`` say which of the ``blobs/sha256-…`` are the layers of a model. The
layer of the weights is a whole GGUF file, which can be loaded as it lies there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec

from paddock.browser.files import ModelFile, folders_below, look_at
from paddock.browser.stores_reading import UserFolders, small_file

_LINUX_SERVICE = Path("/usr/share/ollama/.ollama/models")
_MOST = 10_000
"""Manifests that are read."""
_MEDIA = "application/vnd.ollama.image."
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""


class _Manifest(msgspec.Struct):
    layers: list[_Layer] | None = None


@dataclass(frozen=True)
class _Tag:
    """One manifest: ``shown`` is what Ollama calls it."""

    shown: str
    base: str
    tag: str
    weights: str
    projectors: tuple[str, ...]

    def order(self) -> tuple[bool, int, str]:
        """Of several names for one model the first one in this order is shown."""
        return self.tag == "latest", len(self.shown), self.shown


def folders(user: UserFolders) -> Iterator[Path]:
    """The stores that there are: the user's, and that of the service which Ollama's installer sets up on Linux."""
    own = user.named("OLLAMA_MODELS") or user.home / ".ollama" / "models"
    for path in (own, _LINUX_SERVICE) if user.platform.startswith("linux") else (own,):
        if os.path.isdir(path / "manifests"):
            yield path


def listing(root: Path, wanted: Callable[[str], bool], failed: Callable[[str], None]) -> Iterator[list[ModelFile]]:
    """For each model a list of its weights and its projectors."""
    tags: dict[tuple[str, ...], _Tag] = {}
    manifests = (file for files in folders_below(root / "manifests", lambda _: True, failed) for file in files)
    for file in islice(manifests, _MOST):
        tag = _tag(root / "manifests", file, failed)
        if tag is not None:
            key = (tag.weights, *tag.projectors)
            tags[key] = min(tag, tags.get(key, tag), key=_Tag.order)
    for tag in tags.values():
        stem = f"{tag.base.rpartition('/')[2]}-{tag.tag}"
        names = [f"{stem}.gguf", *(f"mmproj-{stem}-{number}.gguf" for number in range(1, len(tag.projectors) + 1))]
        found = []
        for digest, name in zip((tag.weights, *tag.projectors), names, strict=True):
            blob = _blob(root, digest)
            if blob is None:
                again = f"“ollama pull {tag.shown}” gets it."
                failed(f"Ollama’s model {tag.shown} is not whole: a file is missing.\n{again}")
                break
            found.append(replace(blob, name=name, base=tag.base, label=tag.tag))
        else:
            if all(map(wanted, names)):
                yield found


def _tag(manifests: Path, file: ModelFile, failed: Callable[[str], None]) -> _Tag | None:
    """None for what is no model that could be loaded here: one of Ollama's cloud, or of another format."""
    parts = file.path.relative_to(manifests).parts
    if len(parts) != 4:
        return None
    host, namespace, name, tag = parts
    base = f"{'ollama' if namespace == 'library' else namespace}/{name}"
    shown = f"{name}:{tag}" if namespace == "library" else f"{namespace}/{name}:{tag}"
    if host != "registry.ollama.ai":
        shown = f"{host}/{shown}"
    try:
        layers = msgspec.json.decode(small_file(file.path), type=_Manifest).layers or []
        digests = [(layer.media_type.removeprefix(_MEDIA), _digest(layer)) for layer in layers]
    except (OSError, ValueError, RecursionError):
        failed(
            f"Ollama’s model {shown} is left out: its manifest cannot be read.\n“ollama pull {shown}” gets it again."
        )
        return None
    weights = [digest for kind, digest in digests if kind == "model"]
    if not weights:
        return None
    if any(kind == "adapter" for kind, _ in digests):
        failed(f"Ollama’s model {shown} is left out: it has an adapter.\nPaddock cannot take adapters from Ollama.")
        return None
    return _Tag(shown, base, tag, weights[0], tuple(digest for kind, digest in digests if kind == "projector"))


def _digest(layer: _Layer) -> str:
    found = _DIGEST.fullmatch(layer.digest)
    if found is None:  # nothing else may become part of a path
        raise ValueError(layer.digest)
    return found[1]


def _blob(root: Path, digest: str) -> ModelFile | None:
    """The blob; older versions write its name with a colon."""
    for mark in "-:":
        file = look_at(root / "blobs" / f"sha256{mark}{digest}")
        if file is not None and not file.error:
            return file
    return None
