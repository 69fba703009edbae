"""Which device holds what: llama.cpp's placement of layers, embeddings, experts and the output."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from paddock.browser.estimate_shape import Layer, Shape
from paddock.browser.gguf import Tensor
from paddock.sdk.memory import Machine, MemoryDevice
from paddock.sdk.types import Options

RAM = 0
"""Index of the machine's memory among its devices."""
_EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch|)exps")
_INPUT = ("token_embd.", "token_embd_norm.", "per_layer_token_embd.", "position_embd.", "token_types.")
_REPACKED = frozenset({2, 12, 20, 39})
"""Q4_0, Q4_K, IQ4_NL and MXFP4: types that llama.cpp rearranges for processors with AVX2 and for ARM alike."""
_FOR_AVX512 = frozenset({10})
"""Q2_K, for processors with AVX-512 besides."""
_ROWS_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Placement:
    """Index of the device that holds each layer, and of the one that holds the output; ``gpus`` are all in use."""

    layers: tuple[int, ...]
    output: int
    gpus: tuple[int, ...]

    def layers_on(self, shape: Shape, device: int) -> tuple[Layer, ...]:
        return tuple(layer for layer, at in zip(shape.layers, self.layers, strict=True) if at == device)


def place(shape: Shape, options: Options, machine: Machine) -> Placement:
    """Where the layers go: the last ``n_gpu_layers`` to the GPUs, shared out by ``tensor_split`` or free memory."""
    count = len(shape.layers)
    gpus = _gpus(machine.devices, options)
    asked = cast(int, options["n_gpu_layers"])
    offloaded = min(count + 1 if asked < 0 else asked, count + 1) if gpus else 0
    shares = _shares([machine.devices[gpu] for gpu in gpus], cast(str, options["tensor_split"]))
    first = count + 1 - offloaded
    at = [
        RAM if index < first else gpus[bisect_right(shares, (index - first) / offloaded)] for index in range(count + 1)
    ]
    return Placement(tuple(at[:-1]), at[-1], gpus if offloaded else ())


def _gpus(devices: Sequence[MemoryDevice], options: Options) -> tuple[int, ...]:
    """The GPUs that a model is put on: discrete ones, or the first that is part of the processor."""
    own = [index for index, device in enumerate(devices) if index and device.kind == "gpu"]
    found = own or [index for index, device in enumerate(devices) if index and device.kind == "igpu"][:1]
    if options["split_mode"] == "none" and found:
        found = [found[min(cast(int, options["main_gpu"]), len(found) - 1)]]
    return tuple(found)


def _shares(gpus: Sequence[MemoryDevice], split: str) -> list[float]:
    """Where each GPU's share of the offloaded layers begins to be the next one's, 0 to 1."""
    parts = [float(part) for part in re.split(r"[,/]", split) if re.fullmatch(r"\s*\d+(\.\d*)?\s*", part)]
    weights = [*parts, *[0.0] * len(gpus)][: len(gpus)]
    if not any(weights):
        weights = [float(gpu.free if gpu.free is not None else gpu.total) for gpu in gpus]
    whole = sum(weights) or 1.0
    return [sum(weights[: index + 1]) / whole for index in range(len(gpus) - 1)]


def repacked_types(machine: Machine) -> frozenset[int]:
    """The types of ggml of which ``machine``'s processor gets a copy of its own."""
    return _REPACKED | _FOR_AVX512 if machine.avx512 else _REPACKED


def weights_of(shape: Shape, placement: Placement, options: Options, machine: Machine) -> tuple[list[int], int]:
    """Bytes of weights per device, and how many of the machine's memory are pages of the file.

    A tensor that is repacked for the processor counts once, as memory of the process. A model without an output matrix
    uses its embeddings for it: that is a second copy where the output is on a GPU or repacked.
    """
    mapped = 0
    totals = [0] * len(machine.devices)
    repacked = repacked_types(machine) if options["repack"] else frozenset()

    def book(tensor: Tensor, device: int, *, multiplied: bool) -> None:
        nonlocal mapped
        totals[device] += tensor.size
        if device == RAM and not (multiplied and _repacked(tensor, repacked)):
            mapped += tensor.size

    for name, tensor in shape.tensors.items():
        book(tensor, RAM if name.startswith(_INPUT) else placement.output, multiplied=name == "output.weight")
    embedding = shape.tensors["token_embd.weight"]
    if "output.weight" not in shape.tensors and (placement.output != RAM or _repacked(embedding, repacked)):
        totals[placement.output] += embedding.size
    experts = cast("int | None", options["n_cpu_moe"]) or 0
    for index, (layer, device) in enumerate(zip(shape.layers, placement.layers, strict=True)):
        for name, tensor in layer.tensors.items():
            kept = index < experts and _EXPERTS.match(name)
            book(tensor, RAM if kept else device, multiplied=True)
    return totals, mapped if options["use_mmap"] and not options["use_mlock"] else 0


def _repacked(tensor: Tensor, types: frozenset[int]) -> bool:
    return tensor.type in types and len(tensor.shape) > 1 and tensor.shape[1] % _ROWS_TOGETHER == 0
