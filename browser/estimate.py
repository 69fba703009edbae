"""What a load would take, told from the model's header alone: for other machines, and at once for this one.

The rules are llama.cpp's own (``src/llama-model.cpp``, ``llama-kv-cache*.cpp``, ``llama-memory-recurrent.cpp``,
``llama-graph.cpp``, ``ggml-alloc.c``); ``tests/perf/estimates.py`` compares them with real loads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from paddock.browser.estimate_compute import compute_bytes, inputs_bytes
from paddock.browser.estimate_context import Context, context_of, filled, kept
from paddock.browser.estimate_devices import RAM, Placement, place, weights_of
from paddock.browser.estimate_shape import Shape, shape_of
from paddock.browser.gguf import Header
from paddock.sdk.memory import DeviceUse, Machine, MemoryDevice, Parts, Prediction
from paddock.sdk.types import Options

PROCESS_BYTES = 23 * 2**20
"""What a worker takes without a model, pages of files not counted, on Linux, x86-64; where it was measured, that counts
(:meth:`paddock.backends.simulator.Simulator.overhead`)."""
BOOKKEEPING_BYTES = 5 * 2**20
"""What comes with a small model: graphs and tables of its tensors."""
VOCABULARY_ENTRY_BYTES = 180
"""What a token and a merge take each in llama.cpp's tables: 53 MB for 151,936 tokens with as many merges."""
GPU_CONTEXT_BYTES = 400 * 2**20
"""A CUDA context with llama.cpp's kernels and workspaces; 300 to 500 MiB are reported for cards of the last years."""
SHARED_GPU_BYTES = 32 * 2**20
"""Pipelines of a GPU that shares the machine's memory (Metal, integrated GPUs)."""
_COPIES = 4
"""Copies of a step's inputs when several GPUs work in turn (``GGML_SCHED_MAX_COPIES``)."""
_DRAFTED_OPTIONS = ("n_gpu_layers", "main_gpu", "flash_attn", "use_mmap", "use_mlock")


