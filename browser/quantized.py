"""What the header of a model would be with other types of weights: enough to tell its size and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from paddock.browser.ggml import TYPE_SIZES
from paddock.browser.gguf import Header
from paddock.browser.gguf_tensors import Tensor

_ALIGNMENT = 32
"""``GGUF_DEFAULT_ALIGNMENT``: what llama.cpp writes."""


def quantized_headers(headers: Sequence[Header], types: Mapping[str, int]) -> tuple[Header, ...]:
    """``headers`` of all files of a model, with its tensors as ``types`` by their names. No I/O."""
    found = []
    for header in headers:
        tensors: list[Tensor] = []
        end = 0
        for tensor in header.tensors:
            kind = types.get(tensor.name, tensor.type)
            block, size = TYPE_SIZES.get(kind, (1, 0))
            elements = 1
            for extent in tensor.shape:
                elements *= extent
            made = tensor._replace(type=kind, offset=end, size=elements // block * size)
            tensors.append(made)
            end += -(-made.size // _ALIGNMENT) * _ALIGNMENT
        found.append(replace(header, tensors=tuple(tensors), data_end=header.data_start + end))
    return tuple(found)
