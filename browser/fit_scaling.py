"""From what one quant of a model takes to what another one does: they differ in their weights only. Pure.

The sizes of the files say how much the weights differ. One matrix is counted apart, because it may be there twice: the
embeddings of a model that uses them for its output too (``estimate_devices.weights_of``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from paddock.browser.estimate_devices import repacked_types
from paddock.browser.ggml import TYPE_SIZES
from paddock.browser.gguf import Header, Tensor
from paddock.sdk.memory import DeviceUse, Machine, Prediction

_TYPES = {
    "F32": 0, "F16": 1, "BF16": 30, "Q8_0": 8, "Q6_K": 14, "Q5_K": 13, "Q5_0": 6, "Q5_1": 7, "Q4_K": 12, "Q4_0": 2,
    "Q4_1": 3, "Q3_K": 11, "Q2_K": 10, "IQ4_XS": 23, "IQ4_NL": 20, "IQ3_S": 21, "IQ3_M": 21, "IQ3_XS": 21,
    "IQ3_XXS": 18, "IQ2_S": 22, "IQ2_M": 22, "IQ2_XS": 17, "IQ2_XXS": 16, "IQ1_S": 19, "IQ1_M": 29, "MXFP4": 39,
}  # fmt: skip
"""The type of most matrices, by the beginning of a quant's label."""
_KEPT = frozenset({0, 1, 30, 8})
"""Types that llama.cpp's ``llama_tensor_get_type`` leaves to an output matrix too; others become Q6_K or, in files of
less than 3.2 bits, Q5_K."""
_Q6_K, _Q5_K = 14, 13
_TINY = re.compile(r"IQ1|IQ2|IQ3_XXS")


@dataclass(frozen=True)
class Scaling:
    """``rest`` is how much larger everything but a tied embedding is. That takes ``here`` bytes in the quant that is
    known and ``there`` in the other; ``copied_here`` and ``copied_there``: processors get a copy of it of their own."""

    rest: float
    here: int = 0
    there: int = 0
    copied_here: bool = False
    copied_there: bool = False


def scaling(headers: Sequence[Header], label: str, other: str, other_bytes: int, machine: Machine) -> Scaling:
    """From the quant ``label`` with ``headers`` to the quant ``other`` in files of ``other_bytes``, on ``machine``."""
    tensors = [tensor for header in headers for tensor in header.tensors]
    whole = sum(tensor.size for tensor in tensors)
    others = max(other_bytes - sum(header.data_start for header in headers), 1)
    tied = next((tensor for tensor in tensors if tensor.name == "token_embd.weight"), None)
    if tied is None or any(tensor.name == "output.weight" for tensor in tensors):
        return Scaling(others / max(whole, 1))
    kind = _embedding_type(tied, label, other)
    there = round(tied.size * others / max(whole, 1)) if kind is None else _bytes(tied, kind)
    there = min(there, others)
    copied = repacked_types(machine)
    return Scaling(
        (others - there) / max(whole - tied.size, 1),
        here=tied.size,
        there=there,
        copied_here=tied.type in copied,
        copied_there=(tied.type if kind is None else kind) in copied,
    )


def scaled(prediction: Prediction, by: Scaling, *, repack: bool = True) -> Prediction:
    """``prediction``, which is the known quant's, for the other one."""
    last = len(prediction.devices) - 1
    devices = []
    for index, use in enumerate(prediction.devices):
        here = there = 0
        if index == 0:
            here, there = by.here, by.there
        if index == last and (index or (repack and by.copied_here)):
            here += by.here
        if index == last and (index or (repack and by.copied_there)):
            there += by.there
        devices.append(_scaled(use, by.rest, here, there))
    confidence = "low" if prediction.confidence == "low" else "high"
    return msgspec.structs.replace(prediction, devices=tuple(devices), source="analytic", confidence=confidence)


def _scaled(use: DeviceUse, rest: float, here: int, there: int) -> DeviceUse:
    weights = round(max(use.parts.weights - here, 0) * rest) + there
    mapped = round(use.mapped * weights / use.parts.weights) if use.parts.weights else 0
    return msgspec.structs.replace(use, parts=msgspec.structs.replace(use.parts, weights=weights), mapped=mapped)


def _embedding_type(tied: Tensor, label: str, other: str) -> int | None:
    """That of the tied embedding in the quant ``other``; None where its label says nothing. Publishers who did not keep
    to llama.cpp's choice here did not there either."""
    main, followed = _main_type(other), _as_output(label)
    if main is None or followed is None:
        return None
    return _as_output(other) if tied.type == followed else main


def _as_output(label: str) -> int | None:
    main = _main_type(label)
    if main is None or main in _KEPT:
        return main
    return _Q5_K if _TINY.match(_plain(label)) else _Q6_K


def _main_type(label: str) -> int | None:
    plain = _plain(label)
    return next((kind for name, kind in _TYPES.items() if re.match(rf"{name}(?![A-Z0-9])", plain)), None)


def _plain(label: str) -> str:
    found = re.search(r"(?:^|[-_.])((?:IQ|Q|BF|F|MXFP)\d\w*)$", label.upper())
    return found[1] if found else ""


def _bytes(tensor: Tensor, kind: int) -> int:
    block, size = TYPE_SIZES[kind]
    elements = 1
    for extent in tensor.shape:
        elements *= extent
    return elements // block * size
