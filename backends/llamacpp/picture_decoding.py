"""Embeddings of pictures, read by a context in place of tokens."""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.bindings import DECODED, Context
from paddock.backends.llamacpp.projector import Embeddings

_MROPE = (8, 40)
"""Rotary embeddings with several positions for a token (llama.cpp's ``llama_rope_type``)."""

Places = npt.NDArray[np.int32]
"""(4, tokens): time, row, column, and nothing; a model without M-RoPE takes the first."""


def decode_picture(context: Context, embeddings: Embeddings, places: Places, sequence: int, *, causal: bool) -> int:
    """Evaluate ``embeddings`` in ``sequence``, without logits, in one call or, where a batch has no room for all, in
    several: not where they see each other because they are not ``causal``. The thread that decodes.

    Answers and raises as :meth:`Context.decode`.
    """
    if not causal and len(embeddings) > context.n_ubatch:
        raise ValueError(f"{len(embeddings)} tokens that see each other do not fit {context.n_ubatch}")
    api, handle = context.model.lib.api, context.handle
    rows = 4 if int(api.llama_model_rope_type(context.model.handle)) in _MROPE else 1
    api.llama_set_causal_attn(handle, causal)
    try:
        for start in range(0, len(embeddings), context.n_batch):
            part = slice(start, start + context.n_batch)
            status = _decode(context, embeddings[part], places[:rows, part], sequence)
            if status != DECODED:
                return status
        return DECODED
    finally:
        api.llama_set_causal_attn(handle, True)


def _decode(context: Context, embeddings: Embeddings, places: Places, sequence: int) -> int:
    api, count = context.model.lib.api, len(embeddings)
    values, positions = np.ascontiguousarray(embeddings), np.ascontiguousarray(places)
    number = ctypes.pointer(api.llama_seq_id(sequence))
    batch = api.llama_batch()
    batch.n_tokens = count
    batch.embd = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    batch.pos = positions.ctypes.data_as(ctypes.POINTER(api.llama_pos))
    batch.n_seq_id = (ctypes.c_int32 * count)(*([1] * count))
    batch.seq_id = (ctypes.POINTER(api.llama_seq_id) * count)(*([number] * count))
    batch.logits = (ctypes.c_int8 * count)()
    return context.evaluate(batch)