def predict(
    headers: Sequence[Header],
    options: Options,
    machine: Machine,
    *,
    projector: Header | None = None,
    draft: Sequence[Header] = (),
    adapters: int = 0,
    process: int | None = None,
    shape: Shape | None = None,
) -> Prediction:
    """What loading the model of ``headers`` (all its files) takes of each device of ``machine``, in bytes. Pure.

    ``options`` are llama.cpp load options under their proper names; absent ones take their defaults, ``n_ctx`` 0 is
    the trained length. ``adapters`` are the bytes of the LoRA adapters' files, ``process`` what the engine's process
    takes without a model where that was measured. ``shape`` is that of ``headers``, where it is known already.
    Raises ModelUnusable where the architecture is not known.
    """
    started = time.perf_counter()
    options = filled(options)
    shape = shape or shape_of(headers)
    context = context_of(shape, options)
    placement = place(shape, options, machine)
    weights, mapped = weights_of(shape, placement, options, machine)
    parts = _parts(shape, context, placement, options, machine, weights)
    counts = headers[0].counts
    entries = counts.get("tokenizer.ggml.tokens", 0) + counts.get("tokenizer.ggml.merges", 0)
    own = (PROCESS_BYTES if process is None else process) + BOOKKEEPING_BYTES + VOCABULARY_ENTRY_BYTES * entries
    parts[RAM] = parts[RAM].plus(Parts(overhead=own))
    everything = sum(weights) or 1
    parts = [part.plus(Parts(adapters=adapters * part.weights // everything)) for part in parts]
    devices = [
        DeviceUse(name=device.name, kind=device.kind, parts=part, mapped=0 if index else mapped)
        for index, (device, part) in enumerate(zip(machine.devices, parts, strict=True))
        if index == RAM or index in placement.gpus
    ]
    if projector:
        devices = _with(devices, "projector", sum(tensor.size for tensor in projector.tensors))
    if options["mtp"]:
        devices = _with(devices, "draft", _predicting(headers, shape, context))
    if draft:
        devices = _with_draft(devices, predict(draft, _draft_options(options, context), machine))
    return Prediction(
        source="analytic",
        confidence="high",
        devices=tuple(devices),
        architecture=shape.architecture,
        context_length=context.length,
        trained_context=shape.trained,
        layers=len(shape.layers) + 1,
        notes=_notes(options, placement, projector),
        seconds=time.perf_counter() - started,
    )


def _parts(
    shape: Shape, context: Context, placement: Placement, options: Options, machine: Machine, weights: Sequence[int]
) -> list[Parts]:
    count = len(machine.devices)
    kv, recurrent = [0] * count, [0] * count
    for device, (cells, state) in zip(placement.layers, kept(shape, context), strict=True):
        at = device if options["offload_kqv"] else RAM
        kv[at] += cells
        recurrent[at] += state
    compute = _compute(shape, context, placement, options, count)
    return [
        Parts(
            weights=weights[index],
            kv=kv[index],
            recurrent=recurrent[index],
            compute=compute[index],
            output=4 * shape.vocabulary * context.sequences if index == RAM else 0,
            overhead=_overhead(index, device, placement),
        )
        for index, device in enumerate(machine.devices)
    ]


def _compute(shape: Shape, context: Context, placement: Placement, options: Options, count: int) -> list[int]:
    compute = [0] * count
    inputs = inputs_bytes(shape, context, shape.layers)
    for device in {*placement.layers, placement.output}:
        output = device == placement.output
        compute[device] = compute_bytes(shape, context, placement.layers_on(shape, device), output=output)
    if placement.gpus:
        # token embeddings are looked up by the processor, and handed over with the other inputs
        compute[RAM] = max(compute[RAM], inputs + 4 * shape.width * context.tokens)
        if not options["offload_kqv"]:
            compute[RAM] = max(compute[RAM], compute_bytes(shape, context, shape.layers, output=False))
    in_turn = len(placement.gpus) > 1 and RAM not in placement.layers and options["split_mode"] == "layer"
    if in_turn and options["offload_kqv"]:
        for gpu in placement.gpus:
            compute[gpu] += (_COPIES - 1) * inputs
    return compute


def _overhead(index: int, device: MemoryDevice, placement: Placement) -> int:
    if index not in placement.gpus:
        return 0
    return SHARED_GPU_BYTES if device.shares_ram else GPU_CONTEXT_BYTES


def _notes(options: Options, placement: Placement, projector: Header | None) -> tuple[str, ...]:
    notes = []
    if placement.gpus and options["flash_attn"] == "auto":
        notes.append("Flash attention is taken to work on this GPU.")
    if options["split_mode"] in ("row", "tensor") and len(placement.gpus) > 1:
        notes.append("A split by rows or tensors is counted like one by layers.")
    if projector:
        notes.append("Memory that the projector needs for computing is not counted.")
    return tuple(notes)


# ---------------------------------------------------------------- what comes with a model


def _draft_options(options: Options, context: Context) -> Options:
    own = {name: options[name] for name in _DRAFTED_OPTIONS}
    return own | {
        "n_ctx": context.length,
        "n_parallel": cast(int, options["n_parallel"]),
        "draft_max": 0,
        "swa_full": True,
    }


def _predicting(headers: Sequence[Header], shape: Shape, context: Context) -> int:
    """Bytes of the layers that predict further tokens, with as much of a cache as another layer has."""
    numbered = ((tensor, tensor.name.split(".")) for header in headers for tensor in header.tensors)
    size = sum(
        tensor.size
        for tensor, (block, *name) in numbered
        if block == "blk" and name and name[0].isdecimal() and int(name[0]) >= len(shape.layers)
    )
    return size + max(cells for cells, _ in kept(shape, context)) if size else 0


def _with(devices: list[DeviceUse], part: str, size: int) -> list[DeviceUse]:
    """``devices`` with ``size`` bytes of ``part`` on the first GPU, or in the machine's memory."""
    at = min(len(devices) - 1, 1)
    use = devices[at]
    more = DeviceUse(name=use.name, kind=use.kind, parts=use.parts.plus(Parts(**{part: size})), mapped=use.mapped)
    return [*devices[:at], more, *devices[at + 1 :]]


def _with_draft(devices: list[DeviceUse], draft: Prediction) -> list[DeviceUse]:
    """The draft model works in the same process."""
    takes = {use.name: use.parts.total - use.parts.overhead for use in draft.devices}
    mapped = {use.name: use.mapped for use in draft.devices}
    return [
        DeviceUse(
            name=use.name,
            kind=use.kind,
            parts=use.parts.plus(Parts(draft=takes.get(use.name, 0))),
            mapped=use.mapped + mapped.get(use.name, 0),
        )
        for use in devices
    ]
