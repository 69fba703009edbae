"""A load without its weights: what it would take, in llama.cpp's own numbers, from the header of a file alone.

Runs in a worker that has no model (:mod:`paddock.backends.simulator`): what makes llama.cpp abort ends that one only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import cast

from msgspec import structs

from paddock.backends.llamacpp.bindings import Context, Model, WithoutMemory, library
from paddock.backends.llamacpp.draft_model import load_draft
from paddock.backends.llamacpp.loading import (
    context_length,
    effective_options,
    files_of,
    load_model,
    make_context,
    room_for,
    with_threads,
)
from paddock.backends.llamacpp.machine import physical_cores
from paddock.backends.llamacpp.memory_use import buffers_used, device_contexts, of_process
from paddock.backends.llamacpp.mtp import mtp_context
from paddock.backends.llamacpp.pooling import Limits, PoolingContext
from paddock.backends.llamacpp.process_memory import give_back_freed
from paddock.backends.llamacpp.projector_memory import Use, projector_bytes, projector_of
from paddock.backends.llamacpp.tokenless import words_left_out
from paddock.backends.process_memory import resident_bytes
from paddock.sdk.errors import LoadFailed, ModelUnusable
from paddock.sdk.llamacpp_load import WITHOUT_PICTURES
from paddock.sdk.memory import MACHINE_MEMORY, DeviceUse, Parts, Prediction
from paddock.sdk.types import Options

CALL_TOKENS, MEAN = 512, 1
LARGE_STATE = 256 * 2**20
"""Recurrent state is really allocated even in a simulation; more than this is extrapolated from fewer sequences."""
_OF_MODEL = (
    "n_gpu_layers",
    "split_mode",
    "main_gpu",
    "tensor_split",
    "n_cpu_moe",
    "use_mmap",
    "use_mlock",
    "repack",
    "mtp",
)
"""Options that the model is made with; all others belong to its context."""
LARGER_ALONE = ("minimax-01", "kimi-linear")
"""Architectures whose graph is largest for one sequence, which llama.cpp notices only when it allocates."""


def simulate(path: str, options: Options) -> Prediction:
    """What loading ``path`` with ``options`` would take; blocks for some tenths of a second. With an empty path it gets
    ready, which takes most of that time, and tells what the process takes without a model.

    Raises InvalidOption, UnknownOption, ModelUnusable, LoadFailed, EngineMissing.
    """
    started = time.monotonic()
    if not path:
        library()
        own = DeviceUse(name=MACHINE_MEMORY, parts=Parts(overhead=resident_bytes(os.getpid())))
        return Prediction(source="measured", confidence="exact", devices=(own,))
    effective = effective_options(options)
    kept = _kept()
    model = kept.open(path, effective)
    filled = with_threads(effective, model.size_bytes, physical_cores())
    projector, notes = kept.projector(filled)
    simulation = _Simulation(model, filled, kept.left_out, projector, notes, path)
    devices = simulation.devices()
    return Prediction(
        source="simulated",
        confidence="exact",
        devices=devices,
        architecture=model.architecture,
        context_length=simulation.length,
        trained_context=model.n_ctx_train,
        layers=model.n_layer + 1,
        notes=simulation.notes,
        seconds=time.monotonic() - started,
    )


class _Kept:
    """The model that was asked about last: the next question is mostly about another setting of its context."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self.left_out = 0
        """Bytes of the words that the model was made without."""
        self._seeing: tuple[tuple[object, ...], tuple[Use, tuple[str, ...]]] = ((), ({}, ()))
        self._key: tuple[object, ...] = ()

    def open(self, path: str, options: Options) -> Model:
        """The model; it stays this object's. Raises what a load raises."""
        files = [(os.fspath(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files_of(path)]
        drafting = bool(options["draft_model"])  # which goes by the words of both
        key = (files, drafting, *(options[name] for name in _OF_MODEL))
        if self._model is None or key != self._key:
            if self._model is not None:
                self._model.close()
                self._model = None
            give_back_freed()
            self._model = load_model(library(), path, options, lambda fraction: None, simulated=True, words=drafting)
            self.left_out = words_left_out(self._model)
            self._key = key
        return self._model

    def projector(self, options: Options) -> tuple[Use, tuple[str, ...]]:
        """What the projector takes; the answer for the last one is kept. One that does not work takes nothing and has
        a note: a load goes on without it."""
        path = projector_of(options)
        found = os.stat(path) if os.path.isfile(path) else None
        key = (path, found and (found.st_size, found.st_mtime_ns), bool(options["n_gpu_layers"]))
        if key != self._seeing[0]:
            try:
                self._seeing = key, (projector_bytes(library(), options), ())
            except (LoadFailed, ModelUnusable) as error:
                self._seeing = key, ({}, (error.message, WITHOUT_PICTURES))
        return self._seeing[1]


@cache
def _kept() -> _Kept:
    """One for the process, as the library is: the worker that simulates does nothing else."""
    return _Kept()


@dataclass
class _Simulation:
    model: Model
    options: Options
    left_out: int
    projector: Use
    notes: tuple[str, ...] = ()
    path: str = ""
    length: int = 0

    def devices(self) -> tuple[DeviceUse, ...]:
        room = room_for(self.model, self.options)
        self.length = context_length(self.model, self.options)
        try:
            if self.model.recurrent:
                return self._recurrent(room.sequences)
            devices = self._measured(None)
        except WithoutMemory:
            return self._embedding()
        if self.model.architecture in LARGER_ALONE and room.sequences > 1:
            devices = _larger_compute(devices, self._measured(1))
        return devices

    def _embedding(self) -> tuple[DeviceUse, ...]:
        """The context is made for the first text; what it takes for a usual one belongs to the model all the same."""
        model = self.model
        self.length = Limits().within(model).tokens
        self.notes += (f"For texts of up to {CALL_TOKENS} tokens; longer ones take more while they are read.",)
        context = PoolingContext(model, "mean", MEAN, Limits().within(model), CALL_TOKENS, threads=1)
        try:
            return self._of_process(buffers_used(model, context, self.options))
        finally:
            context.close()

    def _recurrent(self, sequences: int) -> tuple[DeviceUse, ...]:
        """The state of one sequence first: that of all may be more than there is."""
        one = self._measured(1)
        state = sum(device.parts.recurrent for device in one)
        if sequences == 1:
            return one
        if state * sequences <= LARGE_STATE:
            devices = self._measured(None)
        else:
            devices = _extrapolated(one, self._measured(2), sequences)
        return _larger_compute(devices, one) if self.model.architecture in LARGER_ALONE else devices

    def _measured(self, sequences: int | None) -> tuple[DeviceUse, ...]:
        give_back_freed()
        with ExitStack() as inner:
            context = make_context(self.model, self.options, sequences=sequences)
            inner.callback(context.close)
            draft = self._draft(context, inner)
            used = buffers_used(self.model, context, self.options, draft=draft, projector=self.projector)
            return self._of_process(used, sum(device.parts.recurrent for device in used))

    def _of_process(self, used: Sequence[DeviceUse], states: int = 0) -> tuple[DeviceUse, ...]:
        """``used`` with what the process takes itself; ``states`` are really allocated."""
        own = max(resident_bytes(os.getpid()) - states, 0) + self.left_out
        return of_process(device_contexts(used), own)

    def _draft(self, context: Context, inner: ExitStack) -> tuple[Model, Context] | None:
        path = cast(str, self.options["draft_model"])
        if self.options["mtp"]:
            answers = room_for(self.model, self.options).parallel
            layers = mtp_context(context, files_of(self.path), self.options, answers=answers)
            inner.callback(layers.close)
            return self.model, layers
        if not path:
            return None
        model, draft, _ = load_draft(
            self.model.lib, path, self.options, self.model, cells=context.n_ctx, simulated=True
        )
        inner.callback(model.close)
        inner.callback(draft.close)
        return model, draft


def _extrapolated(one: Sequence[DeviceUse], two: Sequence[DeviceUse], sequences: int) -> tuple[DeviceUse, ...]:
    """From one and two sequences to ``sequences``: everything that grows, grows by the same amount for each."""

    def parts(first: Parts, second: Parts) -> Parts:
        names = Parts.__struct_fields__
        pairs = {name: (getattr(first, name), getattr(second, name)) for name in names}
        grown = {name: a + max(b - a, 0) * (sequences - 1) for name, (a, b) in pairs.items()}
        return Parts(**grown | {"overhead": second.overhead})

    return tuple(_with(a, parts(a.parts, b.parts)) for a, b in zip(one, two, strict=True))


def _larger_compute(devices: Sequence[DeviceUse], others: Sequence[DeviceUse]) -> tuple[DeviceUse, ...]:
    compute = {other.name: other.parts.compute for other in others}
    return tuple(_with(d, structs.replace(d.parts, compute=max(d.parts.compute, compute[d.name]))) for d in devices)


def _with(device: DeviceUse, parts: Parts) -> DeviceUse:
    return structs.replace(device, parts=parts)
