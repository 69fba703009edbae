"""llama.cpp's multimodal library with owners and errors; what a projector takes is told by
:mod:`paddock.backends.llamacpp.projector_memory`.

A projector turns a picture into embeddings, which a model reads in place of tokens.
"""

from __future__ import annotations

import ctypes
import os
import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.identity import weights_identity
from paddock.backends.llamacpp.picture_tokens import FEWEST_TOKENS, MOST_POSITIONS, MOST_TOKENS
from paddock.sdk.errors import BadRequest, EngineError, LoadFailed, ModelUnusable

Embeddings = npt.NDArray[np.float32]
"""(tokens, values) of one picture."""

STEP_NODES = 8
"""Nodes of the graph that are computed before others may compute, or a stop is noticed."""
_USUAL_NODES = 900
_IMAGE = 1
_REFUSED = {
    "hunyuan_vl": "numbers its pictures in a way that Paddock does not follow yet",
    "cogvlm": "computes with pictures in a way that Paddock does not follow yet",
}


class Chunk:
    """A picture, or a piece of one, ready to be encoded: its tokens and positions, and where each token stands from the
    first position on, as int32 of shape (4, tokens): time, row, column, and nothing."""

    def __init__(self, api: Any, handle: Any) -> None:
        self.handle = handle
        weakref.finalize(self, api.mtmd_input_chunk_free, handle)
        self.count = int(api.mtmd_input_chunk_get_n_tokens(handle))
        self.positions = int(api.mtmd_input_chunk_get_n_pos(handle))
        places = (api.mtmd_decoder_pos * self.count)()
        api.mtmd_helper_image_get_decoder_pos(api.mtmd_input_chunk_get_tokens_image(handle), 0, places)
        grid = np.frombuffer(places, dtype=np.int32).reshape(self.count, 4)
        self.grid = np.ascontiguousarray(grid[:, [0, 2, 1, 3]].T)


class Projector:
    """The projector of one model. :meth:`split` from any thread, :meth:`encode` from one.

    Args:
        model: Whose embeddings it makes.
        path: Its file.
        threads: To compute with.
        gpu: Whether a GPU may compute.

    Raises LoadFailed, ModelUnusable.
    """

    def __init__(self, model: Model, path: str, *, threads: int, gpu: bool) -> None:
        try:
            from llama_cpp import mtmd_cpp
        except (ImportError, OSError, RuntimeError) as error:
            raise ModelUnusable("This build of llama.cpp cannot see pictures.", hint="Install another one.") from error
        self._api: Any = mtmd_cpp
        name = Path(path).name
        if not Path(path).is_file():
            raise LoadFailed(f"{name} is not there.", hint="Download the projector again, and load the model again.")
        if model.architecture in _REFUSED:
            raise ModelUnusable(
                f"The architecture {model.architecture} {_REFUSED[model.architecture]}.",
                hint="Choose another model for pictures.",
            )
        lib = model.lib
        self._api.mtmd_helper_log_set(lib.on_log, ctypes.c_void_p(0))
        params = self._api.mtmd_context_params_default()
        params.use_gpu, params.n_threads, params.print_timings = gpu, threads, False
        self._callback = lib.api.ggml_backend_sched_eval_callback(self._between)
        params.cb_eval = self._callback
        self._go_on: Callable[[float], bool] = lambda fraction: True
        self._nodes, self._all_nodes, self._stopped = 0, _USUAL_NODES, False
        lib.forget_log()
        self._handle = self._api.mtmd_init_from_file(os.fsencode(path), model.handle, params)
        if not self._handle:
            said = [line.strip().removeprefix("error: ") for line in lib.errors()] or ["no reason given"]
            raise LoadFailed(
                f"{name} does not work as this model’s projector: {said[-1]}",
                hint="Load the model with the projector (mmproj) that was published with it.",
            )
        if not self._api.mtmd_support_vision(self._handle):
            self.close()
            raise ModelUnusable("This model hears, but cannot see pictures.", hint="Choose one with vision.")
        counted = re.findall(r"^reserve_compute_meta: .*\bnodes = (\d+)", "\n".join(lib.log()), re.MULTILINE)
        self._all_nodes = max([int(count) for count in counted], default=_USUAL_NODES)
        self._width = int(lib.api.llama_model_n_embd_inp(model.handle))
        self.whole = bool(self._api.mtmd_decode_use_non_causal(self._handle, None))
        self.mrope = bool(self._api.mtmd_decode_use_mrope(self._handle))
        self.size_bytes = os.path.getsize(path)
        self.identity = bytes.fromhex(weights_identity([Path(path)]))

    def split(self, data: bytes) -> list[list[int] | Chunk]:
        """A picture's file as what the model reads: tokens around it, and chunks of it. Raises BadRequest."""
        api = self._api
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = api.mtmd_helper_bitmap_init_from_buf(self._handle, buffer, len(data), False)
        if not bitmap:
            raise BadRequest("A picture cannot be read: its file is damaged.", hint="Save it again as PNG or JPEG.")
        chunks = api.mtmd_input_chunks_init()
        try:
            marker = api.mtmd_get_marker(self._handle)
            text = api.mtmd_input_text(marker, len(marker), False, True)
            bitmaps = (api.mtmd_bitmap_p_ctypes * 1)(bitmap)
            if api.mtmd_tokenize(self._handle, chunks, ctypes.byref(text), bitmaps, 1):
                raise BadRequest("The model cannot read this picture.", hint="Try another size of it.")
            count = int(api.mtmd_input_chunks_size(chunks))
            return [self._item(api.mtmd_input_chunks_get(chunks, index)) for index in range(count)]
        finally:
            api.mtmd_input_chunks_free(chunks)
            api.mtmd_bitmap_free(bitmap)

    def _item(self, handle: Any) -> list[int] | Chunk:
        api = self._api
        if api.mtmd_input_chunk_get_type(handle) != _IMAGE:
            count = ctypes.c_size_t()
            tokens = api.mtmd_input_chunk_get_tokens_text(handle, ctypes.byref(count))
            return [int(token) for token in tokens[: count.value]]
        chunk = Chunk(api, api.mtmd_input_chunk_copy(handle))
        if not (FEWEST_TOKENS <= chunk.count <= MOST_TOKENS and 0 < chunk.positions <= MOST_POSITIONS):
            raise BadRequest(f"The picture takes {chunk.count:,} tokens.", hint="Try another size of it.")
        return chunk

    def encode(self, chunk: Chunk, go_on: Callable[[float], bool]) -> Embeddings | None:
        """The embeddings of ``chunk``; blocks. ``go_on`` is called between nodes, on this thread, with how much is done
        (0 to 1); None when it said False. Raises EngineError."""
        self._go_on, self._nodes, self._stopped = go_on, 0, False
        status = self._api.mtmd_encode_chunk(self._handle, chunk.handle)
        if self._stopped:
            return None
        if status:
            raise EngineError("The picture could not be encoded.", hint="Try another size of it.")
        values = self._api.mtmd_get_output_embd(self._handle)
        found: Embeddings = np.ctypeslib.as_array(values, (chunk.count, self._width)).copy()
        return found

    def _between(self, _tensor: int, ask: bool, _data: int) -> bool:
        """llama.cpp asks of every node whether to stop behind it, and then whether to go on."""
        if ask:
            self._nodes += 1
            return self._nodes % STEP_NODES == 0
        self._stopped = self._stopped or not self._go_on(min(self._nodes / self._all_nodes, 1.0))
        return not self._stopped

    def close(self) -> None:
        if self._handle:
            self._api.mtmd_free(self._handle)
            self._handle = None
