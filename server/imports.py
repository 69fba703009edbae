"""Imports as the host offers them: looked at first, then carried out as jobs."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sdk.jobs import Job
from paddock.sdk.library import ImportPreview, ImportRequest
from paddock.server.chat_files import absolute
from paddock.server.jobs import Jobs, Progress, in_thread

if TYPE_CHECKING:
    from paddock.browser.import_plan import ImportPlan
    from paddock.sdk.types import ModelInfo
    from paddock.server.models import Models

_MOST_TOLD = 20


class Imports:
    """Lives on the host's loop; ``folder`` is our models folder, ``suffixes`` are the endings of model files."""

    def __init__(self, folder: Path, models: Models, jobs: Jobs, suffixes: Callable[[], Mapping[str, str]]) -> None:
        self._folder = folder
        self._models = models
        self._jobs = jobs
        self._suffixes = suffixes

    async def clean(self) -> None:
        """Remove what an earlier host was making when it was killed. Before the first job. Raises nothing."""
        from paddock.browser.copying import STAGING

        await asyncio.to_thread(shutil.rmtree, self._folder / STAGING, ignore_errors=True)

    async def preview(self, path: str) -> ImportPreview:
        """Raises BadRequest, ModelNotFound, ModelUnusable, StorageFailed."""
        from paddock.browser.import_plan import free_bytes, refusals

        plan = await self._plan(path, "")
        refused, free = await asyncio.to_thread(lambda: (refusals(plan, self._folder), free_bytes(self._folder)))
        return ImportPreview(
            path=path,
            models=len(plan.firsts),
            files=len(plan.files),
            size_bytes=plan.size,
            free_bytes=free,
            target=str(self._folder),
            name=plan.name,
            there=_id_of(plan, await self._models.on_disk()),
            refused=refused,
            left_out=plan.left_out[:_MOST_TOLD],
        )

    async def start(self, request: ImportRequest) -> Job:
        """Raises what :meth:`preview` raises; what goes wrong later ends the job."""
        from paddock.browser.copying import STAGING
        from paddock.browser.importing import Import

        plan = await self._plan(request.path, request.name)

        async def work(progress: Progress) -> str:
            running = Import(plan, request.method, self._folder, self._folder / STAGING / uuid.uuid4().hex[:12])
            await in_thread(running.run, running.stop, progress, lambda: (running.done, plan.size))
            progress.tell(plan.size, plan.size, " ".join(running.notes[:3]))
            return _id_of(plan, await self._models.refresh())

        named = plan.firsts[0].name if len(plan.firsts) == 1 else f"{len(plan.firsts)} models"
        return self._jobs.start("import", f"Import {named}", work)

    async def _plan(self, path: str, name: str) -> ImportPlan:
        from paddock.browser.import_plan import plan_import, plan_listed

        path, suffixes = os.path.normpath(absolute(path)), self._suffixes()
        if not path.lower().endswith(tuple(suffixes)):
            listed = next((info for info in await self._models.on_disk() if info.path == path), None)
            if listed is not None and listed.format == "gguf":
                return await asyncio.to_thread(plan_listed, listed, self._folder, name)
        return await asyncio.to_thread(plan_import, Path(path), self._folder, suffixes, name)


def _id_of(plan: ImportPlan, models: list[ModelInfo]) -> str:
    """Of the one model that ``plan`` is about, if it is there."""
    if len(plan.firsts) != 1:
        return ""
    path = str(plan.firsts[0])
    return next((info.id for info in models if path in (info.path, *info.files)), "")
