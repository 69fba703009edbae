"""Quantising as the host offers it: what a model could be made into, and making it, as a job."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sdk.errors import BadRequest, EngineError, HostBusy, ModelUnusable, PaddockError, StorageFailed
from paddock.sdk.jobs import Job
from paddock.sdk.library import QuantChoice, QuantizeRequest
from paddock.sdk.memory import Estimate, EstimateRequest
from paddock.sdk.units import bytes_text
from paddock.server.jobs import Jobs, Progress, finished, in_thread, told
from paddock.server.subjects import Subject, Subjects, file_key

if TYPE_CHECKING:
    from paddock.backends.base import QuantPlan
    from paddock.browser.gguf import Header
    from paddock.sdk.types import ModelInfo
    from paddock.server.memory import Memory
    from paddock.server.models import Models

MARGIN_BYTES = 64 * 2**20
_PLAIN = (0, 1, 30)
"""ggml's types of weights that are not quantised: F32, F16, BF16."""
_KEPT = 16


@dataclasses.dataclass(frozen=True)
class _Source:
    """A model with the headers of its files, and what each quant would make of it."""

    info: ModelInfo
    key: str
    headers: tuple[Header, ...]
    plans: tuple[QuantPlan, ...]

    @property
    def quantized(self) -> bool:
        return any(tensor.type not in _PLAIN for header in self.headers for tensor in header.tensors)


