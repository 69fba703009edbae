"""What devices and models take, in words and as segments of a bar. Nothing here asks or paints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

from paddock.gui.models.library import state_text
from paddock.sdk.memory import (
    MACHINE_MEMORY,
    DeviceState,
    Estimate,
    EstimatedDevice,
    MemoryDevice,
    MemoryState,
    ModelShare,
    Parts,
)
from paddock.sdk.types import LoadedModel
from paddock.sdk.units import bytes_text

Fill = Literal["solid", "hatched", "outlined", "kept", "empty"]
OTHERS = "Other programs"
PARTS: tuple[tuple[str, tuple[str, ...], int | str], ...] = (
    ("Weights", ("weights",), 0),
    ("KV cache", ("kv",), 2),
    ("Recurrent state", ("recurrent",), 3),
    ("Compute", ("compute", "output"), 4),
    ("Vision", ("projector",), 5),
    ("Draft model", ("draft",), 1),
    ("Adapters", ("adapters",), 3),
    ("Process", ("overhead",), "muted"),
)
"""What a person calls the parts, the parts of it and its silk."""
MOST_ROWS = 3
"""So many rows the meter has at most; more GPUs share one."""
TOLD = 10**6
"""Bytes from which a prediction is worth a word."""
Named = Callable[[str], tuple[str, int]]
"""A model's name and silk."""


class Segment(NamedTuple):
    """A stretch of a device's memory. ``ink``: number of a silk, or the name of a token. ``empty`` is what is
    free, ``kept`` what is to stay free."""

    label: str
    size: int
    ink: int | str = "border_strong"
    fill: Fill = "solid"

    def words(self) -> str:
        return f"{self.label} {bytes_text(self.size)}"


def part_segments(parts: Parts) -> tuple[Segment, ...]:
    """The parts that hold something."""
    sizes = ((label, sum(getattr(parts, name) for name in names), ink) for label, names, ink in PARTS)
    return tuple(Segment(label, size, ink) for label, size, ink in sizes if size)


def part_words(parts: Parts) -> str:
    """“Weights 4.7 GB · KV cache 1.2 GB”."""
    return " · ".join(segment.words() for segment in part_segments(parts))


def estimated_segments(
    device: EstimatedDevice, now: DeviceState | None, leaving: Collection[str] = ()
) -> tuple[tuple[Segment, ...], int]:
    """What a load would take of a device, beside what is taken, and the bytes that it may fill up to.

    ``now`` tells how much of the rest the guard keeps free; ``leaving``: instances that the load takes the place of.
    """
    free = device.total if device.free is None else device.free
    taken = device.total - free
    if now is not None and not now.device.shares_ram:
        staying = sum(share_bytes(share) for share in now.models if share.instance not in leaving)
        taken = min(taken, max(0, now.others + staying))
    segments = [Segment("In use", taken, "border_strong", "hatched"), *part_segments(device.parts)]
    if device.bytes <= free:
        segments.append(Segment("Free after", free - device.bytes, "track", "empty"))
    kept = device.total - taken - max(free, device.bytes)  # a load that is too large would take some of it, or all
    segments.append(Segment("Kept free", max(0, kept), "muted", "kept"))
    return tuple(segments), taken + free


