"""Which buffers a model and its context have, or would have: llama.cpp's own account, else what its log tells.

``llama_get_memory_breakdown`` and the table of tensors are exported as C++ only
(:mod:`paddock.backends.llamacpp.cpp_memory`). Where they cannot be read, or where the account contradicts the log, the
log decides, which rounds to a hundredth of a MiB.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, Protocol

from paddock.backends.llamacpp.bindings import Library, Model
from paddock.backends.llamacpp.cpp_memory import address, exported, pointer, read_map, string_bytes

_BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"
_TENSORS = (
    "_Z29llama_internal_get_tensor_mapB5cxx11PK11llama_model",
    "_Z29llama_internal_get_tensor_mapPK11llama_model",
)
_PROCESSOR_KINDS = (0, 3)
"""Devices that compute in the machine's memory: processors, and what accelerates them."""
_ROUNDING = 64 * 1024
"""Bytes by which several sizes from the log may be off together."""


@dataclass(frozen=True)
class Buffer:
    """Bytes of one buffer type. ``device`` is llama.cpp's name, empty for the machine's memory; ``host`` memory is
    what the processor reads in place (or would map from the file), other buffers hold copies."""

    name: str
    device: str
    kind: int
    host: bool
    model: int
    context: int
    compute: int


class Allocated(Protocol):
    """A context of any kind, with what llama.cpp logged while it was made."""

    buffers: list[tuple[str, str, int]]
    memory_bytes: int

    @property
    def handle(self) -> Any: ...


def buffers(model: Model, context: Allocated | None, *, mapped: bool) -> list[Buffer]:
    """All buffer types that ``model`` and ``context`` use; of a simulated model those it would use.

    ``mapped``: weights are used where they are in the file as far as can be. Then a buffer is no measure of them: it
    spans from the first of its tensors to the last, over those that were copied elsewhere.
    """
    exact = _exact(model.lib, context) if context is not None else None
    found = exact if exact is not None else _from_log(model, context)
    tensors = _tensors(model) if mapped else None
    if tensors is None:
        return found
    return [
        replace(one, model=tensors.get(one.name, 0)) if one.host or one.name.endswith("_Mapped") else one
        for one in found
    ]


def _tensors(model: Model) -> dict[str, int] | None:
    """Bytes of the tensors in each buffer type; None where nobody can tell."""
    lib, text = model.lib, string_bytes()
    find = next((found for name in _TENSORS if (found := exported(lib.api._lib, name)) is not None), None)
    if text is None or find is None:
        return None
    ask = {name: lib.function(f"ggml_{name}") for name in ("backend_buffer_get_type", "backend_buft_name", "nbytes")}
    for function in (find, *ask.values()):
        function.restype, function.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    ask["backend_buft_name"].restype, ask["nbytes"].restype = ctypes.c_char_p, ctypes.c_size_t
    table, step = find(address(model.handle)), text + 8
    sizes: dict[str, int] = defaultdict(int)
    for at in range(pointer(table), pointer(table + 8), step):
        tensor = pointer(at + text)
        if buffer := pointer(tensor + 8):
            name = ask["backend_buft_name"](ask["backend_buffer_get_type"](buffer))
            sizes[name.decode("utf-8", "replace")] += int(ask["nbytes"](tensor))
    return sizes


def _exact(lib: Library, context: Allocated) -> list[Buffer] | None:
    find = exported(lib.api._lib, _BREAKDOWN)
    nodes = read_map(find, (ctypes.c_void_p,), (address(context.handle),), fields=4) if find is not None else None
    if nodes is None:
        return None
    found = [_described(lib, *node) for node in nodes]
    compute = sum(size for _, what, size in context.buffers if what == "compute")
    agrees = abs(sum(buffer.compute for buffer in found) - compute) <= _ROUNDING
    complete = sum(buffer.context for buffer in found) >= context.memory_bytes - _ROUNDING
    return found if agrees and complete else None


def _described(lib: Library, buffer_type: int, model: int, context: int, compute: int) -> Buffer:
    ask = {name: lib.function(f"ggml_backend_{name}") for name in ("buft_name", "buft_is_host", "buft_get_device")}
    ask |= {name: lib.function(f"ggml_backend_{name}") for name in ("dev_type", "dev_name")}
    for function in ask.values():
        function.argtypes = (ctypes.c_void_p,)
    ask["buft_name"].restype = ask["dev_name"].restype = ctypes.c_char_p
    ask["buft_is_host"].restype, ask["buft_get_device"].restype = ctypes.c_bool, ctypes.c_void_p
    device, host = ask["buft_get_device"](buffer_type), bool(ask["buft_is_host"](buffer_type))
    kind = ask["dev_type"](device) if device else 0
    own = not host and kind not in _PROCESSOR_KINDS
    return Buffer(
        name=ask["buft_name"](buffer_type).decode("utf-8", "replace"),
        device=ask["dev_name"](device).decode("utf-8", "replace") if own else "",
        kind=kind if own else 0,
        host=host,
        model=model,
        context=context,
        compute=compute,
    )


def _from_log(model: Model, context: Allocated | None) -> list[Buffer]:
    """From the log: KV and compute are right in all, weights are taken for plain memory unless a real load told."""
    logged = [*model.buffers, *(context.buffers if context is not None else ())]
    names = {name for name, _, _ in logged}
    found = []
    for name in sorted(names):
        of = {what: sum(size for n, w, size in logged if (n, w) == (name, what)) for what in {w for _, w, _ in logged}}
        compute, weights = of.get("compute", 0), of.get("model", 0)
        held = sum(size for what, size in of.items() if what not in ("compute", "model", "output"))
        plain = name.startswith("CPU") or name.endswith("_Host")
        found.append(
            Buffer(
                name=name,
                device="" if plain else name.removesuffix("_Mapped"),
                kind=0 if plain else 1,
                host=plain and name not in ("CPU_REPACK", "CPU_AARCH64", "AMX"),
                model=weights,
                context=held,
                compute=compute,
            )
        )
    missing_weights = model.size_bytes if not any(buffer.model for buffer in found) else 0
    missing_kv = context.memory_bytes - sum(buffer.context for buffer in found) if context is not None else 0
    if missing_weights or missing_kv > _ROUNDING:
        found.append(Buffer("CPU", "", 0, True, missing_weights, max(missing_kv, 0), 0))
    return found
