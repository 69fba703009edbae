"""Memory: what a model would take, what is free, and what to do when it does not fit. Bytes everywhere."""

from __future__ import annotations

from typing import Any, Literal

from paddock.sdk.types import Options, Request, Value

DeviceKind = Literal["cpu", "gpu", "igpu", "accelerator"]
Source = Literal["simulated", "analytic", "measured"]
Confidence = Literal["exact", "high", "low"]
"""``exact``: the engine's own number; ``high``: the rules of a known architecture; ``low``: a guess by size."""
Verdict = Literal["fits", "fits_if_unloaded", "fits_with", "does_not_fit", "cannot_tell"]
Guard = Literal["off", "relaxed", "balanced", "strict", "custom"]
MACHINE_MEMORY = "RAM"
"""Name of the device that is the computer's own memory; processors that compute in it have no device of their own."""


class Parts(Value, frozen=True, kw_only=True):
    """What a model takes, by purpose. ``weights`` hold repacked copies too (a tensor counts once); ``recurrent`` is the
    state of recurrent layers, ``output`` the buffer of logits, ``overhead`` what an engine's process takes itself."""

    weights: int = 0
    kv: int = 0
    recurrent: int = 0
    compute: int = 0
    output: int = 0
    projector: int = 0
    draft: int = 0
    adapters: int = 0
    overhead: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, name) for name in self.__struct_fields__)

    def plus(self, other: Parts) -> Parts:
        return Parts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class DeviceUse(Value, frozen=True, kw_only=True):
    """What a model takes of one device. ``mapped`` bytes of the weights are pages of the file, which other programs may
    have for the asking; the rest is the process's own."""

    name: str
    kind: DeviceKind = "cpu"
    parts: Parts = Parts()
    mapped: int = 0


class Prediction(Value, frozen=True, kw_only=True):
    """What a load takes, before it happens (or, ``measured``, what it took). The first device is the machine's memory.

    ``context_length`` is the number of tokens of the context that was asked or chosen, ``trained_context`` what the
    model was trained for, ``layers`` how many could go to a GPU. ``notes`` are sentences about what is not sure.
    """

    source: Source
    confidence: Confidence
    devices: tuple[DeviceUse, ...]
    architecture: str = ""
    context_length: int = 0
    trained_context: int = 0
    layers: int = 0
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def parts(self) -> Parts:
        parts = Parts()
        for device in self.devices:
            parts = parts.plus(device.parts)
        return parts

    @property
    def total(self) -> int:
        return sum(device.parts.total for device in self.devices)


# ---------------------------------------------------------------- what there is


class MemoryDevice(Value, frozen=True, kw_only=True):
    """Memory that models can be loaded into. ``free`` is what can be had now, file cache included; None where it cannot
    be told. A device that ``shares_ram`` has no memory of its own: what it takes is taken from the machine's.
    ``name`` is the engine's own (``CUDA0``, ``Metal``), :data:`MACHINE_MEMORY` for the machine's memory."""

    name: str
    kind: DeviceKind = "cpu"
    description: str = ""
    total: int = 0
    free: int | None = None
    shares_ram: bool = False


class Machine(Value, frozen=True, kw_only=True):
    """A computer that models are planned for: this one, or one that the user described (“24GB”, “2x16GB”, “64GB mac”).
    ``devices`` begin with the machine's memory. ``avx512``: its processor has AVX-512F, for which llama.cpp rearranges
    more types of weights."""

    name: str
    devices: tuple[MemoryDevice, ...]
    cpu: str = ""
    cores: int = 0
    avx512: bool = False
    planned: bool = False


class ModelShare(Value, frozen=True, kw_only=True):
    """What one loaded model, or one that is being loaded, takes of a device. ``grown`` bytes came after its
    load: prompts that are kept, and the context for embeddings."""

    instance: str
    model: str
    loading: bool
    predicted: Parts
    measured: int | None = None
    grown: int = 0


class Holder(Value, frozen=True, kw_only=True):
    """Another program and what it holds of a device."""

    name: str
    bytes: int


class DeviceState(Value, frozen=True, kw_only=True):
    """A device now: ``models`` ours, ``others`` what other programs hold, ``promised`` what loads under way have not
    taken yet, ``free`` what a further load may take before the guard speaks. ``holders`` are the largest of those
    others, where they were looked up."""

    device: MemoryDevice
    models: tuple[ModelShare, ...] = ()
    others: int = 0
    holders: tuple[Holder, ...] = ()
    promised: int = 0
    free: int = 0


class MemoryState(Value, frozen=True, kw_only=True):
    """All devices now. ``pressure`` is a sentence while the machine is short of memory."""

    devices: tuple[DeviceState, ...] = ()
    guard: Guard = "balanced"
    pressure: str = ""


# ---------------------------------------------------------------- asking


class EstimateRequest(Request, frozen=True, kw_only=True):
    """What would ``model`` take? It is an id, the path of a file, ``REPO:QUANT`` on the hub, or the URL of a file.

    ``on`` names another machine (“24GB”); ``quick`` answers at once with what is known already (a simulation that was
    made before, or the analytic estimate). ``replacing``: ids of instances that the load takes the place of.
    """

    model: str
    options: Options = {}
    on: str = ""
    quick: bool = False
    replacing: tuple[str, ...] = ()


class Remedy(Value, frozen=True, kw_only=True):
    """A change after which it fits: unload the instances ``unload``, load with ``options``, or both.
    ``sentence`` says it on a button (“Use 8,192 tokens of context”)."""

    sentence: str
    unload: tuple[str, ...] = ()
    options: Options = {}


class EstimatedDevice(Value, frozen=True, kw_only=True):
    """What the load would take of a device, beside what there is. ``free`` is what it may take now."""

    name: str
    kind: DeviceKind
    bytes: int
    free: int | None
    total: int
    parts: Parts = Parts()


class Estimate(Value, frozen=True, kw_only=True):
    """The answer: what it takes, whether it fits, and what would help.

    ``sentence`` says the verdict to a person. ``max_context`` is the largest context that fits with the other options
    as they are; None where it was not searched or nothing fits. ``options`` are those that were estimated, under their
    proper names, with ``n_ctx`` decided. ``fetched_bytes`` came over the network.
    """

    model: str
    source: Source
    confidence: Confidence
    total_bytes: int
    parts: Parts
    devices: tuple[EstimatedDevice, ...]
    verdict: Verdict
    sentence: str
    remedy: Remedy | None = None
    max_context: int | None = None
    context_length: int = 0
    trained_context: int = 0
    architecture: str = ""
    layers: int = 0
    options: Options = {}
    machine: str = ""
    notes: tuple[str, ...] = ()
    fetched_bytes: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The form that ``paddock estimate --json`` prints; what scripts rely on comes first."""
        import msgspec

        first = {name: getattr(self, name) for name in ("source", "total_bytes", "parts", "devices", "verdict")}
        return first | msgspec.structs.asdict(self)
