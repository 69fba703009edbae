"""The folders that models are read from: ours, the user's, the stores of other programs, and the bundled one."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from paddock.browser.shards import shard_of
from paddock.browser.stores import StorePlace, find_stores, listing
from paddock.sdk.host import Settings
from paddock.sdk.library import Place
from paddock.sdk.types import ModelInfo


class Places:
    """What can be read, and what of it the user wants to see.

    Args:
        own: Our models folder.
        bundled: The folder that comes with the program.
        settings: The settings of now.
        suffixes: The endings of model files.
        environ, home: Where the stores of other programs are looked for.
    """

    def __init__(
        self,
        own: Path,
        bundled: Path,
        settings: Callable[[], Settings],
        suffixes: Callable[[], Iterable[str]],
        *,
        environ: Mapping[str, str] = os.environ,
        home: Path | None = None,
    ) -> None:
        self._own = own
        self._bundled = bundled
        self._settings = settings
        self._suffixes = suffixes
        self._environ = environ
        self._home = home

    def shown(self) -> tuple[StorePlace, ...]:
        """The places whose models are listed. Blocks: it asks the file system."""
        return tuple(place for place in self._all() if not self._is_hidden(place))

    async def all(self, models: Sequence[ModelInfo]) -> list[Place]:
        """Every place, ours first, with what it holds of ``models``; a hidden one is looked at for this."""
        return await asyncio.to_thread(self._counted, models)

    def _is_hidden(self, place: StorePlace) -> bool:
        """Only stores of other programs can be."""
        return place.source not in ("folder", "bundled") and str(place.path) in self._settings().hidden_places

    def _all(self) -> list[StorePlace]:
        places = [StorePlace(self._own, "folder", "Paddock")]
        for folder in self._settings().model_folders:
            path = Path(folder).expanduser()
            places.append(StorePlace(path, "folder", path.name or str(path)))
        named = {os.path.realpath(place.path) for place in places}
        stores = find_stores(self._environ, self._home or Path.home())
        places += [store for store in stores if os.path.realpath(store.path) not in named]
        return [*places, StorePlace(self._bundled, "bundled", "Comes with Paddock", False)]

    def _counted(self, models: Sequence[ModelInfo]) -> list[Place]:
        found = []
        for place in self._all():
            path, hidden = str(place.path), self._is_hidden(place)
            if hidden:
                count, size = self._look_into(place)
            else:
                sizes = [model.size_bytes for model in models if model.folder == path]
                count, size = len(sizes), sum(sizes)
            found.append(
                Place(
                    path=path,
                    source=place.source,
                    name=place.name,
                    models=count,
                    size_bytes=size,
                    free_bytes=_free(place.path),
                    shown=not hidden,
                    removable=place.removable,
                    note=place.note,
                    problem="" if place.path == self._own else _problem(place.path),
                )
            )
        return found

    def _look_into(self, place: StorePlace) -> tuple[int, int]:
        """Models and bytes by the names of the files, without reading one."""
        endings = tuple(self._suffixes())
        models, size = set(), 0
        for files in listing(place, lambda name: name.lower().endswith(endings), lambda _: None):
            for file in files:
                name = file.name or file.path.name
                size += file.size
                if "mmproj" not in name.lower():
                    models.add((file.path.parent, file.base, file.label, shard_of(name.rpartition(".")[0])[0]))
        return len(models), size


def _free(path: Path) -> int | None:
    """Of the disk that ``path`` is on, or would be."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _problem(path: Path) -> str:
    try:
        with os.scandir(path):
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."


def bundled() -> Path:
    """The folder of models that comes with the program."""
    from paddock import resources

    return Path(str(resources.__file__)).parent / "starter"
