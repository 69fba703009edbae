"""The library as the host offers it: read in the background, looked at again when folders change, with what is kept
about its models."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.errors import BadRequest, ModelNotFound, ModelUnusable, StorageFailed
from paddock.sdk.events import LibraryChanged
from paddock.server.aliases import checked
from paddock.server.library_watch import LOOK_S, LibraryWatch

if TYPE_CHECKING:
    from paddock.browser.library import Library
    from paddock.browser.stores import StorePlace
    from paddock.sdk.downloads import Download
    from paddock.sdk.library import LibraryProblem, ModelPatch
    from paddock.sdk.types import ModelInfo
    from paddock.server.bus import Bus
    from paddock.server.model_notes import ModelNotes

logger = logging.getLogger(__name__)

_NICE = 15


class HostLibrary:
    """Lives on the host's loop; the disk is read in threads.

    Args:
        places: The places that are shown now; called in a thread.
        make: Makes the library of them; called in a thread.
        notes: What is kept about models.
        bus: Where changes are told.
        clock: Unix seconds.
        downloads: The list of downloads.
        own: The folder that they go to.
        look_s: Seconds between two looks where the system tells of no changes.
    """

    def __init__(
        self,
        places: Callable[[], Sequence[StorePlace]],
        make: Callable[[Sequence[StorePlace]], Library],
        notes: ModelNotes,
        bus: Bus,
        *,
        clock: Callable[[], float],
        downloads: Callable[[], Sequence[Download]],
        own: Path,
        look_s: float = LOOK_S,
    ) -> None:
        self._places = places
        self._make = make
        self._notes = notes
        self._bus = bus
        self._clock = clock
        self._downloads = downloads
        self._own = own
        self._library: Library | None = None
        self._reading: asyncio.Task[Library] | None = None
        self._models: tuple[ModelInfo, ...] = ()
        self._by_path: dict[str, ModelInfo] = {}
        self._aliases: dict[str, str] = {}
        self._problems: tuple[LibraryProblem, ...] = ()
        self._comparing: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self.busy = False
        """Whether somebody waits for this machine: then no files are compared."""
        self.watch = LibraryWatch(
            bus,
            folders=lambda: [place.path for place in self._library.places] if self._library else [],
            wanted=lambda name: self._library is not None and self._library.is_model_name(name),
            look=self._look,
            restless=lambda: self._library is not None and self._library.is_arriving,
            look_s=look_s,
        )

    def read(self) -> None:
        """Begin to read the places of now in the background; questions wait for it, and begin it anew when it
        failed."""
        self._reading = asyncio.get_running_loop().create_task(self._read(self._reading))

    async def models(self) -> tuple[ModelInfo, ...]:
        """All models on disk."""
        await self._there()
        return self._models

    async def problems(self) -> list[LibraryProblem]:
        """What in the folders is no usable model."""
        from paddock.browser.library_problems import unfinished

        library = await self._there()
        return [*library.problems(), *unfinished(self._downloads()), *self.watch.problems()]

    async def refresh(self) -> tuple[ModelInfo, ...]:
        """Look at the folders again; clients hear of it when something has changed."""
        library = await self._there()
        if tuple(await asyncio.to_thread(self._places)) != library.places:  # another program's store has come or gone
            self.read()
            await self._there()
            return self._models
        await asyncio.to_thread(library.refresh)
        await self._show(library)
        self._compare(library)
        return self._models

    async def find(self, model: str, *, paths: bool = True) -> ModelInfo:
        """As :meth:`paddock.browser.library.Library.find`, also by a further name, with what is kept about the
        model."""
        library = await self._there()
        before = library.models()
        also = [alias for each in self._models for alias in each.aliases]
        try:
            found = await asyncio.to_thread(library.find, self.alias_of(model) or model, paths=paths, also=also)
        except ModelNotFound as error:
            if owner := await asyncio.to_thread(self._notes.owner, model):
                hint = "Bring that model back, or give the name to another one."
                said = f"“{model}” is a name of “{owner}”, which is not on this computer now."
                raise ModelNotFound(said, hint=hint, model=model) from error
            raise
        if library.models() is not before:
            await self._show(library)
        return self._by_path.get(found.path, found)

    def alias_of(self, name: str) -> str:
        """The id of the model that has ``name`` as a further name; empty where none has, or where it is an id."""
        return self._aliases.get(name.casefold(), "")

    async def patch(self, name: str, patch: ModelPatch, instances: Mapping[str, str]) -> ModelInfo:
        """Change what is kept about a model, be it a broken one. ``instances`` are the ids of models by the identifiers
        of their instances. Raises ModelNotFound, BadRequest, StorageFailed."""
        try:
            model = await self.find(name)
        except ModelUnusable as error:
            broken = next((info for info in self._models if info.id == error.details.get("model")), None)
            if broken is None:
                raise
            model = broken
        notes, aliases = patch.notes, patch.aliases
        if notes is None and aliases is None:
            return model
        if aliases is not None:
            if model.path not in self._by_path:
                raise BadRequest(f"“{model.id}” lies outside the folders of models.", hint="Import it first.")
            aliases = checked(model, aliases, self._models, instances)
        await asyncio.to_thread(self._notes.write, model, notes, aliases)
        await self._show(await self._there())
        return self._by_path.get(model.path) or msgspec.structs.replace(model, notes=notes or model.notes)

    def used(self, model: str) -> None:
        """The model with this id was loaded."""
        self._chore(self._use(model))

    async def close(self) -> None:
        await self.watch.close()
        tasks = [task for task in (*self._chores, self._comparing, self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        if self._library is not None:
            await asyncio.to_thread(self._library.close)
        await asyncio.gather(*tasks, return_exceptions=True)

    # -------------------------------------------------------------- reading

    async def _there(self) -> Library:
        task = self._reading
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            self.read()
        assert self._reading is not None
        return await asyncio.shield(self._reading)

    async def _read(self, before: asyncio.Task[Library] | None) -> Library:
        if before is not None:
            await asyncio.wait([before])
        if self._library is not None:
            await asyncio.to_thread(self._library.close)
        library = self._library = await asyncio.to_thread(lambda: self._make(self._places()))
        warm = library.is_read
        if not warm:
            await asyncio.to_thread(library.refresh)
        await self._show(library)
        self._bus.publish(LibraryChanged(id="library"))
        self.watch.hurry()
        if warm:
            self._chore(self._look())
        else:
            self._compare(library)
        return library

    async def _look(self) -> None:
        try:
            await self.refresh()
        except Exception:  # whoever asks for the models hears why they cannot be read
            logger.exception("the folders of models could not be looked at")

    async def _show(self, library: Library) -> None:
        """Take over what the library has now, and tell of it where it is something else."""
        problems = library.problems()
        models, same = await asyncio.to_thread(self._noted, library.models())
        if same and problems == self._problems:
            return
        self._models, self._problems = models, problems
        self._by_path = {model.path: model for model in reversed(models)}
        ids = {model.id.casefold() for model in models}
        named = ((alias.casefold(), model.id) for model in reversed(models) for alias in model.aliases)
        self._aliases = {alias: id for alias, id in named if alias not in ids}
        self._bus.publish(LibraryChanged(id="library"))

    def _noted(self, found: tuple[ModelInfo, ...]) -> tuple[tuple[ModelInfo, ...], bool]:
        models = self._notes.shown(found)
        return models, models == self._models

    async def _use(self, name: str) -> None:
        model = next((info for info in self._models if info.id == name), None)
        if model is None:
            return
        try:
            if await asyncio.to_thread(self._notes.used, model, self._clock()):
                await self._show(await self._there())
        except StorageFailed as error:
            logger.warning("%s", error.sentence())

    def _chore(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    # -------------------------------------------------------------- comparing

    def _compare(self, library: Library) -> None:
        if self._comparing is None or self._comparing.done():
            self._comparing = asyncio.get_running_loop().create_task(self._compared(library))

    async def _compared(self, library: Library) -> None:
        """Until nothing has changed meanwhile."""
        seen: object = None
        while seen is not library.models():
            seen = library.models()
            await _aside(partial(library.compare, self._verified(), quiet=lambda: not self.busy))
            await self._show(library)

    def _verified(self) -> dict[str, str]:
        """The checksums that downloads were compared with when they came, by path."""
        from paddock.browser.download_item import places_of

        return {
            str(path): file.sha256
            for download in self._downloads()
            if download.state == "done"
            for path, file in zip(places_of(self._own, download), download.files, strict=True)
        }


async def _aside(work: Callable[[], object]) -> None:
    """Do ``work`` in a thread of its own that gives way to all others where the system can have that."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def run() -> None:
        if sys.platform == "linux":  # elsewhere it would be the whole process
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            work()
        except Exception:  # it is nobody's request; what it would have told is missing
            logger.exception("models could not be compared")
        finally:
            with suppress(RuntimeError):  # the host has left
                loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=run, name="comparing models", daemon=True).start()
    await ended.wait()
