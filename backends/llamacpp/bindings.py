"""llama.cpp's C interface with owners and errors: the only module that touches ``llama_cpp.llama_cpp``.

Every object here belongs to the thread that decodes, except where a method says otherwise. ctypes releases the GIL
during calls.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp import load_log
from paddock.backends.llamacpp.load_errors import compute_error, load_error
from paddock.sdk.errors import EngineError, EngineMissing, ModelUnusable
from paddock.sdk.types import Device

DECODED, FULL, ABORTED = 0, 1, 2
"""What :meth:`Context.decode` answers: done; no room in the KV cache; stopped by :meth:`Context.abort`."""
WHOLE, PARTIAL = 0, 1
"""Of a sequence's state: everything; or the window and the recurrent state only, which cannot be cut."""

_KINDS = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accelerator"}
_INFO, _ERROR, _CONTINUED = 2, 4, 5
_PIECE = ctypes.c_char * 128


class WithoutMemory(ModelUnusable):
    """The model has no KV cache; it can make embeddings."""


class Library:
    """The loaded native library with its log. ``api`` is the module of C functions."""

    def __init__(self) -> None:
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # its backtrace starts a debugger, which outlives a kill
        try:
            import llama_cpp
            from llama_cpp import llama_cpp as api
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineMissing(
                f"llama.cpp cannot be used here: {error}",
                hint="Install it with “pip install llama-cpp-python”, or start Paddock through run.py.",
            ) from error
        self.api: Any = api
        self.version = str(llama_cpp.__version__)
        self._log: deque[tuple[int, str]] = deque(maxlen=400)
        self.forget_log = self._log.clear
        self._level = _INFO
        self.on_log = api.llama_log_callback(self._logged)
        api.llama_log_set(self.on_log, ctypes.c_void_p(0))
        api.llama_backend_init()
        # A callback in Python would take the GIL for every node of every graph. strlen of a one-character buffer
        # answers 0 (go on) or 1 (stop) in C.
        libc = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self.strlen = ctypes.cast(libc.strlen, api.ggml_abort_callback)

    def _logged(self, level: int, text: bytes, _data: int) -> None:
        self._level = level if level != _CONTINUED else self._level
        if self._level >= _INFO:
            line = text.decode("utf-8", "replace")
            self._log.append((self._level, line.rstrip("\n")))
            sys.stderr.write(line)

    def errors(self) -> list[str]:
        """Error lines since ``forget_log``, oldest first, without the name of the C function."""
        return [re.sub(r"^\w+: ", "", line) for level, line in list(self._log) if level == _ERROR and line]

    def log(self) -> list[str]:
        """All lines since ``forget_log``, the last hundreds at most."""
        return [line for _, line in list(self._log)]

    def devices(self) -> tuple[Device, ...]:
        """Every processor that this build can compute on."""
        names = ("count", "get", "name", "description", "type", "memory")
        call = {name: self.function(f"ggml_backend_dev_{name}") for name in names}
        call["get"].restype = ctypes.c_void_p
        call["count"].restype = ctypes.c_size_t
        for name in ("name", "description"):
            call[name].restype = ctypes.c_char_p
        found = []
        for index in range(call["count"]()):
            device = ctypes.c_void_p(call["get"](ctypes.c_size_t(index)))
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            call["memory"](device, ctypes.byref(free), ctypes.byref(total))
            found.append(
                Device(
                    name=(call["name"](device) or b"").decode("utf-8", "replace"),
                    description=(call["description"](device) or b"").decode("utf-8", "replace").strip(),
                    kind=_KINDS.get(call["type"](device), "accelerator"),  # type: ignore[arg-type]
                    total_bytes=total.value or None,
                    free_bytes=free.value or None,
                )
            )
        return tuple(found)

    def function(self, name: str) -> Any:
        """A C function of ggml, which the bindings do not have."""
        from llama_cpp._ctypes_extensions import load_shared_library
        from llama_cpp._ggml import libggml, libggml_base_path

        try:
            return getattr(libggml, name)
        except AttributeError:  # Windows does not look into the library's own dependencies
            return getattr(load_shared_library("ggml-base", libggml_base_path), name)


@cache
def library() -> Library:
    """The process's one native library: it and its log callback are global in C and can never be unloaded."""
    return Library()


