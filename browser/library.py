"""The models on disk: folders of ``<publisher>/<repo>/<file>``, read in place.

Reading is blocking and thread-safe; headers are remembered as long as a file's length and time do not change.
"""

from __future__ import annotations

import difflib
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from paddock.browser.describe import capabilities_of, is_companion, obstacle_of, quant_in, readable_name
from paddock.browser.files import Identity, ModelFile, folders_below, look_at
from paddock.browser.gguf import Header, read_header
from paddock.browser.shards import missing_part, shard_of
from paddock.sdk.errors import ModelNotFound, ModelUnusable
from paddock.sdk.types import ModelInfo

Source = Literal["bundled", "folder", "path"]
_HEADER_SUFFIX = ".gguf"
_SHOWN = 120
"""How many characters of a wrong name an error repeats."""


@dataclass(frozen=True)
class _Known:
    """What reading a file's header gave."""

    header: Header | None
    error: str | None


def _known(header: Header, path: Path) -> _Known:
    """Without what only estimates need: there may be tens of thousands."""
    obstacle = obstacle_of(header)
    error = f"{path.name} cannot be loaded. {obstacle}" if obstacle else None
    return _Known(replace(header, metadata={}, counts={}), error)


class Library:
    """All models of ``folders``.

    Args:
        folders: Folders with where they come from; the first one that holds a file names it.
        suffixes: File name suffix to engine, longest suffix first.
    """

    def __init__(self, folders: Sequence[tuple[Path, Source]], suffixes: Mapping[str, str]) -> None:
        self._folders = tuple(folders)
        self._suffixes = dict(suffixes)
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int, int], _Known] = {}
        self._paths: dict[Identity, str] = {}
        self._models: tuple[ModelInfo, ...] = ()
        self._problems: tuple[str, ...] = ()
        self._read = False

    def refresh(self) -> tuple[ModelInfo, ...]:
        """Read the folders again; blocks."""
        with self._lock:
            known, self._known = self._known, {}
            found: list[ModelInfo] = []
            problems: list[str] = []
            self._paths = {}
            for root, source in self._folders:
                found.extend(self._scan(root, source, known, problems))
            self._models = tuple(_unique(found))
            self._problems = tuple(problems)
            self._read = True
            return self._models

    def models(self) -> tuple[ModelInfo, ...]:
        """What the last :meth:`refresh` found, broken files included."""
        return self._models

    def problems(self) -> tuple[str, ...]:
        """Folders that could not be read, as sentences."""
        return self._problems

    def find(self, model: str, *, paths: bool = True) -> ModelInfo:
        """The model with this id or, where ``paths`` are welcome, in the file at this path; blocks.

        Raises ModelNotFound (with the nearest ids) and ModelUnusable for a broken file.
        """
        if not self._read:
            self.refresh()
        found = self._by_id(model) or (self._by_path(model) if paths else None)
        if found is None:
            self.refresh()  # it may have come since
            found = self._by_id(model)
        if found is None:
            raise self._not_found(model)
        if found.error is not None:
            raise ModelUnusable(found.error, model=found.id)
        return found

    # -------------------------------------------------------------- finding

    def _by_id(self, model: str) -> ModelInfo | None:
        wanted = model.casefold()
        return next((info for info in self._models if info.id.casefold() == wanted), None)

    def _by_path(self, text: str) -> ModelInfo | None:
        path = Path(text).expanduser()
        suffix = self._suffix(path.name)
        try:
            if path.is_dir() and (path.is_absolute() or text.startswith((".", "~"))):
                raise ModelNotFound(f"{path} is a folder, not a model.", hint="Name one of the files in it.")
            there = path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            if os.path.exists(path):
                raise ModelNotFound(f"{path} is a device or a pipe, not a file.", hint="Name a model file.")
            if suffix or path.is_absolute():
                raise ModelNotFound(f"There is no file {path}.", hint="Check the path.")
            return None
        if suffix is None:
            known = ", ".join(self._suffixes)
            raise ModelUnusable(f"{path.name} is not a model file.", hint=f"Models are files with the ending {known}.")
        parts = self._parts_of(path)
        listed = self._paths.get(parts[0].identity)
        for info in self._models:
            if info.path == listed:
                return info
        with self._lock:
            infos = list(self._describe(path.parent, parts, "path", self._known))
        return msgspec.structs.replace(infos[0], id=os.path.abspath(path)) if infos else None

    def _parts_of(self, path: Path) -> list[ModelFile]:
        """All files of the model that ``path`` belongs to."""
        stem, _, parts = shard_of(self._stem(path))
        paths = [path]
        if parts > 1:
            beside = (other for other in sorted(path.parent.iterdir()) if self._suffix(other.name))
            paths = [other for other in beside if shard_of(self._stem(other))[::2] == (stem, parts)]
        return [file for part in paths if (file := look_at(part)) is not None]

    def _not_found(self, model: str) -> ModelNotFound:
        ids = {info.id.casefold(): info.id for info in self._models if info.error is None}
        names = ids | {info.id.split("/")[-1].casefold(): info.id for info in self._models if info.error is None}
        near = list(dict.fromkeys(names[key] for key in difflib.get_close_matches(model.casefold(), names, n=5)))[:3]
        if near:
            hint = f"Did you mean {' or '.join(f'“{name}”' for name in near)}?"
        elif ids:
            hint = "“paddock ls” lists the models on this machine."
        else:
            hint = "There are no models on this machine yet."
        named = model if len(model) <= _SHOWN else model[: _SHOWN - 1] + "…"
        return ModelNotFound(f"There is no model “{named}”.", hint=hint, model=named, near=near)

    # -------------------------------------------------------------- reading

    def _scan(
        self,
        root: Path,
        source: Source,
        known: dict[tuple[str, int, int], _Known],
        problems: list[str],
    ) -> Iterator[ModelInfo]:
        for files in folders_below(root, lambda name: self._suffix(name) is not None, problems.append):
            fresh = []
            for file in files:
                if file.identity not in self._paths:
                    self._paths[file.identity] = str(file.path)
                    fresh.append(file)
            yield from self._describe(root, fresh, source, known)

    def _describe(
        self, root: Path, files: Sequence[ModelFile], source: Source, known: Mapping[tuple[str, int, int], _Known]
    ) -> Iterator[ModelInfo]:
        """The models in the files of one folder."""
        groups: dict[tuple[str, int], list[ModelFile]] = {}
        for file in files:
            stem, _, parts = shard_of(self._stem(file.path))
            groups.setdefault((f"{stem}{self._suffix(file.path.name)}", parts), []).append(file)
        infos = []
        for (_, parts), of_one in groups.items():
            info = self._model(of_one, parts, source, known)
            if info is not None:
                infos.append(info)
        yield from _with_ids(root, infos, source)

    def _model(
        self, files: Sequence[ModelFile], parts: int, source: Source, known: Mapping[tuple[str, int, int], _Known]
    ) -> ModelInfo | None:
        first = files[0].path
        suffix = self._suffix(first.name)
        assert suffix is not None
        stem = self._stem(first)
        engine = self._suffixes[suffix]
        size = sum(file.size for file in files)
        if suffix != _HEADER_SUFFIX:
            name = readable_name(stem, None)
            return ModelInfo(
                id=stem, name=name, engine=engine, path=str(first), size_bytes=size, format=suffix.strip("."),
                capabilities=("chat", "tools", "reasoning"), source=source,
            )  # fmt: skip
        headers = [self._header(file, known) for file in files]
        header = headers[0].header
        if header is not None and is_companion(header):
            return None
        names = [file.path for file in files]
        error = next((item.error for item in headers if item.error), None) or missing_part(names, stem, parts)
        return ModelInfo(
            id=shard_of(stem)[0],
            name=readable_name(stem, header),
            engine=engine,
            path=str(first),
            size_bytes=size,
            architecture=header.architecture if header else "",
            parameters=sum(item.header.parameters for item in headers if item.header) or None,
            quant=quant_in(stem) or (header.quant if header else ""),
            context_length=header.context_length if header else None,
            capabilities=capabilities_of(header) if header else (),
            source=source,
            sampling=header.sampling if header else {},
            error=error,
        )

    def _header(self, file: ModelFile, known: Mapping[tuple[str, int, int], _Known]) -> _Known:
        if file.error:
            return _Known(None, file.error)
        key = (str(file.path), file.size, file.changed_ns)
        try:
            found = known.get(key) or _known(read_header(file.path, tensors=False), file.path)
        except ModelUnusable as error:
            found = _Known(None, error.sentence())
        except OSError as error:
            return _Known(None, f"{file.path.name} cannot be read: {error.strerror}.")
        self._known[key] = found
        return found

    def _suffix(self, name: str) -> str | None:
        return next((suffix for suffix in self._suffixes if name.lower().endswith(suffix)), None)

    def _stem(self, path: Path) -> str:
        return path.name[: -len(self._suffix(path.name) or "") or None]


