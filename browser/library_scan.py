"""One look at the folders: from files to models, and what is wrong among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from paddock.browser.describe import quant_in, readable_name
from paddock.browser.files import Identity, ModelFile
from paddock.browser.library_facts import Facts
from paddock.browser.library_ids import Nameless, repository_of, unique, with_ids
from paddock.browser.library_mlx import is_mlx_file, mlx_model
from paddock.browser.library_problems import Finder, is_unfinished
from paddock.browser.shards import missing_part, shard_of
from paddock.browser.stores import StorePlace, listing
from paddock.sdk.library import LibraryProblem
from paddock.sdk.types import ModelInfo

HEADER_SUFFIX = ".gguf"
_PROJECTORS = ("F16", "BF16", "F32", "Q8_0")
"""Where there are several, the first of these is taken: what engines were tried with most."""

FactsOf = Callable[[Sequence[ModelFile]], Mapping[str, Facts]]
"""The facts of GGUF files by their paths."""


@dataclass
class Scan:
    """``paths`` is the path under which each file was met first; ``arriving`` that one may still be growing."""

    models: tuple[ModelInfo, ...] = ()
    problems: list[LibraryProblem] = field(default_factory=list)
    paths: dict[Identity, str] = field(default_factory=dict)
    arriving: bool = False


class Suffixes:
    """Which files are models, by the ends of their names.

    Args:
        engines: File name suffix to engine, longest suffix first.
    """

    def __init__(self, engines: Mapping[str, str]) -> None:
        self._engines = dict(engines)

    def of(self, name: str) -> str:
        """Empty for what is no model file."""
        lowered = name.lower()
        for suffix in self._engines:
            if lowered.endswith(suffix):
                return suffix
        return ""

    def stem(self, name: str) -> str:
        return name[: -len(self.of(name)) or None]

    def engine(self, suffix: str) -> str:
        return self._engines[suffix]

    def wanted(self, name: str) -> bool:
        return bool(self.of(name)) or is_mlx_file(name) or is_unfinished(name)

    def __str__(self) -> str:
        return ", ".join(self._engines)


def scan(places: Sequence[StorePlace], suffixes: Suffixes, facts_of: FactsOf, *, now: float) -> Scan:
    """Look at ``places``, the first of which is ours; blocks. A file with several names is met under the first of them.
    ``now`` in Unix seconds."""
    made = Scan()
    shelves: list[tuple[Shelf, list[list[ModelFile]]]] = []
    headed: dict[Identity, ModelFile] = {}
    for place in places:
        finder = Finder(place, made.problems, ours=place is places[0], now=now)
        lists = list(listing(place, suffixes.wanted, finder.failed))
        shelves.append((Shelf(place, suffixes, finder), lists))
        for file in (file for files in lists for file in files):
            if suffixes.of(file.proper_name) == HEADER_SUFFIX:
                headed.setdefault(file.identity, file)
    facts = facts_of(list(headed.values()))
    made.arriving = any(fact.remedy == "wait" for fact in facts.values())
    known = {identity: facts[str(file.path)] for identity, file in headed.items() if str(file.path) in facts}
    models = [model for shelf, lists in shelves for model in shelf.models(lists, known, made.paths)]
    made.models = tuple(unique(models))
    return made


class Shelf:
    """How the files of one place become models."""

    def __init__(self, place: StorePlace, suffixes: Suffixes, finder: Finder) -> None:
        self._place = place
        self._suffixes = suffixes
        self._finder = finder

    def models(
        self, lists: Sequence[Sequence[ModelFile]], facts: Mapping[Identity, Facts], paths: dict[Identity, str]
    ) -> Iterator[ModelInfo]:
        """Of ``lists`` of files that lie together. Those that are in ``paths`` are models already; it grows."""
        together: dict[str, list[Nameless]] = {}
        for files in lists:
            projectors = [file for file in files if _role(file, facts) == "projector"]
            fresh = []
            for file in files:
                if file.identity not in paths:
                    paths[file.identity] = str(file.path)
                    fresh.append(file)
            for model in self._together(fresh, projectors, facts):
                together.setdefault(model.base or str(model.folder), []).append(model)
        for models in together.values():
            yield from with_ids(self._place, models)

    def _together(
        self, files: Sequence[ModelFile], projectors: Sequence[ModelFile], facts: Mapping[Identity, Facts]
    ) -> Iterator[Nameless]:
        groups: dict[tuple[Path, str, int], list[ModelFile]] = {}
        for file in files:
            name = file.proper_name
            suffix = self._suffixes.of(name)
            if not suffix and is_unfinished(name):
                self._finder.unfinished(file)
            elif suffix and _role(file, facts) == "model":
                stem, _, parts = shard_of(self._suffixes.stem(name))
                groups.setdefault((file.path.parent, f"{stem}{suffix}", parts), []).append(file)
            elif error := _error(file, facts):
                self._finder.broken(file, error)
        found = [self._model(parts, of_one, facts) for (_, _, parts), of_one in groups.items()]
        for model in found:
            yield self._seeing(model, projectors, alone=len(found) == 1) if projectors else model
        mlx = mlx_model([file for file in files if is_mlx_file(file.proper_name)], self._place.source)
        if mlx is not None:
            mlx = msgspec.structs.replace(mlx, folder=str(self._place.path))
            yield self._nameless(mlx, files[0], mlx.id)

    def _seeing(self, model: Nameless, projectors: Sequence[ModelFile], *, alone: bool) -> Nameless:
        """With the projector that is meant for it: the one of its name or, where all that lies together is of one
        repository, any."""
        named = [file for file in projectors if (core := _core(file)) and core in model.stem.casefold()]
        together = alone or model.base or repository_of(self._place, model.folder)
        chosen = named or (projectors if together else ())
        if not chosen:
            return model
        best = min(chosen, key=lambda file: (_preference(file), file.proper_name))
        capabilities = model.info.capabilities
        if "chat" in capabilities:
            capabilities = (*capabilities, "vision")
        info = msgspec.structs.replace(model.info, projector=str(best.path), capabilities=capabilities)
        return msgspec.structs.replace(model, info=info)

    def _model(self, parts: int, files: Sequence[ModelFile], facts: Mapping[Identity, Facts]) -> Nameless:
        files = sorted(files, key=lambda file: file.proper_name)
        first = files[0]
        suffix = self._suffixes.of(first.proper_name)
        stem = self._suffixes.stem(first.proper_name)
        plain = shard_of(stem)[0]
        quant, error = quant_in(stem), ""
        known = [facts[file.identity] for file in files if file.identity in facts]
        lead = known[0] if known else Facts(capabilities=("chat", "tools", "reasoning"))
        if suffix == HEADER_SUFFIX:
            quant = quant or lead.quant
            error = self._error(files, stem, parts, facts)
        info = ModelInfo(
            id=plain,
            name=readable_name(stem, lead.name),
            engine=self._suffixes.engine(suffix),
            path=str(first.path),
            size_bytes=sum(file.size for file in files),
            format=suffix.strip("."),
            architecture=lead.architecture,
            parameters=sum(item.parameters for item in known) or None,
            quant=quant,
            context_length=lead.context_length,
            capabilities=lead.capabilities,
            source=self._place.source,
            sampling=lead.sampling,
            error=error or None,
            files=tuple(str(file.path) for file in files),
            folder=str(self._place.path),
            changed=max(file.changed_ns for file in files) / 1e9,
            licence=lead.licence,
            has_template=lead.has_template,
        )
        return self._nameless(info, first, plain)

    @staticmethod
    def _nameless(info: ModelInfo, file: ModelFile, stem: str) -> Nameless:
        return Nameless(info=info, base=file.base, label=file.label, stem=stem, folder=file.path.parent)

    def _error(self, files: Sequence[ModelFile], stem: str, parts: int, facts: Mapping[Identity, Facts]) -> str:
        """What is wrong with the model in ``files``, as sentences."""
        for file in files:
            if error := _error(file, facts):
                return self._finder.broken(file, error)
        lost = missing_part([Path(file.proper_name) for file in files], stem, parts) if parts > len(files) else None
        return self._finder.incomplete(files, lost) if lost else ""


def _role(file: ModelFile, facts: Mapping[Identity, Facts]) -> str:
    fact = facts.get(file.identity)
    if fact is None or not fact.error:
        return fact.role if fact else "model"
    return "companion" if "mmproj" in file.proper_name.lower() else "model"


def _error(file: ModelFile, facts: Mapping[Identity, Facts]) -> Facts | None:
    fact = facts.get(file.identity)
    return fact if fact is not None and fact.error else None


def _core(projector: ModelFile) -> str:
    """“qwen2-vl-7b” of “mmproj-Qwen2-VL-7B-f16.gguf”."""
    stem = projector.proper_name.rpartition(".")[0]
    quant = quant_in(f"-{stem}")
    stem = stem[: len(stem) - len(quant)] if quant else stem
    return stem.casefold().replace("mmproj", "").strip("-_.")


def _preference(projector: ModelFile) -> int:
    quant = quant_in("-" + projector.proper_name.rpartition(".")[0])
    return _PROJECTORS.index(quant) if quant in _PROJECTORS else len(_PROJECTORS)
