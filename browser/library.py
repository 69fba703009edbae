"""The models on disk: folders of ``<publisher>/<repo>/<file>`` and the stores of other programs, read in place.

Reading is blocking and thread-safe. What was read out of a file is kept in an index as long as the file's size and time
do not change, and so is the list: with a warm index it is there at once, and a refresh asks only the file system.
"""

from __future__ import annotations

import difflib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from paddock.browser.files import Identity, ModelFile, look_at
from paddock.browser.library_facts import Facts, read_facts
from paddock.browser.library_index import Found, LibraryIndex, Stamp, stamp_of
from paddock.browser.library_problems import Finder
from paddock.browser.library_scan import HEADER_SUFFIX, Shelf, Suffixes, scan
from paddock.browser.library_sums import Comparer, duplicates_of
from paddock.browser.shards import shard_of
from paddock.browser.stores import StorePlace
from paddock.sdk.errors import ModelNotFound, ModelUnusable
from paddock.sdk.library import LibraryProblem
from paddock.sdk.types import ModelInfo

_SHOWN = 120
"""How many characters of a wrong name an error repeats."""
_READERS = 4
_BATCH = 256
"""Headers that are read before what they said is kept."""
_TRIES = 3


class _Stopped(Exception):
    pass


class Library:
    """All models of ``places``.

    Args:
        places: Where models are, ours first; the first one that holds a file names it.
        suffixes: File name suffix to engine, longest suffix first.
        index: The file of the index; None keeps it in memory.
    """

    def __init__(self, places: Sequence[StorePlace], suffixes: Mapping[str, str], index: Path | None) -> None:
        self.places = tuple(places)
        self._suffixes = Suffixes(suffixes)
        self._index = LibraryIndex(index)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._paths: dict[Identity, str] = {}
        self._found = Found()
        self._by_name: dict[str, ModelInfo] = {}
        self._arriving = False
        self._folders = tuple(str(place.path) for place in places)
        found = self._index.found()
        self._read = found is not None and set(self._folders) <= set(found.places)
        if found is not None and self._read:
            models = tuple(model for model in found.models if model.folder in self._folders)
            self._show(Found(self._folders, models, found.problems))

    @property
    def is_read(self) -> bool:
        """Whether there is a list of all places: of the index, or of a :meth:`refresh`."""
        return self._read

    @property
    def is_arriving(self) -> bool:
        """Whether the last :meth:`refresh` met files that may still be growing."""
        return self._arriving

    def refresh(self) -> tuple[ModelInfo, ...]:
        """Look at the folders again; blocks. The same tuple as before is returned when nothing has changed."""
        with self._lock:
            kept = self._index.facts()
            try:
                seen = scan(self.places, self._suffixes, partial(self._facts, kept), now=time.time())
            except _Stopped:
                return self._found.models
            self._paths, self._arriving = seen.paths, seen.arriving
            self._read = True
            duplicates = duplicates_of(seen.models, Comparer(self._index).kept(seen.models))
            self._take(_doubled(seen.models, duplicates), tuple(seen.problems))
            return self._found.models

    def is_model_name(self, name: str) -> bool:
        """Whether a file of this name, when it is written to, can change the list."""
        return self._suffixes.wanted(name)

    def compare(self, known: Mapping[str, str], *, quiet: Callable[[], bool] = lambda: True) -> None:
        """Find the models with the same content; blocks for as long as reading large files takes.

        Args:
            known: SHA-256 by path, of files that were compared with it when they came.
            quiet: Whether nobody waits for this machine: only then files are read, at half speed.
        """
        models = self._found.models
        comparer = Comparer(self._index, known=known, quiet=quiet)
        duplicates = duplicates_of(models, comparer.compute(models, self._stop))
        with self._lock:
            if not self._stop.is_set():
                self._take(_doubled(self._found.models, duplicates), self._found.problems)

    def models(self) -> tuple[ModelInfo, ...]:
        """What the last :meth:`refresh` found, broken files included; before the first one, what the index holds."""
        return self._found.models

    def problems(self) -> tuple[LibraryProblem, ...]:
        """What is no usable model, and folders that cannot be read."""
        return self._found.problems

    def close(self) -> None:
        """End a refresh or comparison that runs in another thread; what it had read is kept."""
        self._stop.set()
        with self._lock:
            self._index.close()

    def find(self, model: str, *, paths: bool = True, also: Iterable[str] = ()) -> ModelInfo:
        """The model with this id or, where ``paths`` are welcome, in the file at this path; blocks.

        Raises ModelNotFound (with the nearest ids and names ``also`` known) and ModelUnusable for a broken file.
        """
        if not self._read:
            self.refresh()
        found = self._by_name.get(model.casefold())
        if found is not None and not _is_as_listed(found):
            self.refresh()
            found = self._by_name.get(model.casefold())
        if found is None and paths:
            found = self._by_path(model)
        if found is None:
            self.refresh()  # it may have come since
            found = self._by_name.get(model.casefold())
        if found is None:
            raise self._not_found(model, also)
        if found.error is not None:
            raise ModelUnusable(found.error, model=found.id)
        return found

    # -------------------------------------------------------------- finding

    def _by_path(self, text: str) -> ModelInfo | None:
        path = Path(text).expanduser()
        try:
            listed = self._listed(path)
            if listed is not None:
                return listed
            if path.is_dir() and (path.is_absolute() or text.startswith((".", "~"))):
                raise ModelNotFound(f"{path} is a folder, not a model.", hint="Name one of the files in it.")
            there = path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            if os.path.exists(path):
                raise ModelNotFound(f"{path} is a device or a pipe, not a file.", hint="Name a model file.")
            if self._suffixes.of(path.name) or path.is_absolute():
                raise ModelNotFound(f"There is no file {path}.", hint="Check the path.")
            return None
        return self._unlisted(path)

    def _listed(self, path: Path) -> ModelInfo | None:
        """The model of the list that the file at ``path`` belongs to, by whatever name. Raises OSError."""
        file = look_at(path)
        name = self._paths.get(file.identity) if file is not None else None
        names = {str(path), os.path.abspath(path), name}
        return next(
            (info for info in self._found.models if info.path in names or not names.isdisjoint(info.files)), None
        )

    def _unlisted(self, path: Path) -> ModelInfo:
        files = list(self._around(path))
        place = StorePlace(path.parent, "path", "")
        shelf = Shelf(place, self._suffixes, Finder(place, [], ours=False, now=0.0))
        headed = [file for file in files if self._suffixes.of(file.proper_name) == HEADER_SUFFIX]
        facts = {file.identity: read_facts(file, now=0.0) for file in headed}
        models = list(shelf.models([files], facts, {}))
        if not models:
            raise ModelUnusable(f"{path.name} only goes with a model.", hint="Name the file of the model.")
        return msgspec.structs.replace(models[0], id=os.path.abspath(path))

    def _around(self, path: Path) -> Iterator[ModelFile]:
        """All files of the model that ``path`` belongs to, and projectors. Raises ModelUnusable."""
        suffix = self._suffixes.of(path.name)
        if not suffix:
            if not _is_gguf(path):
                hint = f"Models are files with the ending {self._suffixes}."
                raise ModelUnusable(f"{path.name} is not a model file.", hint=hint)
            file = look_at(path)
            if file is not None:
                yield replace(file, name=f"{path.name}{HEADER_SUFFIX}")
            return
        stem, _, parts = shard_of(self._suffixes.stem(path.name))
        for name in sorted(os.listdir(path.parent)):
            if self._suffixes.of(name) != suffix:
                continue
            is_part = parts > 1 and shard_of(self._suffixes.stem(name))[::2] == (stem, parts)
            if name == path.name or is_part or "mmproj" in name.lower():
                file = look_at(path.parent / name)
                if file is not None:
                    yield file

    def _not_found(self, model: str, also: Iterable[str]) -> ModelNotFound:
        usable = [info.id for info in self._found.models if info.error is None]
        names = {id.casefold(): id for id in usable} | {id.split("/")[-1].casefold(): id for id in usable}
        names = {name.casefold(): name for name in also} | names
        near = list(dict.fromkeys(names[key] for key in difflib.get_close_matches(model.casefold(), names, n=5)))[:3]
        if near:
            hint = f"Did you mean {' or '.join(f'“{name}”' for name in near)}?"
        elif usable:
            hint = "The Models page and “paddock ls” list those on this computer."
        else:
            hint = "There are no models on this machine yet."
        named = model if len(model) <= _SHOWN else model[: _SHOWN - 1] + "…"
        return ModelNotFound(f"There is no model “{named}”.", hint=hint, model=named, near=near)

    # -------------------------------------------------------------- reading

    def _facts(self, kept: Mapping[str, tuple[Stamp, Facts]], files: Sequence[ModelFile]) -> dict[str, Facts]:
        """What is known of ``files``, by path. Raises _Stopped."""
        found, fresh = {}, []
        for file in files:
            stamp, facts = kept.get(str(file.path), (None, None))
            if facts is not None and stamp == stamp_of(file):
                found[str(file.path)] = facts
            else:
                fresh.append(file)
        waiting = iter(fresh)
        with ThreadPoolExecutor(_READERS, "headers") as readers:
            while batch := list(islice(waiting, _BATCH)):
                read = list(readers.map(self._read_one, batch))
                self._index.put_facts(
                    (file, facts) for file, facts in read if facts.remedy != "wait" and not file.error
                )
                found.update((str(file.path), facts) for file, facts in read)
        self._forget(kept.keys() - found.keys())
        return found

    def _read_one(self, file: ModelFile) -> tuple[ModelFile, Facts]:
        """The facts, and the file that they are of: it may be replaced in the meantime."""
        for _ in range(_TRIES):
            if self._stop.is_set():
                raise _Stopped
            facts = read_facts(file, now=time.time())
            now = look_at(file.path)
            if now is None or stamp_of(now) == stamp_of(file):
                break
            file = replace(now, name=file.name, base=file.base, label=file.label)
        return file, facts

    def _forget(self, gone: set[str]) -> None:
        """Not what was in places that are not there now: a disk may come back."""
        if gone:
            roots = tuple(f"{place.path}{os.sep}" for place in self.places if place.path.is_dir())
            self._index.forget(path for path in gone if path.startswith(roots))

    def _take(self, models: tuple[ModelInfo, ...], problems: tuple[LibraryProblem, ...]) -> None:
        found = Found(self._folders, models, problems)
        if found != self._found:
            self._index.put_found(found)
            self._show(found)

    def _show(self, found: Found) -> None:
        self._found = found
        self._by_name = {info.id.casefold(): info for info in reversed(found.models)}


def _doubled(models: Sequence[ModelInfo], duplicates: Mapping[str, tuple[str, ...]]) -> tuple[ModelInfo, ...]:
    return tuple(
        info
        if info.duplicates == duplicates.get(info.id, ())
        else msgspec.structs.replace(info, duplicates=duplicates.get(info.id, ()))
        for info in models
    )


def _is_as_listed(info: ModelInfo) -> bool:
    """Whether its first file is the one that was looked at."""
    try:
        status = os.stat(info.path)
    except OSError:
        return False
    return info.format == "mlx" or status.st_mtime < info.changed + 0.001  # seconds as a float are not exact


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False
