"""Makes a smaller model out of one, with llama.cpp's own rules for which tensor becomes what.

Runs in a worker of its own (:mod:`paddock.backends.quantizing`): what makes llama.cpp abort ends that one only.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident
from types import MappingProxyType
from typing import Self

from paddock.backends.base import QuantOrder, QuantPlan
from paddock.backends.llamacpp.bindings import Library, library
from paddock.backends.llamacpp.machine import available_bytes, check_memory, physical_cores
from paddock.sdk.errors import BadRequest, EngineError, ModelUnusable

FTYPES = MappingProxyType(
    {
        "BF16": 32, "F16": 1, "Q8_0": 7, "Q6_K": 18, "Q5_1": 9, "Q5_K_M": 17, "Q5_K_S": 16, "Q5_0": 8, "Q4_1": 3,
        "Q4_K_M": 15, "Q4_K_S": 14, "Q4_0": 2, "IQ4_NL": 25, "IQ4_XS": 30, "Q3_K_L": 13, "Q3_K_M": 12, "IQ3_M": 27,
        "IQ3_S": 26, "Q3_K_S": 11, "IQ3_XS": 22, "IQ3_XXS": 23, "Q2_K": 10, "Q2_K_S": 21, "IQ2_M": 29, "IQ2_S": 28,
        "IQ2_XS": 20, "IQ2_XXS": 19, "IQ1_M": 31, "IQ1_S": 24,
    }
)  # fmt: skip
"""Quant to ``llama_ftype`` (``llama.h``), without those that are for models trained in them."""
BUFFER_BYTES = 64 * 2**20
"""Rows of a tensor that are in memory at once, and after which progress shows; llama.cpp's own default are 8 GiB."""
PROCESS_BYTES = 256 * 2**20

_MOST_AT_ONCE = 4
_ERROR = 4
_TENSOR = re.compile(r"^\[ *\d+/ *\d+\] +(\S+) +- \[.*\], type = +(\w+), size = .*?(?:\((\w+)\))?$")
_IMATRIX = "will require an imatrix"


def quantize(order: QuantOrder) -> tuple[QuantPlan, ...]:
    """See :attr:`~paddock.backends.base.EngineDescriptor.quantize`. Raises BadRequest, ModelUnusable, OutOfMemory,
    EngineError."""
    lib = library()
    if order.quant and order.quant not in FTYPES:
        raise BadRequest(f"There is no quant “{order.quant[:60]}”.", hint=f"There are {', '.join(FTYPES)}.")
    if not order.output:
        return _plans(lib, order, (order.quant,) if order.quant else tuple(FTYPES))
    check_memory(f"Making {order.quant}", BUFFER_BYTES + PROCESS_BYTES, available_bytes())
    with _Log(lib, echo=True) as log:
        failed = _run(lib, order, order.quant, dry=False)
        errors = log.take()[1]
    if failed:
        raise _error(order, errors)
    return ()


def _plans(lib: Library, order: QuantOrder, quants: Sequence[str]) -> tuple[QuantPlan, ...]:
    """Each run reads the header anew, which takes a tenth of a second with a large vocabulary: so a few at a time."""
    numbers = _type_numbers(lib)
    with _Log(lib, echo=False) as log:

        def plan(quant: str) -> QuantPlan | list[str]:
            failed = _run(lib, order, quant, dry=True)
            lines, errors = log.take()
            types = {found[1]: numbers[found[3] or found[2]] for line in lines if (found := _TENSOR.match(line))}
            needs_imatrix = any(_IMATRIX in line for line in lines)
            return errors if failed else QuantPlan(quant=quant, types=types, needs_imatrix=needs_imatrix)

        with ThreadPoolExecutor(min(physical_cores(), _MOST_AT_ONCE)) as threads:
            found = list(threads.map(plan, quants))
    plans = tuple(plan for plan in found if isinstance(plan, QuantPlan))
    if not plans and isinstance(found[0], list):
        raise _error(order, found[0])
    return plans


def _type_numbers(lib: Library) -> dict[str, int]:
    """ggml's name of a tensor type to its number."""
    name_of = lib.function("ggml_type_name")
    name_of.restype = ctypes.c_char_p
    names = {number: name_of(number) for number in range(lib.api.GGML_TYPE_COUNT)}
    return {name.decode(): number for number, name in names.items() if name}


def _run(lib: Library, order: QuantOrder, quant: str, *, dry: bool) -> int:
    params = lib.api.llama_model_quantize_default_params()
    params.ftype = FTYPES[quant]
    params.nthread = min(order.threads or physical_cores(), os.cpu_count() or 1)
    params.allow_requantize = order.requantize
    params.dry_run = dry
    params.max_buf_size = BUFFER_BYTES
    source, output = os.fsencode(order.path), os.fsencode(order.output)
    return int(lib.api.llama_model_quantize(source, output, ctypes.byref(params)))


def _error(order: QuantOrder, errors: list[str]) -> EngineError | BadRequest | ModelUnusable:
    text = " ".join(errors)
    if "requantizing from type" in text:
        return BadRequest(
            "The weights of this model are quantised already.",
            hint="Choose its F16 or BF16 file, or allow it at a loss.",
        )
    if "imatrix" in text or "importance matrix" in text:
        return BadRequest(f"{order.quant} needs an importance matrix.", hint="Choose a quant of more bits.")
    if "unknown model architecture" in text or "failed to load" in text or "missing" in text:
        return ModelUnusable(f"llama.cpp cannot read {os.path.basename(order.path)}.", hint=text)
    return EngineError(f"llama.cpp could not make {order.quant or 'a quant'} of this model.", hint=text)


class _Log:
    """What llama.cpp says meanwhile, instead of what the library hears, thread by thread: it calls on the thread that
    called it. ``echo``: to the worker's log as well."""

    def __init__(self, lib: Library, *, echo: bool) -> None:
        self._lib = lib
        self._echo = echo
        self._pieces: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self._callback = lib.api.llama_log_callback(self._logged)

    def __enter__(self) -> Self:
        self._lib.api.llama_log_set(self._callback, ctypes.c_void_p(0))
        return self

    def __exit__(self, *_raised: object) -> None:
        self._lib.api.llama_log_set(self._lib.on_log, ctypes.c_void_p(0))

    def _logged(self, level: int, text: bytes, _data: int) -> None:
        line = text.decode("utf-8", "replace")
        self._pieces[get_ident()].append((level, line))
        if self._echo:
            sys.stderr.write(line)

    def take(self) -> tuple[list[str], list[str]]:
        """All lines of this thread since the last time, and the errors among them."""
        pieces = self._pieces.pop(get_ident(), [])
        errors = [re.sub(r"^\w+: ", "", text.strip()) for level, text in pieces if level == _ERROR]
        return "".join(text for _, text in pieces).splitlines(), [text for text in errors if text.strip(" =\n")]