def explained_segments(device: EstimatedDevice, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """``segments`` for the legend: with what the end of the bar means where it is struck out."""
    free = device.total if device.free is None else device.free
    return (*segments, Segment("Missing", max(0, device.bytes - free), "bad", "hatched"))


def shown_devices(state: MemoryState) -> list[DeviceState]:
    """The devices with memory of their own, the machine's last: that counts what sharing ones hold."""
    own = [item for item in state.devices if not item.device.shares_ram]
    return sorted(own, key=lambda item: item.device.name == MACHINE_MEMORY)


def device_title(device: MemoryDevice) -> str:
    """“RTX 4060 Laptop (CUDA0)”, “Memory of this computer”."""
    if device.name == MACHINE_MEMORY:
        return "Memory of this computer"
    return f"{device.description} ({device.name})" if device.description else device.name


def share_bytes(share: ModelShare) -> int:
    """What the model holds there: measured, or what was predicted, and what came since."""
    return (share.predicted.total if share.measured is None else share.measured) + share.grown


class Gauge(NamedTuple):
    """A row of the memory meter. ``segments`` are shares of ``total`` bytes, ``free`` what is left of them."""

    name: str
    total: int
    segments: tuple[Segment, ...]
    free: int

    @property
    def per_cent(self) -> int:
        return round(100 * (self.total - self.free) / self.total) if self.total else 0

    def words(self) -> str:
        """For a tooltip or a screen reader: everything the row shows."""
        held = ", ".join(segment.words() for segment in self.segments if segment.size and segment.fill != "empty")
        return f"{self.name} {self.per_cent} % used: {held}; {bytes_text(self.free)} free"


def gauge(name: str, devices: Sequence[DeviceState], named: Named) -> Gauge:
    """One row for one device, or for several together."""
    held: dict[str, int] = {}
    loading: dict[str, int] = {}
    for share in (share for device in devices for share in device.models):
        which = loading if share.loading else held
        which[share.model] = which.get(share.model, 0) + share_bytes(share)
    promised = sum(device.promised for device in devices)
    segments = [Segment(named(model)[0], size, named(model)[1]) for model, size in held.items()]
    for model, size in loading.items():
        label, silk = named(model)
        coming = min(size, promised)
        promised -= coming
        segments += [Segment(label, size - coming, silk), Segment(f"{label}, loading", coming, silk, "outlined")]
    if promised > 0:
        segments.append(Segment("Promised", promised, "border_strong", "outlined"))
    segments.append(Segment(OTHERS, sum(device.others for device in devices), "border_strong", "hatched"))
    total = sum(device.device.total for device in devices)
    free = max(0, total - sum(segment.size for segment in segments))
    return Gauge(name, total, (*segments, Segment("Free", free, "track", "empty")), free)


def gauges(state: MemoryState, named: Named) -> list[Gauge]:
    """The rows of the meter: each GPU and the machine's memory; many GPUs together."""
    devices = shown_devices(state)
    gpus = [item for item in devices if item.device.name != MACHINE_MEMORY]
    rows = [gauge("RAM", [item], named) for item in devices if item.device.name == MACHINE_MEMORY]
    if len(gpus) == 1:
        rows.insert(0, gauge("GPU", gpus, named))
    elif len(gpus) < MOST_ROWS:
        rows[:0] = [gauge(f"GPU {number}", [item], named) for number, item in enumerate(gpus, 1)]
    else:
        rows.insert(0, gauge(f"{len(gpus)} GPUs", gpus, named))
    return rows


def predicted_words(model: LoadedModel) -> str:
    """What a load was expected to take and what it took: “Predicted 4.90 GB, measured 4.88 GB (0.4 % less)”."""
    predicted, measured = model.predicted_bytes, model.measured_bytes
    if not predicted or predicted < TOLD:
        return f"Takes {bytes_text(measured)}" if measured else ""
    if not measured:
        return f"Predicted {bytes_text(predicted)}"
    off = 100 * (measured - predicted) / predicted
    differs = f"{abs(off):.1f} % {'more' if off > 0 else 'less'}" if abs(off) >= 0.05 else "as predicted"
    return f"Predicted {bytes_text(predicted)}, takes {bytes_text(measured)} ({differs})"


def leaving_words(model: LoadedModel, now: float) -> str:
    """How long a loaded model stays when nobody uses it. ``now``: Unix seconds."""
    if model.state != "ready":
        return state_text(model).capitalize()
    if model.active or model.queued:
        return "Answering"
    if model.pinned:
        return "Pinned, stays loaded"
    if model.ttl_s is None or model.last_used is None:
        return "Stays until its memory is needed"
    left = max(0.0, model.last_used + model.ttl_s - now)
    return f"Leaves in {duration_text(left)}" if left >= 1 else "Leaves now"


def duration_text(seconds: float) -> str:
    """“45 s”, “12 min”, “3 h 20 min”."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"


def source_words(estimate: Estimate) -> str:
    """How the numbers came about, in a few words."""
    match estimate.source:
        case "simulated":
            return "Simulated by the engine"
        case "measured":
            return "Measured"
        case "analytic":
            return "Estimated" if estimate.confidence != "low" else "Roughly estimated"
