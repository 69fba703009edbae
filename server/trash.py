"""Deleted models as the host offers them: into the trash, back, and out of it for good after a week."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.sdk.errors import BadRequest, HostBusy, ModelNotFound, NotFound, PaddockError, StorageFailed
from paddock.sdk.library import Trashed
from paddock.sdk.types import ModelInfo
from paddock.server.instance import write_private

if TYPE_CHECKING:
    from paddock.browser.stores import StorePlace
    from paddock.browser.trash_can import TrashCan, TrashRecord
    from paddock.server.models import Models

logger = logging.getLogger(__name__)

KEPT_S = 7 * 86_400.0
LOOK_S = 86_400.0
_CANS = msgspec.json.Decoder(list[str])


class Trash:
    """Lives on the host's loop; the disk is touched in threads.

    Args:
        record: File that names the folders with a trash in them, so that one that is no longer looked at is purged too.
        models: The models.
        places: The folders that models are in; blocks.
        clock: Unix seconds.
    """

    def __init__(
        self,
        record: Path,
        models: Models,
        *,
        places: Callable[[], Sequence[StorePlace]],
        clock: Callable[[], float],
    ) -> None:
        self._record = record
        self._models = models
        self._places = places
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Put right what a kill left, and remove what is old, now and every day."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def all(self) -> list[Trashed]:
        """The latest first."""
        async with self._lock:
            cans = await asyncio.to_thread(self._cans)
            found = await asyncio.to_thread(lambda: [record for can in cans for record in can.records()])
        return sorted(map(_trashed, found), key=lambda trashed: -trashed.deleted)

    async def delete(self, model: str) -> Trashed:
        """Move a model, or a file that is told as a problem, to the trash.

        Raises ModelNotFound, HostBusy where it is in memory, BadRequest where its place is not ours to delete in,
        StorageFailed.
        """
        info = await self._find(model)
        async with self._lock:
            self._check_unused(info)
            record = await asyncio.to_thread(self._put, info, await self._paths_of(info))
        await self._models.refresh()
        return _trashed(record)

    async def restore(self, id: str) -> ModelInfo:
        """Bring a model back. Raises NotFound, HostBusy where something is in its place, StorageFailed."""
        async with self._lock:
            can = await asyncio.to_thread(self._can_with, id)
            record = await asyncio.to_thread(can.restore, id)
        found = await self._models.refresh()
        path = record.files[0].path
        back = next((info for info in found if path in (info.path, *info.files)), None)
        return back or ModelInfo(id=record.model, name=record.name, engine="", path=path)

    async def empty(self, id: str = "") -> None:
        """Remove one, or all, for good. Raises NotFound, StorageFailed."""
        async with self._lock:
            if id:
                can = await asyncio.to_thread(self._can_with, id)
                await asyncio.to_thread(can.drop, id)
            else:
                await asyncio.to_thread(lambda: _drop_older(self._cans(), float("inf")))

    # -------------------------------------------------------------- what may go

    async def _find(self, model: str) -> ModelInfo:
        """Also one that cannot be loaded."""
        path = os.path.abspath(model) if os.path.isabs(model) else ""
        for info in await self._models.on_disk():
            if info.id.casefold() == model.casefold() or (path and path in (info.path, *info.files)):
                return info
        for problem in await self._models.problems():
            if path and problem.path == path and problem.action == "delete":
                return ModelInfo(id=path, name=os.path.basename(path), engine="", path=path)
        try:
            return await self._models.find(model)
        except ModelNotFound:
            raise
        except PaddockError as error:
            raise ModelNotFound(error.message, hint="“paddock ls” lists what can be deleted.") from error

    def _check_unused(self, info: ModelInfo) -> None:
        for loaded in self._models.loaded():
            if loaded.model == info.id or info.path in loaded.options.values():
                raise HostBusy(f"{info.name} is in memory.", hint="Unload it first, then delete it.")

    async def _paths_of(self, info: ModelInfo) -> list[Path]:
        """A projector stays as long as another model sees through it; a model that is a folder goes as one."""
        others = [other for other in await self._models.on_disk() if other.id != info.id]
        folder = Path(info.path)
        if await asyncio.to_thread(folder.is_dir) and not any(folder in Path(other.path).parents for other in others):
            return [folder]
        paths = [Path(path) for path in info.files or (info.path,)]
        if info.projector and all(other.projector != info.projector for other in others):
            paths.append(Path(info.projector))
        return paths

    def _put(self, info: ModelInfo, paths: Sequence[Path]) -> TrashRecord:
        from paddock.browser.trash_can import TrashCan

        root = self._root_of(info)
        try:
            can = TrashCan.of(paths[0], root)
        except OSError as error:
            text = f"{info.name} cannot be deleted: {error.strerror or error}."
            raise StorageFailed(text, hint="Look whether its disk is there.") from error
        self._note(can)
        return can.put(uuid.uuid4().hex[:12], info.id, info.name, paths, self._clock())

    def _root_of(self, info: ModelInfo) -> Path:
        """Raises BadRequest where models are not deleted from there."""
        path = Path(info.path)
        places = [place for place in self._places() if info.folder == str(place.path) or place.path in path.parents]
        place = next((place for place in places if info.folder == str(place.path)), places[0] if places else None)
        if info.source == "bundled" or (place is not None and place.source == "bundled"):
            raise BadRequest(f"{info.name} comes with Paddock and stays.", hint="It takes a few megabytes.")
        if place is None:
            raise BadRequest(f"{info.name} is in none of your folders.", hint=f"Delete the file yourself: {path}.")
        if not place.removable:
            text = f"{info.name} belongs to {place.name}, and is not deleted here."
            raise BadRequest(text, hint=place.note or f"Delete it with {place.name}.")
        return place.path

    # -------------------------------------------------------------- the trash of every folder

    def _cans(self) -> list[TrashCan]:
        """Also of folders that are not noted, should the note have been lost."""
        from paddock.browser.trash_can import FOLDER, TrashCan

        folders = [str(place.path / FOLDER) for place in self._places() if place.removable]
        return [TrashCan(Path(folder)) for folder in dict.fromkeys([*folders, *self._noted()])]

    def _noted_cans(self) -> list[TrashCan]:
        from paddock.browser.trash_can import TrashCan

        return [TrashCan(Path(folder)) for folder in self._noted()]

    def _can_with(self, id: str) -> TrashCan:
        for can in self._cans():
            if any(record.id == id for record in can.records()):
                return can
        raise NotFound(f"There is nothing “{id[:120]}” in the trash.", hint="It may have been removed for good.")

    def _noted(self) -> list[str]:
        try:
            return _CANS.decode(self._record.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("%s cannot be read: %s", self._record, error)
            return []

    def _note(self, can: TrashCan) -> None:
        noted = [folder for folder in self._noted() if os.path.exists(folder)]
        if str(can.folder) in noted:
            return
        try:
            write_private(self._record, msgspec.json.format(msgspec.json.encode([*noted, str(can.folder)])))
        except OSError as error:
            text = f"Nothing can be deleted: {error.strerror or error}."
            raise StorageFailed(text, hint=f"Check that Paddock may write {self._record}.") from error

    async def _keep(self) -> None:
        try:
            async with self._lock:
                back = await asyncio.to_thread(lambda: [can.recover() for can in self._noted_cans()])
            if any(back):
                await self._models.refresh()
            while True:
                async with self._lock:
                    try:
                        await asyncio.to_thread(lambda: _drop_older(self._noted_cans(), self._clock() - KEPT_S))
                    except PaddockError as error:
                        logger.warning("%s", error.sentence())
                await asyncio.sleep(LOOK_S)
        except Exception:  # the host goes on without; what is in the trash stays
            logger.exception("the trash cannot be looked after")


def _drop_older(cans: Sequence[TrashCan], moment: float) -> None:
    """As far as that goes; raises StorageFailed for the last that cannot be removed."""
    failed: PaddockError | None = None
    for can in cans:
        for record in can.records():
            if record.deleted < moment:
                try:
                    can.drop(record.id)
                except PaddockError as error:
                    failed = error
    if failed is not None:
        raise failed


def _trashed(record: TrashRecord) -> Trashed:
    return Trashed(
        id=record.id,
        model=record.model,
        name=record.name,
        path=record.files[0].path,
        size_bytes=record.size_bytes,
        files=len(record.files),
        deleted=record.deleted,
        expires=record.deleted + KEPT_S,
    )
