"""A small model that guesses tokens for a large one with the same vocabulary, in the same process.

The engine's thread; every call ends with all that was guessed still in the draft model's context, and the next one cuts
what turned out otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.bindings import DECODED, FULL, Context, Library, Model
from paddock.backends.llamacpp.loading import (
    LEARNED_POSITIONS,
    effective_options,
    load_model,
    make_context,
    with_threads,
)
from paddock.sdk.errors import InvalidOption, PaddockError
from paddock.sdk.types import Options

P_MIN = 0.75
"""Least probability of a guess, llama.cpp's long-standing default: a doubtful one costs more than it brings."""
CATCH_UP = 256
"""Tokens read in one call at most: the answers of the large model wait meanwhile."""
SIZE_DIFFERENCE = 128
"""Vocabularies of one family are padded differently; what llama.cpp allows (common/speculative.cpp)."""
SAMPLED = 2000
_TAKEN_OVER = ("n_threads", "n_threads_batch", "n_gpu_layers", "main_gpu", "flash_attn", "use_mmap", "use_mlock")


@dataclass(eq=False)
class _Slot:
    """A sequence of the draft context. The first ``agreed`` of its tokens are known to be the answer's."""

    number: int
    key: str | None = None
    tokens: list[int] = field(default_factory=list)
    agreed: int = 0
    used: int = 0


class DraftModel:
    """The draft model with its context.

    Args:
        lib: The native library.
        path: First file of the model.
        options: The large model's effective load options; devices and threads are the same.
        main: The large model.
        cells: Context length of the large model.
        progress: Called on this thread with 0 to 1.

    Raises InvalidOption when it cannot draft for ``main``, and what a load raises.
    """

    def __init__(
        self, lib: Library, path: str, options: Options, main: Model, *, cells: int, progress: Callable[[float], None]
    ) -> None:
        model, self._context, effective = load_draft(lib, path, options, main, cells=cells, progress=progress)
        self._model = model
        self._longest = cast(int, effective["n_ctx"])
        self._slots = [_Slot(number) for number in range(cast(int, effective["n_parallel"]))]
        self._n_vocab = min(model.n_vocab, main.n_vocab)
        self._scratch = np.empty(model.n_vocab, np.float32)
        self._clock = 0

    @property
    def model(self) -> Model:
        return self._model

    @property
    def context(self) -> Context:
        return self._context

    def propose(self, key: str, tokens: Sequence[int], limit: int, p_min: float = P_MIN) -> list[int]:
        """Up to ``limit`` tokens that probably follow ``tokens``, the likeliest each time, as long as its probability
        is at least ``p_min``. ``key`` names the answer, whose tokens only grow. [] while it is still being read."""
        if limit <= 0 or not 0 < len(tokens) < self._longest:
            return []
        slot = self._slot(key, tokens)
        new = list(tokens[self._cut(slot, tokens) :])
        if not self._evaluate(slot, new[:CATCH_UP]):
            return []
        slot.agreed = len(slot.tokens)
        if len(new) > CATCH_UP:
            return []
        row, found = len(new) - 1, []
        for _ in range(min(limit, self._longest - len(tokens))):
            token = self._likeliest(row, p_min)
            if token is None:
                break
            found.append(token)
            if len(found) == limit or self._model.is_eog(token) or not self._evaluate(slot, [token]):
                break
            row = 0
        return found

    def forget(self, key: str) -> None:
        """The answer has ended; what was read stays for a follow-up until its place is needed."""
        for slot in self._slots:
            if slot.key == key:
                slot.key = None

    def set_threads(self, writing: int, reading: int) -> None:
        """Threads for guessing and for reading."""
        self._context.set_threads(writing, reading)

    def close(self) -> None:
        self._context.close()
        self._model.close()

    def _slot(self, key: str, tokens: Sequence[int]) -> _Slot:
        """The place of ``key``: its own, else a free one that begins like ``tokens``, else the one used longest ago."""
        self._clock += 1
        slot = next((slot for slot in self._slots if slot.key == key), None)
        if slot is None:
            free = [slot for slot in self._slots if slot.key is None] or self._slots
            slot = max(free, key=lambda slot: (_common(slot.tokens, tokens, 0), -slot.used))
            slot.key, slot.agreed = key, 0
        slot.used = self._clock
        return slot

    def _cut(self, slot: _Slot, tokens: Sequence[int]) -> int:
        """Drop what differs from ``tokens``, and their last one, whose logits are needed; the length that is left."""
        length = min(_common(slot.tokens, tokens, slot.agreed), len(tokens) - 1)
        if length < len(slot.tokens):
            cut = self._context.remove(slot.number, length)
            if length and not (cut and self._context.positions(slot.number) == (0, length - 1)):
                self._empty(slot)
                length = 0
            del slot.tokens[length:]
        slot.agreed = length
        return length

    def _evaluate(self, slot: _Slot, new: list[int]) -> bool:
        """Read ``new``; False where it has no room, even after the places used longest ago were given up."""
        if max(new) >= self._model.n_vocab:
            return False
        start, last = len(slot.tokens), len(new) - 1
        rows = [(token, start + at, slot.number, at == last) for at, token in enumerate(new)]
        while (status := self._context.decode(rows)) == FULL:
            others = [other for other in self._slots if other.tokens and other is not slot]
            if not others:
                break
            self._empty(min(others, key=lambda other: (other.key is not None, other.used)))
        if status != DECODED:
            self._empty(slot)
            return False
        slot.tokens.extend(new)
        return True

    def _likeliest(self, row: int, p_min: float) -> int | None:
        token = likeliest(self._context.logits(row), p_min, self._scratch)
        return token if token is not None and token < self._n_vocab else None

    def _empty(self, slot: _Slot) -> None:
        self._context.remove(slot.number, 0)
        slot.tokens.clear()
        slot.agreed = 0


