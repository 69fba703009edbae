"""What C++ functions answer, read from memory: llama.cpp exports some of its accounts as C++ only.

So the shape of a ``std::map`` and of a ``std::string`` has to be known; it is for the two libraries below, whose
layouts are frozen.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

_MOST = 64


class _Layout(NamedTuple):
    """Byte offsets in a ``std::map`` (``size`` bytes itself) and in its nodes."""

    size: int
    root: int
    nodes: int
    left: int
    right: int
    value: int
    text: int  # bytes of a std::string


_LIBSTDCXX = _Layout(size=48, root=16, nodes=40, left=16, right=24, value=32, text=32)
_LIBCXX = _Layout(size=24, root=8, nodes=16, left=0, right=8, value=32, text=24)


def read_map(
    function: Any, types: Sequence[Any], arguments: Sequence[Any], *, fields: int
) -> list[tuple[int, ...]] | None:
    """Each node of the ``std::map`` that ``function`` returns for ``arguments``, as ``fields`` words of 8 bytes,
    beginning with its key. None where its shape is not known.

    The few hundred bytes of its nodes are never freed: only C++ knows how.
    """
    layout = _layout()
    if layout is None:
        return None
    function.restype, function.argtypes = _returned(layout.size), tuple(types)
    result = function(*arguments)
    start = ctypes.addressof(result)
    nodes = list(_nodes(pointer(start + layout.root), layout))
    if len(nodes) != pointer(start + layout.nodes):
        return None
    return [tuple(pointer(node + layout.value + 8 * field) for field in range(fields)) for node in nodes]


def string_bytes() -> int | None:
    """How much a ``std::string`` takes in place; None where that is not known."""
    layout = _layout()
    return None if layout is None else layout.text


def exported(lib: Any, name: str) -> Any:
    """The function ``name`` (mangled) of a :class:`ctypes.CDLL`; None where it has none."""
    return getattr(lib, name, None)


def address(handle: Any) -> int:
    return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)


def pointer(at: int) -> int:
    """The 8 bytes at this address."""
    return int(ctypes.c_uint64.from_address(at).value)


def _layout() -> _Layout | None:
    if sys.platform == "linux":
        return _LIBSTDCXX
    return _LIBCXX if sys.platform == "darwin" else None


@cache
def _returned(size: int) -> type[ctypes.Structure]:
    """A structure of ``size`` bytes; every class made is a cycle that waits for the garbage collector."""
    return type("_Returned", (ctypes.Structure,), {"_fields_": (("raw", ctypes.c_char * size),)})


def _nodes(root: int, layout: _Layout) -> Iterator[int]:
    waiting, seen = [root], 0
    while waiting:
        node = waiting.pop()
        if node:
            seen += 1
            if seen > _MOST:
                return
            yield node
            waiting += [pointer(node + layout.left), pointer(node + layout.right)]
