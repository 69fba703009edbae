"""The samplers of one answer's settings, laid out so that llama.cpp's own see only tokens that can survive.

In the user's order: stages that work on the whole row, then one reducer that finds the survivors of the first
truncation, then a chain in C over those, then the choice. ``docs/sampling.md`` says what each part costs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from paddock.backends.llamacpp import logits as rows
from paddock.backends.llamacpp.bindings import Model
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.logits import Ids, Row
from paddock.sdk.types import Options

_ANYTHING = 1e-30
"""A min-p that takes away only what is forbidden: typical-p has no number for its expectation otherwise."""
_NO_TEMPERATURE = 1e-30  # logits divided by less overflow; the most likely token is all that such a temperature leaves


class Plan:
    """What ``options`` do to a row of logits. One thread.

    Args:
        model: Whose vocabulary is sampled.
        options: All sampler settings, checked.
        order: Names of the samplers to run.
        seed: Of every sampler with a random stream of its own.
        dist: llama.cpp's sampler that draws a token; the caller's.
        candidates: Room for the vocabulary, free between calls.
        history: All tokens so far, which the caller goes on appending to; the penalties start from its end.
    """

    def __init__(
        self,
        model: Model,
        options: Options,
        order: Sequence[str],
        *,
        seed: int,
        dist: Any,
        candidates: Candidates,
        history: Sequence[int],
    ) -> None:
        self._model, self._api, self._options = model, model.lib.api, options
        self._seed, self._dist, self._candidates = seed, dist, candidates
        self._owned: list[Any] = []
        self._windows: list[_Window] = []
        self._stages: list[Callable[[Row], None]] = []
        self._reduce: Callable[[Row], Ids] | None = None
        self._in_order = False
        self._greedy = self._float("temperature") <= _NO_TEMPERATURE
        self._chooser = None if self._greedy else self._own_chooser()
        mirostat = self._int("mirostat") and not self._greedy
        rest = ["temperature"] if mirostat else [name for name in order if self._active(name)]
        while rest and self._reduce is None:
            rest = self._place(rest, history)
        if self._chooser is not None and self._reduce is None:
            self._reduce = _everything
        params = self._api.llama_sampler_chain_default_params()
        params.no_perf = True
        self._tail = self._own(self._api.llama_sampler_chain_init(params))
        for at, name in enumerate(rest):
            self._api.llama_sampler_chain_add(self._tail, self._made(name))
            if name == "top_n_sigma" and "typical_p" in rest[at:]:
                self._api.llama_sampler_chain_add(self._tail, self._api.llama_sampler_init_min_p(_ANYTHING, 0))
        if self._chooser is not None:
            self._api.llama_sampler_chain_add(self._tail, self._chooser)
        self._last = (self._tail, dist) if self._chooser is None else (self._tail,)
        self._tail_listens = self._chooser is not None or any(name in ("penalties", "dry") for name in rest)
        if self._tail_listens:
            longest = max(self._length(name) for name in ("penalties", "dry"))
            for token in history[-longest:] if longest else ():
                self._api.llama_sampler_accept(self._tail, token)
        self.listens = self._tail_listens or bool(self._windows)
        """Whether :meth:`accept` has anything to do."""

    def draw(self, row: Row) -> int:
        """The next token. Changes ``row``. Raises EngineError when none is allowed or the row is not of numbers."""
        for stage in self._stages:
            stage(row)
        if self._greedy:
            token = int(row.argmax())
            rows.checked(float(row[token]))
            return token
        if self._reduce is None:
            return self._draw_from_all(row)
        ids = self._reduce(row)
        self._candidates.put(ids, row[ids], in_order=self._in_order)
        token, logit = self._candidates.choose(*self._last)
        rows.checked(logit)
        return token

    def survivors(self, row: Row) -> tuple[Ids, Row]:
        """The tokens that can be drawn and their last logits, instead of drawing one. Changes ``row``."""
        for stage in self._stages:
            stage(row)
        rows.greatest(row)
        if self._greedy:
            ids = np.array([row.argmax()])
            return ids, row[ids]
        ids = self._reduce(row) if self._reduce else rows.at_least(row, rows.LOWEST)
        self._candidates.put(ids, row[ids], in_order=self._in_order)
        self._candidates.apply(self._tail)
        left, logits = self._candidates.remaining()
        return left.astype(np.intp), logits

    def accept(self, token: int) -> None:
        for window in self._windows:
            window.accept(token)
        if self._tail_listens:
            self._api.llama_sampler_accept(self._tail, token)

    def close(self) -> None:
        for sampler in self._owned:
            self._api.llama_sampler_free(sampler)
        self._owned = []

    def _place(self, names: list[str], history: Sequence[int]) -> list[str]:
        """Make the first of ``names`` a stage of the row or the reducer; answers with what is left for C."""
        name, rest = names[0], names[1:]
        keep = self._int("min_keep")
        match name:
            case "penalties" | "dry":
                window = _Window(self._api, self._own(self._made(name)), self._length(name), history, self._candidates)
                self._windows.append(window)
                self._stages.append(window)
            case "temperature":
                self._stages.append(self._temperature())
            case "xtc":
                self._stages.append(self._xtc())
            case "top_k":
                self._reduce = rows.Top(self._int("top_k"))
                return names
            case "min_p":
                p = self._float("min_p")
                self._reduce = lambda row: rows.above_min_p(row, p, keep)
                return names
            case "top_p":
                p = self._float("top_p")
                later = self._float("min_p") if rest[:1] == ["min_p"] and keep <= 1 else 0.0
                self._reduce, self._in_order = (lambda row: rows.nucleus(row, p, keep, later)), True
            case "typical_p":
                p = self._float("typical_p")
                self._reduce = lambda row: rows.typical(row, p, keep)
            case "top_n_sigma" if self._counts_forbidden(rest):
                self._reduce = _everything  # both count the tokens that top-n-sigma has forbidden
                return names
            case "top_n_sigma":
                sigma = self._float("top_n_sigma")
                self._reduce = lambda row: rows.above_sigma(row, sigma)
            case _:
                raise AssertionError(name)
        return rest

    def _counts_forbidden(self, rest: Sequence[str]) -> bool:
        """Whether a sampler behind top-n-sigma counts the tokens that it has forbidden."""
        if "typical_p" in rest:
            return False
        return self._int("min_keep") > 1 or ("temperature" in rest and self._float("dynatemp_range") > 0)

    def _temperature(self) -> Callable[[Row], None]:
        temperature, spread = self._float("temperature"), self._float("dynatemp_range")
        if spread <= 0:
            return lambda row: rows.divide(row, temperature)
        exponent = self._float("dynatemp_exponent")
        return lambda row: rows.divide(row, rows.dynamic_temperature(row, temperature, spread, exponent))

    def _xtc(self) -> Callable[[Row], None]:
        """XTC in front of any truncation. Its random stream is C's: two equal tokens show what it has decided."""
        threshold, keep = self._float("xtc_threshold"), self._int("min_keep")
        sampler = self._own(self._api.llama_sampler_init_xtc(self._float("xtc_probability"), threshold, 0, self._seed))
        equal = np.zeros(2, np.float32)

        def apply(row: Row) -> None:
            self._candidates.put(np.arange(2), equal)
            self._candidates.apply(sampler)
            if len(self._candidates.remaining()[0]) == 1:
                rows.exclude_top_choices(row, threshold, keep)

        return apply

    def _draw_from_all(self, row: Row) -> int:
        """Draw without any truncation: a block of tokens first, then within it, with the same random number."""
        weights = rows.softmax_weights(row, rows.greatest(row))
        whole = row.size // rows.BLOCK * rows.BLOCK
        masses = weights[:whole].reshape(-1, rows.BLOCK).sum(axis=1, dtype=np.float64)
        masses = np.append(masses, weights[whole:].sum(dtype=np.float64))
        copy = self._api.llama_sampler_clone(self._dist)
        block = self._pick(copy, masses)
        self._api.llama_sampler_free(copy)
        inner = weights[block * rows.BLOCK : (block + 1) * rows.BLOCK]
        place = self._pick(self._dist, np.array([masses[:block].sum(), *inner, masses[block + 1 :].sum()])) - 1
        if not 0 <= place < inner.size or not inner[place]:  # rounding at the block's edge
            place = int(inner.argmax())
        return block * rows.BLOCK + place

    def _pick(self, dist: Any, masses: Any) -> int:
        with np.errstate(divide="ignore"):
            logits = np.log(masses).astype(np.float32)
        self._candidates.put(np.arange(len(masses)), logits)
        return self._candidates.choose(dist)[0]

    def _active(self, name: str) -> bool:
        if self._greedy and name not in ("penalties", "dry"):
            return False  # none of the others changes which token is the most likely, except XTC, which would drop it
        match name:
            case "penalties":
                changed = self._float("repeat_penalty") != 1
                changed = changed or bool(self._float("frequency_penalty") or self._float("presence_penalty"))
                return changed and self._length(name) > 0
            case "dry":
                return self._float("dry_multiplier") != 0 and self._length(name) > 0
            case "top_n_sigma" | "top_k" | "min_p":
                return self._float(name) > 0
            case "typical_p" | "top_p":
                return self._float(name) < 1
            case "xtc":
                return self._float("xtc_probability") > 0 and self._float("xtc_threshold") <= 0.5
            case _:
                return self._float("temperature") != 1 or self._float("dynatemp_range") > 0

    def _made(self, name: str) -> Any:
        """llama.cpp's sampler for ``name``."""
        api, keep = self._api, self._int("min_keep")
        match name:
            case "penalties":
                values = (self._float(key) for key in ("repeat_penalty", "frequency_penalty", "presence_penalty"))
                return api.llama_sampler_init_penalties(self._model.n_vocab, self._int("repeat_last_n"), *values)
            case "dry":
                return self._dry()
            case "top_n_sigma":
                return api.llama_sampler_init_top_n_sigma(self._float(name))
            case "top_k":
                return api.llama_sampler_init_top_k(self._int(name))
            case "typical_p":
                return api.llama_sampler_init_typical(self._float(name), keep)
            case "top_p":
                return api.llama_sampler_init_top_p(self._float(name), keep)
            case "min_p":
                return api.llama_sampler_init_min_p(self._float(name), keep)
            case "xtc":
                values = (self._float(key) for key in ("xtc_probability", "xtc_threshold"))
                return api.llama_sampler_init_xtc(*values, keep, self._seed)
            case "temperature":
                values = (self._float(key) for key in ("temperature", "dynatemp_range", "dynatemp_exponent"))
                return api.llama_sampler_init_temp_ext(*values)
            case _:
                raise AssertionError(name)

    def _dry(self) -> Any:
        texts = [text.encode() for text in cast(list[str], self._options["dry_sequence_breakers"]) if text]
        return self._api.llama_sampler_init_dry(
            self._model.vocab,
            self._float("dry_multiplier"),
            self._float("dry_base"),
            self._int("dry_allowed_length"),
            self._int("dry_penalty_last_n"),
            (ctypes.c_char_p * len(texts))(*texts),
            len(texts),
        )

    def _own_chooser(self) -> Any:
        """The sampler that chooses the token in place of a plain draw, if there is one."""
        api, tau, eta = self._api, self._float("mirostat_tau"), self._float("mirostat_eta")
        if self._int("mirostat") == 1:
            return api.llama_sampler_init_mirostat(self._model.n_vocab, self._seed, tau, eta, 100)
        if self._int("mirostat") == 2:
            return api.llama_sampler_init_mirostat_v2(self._seed, tau, eta)
        if (target := self._float("adaptive_target")) >= 0:
            return api.llama_sampler_init_adaptive_p(target, self._float("adaptive_decay"), self._seed)
        return None

    def _length(self, name: str) -> int:
        return self._int("repeat_last_n" if name == "penalties" else "dry_penalty_last_n")

    def _own(self, sampler: Any) -> Any:
        self._owned.append(sampler)
        return sampler

    def _int(self, name: str) -> int:
        return int(cast(int, self._options[name]))

    def _float(self, name: str) -> float:
        return float(cast(float, self._options[name]))


class _Window:
    """Penalties or DRY on a whole row: only tokens seen lately can change, so C is shown no others."""

    def __init__(self, api: Any, sampler: Any, length: int, history: Sequence[int], candidates: Candidates) -> None:
        self._api, self._sampler, self._length, self._history = api, sampler, length, history
        self._candidates = candidates
        for token in history[-length:]:
            api.llama_sampler_accept(sampler, token)
        self._remember()

    def __call__(self, row: Row) -> None:
        ids = np.array(list(self._seen), np.int32)
        self._candidates.put(ids, row[ids])
        self._candidates.apply(self._sampler)
        row[ids] = self._candidates.logits(len(ids))

    def accept(self, token: int) -> None:
        self._api.llama_sampler_accept(self._sampler, token)
        self._seen.add(token)
        if len(self._seen) > 2 * self._length + 64:
            self._remember()

    def _remember(self) -> None:
        self._seen = set(self._history[-self._length :])


def _everything(row: Row) -> Ids:
    rows.greatest(row)
    return np.arange(row.size)
