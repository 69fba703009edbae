"""Which buffers a model and its context have, or would have: llama.cpp's own account, else what its log tells.

``llama_get_memory_breakdown`` and the table of tensors are exported as C++ only, so the shape of a ``std::map`` and of
a ``std::vector`` in memory has to be known; it is for the two libraries below, whose layouts are frozen. Where it is
not, or where the account contradicts the log, the log decides, which rounds to a hundredth of a MiB.
"""

from __future__ import annotations

import ctypes
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, Protocol

from paddock.backends.llamacpp.bindings import Library, Model

_BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"
_TENSORS = (
    "_Z29llama_internal_get_tensor_mapB5cxx11PK11llama_model",
    "_Z29llama_internal_get_tensor_mapPK11llama_model",
)
_PROCESSOR_KINDS = (0, 3)
"""Devices that compute in the machine's memory: processors, and what accelerates them."""
_MOST = 64
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


class _Map(NamedTuple):
    """Byte offsets in a ``std::map`` (``size`` bytes itself) and in its nodes."""

    size: int
    root: int
    nodes: int
    left: int
    right: int
    value: int
    text: int  # bytes of a std::string


_LIBSTDCXX = _Map(size=48, root=16, nodes=40, left=16, right=24, value=32, text=32)
_LIBCXX = _Map(size=24, root=8, nodes=16, left=0, right=8, value=32, text=24)


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
    lib, layout = model.lib, _layout()
    find = next((found for name in _TENSORS if (found := _exported(lib, name)) is not None), None)
    if layout is None or find is None:
        return None
    ask = {name: lib.function(f"ggml_{name}") for name in ("backend_buffer_get_type", "backend_buft_name", "nbytes")}
    for function in (find, *ask.values()):
        function.restype, function.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    ask["backend_buft_name"].restype, ask["nbytes"].restype = ctypes.c_char_p, ctypes.c_size_t
    table, step = find(_address(model.handle)), layout.text + 8
    sizes: dict[str, int] = defaultdict(int)
    for at in range(_pointer(table), _pointer(table + 8), step):
        tensor = _pointer(at + layout.text)
        if buffer := _pointer(tensor + 8):
            name = ask["backend_buft_name"](ask["backend_buffer_get_type"](buffer))
            sizes[name.decode("utf-8", "replace")] += int(ask["nbytes"](tensor))
    return sizes


def _layout() -> _Map | None:
    if sys.platform == "linux":
        return _LIBSTDCXX
    return _LIBCXX if sys.platform == "darwin" else None


def _exact(lib: Library, context: Allocated) -> list[Buffer] | None:
    layout, find = _layout(), _exported(lib, _BREAKDOWN)
    if layout is None or find is None:
        return None
    find.restype, find.argtypes = _returned(layout.size), (ctypes.c_void_p,)
    # The few hundred bytes of its nodes are never freed: only C++ knows how.
    result = find(_address(context.handle))
    start = ctypes.addressof(result)
    nodes = list(_nodes(_pointer(start + layout.root), layout))
    if len(nodes) != _pointer(start + layout.nodes):
        return None
    found = [_described(lib, *(_pointer(node + layout.value + 8 * field) for field in range(4))) for node in nodes]
    compute = sum(size for _, what, size in context.buffers if what == "compute")
    agrees = abs(sum(buffer.compute for buffer in found) - compute) <= _ROUNDING
    complete = sum(buffer.context for buffer in found) >= context.memory_bytes - _ROUNDING
    return found if agrees and complete else None


@cache
def _returned(size: int) -> type[ctypes.Structure]:
    """A structure of ``size`` bytes."""
    return type("_Returned", (ctypes.Structure,), {"_fields_": (("raw", ctypes.c_char * size),)})


def _nodes(root: int, layout: _Map) -> Iterator[int]:
    waiting, seen = [root], 0
    while waiting:
        node = waiting.pop()
        if node:
            seen += 1
            if seen > _MOST:
                return
            yield node
            waiting += [_pointer(node + layout.left), _pointer(node + layout.right)]


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


def _exported(lib: Library, name: str) -> Any:
    try:
        return getattr(lib.api._lib, name)
    except AttributeError:
        return None


def _address(handle: Any) -> int:
    return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)


def _pointer(address: int) -> int:
    return int(ctypes.c_uint64.from_address(address).value)
