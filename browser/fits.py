"""What models might take that nobody has looked into, by their size alone, and which quant is the best choice. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from paddock.browser.quant_quality import ORIGINAL
from paddock.sdk.hub import QuantFit
from paddock.sdk.memory import DeviceUse, Machine, MemoryDevice, Parts, Prediction
from paddock.sdk.types import Options

USEFUL_CONTEXT = 8192
"""Tokens of context that a good choice has room for, where the model was trained for so many."""
BITS_USUAL, BITS_SMALL = 4.85, 3.0
"""Bits per weight of Q4_K_M, and of Q2_K."""
_KV_AT, _KV_BYTES, _KV_POWER = 8e9, 128 * 1024, 0.4
"""Models of 8 billion parameters mostly keep 128 KiB per token (Llama 3, Qwen 3), larger ones fewer for their size."""
_CACHE_SHARE = {"f32": 2.0, "q8_0": 0.53, "q5_1": 0.38, "q5_0": 0.34, "q4_1": 0.31, "q4_0": 0.28, "iq4_nl": 0.28}
"""Of what an f16 cache takes."""
_COMPUTE = 320 * 2**20
_PROCESS = 64 * 2**20
_GPU_CONTEXT = 400 * 2**20
GUESSED = "Judged by the size of the file alone: its header has not been read."


def guessed(
    size_bytes: float,
    options: Options,
    machine: Machine,
    *,
    parameters: int | None = None,
    trained: int = 0,
    on_gpu: float = 1.0,
) -> Prediction:
    """What a model of ``size_bytes`` might take. ``trained`` is its context length where somebody says it, ``on_gpu``
    the part of it that goes to the machine's graphics cards."""
    count = parameters or size_bytes * 8 / BITS_USUAL
    length = cast("int | None", options.get("n_ctx")) or min(trained or USEFUL_CONTEXT, USEFUL_CONTEXT)
    kv = length * _KV_BYTES * (count / _KV_AT) ** _KV_POWER
    kv *= sum(_CACHE_SHARE.get(str(options.get(f"cache_type_{name}")), 1.0) for name in "kv") / 2
    whole = Parts(weights=round(size_bytes), kv=round(kv), compute=_COMPUTE)
    cards = graphics_of(machine) if options.get("n_gpu_layers", -1) != 0 else ()
    there = on_gpu if cards else 0.0
    weights = round(size_bytes * (1 - there))
    memory = msgspec.structs.replace(_part(whole, 1 - there), weights=weights, overhead=_PROCESS)
    first = machine.devices[0]
    devices = [DeviceUse(name=first.name, kind=first.kind, parts=memory, mapped=weights)]
    room = sum(_free(card) for card in cards) or 1
    for card in cards:
        parts = _part(whole, there * _free(card) / room)
        overhead = 0 if card.shares_ram else _GPU_CONTEXT
        devices.append(
            DeviceUse(name=card.name, kind=card.kind, parts=msgspec.structs.replace(parts, overhead=overhead))
        )
    return Prediction(
        source="analytic",
        confidence="low",
        devices=tuple(devices),
        context_length=length,
        trained_context=trained,
        notes=(GUESSED,),
    )


def graphics_of(machine: Machine) -> tuple[MemoryDevice, ...]:
    """The graphics cards that a model would be put on: discrete ones, else the first that is part of the processor."""
    own = tuple(device for device in machine.devices[1:] if device.kind == "gpu")
    return own or tuple(device for device in machine.devices[1:] if device.kind == "igpu")[:1]


def _free(device: MemoryDevice) -> int:
    return device.total if device.free is None else device.free


def _part(parts: Parts, share: float) -> Parts:
    return Parts(weights=round(parts.weights * share), kv=round(parts.kv * share), compute=round(parts.compute * share))


# ---------------------------------------------------------------- the best of them


def best_of(fits: Iterable[QuantFit]) -> tuple[str, str]:
    """Label of the quant that suits the machine best, and why, in words; both empty where none fits.

    The highest quality that fits with a useful context; original precision only where nothing else does, since nobody
    notices what Q8_0 gives up. Where none fits as it is, the one that fits after the smallest change.
    """
    able = [fit for fit in fits if _context(fit) > 0]
    if not able:
        return "", ""
    best = max(able, key=_rank)
    return best.label, _reason(best)


def _rank(fit: QuantFit) -> tuple[object, ...]:
    """What counts for a choice, in this order: as it is or with a change, a context of use, quality. Where the context
    is too short with each, the longest."""
    useful = _useful(fit)
    ways = ("fits_with", "fits_if_unloaded", "fits").index(fit.estimate.verdict)
    return (useful, ways, 0 if useful else _context(fit), fit.about != ORIGINAL, fit.size_bytes)


def _context(fit: QuantFit) -> int:
    """Tokens of context that there is room for, the smallest change made; 0 where it does not fit."""
    estimate = fit.estimate
    match estimate.verdict:
        case "fits" | "fits_if_unloaded":
            return estimate.max_context or estimate.context_length or 1
        case "fits_with":
            changed = estimate.remedy.options.get("n_ctx") if estimate.remedy is not None else None
            return changed if isinstance(changed, int) and changed > 0 else estimate.context_length or 1
        case "does_not_fit" | "cannot_tell":
            return 0


def _useful(fit: QuantFit) -> bool:
    trained = fit.estimate.trained_context
    return _context(fit) >= min(USEFUL_CONTEXT, trained or USEFUL_CONTEXT)


def _reason(fit: QuantFit) -> str:
    estimate = fit.estimate
    context = _context(fit)
    tokens = f"{context // 1024}k" if context >= 1024 else str(context)
    if estimate.verdict == "fits" and _useful(fit):
        loss = fit.about.endswith("loss")
        first = "The least loss that fits" if loss else "Best quality"
        advice = ": a smaller model in a better quant may answer better" if fit.about == "strong loss" else ""
        return f"{first} with room for {tokens} context{advice}"
    if estimate.verdict == "fits":
        return f"Fits with the most context: {tokens}"
    remedy = estimate.remedy
    return f"Fits after the smallest change: {remedy.sentence}" if remedy is not None else "Fits after unloading"
