"""Guesses by a model's own multi-token-prediction layers: from the state behind a token and the token that follows, the
one after that.

The engine's thread. The layers have a context of their own on the same weights. Of a long prompt they read its end
alone: it costs little, and a prefix that was not read again is not missed.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.bindings import DECODED, Context, Library
from paddock.backends.llamacpp.draft_model import P_MIN, likeliest
from paddock.backends.llamacpp.loading import set_alike
from paddock.backends.llamacpp.sequence import Step
from paddock.sdk.errors import InvalidOption
from paddock.sdk.types import Options

ARCHITECTURES = ("glm4moe", "qwen35", "qwen35moe")
"""Whose layers were tried. llama.cpp computes others too, but aborts the process over details of their files."""
SEEN = 256
"""Tokens of a prompt that the layers read."""

Hidden = npt.NDArray[np.float32]
"""The state behind a token; shape (width,)."""


@dataclass(eq=False)
class _Answer:
    """The states of an answer's tokens from position ``first`` on, and what the layers have read of it: the tokens
    before position ``done``, in sequence ``number`` of their context."""

    first: int = 0
    states: list[Hidden] = field(default_factory=list)
    number: int | None = None
    done: int = 0

    @property
    def end(self) -> int:
        return self.first + len(self.states)

    def keep(self, position: int, rows: npt.NDArray[np.float32]) -> None:
        """Take in the states of the tokens from ``position`` on, in place of what was there."""
        skipped = max(len(rows) - SEEN, 0)
        if skipped or not self.first <= position <= self.end:
            self.first, self.states = position + skipped, []
        del self.states[position + skipped - self.first :]
        self.states.extend(rows[skipped:].copy())
        self.forget(self.end - SEEN)

    def forget(self, before: int) -> None:
        """Drop the states of tokens before this position."""
        if before > self.first:
            del self.states[: before - self.first]
            self.first = before


class MtpDrafter:
    """The layers with their context (:class:`paddock.backends.llamacpp.drafting.Proposer`).

    Args:
        main: The model's context; it keeps the state behind every token from now on.
        files: Of the model.
        options: Its effective load options.
        answers: That draft at once at most.

    Raises InvalidOption when the model has no layers that can be used, and what making a context raises.
    """

    def __init__(self, main: Context, files: Sequence[Path], options: Options, *, answers: int) -> None:
        self._main, self.model = main, main.model
        self.context = mtp_context(main, files, options, answers=answers)
        self._free = list(range(answers))
        self._answers: dict[str, _Answer] = {}
        self._scratch = np.empty(self.model.n_vocab, np.float32)
        self._api = _api()
        for context in (main, self.context):
            self._api.llama_set_embeddings_nextn(context.handle, True, False)

    def observe(self, step: Step) -> None:
        """The main context has just computed ``step``: keep the states of the answers that draft."""
        if step.picture is not None or not any(sequence.draft_limit for sequence in step.counts):
            return
        states, start = self._states(self._main, len(step.rows)), 0
        for sequence, count in step.counts.items():
            if sequence.draft_limit:
                answer = self._answers.setdefault(sequence.id, _Answer())
                answer.keep(step.rows[start][1], states[start : start + count])
            start += count

    def propose(self, key: str, tokens: Sequence[int], limit: int, p_min: float = P_MIN) -> list[int]:
        """Up to ``limit`` tokens that probably follow ``tokens``, whose last one has still to be evaluated; as long as
        the probability of each is at least ``p_min``. [] while the state behind the one before is not known."""
        answer, last = self._answers.get(key), len(tokens) - 1
        if limit <= 0 or answer is None or not answer.first < last <= answer.end:
            return []
        number, start = self._resume(answer, last)
        rows = [(tokens[at], at, number, at == last) for at in range(start, last + 1)]
        states = np.stack(answer.states[start - 1 - answer.first : last - answer.first])
        answer.done = last + 1
        answer.forget(last)
        found: list[int] = []
        while self.context.decode(rows, states) == DECODED:
            token = likeliest(self.context.logits(len(rows) - 1), p_min, self._scratch)
            if token is None:
                return found
            found.append(token)
            if len(found) == limit or last + len(found) + 1 >= self.context.n_ctx_seq:
                return found
            states = self._states(self.context, len(rows))[-1:].copy()
            rows = [(token, last + len(found), number, True)]
        self._release(answer)
        return found

    def forget(self, key: str) -> None:
        """The answer has ended."""
        if key in self._answers:
            self._release(self._answers.pop(key))

    def set_threads(self, writing: int, reading: int) -> None:
        """Threads for guessing and for reading."""
        self.context.set_threads(writing, reading)

    def close(self) -> None:
        self.context.close()

    def _states(self, context: Context, rows: int) -> npt.NDArray[np.float32]:
        """The state behind each of the ``rows`` of the last step; llama.cpp's own memory until the next one."""
        pointer = self._api.llama_get_embeddings_nextn(context.handle)
        return np.ctypeslib.as_array(pointer, shape=(rows, self.model.width))

    def _resume(self, answer: _Answer, last: int) -> tuple[int, int]:
        """A sequence for ``answer``, and the position that the layers go on from, at most ``last``: what was guessed is
        cut, and with a hole before it what was read."""
        if answer.number is None:
            if not self._free:
                self._release(next(other for other in self._answers.values() if other.number is not None))
            answer.number = self._free.pop()
        if answer.done <= answer.first:
            answer.done = 0
        start = min(answer.done, last) or answer.first + 1
        self.context.remove(answer.number, start if answer.done else 0)
        return answer.number, start

    def _release(self, answer: _Answer) -> None:
        if answer.number is not None:
            self.context.remove(answer.number, 0)
            self._free.append(answer.number)
        answer.number, answer.done = None, 0