class Quantizer:
    """Lives on the host's loop. ``folder`` is our models folder; ``logs`` takes the workers' logs."""

    def __init__(
        self, folder: Path, logs: Path, models: Models, memory: Memory, subjects: Subjects, jobs: Jobs
    ) -> None:
        self._folder = folder
        self._logs = logs
        self._models = models
        self._memory = memory
        self._subjects = subjects
        self._jobs = jobs
        self._plans: dict[str, asyncio.Task[tuple[QuantPlan, ...]]] = {}

    async def quants(self, model: str) -> list[QuantChoice]:
        """What ``model`` could be made into, smallest first.

        Raises ModelNotFound, ModelUnusable where it is no GGUF file, EngineError, EngineDied.
        """
        source = await self._source(model)
        choices = [await self._choice(source, plan) for plan in source.plans]
        return sorted(choices, key=lambda choice: choice.size_bytes)

    async def quantize(self, request: QuantizeRequest) -> Job:
        """Begin to make one. Raises what :meth:`quants` raises, BadRequest where it cannot be made, HostBusy where it
        is there, StorageFailed where the disk has no room."""
        from paddock.browser.copying import STAGING

        if not request.quant.strip():
            raise BadRequest("No quant is named.", hint="Q4_K_M, for example.")
        source = await self._source(request.model, request.quant.strip().upper())
        choice = await self._chosen(source, request)
        place = self._place(source.info, choice.quant)
        _check_vacant(place)
        needed = choice.size_bytes + MARGIN_BYTES
        free = await asyncio.to_thread(_free_bytes, self._folder)
        if needed > free:
            raise StorageFailed(
                f"The disk of {self._folder} is too full: {bytes_text(needed - free)} more are needed.",
                hint="Free some space on it.",
                full=True,
            )
        staging = self._folder / STAGING / uuid.uuid4().hex[:12]
        request = QuantizeRequest(
            model=source.info.path, quant=choice.quant, requantize=request.requantize, threads=request.threads
        )

        async def work(progress: Progress) -> str:
            try:
                made = staging / place.name
                _check_vacant(place)
                await self._make(source, request, choice.size_bytes, made, progress)
                whole = (choice.size_bytes, choice.size_bytes)
                await in_thread(lambda: _arrive(made, place), threading.Event(), progress, lambda: whole)
            finally:
                await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
            models = await self._models.refresh()
            return next((info.id for info in models if info.path == str(place)), "")

        return self._jobs.start("quantize", f"Quantise {source.info.name} to {choice.quant}", work)

    async def _make(
        self, source: _Source, request: QuantizeRequest, size: int, output: Path, progress: Progress
    ) -> None:
        from paddock.backends.base import QuantOrder
        from paddock.backends.quantizing import quantize

        await asyncio.to_thread(output.parent.mkdir, parents=True)
        order = QuantOrder(
            path=request.model,
            output=str(output),
            quant=request.quant,
            requantize=request.requantize,
            threads=request.threads,
        )
        making = asyncio.ensure_future(quantize(self._models.descriptor(source.info), order, self._logs))
        try:
            await told(making, progress, lambda: (min(_size_of(output), size), size))
            making.result()
        except asyncio.CancelledError:
            making.cancel()
            await finished(making)
            raise
        except EngineError as error:
            if await asyncio.to_thread(_free_bytes, self._folder) < MARGIN_BYTES:
                text = f"The disk of {self._folder} is full."
                raise StorageFailed(text, hint="Free some space on it.", full=True) from error
            raise

    # -------------------------------------------------------------- what can be made

    async def _source(self, model: str, quant: str = "") -> _Source:
        """With what each quant would make of it, or ``quant`` alone."""
        info = await self._models.find(model)
        key = await asyncio.to_thread(file_key, info.path)
        headers = await asyncio.to_thread(_headers_of, info)
        return _Source(info, key, headers, await self._planned(info, key, quant))

    async def _planned(self, info: ModelInfo, key: str, quant: str) -> tuple[QuantPlan, ...]:
        """Asked once for a file, since a large vocabulary is read anew for each quant; nobody who leaves ends it."""
        from paddock.backends.base import QuantOrder
        from paddock.backends.quantizing import quantize

        name = f"{key}|{quant}"
        task = self._plans.pop(name, None)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            order = QuantOrder(path=info.path, quant=quant)
            task = asyncio.ensure_future(quantize(self._models.descriptor(info), order, self._logs))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._plans[name] = task
        while len(self._plans) > _KEPT:
            del self._plans[next(iter(self._plans))]
        return await asyncio.shield(task)

    async def _chosen(self, source: _Source, request: QuantizeRequest) -> QuantChoice:
        if source.quantized and not request.requantize:
            raise BadRequest(
                f"The weights of {source.info.name} are quantised already ({source.info.quant}).",
                hint="Take its F16 or BF16 file, or allow it at a loss (--requantize).",
            )
        (plan,) = source.plans
        choice = await self._choice(source, plan, judge=False)
        if choice.refusal:
            raise BadRequest(f"{source.info.name} is not made into {plan.quant}.", hint=choice.refusal)
        return choice

    async def _choice(self, source: _Source, plan: QuantPlan, *, judge: bool = True) -> QuantChoice:
        from paddock.browser.quant_quality import about
        from paddock.browser.quantized import quantized_headers

        headers = quantized_headers(source.headers, plan.types)
        size = sum(header.data_end for header in headers)
        weights = sum(header.data_end - header.data_start for header in headers)
        parameters = sum(header.parameters for header in headers)
        refusal = ""
        if plan.needs_imatrix:
            refusal = "It needs an importance matrix, which cannot be made here. Choose a quant of more bits."
        elif size >= sum(header.data_end for header in source.headers):
            refusal = "It would not be smaller than the model is."
        return QuantChoice(
            quant=plan.quant,
            size_bytes=size,
            bits_per_weight=round(weights * 8 / parameters, 2) if parameters else 0.0,
            about=about(plan.quant),
            estimate=await self._estimate(source, plan, headers, size) if judge else None,
            refusal=refusal,
        )

    async def _estimate(
        self, source: _Source, plan: QuantPlan, headers: tuple[Header, ...], size: int
    ) -> Estimate | None:
        subject = Subject(
            name=source.info.id,
            engine=self._subjects.engine(source.info),
            path="",
            key=f"{source.key}|{plan.quant}",
            size_bytes=size,
            headers=headers,
        )
        try:
            return await self._memory.estimate_of(subject, EstimateRequest(model=source.info.id, quick=True))
        except PaddockError:
            return None  # whether it fits is not known; that it can be made is

    def _place(self, info: ModelInfo, quant: str) -> Path:
        """Beside others of the same repository, in our own folder."""
        from paddock.browser.download_names import folder_of
        from paddock.browser.import_plan import NOBODY, clean_name, without_quant

        path = Path(info.path)
        name = clean_name(without_quant(path.stem if path.suffix.lower() == ".gguf" else info.name))
        try:
            owner, repo = folder_of(info.id.partition(":")[0].partition("@")[0])
        except ModelUnusable:  # a file from anywhere
            owner, repo = NOBODY, name
        return self._folder / owner / repo / f"{name}-{quant}.gguf"


def _headers_of(info: ModelInfo) -> tuple[Header, ...]:
    from paddock.browser.gguf import read_model_headers

    if info.format != "gguf":
        raise ModelUnusable(f"{info.name} is no GGUF file.", hint="Only those can be quantised.")
    try:
        return tuple(read_model_headers(Path(info.path)))
    except OSError as error:
        raise ModelUnusable(f"{info.path} cannot be read: {error.strerror}.", hint="Check the file.") from error


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _free_bytes(folder: Path) -> int:
    from paddock.browser.import_plan import free_bytes

    return free_bytes(folder)


def _check_vacant(place: Path) -> None:
    if place.exists():
        raise HostBusy(f"{place.name} is there already.", hint=f"Look at {place.parent}.")


def _arrive(made: Path, place: Path) -> bool:
    """True: it is there. Raises StorageFailed, HostBusy."""
    from paddock.browser.download_part import sync_folder
    from paddock.browser.gguf import read_header

    try:
        read_header(made)
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        place.parent.mkdir(parents=True, exist_ok=True)
        _check_vacant(place)
        os.rename(made, place)
        sync_folder(place.parent)
    except OSError as error:
        text = f"{place} cannot be written: {error.strerror or error}."
        raise StorageFailed(text, hint="Check the disk.") from error
    return True
