"""Tokens with their logits in the form that llama.cpp's samplers take."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.logits import BLOCK, Ids, Row


class Candidates:
    """A reused ``llama_token_data_array`` for up to ``n_vocab`` tokens. One thread."""

    def __init__(self, api: Any, n_vocab: int) -> None:
        self._api = api
        self._data = np.empty(n_vocab + BLOCK, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._ids, self._logits = self._data["id"], self._data["logit"]
        self._first = ctypes.cast(self._data.ctypes.data, ctypes.POINTER(api.llama_token_data))
        self._array = api.llama_token_data_array()
        self._pointer = ctypes.byref(self._array)

    def put(self, ids: Ids | npt.NDArray[np.int32], logits: Row, *, in_order: bool = False) -> None:
        """Take these tokens; ``in_order`` when the most likely come first."""
        count = len(ids)
        self._ids[:count] = ids
        self._logits[:count] = logits
        array = self._array
        array.data, array.size, array.selected, array.sorted = self._first, count, -1, in_order

    def apply(self, sampler: Any) -> None:
        self._api.llama_sampler_apply(sampler, self._pointer)

    def logits(self, count: int) -> Row:
        """The first ``count`` logits as samplers that keep the order have left them."""
        return self._logits[:count]

    def choose(self, *samplers: Any) -> tuple[int, float]:
        """Apply them; id and logit of the token that the last one chose."""
        for sampler in samplers:
            self._api.llama_sampler_apply(sampler, self._pointer)
        chosen = self._array.data[self._array.selected]
        return chosen.id, chosen.logit

    def remaining(self) -> tuple[npt.NDArray[np.int32], Row]:
        """Ids and logits that samplers have left."""
        offset = ctypes.cast(self._array.data, ctypes.c_void_p).value or 0
        start = (offset - self._data.ctypes.data) // self._data.itemsize
        kept = slice(start, start + self._array.size)
        return self._ids[kept].copy(), self._logits[kept].copy()