def mtp_context(main: Context, files: Sequence[Path], options: Options, *, answers: int) -> Context:
    """The context of the layers, beside ``main``. Raises InvalidOption, OutOfMemory, LoadFailed."""
    model = main.model
    api = model.lib.api
    count = int(api.llama_model_n_layer_nextn(model.handle))
    if options["draft_model"]:
        raise _refused("It has a draft model beside it.")
    if _api() is None:
        raise _refused("This build of llama.cpp does not tell what such layers need.")
    if not count:
        raise _refused("It has none.")
    if model.architecture not in ARCHITECTURES or count > 1:
        raise _refused(f"Those of the architecture {model.architecture} have not been tried.")
    name = f"blk.{model.n_layer}.nextn.eh_proj.weight"
    if not any(_has_tensor(model.lib, file, name) for file in files):
        raise _refused("They were left out of its file.")

    def configure(params: Any) -> None:
        set_alike(params, options)
        params.ctx_type, params.ctx_other = api.LLAMA_CONTEXT_TYPE_MTP, main.handle
        params.n_ctx, params.n_seq_max, params.kv_unified = main.n_ctx, answers, True
        params.n_batch = params.n_ubatch = SEEN
        params.n_outputs_max, params.n_outputs_max_per_seq = answers, 1

    return Context(model, configure)


def _api() -> Any:
    """llama.cpp's functions for hidden states, which it exports as C++ and the bindings call experimental; None where
    this build has none."""
    try:
        from llama_cpp import llama_cpp_ext
    except (ImportError, AttributeError):
        return None
    return llama_cpp_ext


def _refused(reason: str) -> InvalidOption:
    return InvalidOption(
        f"The multi-token-prediction layers of this model cannot be used. {reason}",
        hint="Load it without “mtp”; “ngram” and draft models work all the same.",
        option="mtp",
    )


class _GgufParams(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def _has_tensor(lib: Library, file: Path, name: str) -> bool:
    read, find, free = (lib.function(f"gguf_{name}") for name in ("init_from_file", "find_tensor", "free"))
    read.restype, read.argtypes = ctypes.c_void_p, (ctypes.c_char_p, _GgufParams)
    find.restype, find.argtypes = ctypes.c_int64, (ctypes.c_void_p, ctypes.c_char_p)
    free.restype, free.argtypes = None, (ctypes.c_void_p,)
    header = read(os.fsencode(file), _GgufParams(True, None))
    if not header:
        return False
    try:
        return bool(find(header, name.encode()) >= 0)
    finally:
        free(header)
