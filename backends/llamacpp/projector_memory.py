"""What a projector takes: the file through which a model sees pictures.

``mtmd_get_memory_usage`` tells it from the header alone, weights and the graph of a usual picture, per device. It is
exported as C++ only (:mod:`paddock.backends.llamacpp.cpp_memory`); where it cannot be asked, the file's size is told.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from paddock.backends.llamacpp.bindings import Library
from paddock.backends.llamacpp.cpp_memory import exported, read_map
from paddock.sdk.errors import LoadFailed, ModelUnusable
from paddock.sdk.llamacpp_load import MMPROJ_OFF
from paddock.sdk.types import Options

_USAGE = "_Z21mtmd_get_memory_usagePKc19mtmd_context_params"
_GPUS = (1, 2)

Use = dict[tuple[str, int], int]
"""Bytes by device, which is llama.cpp's name (empty for the machine's memory) and kind."""


def projector_of(options: Options) -> str:
    """The file of the projector that ``options`` load; empty where they load none."""
    path = str(options.get("mmproj") or "")
    return "" if path == MMPROJ_OFF else path


def projector_bytes(lib: Library, options: Options) -> Use:
    """What the projector of ``options`` takes; nothing where they load none. Blocks for some hundredths of a second.

    Raises LoadFailed where there is no such file, ModelUnusable where it is no projector.
    """
    path, gpu = projector_of(options), bool(options["n_gpu_layers"])
    name = Path(path).name
    if not path:
        return {}
    if not os.path.isfile(path):
        raise LoadFailed(f"{name} is not there.", hint="Download the projector again, or load with “mmproj” off.")
    try:
        from llama_cpp import mtmd_cpp
    except (ImportError, OSError, RuntimeError):  # a build without it
        return {("", 0): os.path.getsize(path)}
    usage = exported(mtmd_cpp._libmtmd, _USAGE)
    if usage is None:
        return {("", 0): os.path.getsize(path)}
    # the weights get their room even here: where a GPU has none left, the processor tells
    for use_gpu in sorted({gpu, False}, reverse=True):
        params = mtmd_cpp.mtmd_context_params_default()
        params.use_gpu, params.print_timings = use_gpu, False
        types = (ctypes.c_char_p, mtmd_cpp.mtmd_context_params)
        told = read_map(usage, types, (os.fsencode(path), params), fields=2)
        if told is None:
            return {("", 0): os.path.getsize(path)}
        if told:
            return _by_device(lib, told)
    raise ModelUnusable(f"{name} is no projector that llama.cpp knows.", hint="Load with “mmproj” off.")


def _by_device(lib: Library, told: Sequence[tuple[int, ...]]) -> Use:
    kind_of, name_of = lib.function("ggml_backend_dev_type"), lib.function("ggml_backend_dev_name")
    kind_of.argtypes = name_of.argtypes = (ctypes.c_void_p,)
    name_of.restype = ctypes.c_char_p
    found: Use = {}
    for device, size in told:
        kind = int(kind_of(device))
        where = (name_of(device).decode("utf-8", "replace"), kind) if kind in _GPUS else ("", 0)
        found[where] = found.get(where, 0) + size
    return found
