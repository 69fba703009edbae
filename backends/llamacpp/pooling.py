"""A context that turns whole texts into vectors: several sequences in one call, one pooled output each."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp import load_log
from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.load_errors import compute_error, load_error
from paddock.backends.llamacpp.machine import available_bytes, check_memory
from paddock.sdk.errors import EngineError

Row = list[int]
"""The tokens of one text."""
Vector = npt.NDArray[np.float32]

_SMALLEST = 256
_F32_BYTES = 4


@dataclass(frozen=True)
class Limits:
    """The longest text, in tokens, and how many texts are computed in one call."""

    tokens: int = 8192
    sequences: int = 32

    def within(self, model: Model) -> Limits:
        """What ``model`` allows of them."""
        tokens = min(self.tokens, model.n_ctx_train or self.tokens)
        return Limits(tokens, 1 if model.recurrent else self.sequences)


class PoolingContext:
    """Room for texts of up to ``tokens`` tokens in all, ``sequences`` at once. One thread.

    A text is read in one piece, because the parts of a micro-batch pool apart. So the room grows with the longest text,
    in powers of two: outputs and buffers for every position of a large vocabulary are too much to hold in reserve.

    Args:
        pooling: A name, to be compared by; ``pooling_type`` is llama.cpp's number for it.
        longest: Tokens of the longest text to come, at most ``limits.tokens``.

    Raises OutOfMemory, LoadFailed.
    """

    def __init__(
        self, model: Model, pooling: str, pooling_type: int, limits: Limits, longest: int, threads: int
    ) -> None:
        api = self._api = model.lib.api
        self._model = model
        self.pooling = pooling
        self.sequences = min(limits.sequences, int(api.llama_max_parallel_sequences()))
        wanted = min(limits.tokens, max(_SMALLEST, 1 << (longest - 1).bit_length()))
        # llama.cpp ends the process where the sequences do not divide the micro-batch.
        self.tokens = -(-wanted // self.sequences) * self.sequences
        is_rank = pooling == "rank"
        self._width = int(
            api.llama_model_n_cls_out(model.handle) if is_rank else api.llama_model_n_embd_out(model.handle)
        )
        outputs = self.tokens * (model.n_vocab + self._width) * _F32_BYTES
        # Every position has an output: once in the graph and once in the buffer for results.
        needed = 2 * outputs + self.tokens * _kv_bytes(model)
        check_memory(f"Room for texts of {self.tokens:,} tokens", needed, available_bytes())
        params = api.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self.tokens
        params.n_seq_max = self.sequences
        params.kv_unified = True
        params.embeddings = True
        params.pooling_type = pooling_type
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        model.lib.forget_log()
        self._handle = api.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise load_error("", model.lib.errors())
        # the buffer of results is made small at first, and grows with the first texts
        logged = [buffer for buffer in load_log.buffers(model.lib.log()) if buffer[1] != "output"]
        self.buffers = [*logged, ("CPU", "output", outputs)]
        self.memory_bytes = load_log.memory_bytes(model.lib.log())
        self.size_bytes = sum(size for _, _, size in self.buffers)
        self._memory = api.llama_get_memory(self._handle)
        self._batch = api.llama_batch_init(self.tokens, 0, 1)

    @property
    def handle(self) -> Any:
        return self._handle

    def compute(self, rows: Sequence[Row]) -> list[Vector]:
        """The pooled output of each row, shape (width,). Raises EngineError."""
        if not 0 < sum(map(len, rows)) <= self.tokens or len(rows) > self.sequences:
            raise ValueError("the rows do not fit the context")  # llama.cpp would end the process
        api, batch = self._api, self._batch
        at = 0
        for sequence, row in enumerate(rows):
            for position, token in enumerate(row):
                batch.token[at], batch.pos[at] = token, position
                batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = 1, sequence, 1
                at += 1
        batch.n_tokens = at
        if self._memory:
            api.llama_memory_clear(self._memory, True)
        status = int((api.llama_decode if self._memory else api.llama_encode)(self._handle, batch))
        if status:
            raise compute_error(status, self._model.lib.errors())
        return [self._output(sequence) for sequence in range(len(rows))]

    def _output(self, sequence: int) -> Vector:
        pointer: Any = self._api.llama_get_embeddings_seq(self._handle, sequence)
        if not pointer:
            raise EngineError("The model gave no vector for a text.", hint="Choose an embedding model.")
        return np.frombuffer(ctypes.string_at(pointer, self._width * _F32_BYTES), np.float32)

    def close(self) -> None:
        if self._handle:
            self._api.llama_batch_free(self._batch)
            self._api.llama_free(self._handle)
            self._handle = None


def _kv_bytes(model: Model) -> int:
    """What one token takes in a KV cache of F16, taking every layer for full attention (an upper bound)."""
    api, handle = model.lib.api, model.handle
    heads = max(int(api.llama_model_n_head(handle)), 1)
    heads_kv = max(int(api.llama_model_n_head_kv(handle)), 0)
    key = int(model.metadata(f"{model.architecture}.attention.key_length") or 0)
    width = key * heads_kv or int(api.llama_model_n_embd(handle)) * heads_kv // heads
    return model.n_layer * width * 4