def _with_ids(root: Path, infos: Sequence[ModelInfo], source: Source) -> Iterator[ModelInfo]:
    """Ids by the folder layout; ``infos`` come with their file names' stems as ids."""
    quants = Counter(info.quant for info in infos)
    for index, info in enumerate(sorted(infos, key=lambda info: (info.size_bytes, info.id))):
        stem = info.id
        label = info.quant if info.quant and quants[info.quant] == 1 else stem
        parents = Path(info.path).parent.relative_to(root).parts if source != "path" else ()
        if source == "bundled":
            base = f"paddock/{root.name}"
            name = base if index == 0 else f"{base}:{label}"
        elif len(parents) >= 2:
            base = "/".join(parents[-2:])
            name = base if len(infos) == 1 else f"{base}:{label}"
        else:
            name = "/".join((*parents, stem))
        yield msgspec.structs.replace(info, id=name)


def _unique(infos: Sequence[ModelInfo]) -> Iterator[ModelInfo]:
    """Two folders may hold different files of the same id: the second is told apart by its folder."""
    taken: Counter[str] = Counter()
    for info in sorted(infos, key=lambda info: info.source != "bundled"):
        key = info.id.casefold()
        taken[key] += 1
        yield info if taken[key] == 1 else msgspec.structs.replace(info, id=f"{info.id}@{taken[key]}")
