"""The part of the clients that is about the models on disk and the jobs that make or move them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, TypeVar
from urllib.parse import quote

from paddock.sdk.jobs import Job
from paddock.sdk.library import (
    ImportMethod,
    ImportPreview,
    ImportRequest,
    LibraryProblem,
    ModelPatch,
    Place,
    QuantChoice,
    QuantizeRequest,
    Trashed,
)
from paddock.sdk.protocol import Call, body_of
from paddock.sdk.types import ModelInfo

T = TypeVar("T")

_TRASH = "/control/trash"
_JOBS = "/control/jobs"
_DISK_S = 60.0
"""A disk that sleeps, or one on the network, takes its time."""


def _named(path: str, name: str) -> str:
    return f"{path}/{quote(name, safe='')}"


def _problems() -> Call[list[LibraryProblem]]:
    return Call(method="GET", path="/control/models/problems", answer=list[LibraryProblem], timeout_s=_DISK_S)


def _places() -> Call[list[Place]]:
    return Call(method="GET", path="/control/places", answer=list[Place], timeout_s=_DISK_S)


def _patch_model(model: str, notes: str | None, aliases: Sequence[str] | None) -> Call[ModelInfo]:
    path = "/control/models?model=" + quote(model, safe="")
    patch = ModelPatch(notes=notes, aliases=None if aliases is None else tuple(aliases))
    return Call(method="PATCH", path=path, answer=ModelInfo, body=body_of(patch))


def _delete_model(model: str) -> Call[Trashed]:
    path = "/control/models?model=" + quote(model, safe="")
    return Call(method="DELETE", path=path, answer=Trashed, timeout_s=_DISK_S)


def _trash() -> Call[list[Trashed]]:
    return Call(method="GET", path=_TRASH, answer=list[Trashed])


def _restore(id: str) -> Call[ModelInfo]:
    return Call(method="POST", path=_named(_TRASH, id), answer=ModelInfo, timeout_s=_DISK_S)


def _empty_trash(id: str) -> Call[None]:
    return Call(method="DELETE", path=_named(_TRASH, id) if id else _TRASH, timeout_s=_DISK_S)


def _import(path: str, method: ImportMethod, name: str) -> Call[Job]:
    request = ImportRequest(path=path, method=method, name=name)
    return Call(method="POST", path="/control/import", answer=Job, body=body_of(request), timeout_s=_DISK_S)


def _preview_import(path: str) -> Call[ImportPreview]:
    return Call(
        method="GET", path="/control/import?path=" + quote(path, safe=""), answer=ImportPreview, timeout_s=_DISK_S
    )


def _quants(model: str) -> Call[list[QuantChoice]]:
    path = "/control/quantize?model=" + quote(model, safe="")
    return Call(method="GET", path=path, answer=list[QuantChoice], timeout_s=_DISK_S)


def _quantize(request: QuantizeRequest) -> Call[Job]:
    return Call(method="POST", path="/control/quantize", answer=Job, body=body_of(request), timeout_s=_DISK_S)


def _jobs() -> Call[list[Job]]:
    return Call(method="GET", path=_JOBS, answer=list[Job])


def _end_job(id: str, do: Literal["cancel", "forget"]) -> Call[None]:
    method: Literal["POST", "DELETE"] = "POST" if do == "cancel" else "DELETE"
    return Call(method=method, path=_named(_JOBS, id) + ("/cancel" if do == "cancel" else ""))


class LibraryClient(ABC):
    """What :class:`~paddock.sdk.client.Client` does with the models on disk. ``model`` is an id or the path of a file.
    Long work is a :class:`~paddock.sdk.jobs.Job`: the call returns at once, :meth:`jobs` and the events tell how far it
    is."""

    @abstractmethod
    def _ask(self, call: Call[T]) -> T: ...

    def model_problems(self) -> list[LibraryProblem]:
        """What in the folders is no usable model, and what to do about it."""
        return self._ask(_problems())

    def places(self) -> list[Place]:
        """The folders that models are read from, stores of other programs included."""
        return self._ask(_places())

    def patch_model(self, model: str, *, notes: str | None = None, aliases: Sequence[str] | None = None) -> ModelInfo:
        """Change what is kept about a model; ``aliases`` are all further names that requests may use. Raises BadRequest
        for a name that cannot be one or that something else has."""
        return self._ask(_patch_model(model, notes, aliases))

    def delete_model(self, model: str) -> Trashed:
        """Move a model to the trash; :meth:`restore_model` brings it back."""
        return self._ask(_delete_model(model))

    def trash(self) -> list[Trashed]:
        """What was deleted and can be had back, the latest first."""
        return self._ask(_trash())

    def restore_model(self, id: str) -> ModelInfo:
        """Bring a model back out of the trash."""
        return self._ask(_restore(id))

    def empty_trash(self, id: str = "") -> None:
        """Remove one model, or all, from the trash for good."""
        self._ask(_empty_trash(id))

    def preview_import(self, path: str) -> ImportPreview:
        """What an import of the file or folder at ``path`` (absolute) would take; nothing is done."""
        return self._ask(_preview_import(path))

    def import_model(self, path: str, method: ImportMethod = "copy", *, name: str = "") -> Job:
        """Take a model file, or the models of a folder, into our own folder."""
        return self._ask(_import(path, method, name))

    def quants(self, model: str) -> list[QuantChoice]:
        """The quants that ``model`` could be made into, smallest first, with their predicted size and fit."""
        return self._ask(_quants(model))

    def quantize(self, request: QuantizeRequest) -> Job:
        """Make a smaller model out of one."""
        return self._ask(_quantize(request))

    def jobs(self) -> list[Job]:
        """Long work under way, and what came of it, in the order it was asked for."""
        return self._ask(_jobs())

    def cancel_job(self, id: str) -> None:
        """End a job; what it had made is removed."""
        self._ask(_end_job(id, "cancel"))

    def forget_job(self, id: str) -> None:
        """Take a job that has ended out of the list."""
        self._ask(_end_job(id, "forget"))


class AsyncLibraryClient(ABC):
    """What :class:`~paddock.sdk.aclient.AsyncClient` does with the models on disk, as :class:`LibraryClient`."""

    @abstractmethod
    async def _ask(self, call: Call[T]) -> T: ...

    async def model_problems(self) -> list[LibraryProblem]:
        """What in the folders is no usable model, and what to do about it."""
        return await self._ask(_problems())

    async def places(self) -> list[Place]:
        """The folders that models are read from, stores of other programs included."""
        return await self._ask(_places())

    async def patch_model(
        self, model: str, *, notes: str | None = None, aliases: Sequence[str] | None = None
    ) -> ModelInfo:
        """Change what is kept about a model; ``aliases`` are all further names that requests may use. Raises BadRequest
        for a name that cannot be one or that something else has."""
        return await self._ask(_patch_model(model, notes, aliases))

    async def delete_model(self, model: str) -> Trashed:
        """Move a model to the trash; :meth:`restore_model` brings it back."""
        return await self._ask(_delete_model(model))

    async def trash(self) -> list[Trashed]:
        """What was deleted and can be had back, the latest first."""
        return await self._ask(_trash())

    async def restore_model(self, id: str) -> ModelInfo:
        """Bring a model back out of the trash."""
        return await self._ask(_restore(id))

    async def empty_trash(self, id: str = "") -> None:
        """Remove one model, or all, from the trash for good."""
        await self._ask(_empty_trash(id))

    async def preview_import(self, path: str) -> ImportPreview:
        """What an import of the file or folder at ``path`` (absolute) would take; nothing is done."""
        return await self._ask(_preview_import(path))

    async def import_model(self, path: str, method: ImportMethod = "copy", *, name: str = "") -> Job:
        """Take a model file, or the models of a folder, into our own folder."""
        return await self._ask(_import(path, method, name))

    async def quants(self, model: str) -> list[QuantChoice]:
        """The quants that ``model`` could be made into, smallest first, with their predicted size and fit."""
        return await self._ask(_quants(model))

    async def quantize(self, request: QuantizeRequest) -> Job:
        """Make a smaller model out of one."""
        return await self._ask(_quantize(request))

    async def jobs(self) -> list[Job]:
        """Long work under way, and what came of it, in the order it was asked for."""
        return await self._ask(_jobs())

    async def cancel_job(self, id: str) -> None:
        """End a job; what it had made is removed."""
        await self._ask(_end_job(id, "cancel"))

    async def forget_job(self, id: str) -> None:
        """Take a job that has ended out of the list."""
        await self._ask(_end_job(id, "forget"))