class Model:
    """Weights and vocabulary of one file.

    Args:
        lib: The native library.
        path: First (or only) file of the model.
        configure: Sets fields of ``llama_model_params``.
        progress: Called on this thread with 0 to 1.

    Raises ModelUnusable, OutOfMemory, LoadFailed.
    """

    def __init__(
        self, lib: Library, path: str, configure: Callable[[Any], None], progress: Callable[[float], None]
    ) -> None:
        self.lib = lib
        api = lib.api
        params = api.llama_model_default_params()
        configure(params)

        def report(fraction: float, _data: int) -> bool:
            progress(min(max(fraction, 0.0), 1.0))
            return True

        params.progress_callback = api.llama_progress_callback(report)
        lib.forget_log()
        self._handle = api.llama_model_load_from_file(os.fsencode(path), params)
        if not self._handle:
            raise load_error(path, lib.errors())
        self.buffers, self._ends = load_log.buffers(lib.log()), load_log.end_tokens(lib.log())
        self._vocab = api.llama_model_get_vocab(self._handle)
        self.n_vocab = int(api.llama_vocab_n_tokens(self._vocab))
        self.n_ctx_train = int(api.llama_model_n_ctx_train(self._handle))
        self.n_layer = int(api.llama_model_n_layer(self._handle))
        self.width = int(api.llama_model_n_embd_out(self._handle))
        self.size_bytes = int(api.llama_model_size(self._handle))
        self.architecture = self.metadata("general.architecture")
        self.bos_token = int(api.llama_vocab_bos(self._vocab))
        self.bos = self._text(api.llama_vocab_bos(self._vocab))
        self.eos = self._text(api.llama_vocab_eos(self._vocab))
        self.add_bos = bool(api.llama_vocab_get_add_bos(self._vocab))
        self.add_eos = bool(api.llama_vocab_get_add_eos(self._vocab))
        self.n_swa = int(api.llama_model_n_swa(self._handle))
        self.hybrid = bool(api.llama_model_is_hybrid(self._handle))
        self.recurrent = bool(api.llama_model_is_recurrent(self._handle)) or self.hybrid
        self.diffusion = bool(api.llama_model_is_diffusion(self._handle))
        self.encoder = bool(api.llama_model_has_encoder(self._handle))
        self._pieces: dict[int, bytes] = {}

    @property
    def handle(self) -> Any:
        return self._handle

    @property
    def vocab(self) -> Any:
        return self._vocab

    def metadata(self, key: str) -> str:
        """A value of the file's header as text; empty when it is absent."""
        buffer = ctypes.create_string_buffer(4096)
        size = self.lib.api.llama_model_meta_val_str(self._handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    def template(self) -> str:
        """The chat template's source; empty when the file has none."""
        source = self.lib.api.llama_model_chat_template(self._handle, None)
        return source.decode("utf-8", "replace") if source else ""

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Token ids of ``text``, special tokens in it included. Any thread."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        while True:
            tokens = (self.lib.api.llama_token * room)()
            count = self.lib.api.llama_tokenize(self._vocab, data, len(data), tokens, room, add_special, True)
            if count >= 0:
                return list(tokens[:count])
            if -count <= room:
                raise EngineError("The prompt could not be turned into tokens.", hint="It may be far too long.")
            room = -count

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that ``token`` stands for; control tokens have none unless ``special``."""
        buffer = _PIECE()
        size = self.lib.api.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, special)
        if size < 0:
            buffer = (ctypes.c_char * -size)()
            size = self.lib.api.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, special)
        return buffer.raw[:size]

    def is_eog(self, token: int) -> bool:
        """Whether ``token`` ends the model's turn."""
        return bool(self.lib.api.llama_vocab_is_eog(self._vocab, token))

    @cached_property
    def eog(self) -> tuple[int, ...]:
        """All tokens that end the model's turn: as the load's log has told, or each token is asked for."""
        return self._ends or tuple(token for token in range(self.n_vocab) if self.is_eog(token))

    def is_control(self, token: int) -> bool:
        """Whether ``token`` is a part of templates rather than of text."""
        return bool(self.lib.api.llama_vocab_is_control(self._vocab, token))

    def _text(self, token: int) -> str:
        text = self.lib.api.llama_vocab_get_text(self._vocab, token) if token >= 0 else None
        return text.decode("utf-8", "replace") if text else ""

    def close(self) -> None:
        if self._handle:
            self.lib.api.llama_model_free(self._handle)
            self._handle = None


class Context:
    """KV cache and computation of one model. One thread; :meth:`abort` from any."""

    def __init__(self, model: Model, configure: Callable[[Any], None]) -> None:
        self.model = model
        api = self._api = model.lib.api
        params = api.llama_context_default_params()
        configure(params)
        model.lib.forget_log()
        self._handle = api.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise load_error("", model.lib.errors())
        self.buffers, self.memory_bytes = load_log.buffers(model.lib.log()), load_log.memory_bytes(model.lib.log())
        self._memory = api.llama_get_memory(self._handle)
        if not self._memory:
            self.close()
            raise WithoutMemory("This model does not write text: it has no KV cache.", hint="Choose a chat model.")
        self.n_ctx = int(api.llama_n_ctx(self._handle))
        self.n_ctx_seq = int(api.llama_n_ctx_seq(self._handle))
        self.n_batch = int(api.llama_n_batch(self._handle))
        self.n_ubatch = int(api.llama_n_ubatch(self._handle))
        self.n_seq_max = int(api.llama_n_seq_max(self._handle))
        self.n_rs_seq = int(api.llama_n_rs_seq(self._handle))
        self._forget_log = model.lib.forget_log
        self._row_type = ctypes.c_float * model.n_vocab
        as_address = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)
        self._logits_at = ctypes.cast(api.llama_get_logits_ith, as_address)  # answers with a number: no object to make
        self._rows: dict[int, npt.NDArray[np.float32]] = {}
        self._stop = ctypes.create_string_buffer(2)
        api.llama_set_abort_callback(self._handle, model.lib.strlen, ctypes.addressof(self._stop))

    @property
    def handle(self) -> Any:
        return self._handle

    @cached_property
    def _batch(self) -> Any:
        api, size = self._api, self.n_batch
        batch = api.llama_batch()
        self._arrays = (
            (api.llama_token * size)(),
            (api.llama_pos * size)(),
            (api.llama_seq_id * size)(),
            (ctypes.c_int32 * size)(*([1] * size)),
            (ctypes.POINTER(api.llama_seq_id) * size)(),
            (ctypes.c_int8 * size)(),
        )
        tokens, positions, sequences, counts, pointers, outputs = self._arrays
        base, width = ctypes.addressof(sequences), ctypes.sizeof(api.llama_seq_id)
        for index in range(size):
            pointers[index] = ctypes.cast(base + index * width, ctypes.POINTER(api.llama_seq_id))
        batch.token, batch.pos, batch.n_seq_id = (
            ctypes.cast(a, p)
            for a, p in (
                (tokens, ctypes.POINTER(api.llama_token)),
                (positions, ctypes.POINTER(api.llama_pos)),
                (counts, ctypes.POINTER(ctypes.c_int32)),
            )
        )
        batch.seq_id = ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(api.llama_seq_id)))
        batch.logits = ctypes.cast(outputs, ctypes.POINTER(ctypes.c_int8))
        return batch

    def decode(self, rows: Sequence[tuple[int, int, int, bool]], states: npt.NDArray[np.float32] | None = None) -> int:
        """Evaluate ``rows`` of (token, position, sequence, wants logits), at most ``n_batch`` of them; multi-token-
        prediction layers with the state before each token, ``states`` of shape (rows, width).

        Answers DECODED, FULL (nothing changed) or ABORTED (some rows may be in the KV cache).
        Raises EngineError when the computation failed, OutOfMemory when that was the reason.
        """
        return self.evaluate(self.batch_of(rows, states))

    def batch_of(
        self, rows: Sequence[tuple[int, int, int, bool]], states: npt.NDArray[np.float32] | None = None
    ) -> Any:
        """``rows`` as :meth:`evaluate` takes them; valid until the next call."""
        if not 0 < len(rows) <= self.n_batch:
            raise ValueError(f"{len(rows)} rows do not fit a batch of {self.n_batch}")
        batch = self._batch  # made with the first step: its arrays are tied into a cycle, and a simulation needs none
        arrays: Any = self._arrays
        tokens, positions, sequences, _, _, outputs = arrays
        count = batch.n_tokens = len(rows)
        tokens[:count], positions[:count], sequences[:count], outputs[:count] = zip(*rows, strict=True)
        if states is not None:
            self._states = np.ascontiguousarray(states, dtype=np.float32)  # the batch points there
            batch.embd = self._states.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        return batch

    def evaluate(self, batch: Any) -> int:
        """Compute a ``llama_batch``. Answers and raises as :meth:`decode`."""
        status: int = self._api.llama_decode(self._handle, batch)
        if status != DECODED and status not in (FULL, ABORTED):
            raise compute_error(status, self.model.lib.errors())
        self._forget_log()
        return status

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """The logits of row ``row`` of the last batch, which asked for them; shape (n_vocab,).

        They are llama.cpp's own memory, writable, and valid until the next decode. Raises EngineError when the row
        has none.
        """
        address = self._logits_at(self._handle, row)
        if not address:
            raise EngineError("The model gave no probabilities for a token.", hint="Load the model again.")
        found = self._rows.get(address)
        if found is None:
            values = memoryview(self._row_type.from_address(address))
            found = self._rows[address] = np.frombuffer(values, dtype=np.float32)
        return found

    def abort(self) -> None:
        """Make the running decode call end at its next graph node. Any thread."""
        self._stop[0] = b"x"

    def clear_abort(self) -> None:
        self._stop[0] = b"\0"

    def copy(self, source: int, target: int, length: int) -> None:
        """``target``, which is empty, gets the first ``length`` tokens of ``source``; all of them with -1."""
        self._api.llama_memory_seq_cp(self._memory, source, target, 0 if length >= 0 else -1, length)

    def remove(self, sequence: int, start: int) -> bool:
        """Drop positions from ``start`` on. False where the model cannot do that; everything always goes."""
        return bool(self._api.llama_memory_seq_rm(self._memory, sequence, start or -1, -1))

    def positions(self, sequence: int) -> tuple[int, int]:
        """The first and the last position that ``sequence`` holds; -1 when it is empty."""
        api, memory = self._api, self._memory
        first = int(api.llama_memory_seq_pos_min(memory, sequence))
        return first, int(api.llama_memory_seq_pos_max(memory, sequence))

    def state_size(self, sequence: int, flags: int) -> int:
        """Bytes of the state of ``sequence``, or with PARTIAL of the part of it that cannot be cut."""
        return int(self._api.llama_state_seq_get_size_ext(self._handle, sequence, flags))

    def get_state(self, sequence: int, buffer: Any, size: int, flags: int) -> int:
        """Write the state into ``buffer`` (an array of c_uint8); answers with the bytes written."""
        # no ctypes.cast: it ties the array into a cycle, and megabytes wait for the garbage collector
        return int(self._api.llama_state_seq_get_data_ext(self._handle, buffer, size, sequence, flags))

    def set_state(self, sequence: int, buffer: Any, size: int, flags: int) -> bool:
        """Put a state into ``sequence``. llama.cpp refuses another layout, but accepts states of other weights."""
        return bool(self._api.llama_state_seq_set_data_ext(self._handle, buffer, size, sequence, flags))

    def set_threads(self, writing: int, reading: int) -> None:
        """Threads for steps of single tokens and for steps with more."""
        self._api.llama_set_n_threads(self._handle, writing, reading)

    def set_adapters(self, adapters: Sequence[Any], scales: Sequence[float]) -> None:
        """Handles of LoRA adapters that the following steps are computed with. Raises EngineError."""
        handles = (self._api.llama_adapter_lora_p_ctypes * len(adapters))(*adapters)
        strengths = (ctypes.c_float * len(adapters))(*scales)
        if self._api.llama_set_adapters_lora(self._handle, handles, len(adapters), strengths):
            raise EngineError("The LoRA adapters could not be applied.", hint="Load the model without them.")

    def clear(self) -> None:
        self._api.llama_memory_clear(self._memory, True)

    def close(self) -> None:
        if self._handle:
            self._api.llama_free(self._handle)
            self._handle = None
