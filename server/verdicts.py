"""Whether a model fits, in the form and in the words that people get. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from paddock.backends.planning import Judgement
from paddock.sdk.memory import (
    MACHINE_MEMORY,
    DeviceUse,
    Estimate,
    EstimatedDevice,
    MemoryDevice,
    Parts,
    Prediction,
    Verdict,
)
from paddock.sdk.units import bytes_text
from paddock.server.inquiry import Answer


def estimated(
    answer: Answer,
    devices: Iterable[MemoryDevice],
    names: Mapping[str, str],
    machine: str,
    *,
    yielding: Collection[str] = (),
) -> Estimate:
    """``answer`` as clients get it. ``names`` are the names of instances, ``machine`` that of the planned computer,
    empty for this one; ``yielding`` instances are used by a batch alone, which gives way."""
    prediction, judgement = answer.prediction, answer.judgement
    present = {device.name: device for device in devices}
    used = {use.name: use for use in prediction.devices}
    return Estimate(
        model="",
        source=prediction.source,
        confidence=prediction.confidence,
        total_bytes=prediction.total,
        parts=prediction.parts,
        devices=tuple(
            _device(used.get(name), present.get(name), judgement, name) for name in dict.fromkeys([*present, *used])
        ),
        verdict=answer.verdict,
        sentence=sentence(judgement, answer.verdict, prediction, names, machine, yielding=yielding),
        remedy=answer.remedy,
        max_context=answer.context,
        context_length=prediction.context_length,
        trained_context=prediction.trained_context,
        architecture=prediction.architecture,
        layers=prediction.layers,
        options=answer.options,
        machine=machine,
        notes=(*prediction.notes, *((judgement.note,) if judgement.note else ())),
    )


def _device(use: DeviceUse | None, device: MemoryDevice | None, judgement: Judgement, name: str) -> EstimatedDevice:
    """What there is of a device beside what is used of it; either may be missing."""
    return EstimatedDevice(
        name=name,
        kind=device.kind if device is not None else use.kind if use is not None else "cpu",
        bytes=use.parts.total if use is not None else 0,
        free=judgement.free.get(name, device.free if device is not None else None),
        total=device.total if device is not None else 0,
        parts=use.parts if use is not None else Parts(),
    )


def sentence(
    judgement: Judgement,
    verdict: Verdict,
    prediction: Prediction,
    names: Mapping[str, str],
    machine: str = "",
    *,
    yielding: Collection[str] = (),
) -> str:
    """The verdict in words. ``names`` are the names of the instances that would have to leave, ``machine`` that of the
    planned computer; empty for this one. What ``yielding`` instances do gives way."""
    on = f" on {machine}" if machine else ""
    match verdict:
        case "fits":
            return f"Fits{on}. {_left(judgement, prediction)}".rstrip()
        case "fits_if_unloaded":
            leaving = _listed([names.get(instance, instance) for instance in judgement.unload])
            given_way = "once the batch has given way and" if set(judgement.unload) & set(yielding) else "when"
            return f"Fits {given_way} {leaving} {'is' if len(judgement.unload) == 1 else 'are'} unloaded."
        case "fits_with" | "does_not_fit":
            return f"Does not fit{on}: {_missing(judgement)}."
        case "cannot_tell":
            return f"Whether it fits{on} cannot be told."


def _left(judgement: Judgement, prediction: Prediction) -> str:
    """What stays free where it is tightest, of the devices that the model takes something of; without what the guard
    keeps, as every other figure of what is free."""
    spare = {
        device.name: judgement.free[device.name] - device.parts.total
        for device in prediction.devices
        if device.parts.total and device.name in judgement.free
    }
    if not spare:
        return ""
    tightest = min(spare, key=lambda name: spare[name])
    where = "" if tightest == MACHINE_MEMORY and len(spare) == 1 else f" {_place(tightest)}"
    return f"{bytes_text(max(0, spare[tightest]))} stays free{where}."


def _missing(judgement: Judgement) -> str:
    lacking = {name: size for name, size in judgement.missing.items() if size > 0}
    if not lacking:
        return "the limit for all models is reached"
    if list(lacking) == [MACHINE_MEMORY]:
        return f"{bytes_text(lacking[MACHINE_MEMORY])} are missing"
    return _listed([f"{bytes_text(size)} are missing {_place(name)}" for name, size in lacking.items()])


def _place(device: str) -> str:
    return "in RAM" if device == MACHINE_MEMORY else f"on {device}"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
