"""What a model takes, part by part and device by device: of a load that is simulated, and of one that is done."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import cast

from msgspec import structs

from paddock.backends.llamacpp.adapter import adapter_bytes
from paddock.backends.llamacpp.bindings import Context, Model
from paddock.backends.llamacpp.draft_model import DraftModel
from paddock.backends.llamacpp.loading import context_length
from paddock.backends.llamacpp.memory_breakdown import Allocated, buffers
from paddock.backends.llamacpp.mtp import MtpDrafter
from paddock.backends.llamacpp.projector_memory import Use, projector_bytes, projector_of
from paddock.backends.process_memory import MAPPED_IS_FREE, resident_bytes
from paddock.sdk.memory import MACHINE_MEMORY, DeviceKind, DeviceUse, Parts, Prediction
from paddock.sdk.types import Options

_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accelerator"}
_CONTEXTS = {"CUDA": 400 * 2**20, "ROCm": 400 * 2**20, "SYCL": 256 * 2**20, "Vulkan": 128 * 2**20}
"""What a process takes of a GPU before its first buffer: kernels, streams, handles of libraries. Rounded up from what
drivers show for it; it cannot be asked for everywhere."""
_STATES = ("RS", "DSV4")
"""How llama.cpp's log calls buffers whose size goes with the number of sequences, not of tokens."""


def buffers_used(
    model: Model,
    context: Allocated | None,
    options: Options,
    *,
    draft: tuple[Model, Allocated] | None = None,
    projector: Use | None = None,
) -> tuple[DeviceUse, ...]:
    """The buffers of ``model``, its context, adapters, draft model and projector; ``options`` are the effective ones.

    Works alike for a simulated load and a real one. The process's own memory is not among them.
    """
    use = _Use(bool(options["use_mmap"]))
    use.add(model, context)
    use.add_adapters(sum(map(adapter_bytes, cast("list[str]", options["lora"]))))
    if draft is not None:
        use.add(*draft, part="draft", weights=draft[0] is not model)
    for (device, kind), size in (projector or {}).items():
        use.parts[device]["projector"] += size
        use.kinds[device] = kind
    return use.devices()


class _Use:
    def __init__(self, mmap: bool) -> None:
        self._mmap = mmap
        self.parts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.kinds: dict[str, int] = {"": 0}
        self._mapped = 0

    def add(self, model: Model, context: Allocated | None, part: str = "", *, weights: bool = True) -> None:
        found = buffers(model, context, mapped=self._mmap)
        states = _of_context(context, lambda what: what.startswith(_STATES))
        has_cache = any(what == "KV" for _, what, _ in context.buffers) if context is not None else False
        for buffer in found:
            self.kinds[buffer.device] = buffer.kind
            parts = self.parts[buffer.device]
            state = min(states.get(buffer.name, 0), buffer.context) if has_cache else buffer.context
            parts[part or "weights"] += buffer.model * weights
            parts[part or "recurrent"] += state
            parts[part or "kv"] += buffer.context - state
            parts[part or "compute"] += buffer.compute
        self.parts[""][part or "output"] += sum(_of_context(context, lambda what: what == "output").values())
        self._mapped += sum(buffer.model for buffer in found if buffer.host) if self._mmap and weights else 0

    def add_adapters(self, size: int) -> None:
        """``size`` bytes, which lie where the weights do that they change."""
        weights = {device: parts["weights"] for device, parts in self.parts.items()}
        everything = sum(weights.values()) or 1
        for device, there in weights.items():
            self.parts[device]["adapters"] += size * there // everything

    def devices(self) -> tuple[DeviceUse, ...]:
        return tuple(
            DeviceUse(
                name=device or MACHINE_MEMORY,
                kind=_KINDS.get(self.kinds[device], "accelerator"),
                parts=Parts(**self.parts[device]),
                mapped=0 if device else self._mapped,
            )
            for device in sorted(self.kinds)
        )


def of_process(devices: Sequence[DeviceUse], own: int) -> tuple[DeviceUse, ...]:
    """``devices``, with ``own`` bytes of the process itself booked on the machine's memory."""
    first, *others = devices
    return (structs.replace(first, parts=structs.replace(first.parts, overhead=own)), *others)


def measured(
    model: Model, context: Context | None, options: Options, *, draft: DraftModel | MtpDrafter | None = None
) -> Prediction:
    """What a load that has just ended has taken; ``options`` are the effective ones."""
    drafting = (draft.model, draft.context) if draft is not None else None
    seeing = projector_bytes(model.lib, options) if context is not None else None
    return Prediction(
        source="measured",
        confidence="exact",
        devices=_of_load(
            buffers_used(model, context, options, draft=drafting, projector=seeing),
            seeing=os.path.getsize(projector_of(options)) if seeing else 0,
        ),
        architecture=model.architecture,
        context_length=context_length(model, options) if context is not None else 0,
        trained_context=model.n_ctx_train,
        layers=model.n_layer + 1,
    )


def _of_load(devices: Sequence[DeviceUse], *, seeing: int) -> tuple[DeviceUse, ...]:
    """``devices`` of a load that has just ended, with what this process holds beyond its buffers. Those for computing
    and for logits have not been touched yet, and the system gives no memory before they are; of a projector ``seeing``
    bytes have been, its file's."""
    machine = devices[0]
    parts = machine.parts
    touched = parts.weights + parts.kv + parts.recurrent + parts.draft + parts.adapters
    touched += min(parts.projector, seeing)
    touched -= machine.mapped if MAPPED_IS_FREE else 0
    return of_process(device_contexts(devices), max(resident_bytes(os.getpid()) - touched, 0))


def device_contexts(devices: Sequence[DeviceUse]) -> tuple[DeviceUse, ...]:
    """``devices`` with the context that this process has on each GPU."""
    first, *gpus = devices
    booked = (structs.replace(gpu, parts=structs.replace(gpu.parts, overhead=_context_bytes(gpu.name))) for gpu in gpus)
    return first, *booked


def _context_bytes(device: str) -> int:
    kind = device.rstrip("0123456789")
    return _CONTEXTS.get(kind, 0)


def _of_context(context: Allocated | None, wanted: Callable[[str], bool]) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    for name, what, size in context.buffers if context is not None else ():
        if wanted(what):
            sizes[name] += size
    return sizes