def load_draft(
    lib: Library,
    path: str,
    options: Options,
    main: Model,
    *,
    cells: int,
    progress: Callable[[float], None] = lambda fraction: None,
    simulated: bool = False,
) -> tuple[Model, Context, Options]:
    """Model and context that draft for ``main``, and their options; raises as :class:`DraftModel`."""
    own = {name: options[name] for name in _TAKEN_OVER}
    own |= {"n_parallel": options["n_parallel"], "draft_max": 0, "swa_full": True}
    model = load_model(lib, path, effective_options(own), progress, simulated=simulated)
    try:
        _check(model, os.path.basename(path), main)
        longest = min(cells, model.n_ctx_train) if model.architecture in LEARNED_POSITIONS else cells
        threads = cast(int, options["n_threads"])
        effective = with_threads(effective_options(own | {"n_ctx": longest}), model.size_bytes, threads)
        return model, make_context(model, effective), effective
    except PaddockError:
        model.close()
        raise


def likeliest(logits: npt.NDArray[np.float32], p_min: float, scratch: npt.NDArray[np.float32]) -> int | None:
    """The token with the highest logit; None when its probability is below ``p_min``. ``scratch`` is as long."""
    token = int(logits.argmax())
    np.subtract(logits, logits[token], out=scratch)
    np.exp(scratch, out=scratch)
    return token if p_min * scratch.sum() <= 1 else None


def _common(held: Sequence[int], wanted: Sequence[int], start: int) -> int:
    """How many tokens both begin with; the first ``start`` are known to be equal."""
    most = min(len(held), len(wanted))
    return next((at for at in range(start, most) if held[at] != wanted[at]), most)


def _check(draft: Model, name: str, main: Model) -> None:
    """Raise InvalidOption unless ``draft`` can guess for ``main``: what llama-server asks for, too."""
    if draft.recurrent:
        raise InvalidOption(
            f"{name} cannot be a draft model: its state cannot be taken back when a guess was wrong.",
            hint="Choose a small model without recurrent layers.",
            option="draft_model",
        )
    shared = min(draft.n_vocab, main.n_vocab)
    ids = range(0, shared, max(shared // SAMPLED, 1))
    same = (
        abs(draft.n_vocab - main.n_vocab) <= SIZE_DIFFERENCE
        and (draft.add_bos, draft.bos, draft.add_eos, draft.eos) == (main.add_bos, main.bos, main.add_eos, main.eos)
        and all(draft.piece(token, special=True) == main.piece(token, special=True) for token in ids)
    )
    if not same:
        title = main.metadata("general.name") or main.architecture
        raise InvalidOption(
            f"{name} cannot draft for {title}: their vocabularies differ.",
            hint="Choose a small model of the same family.",
            option="draft_model",
        )
