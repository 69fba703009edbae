"""The samplers of one answer: llama.cpp's, in the user's order, at a price that does not grow with the vocabulary."""

from __future__ import annotations

import difflib
import math
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt

from paddock.backends.llamacpp.bindings import Context, Model
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.grammar import Grammar
from paddock.backends.llamacpp.logits import Ids, Row, forbid
from paddock.backends.llamacpp.sampling_plan import Plan
from paddock.sdk.errors import InvalidOption
from paddock.sdk.llamacpp_sampling import SAMPLERS, SAMPLING
from paddock.sdk.options import check
from paddock.sdk.types import Options

Mask = npt.NDArray[np.uint32] | npt.NDArray[np.bool_]

_MODEL_KEYS = (
    "top_k", "top_p", "min_p", "xtc_probability", "xtc_threshold", "temp", "penalty_last_n", "penalty_repeat",
    "mirostat", "mirostat_tau", "mirostat_eta",
)  # fmt: skip

_FEW = 16
"""Tokens whose logits are changed one by one in less time than at once."""


def defaults() -> Options:
    """llama.cpp's sampler settings."""
    return {spec.name: spec.default for spec in SAMPLING}


def model_defaults(model: Model) -> Options:
    """What the model's file recommends (``general.sampling.*``); values outside their range are left out."""
    found: Options = {}
    for key in _MODEL_KEYS:
        text = model.metadata(f"general.sampling.{key}")
        try:
            found |= check({key: float(text)}, SAMPLING, where="the model") if text else {}
        except (ValueError, InvalidOption):
            continue
    return found


class SamplerChain:
    """Draws the tokens of one answer. Belongs to the thread that decodes; ``seed`` is the one in use.

    Args:
        model: Whose vocabulary is sampled.
        options: All sampler settings, checked.
        prompt: Token ids that the repetition penalties start from.

    Raises InvalidOption for an unknown sampler name and for a bias that cannot be applied.
    """

    def __init__(self, model: Model, options: Options, prompt: Sequence[int]) -> None:
        self._model, self._api = model, model.lib.api
        self.grammar: Grammar | None = None
        """What the answer is held to."""
        self._history = list(prompt)
        self._candidates = Candidates(self._api, model.n_vocab)
        wanted = cast(int, options["seed"])
        self.seed = wanted if wanted >= 0 else secrets.randbits(31)  # 0xFFFFFFFF would mean random to llama.cpp
        self._bias = _bias(model, options)
        order = _order(options)
        self._dist = self._api.llama_sampler_init_dist(self.seed)
        self._changes = 0
        self._plan = self._planned(options, order)

    def sample(self, context: Context, row: int, allowed: Mask | None = None) -> int:
        """The next token, from the logits of row ``row`` of the batch just decoded; see :meth:`draw`."""
        return self.draw(context.logits(row), allowed)

    def draw(self, logits: Row, allowed: Mask | None = None) -> int:
        """The next token, which the penalties then remember.

        Args:
            logits: Of one position, float32 of shape (n_vocab,). Changed in place: a row can be read once.
            allowed: Tokens that may come, as :func:`paddock.backends.llamacpp.logits.forbid` takes them.

        Raises EngineError when settings and mask allow no token, and when the logits are not numbers.
        """
        row = self._prepared(logits, allowed)
        token = self._plan.draw(row) if self.grammar is None else self.grammar.draw(row, self._plan.draw)
        self._history.append(token)
        if self._plan.listens:
            self._plan.accept(token)
        return token

    def survivors(self, logits: Row, allowed: Mask | None = None) -> tuple[Ids, Row]:
        """The tokens that :meth:`draw` could answer with, and their logits after all samplers. Changes ``logits``."""
        return self._plan.survivors(self._prepared(logits, allowed))

    def change(self, options: Options) -> None:
        """Go on with other settings: the draw's random stream and the history of the penalties continue.

        A new ``seed`` is not heeded; Mirostat, adaptive-p and the decisions of XTC begin anew. Raises InvalidOption
        as the constructor does, and then nothing has changed.
        """
        bias, order = _bias(self._model, options), _order(options)
        self._changes += 1
        plan = self._planned(options, order)
        self._plan.close()
        self._plan, self._bias = plan, bias

    def close(self) -> None:
        if self._dist:
            self._plan.close()
            self._api.llama_sampler_free(self._dist)
            self._dist = None

    def _prepared(self, logits: Row, allowed: Mask | None) -> Row:
        self._bias(logits)
        if allowed is not None:
            forbid(logits, allowed)
        return logits

    def _planned(self, options: Options, order: Sequence[str]) -> Plan:
        seed = (self.seed + self._changes) % 0xFFFFFFFF
        return Plan(
            self._model,
            options,
            order,
            seed=seed,
            dist=self._dist,
            candidates=self._candidates,
            history=self._history,
        )


def _bias(model: Model, options: Options) -> Callable[[Row], None]:
    """Adds to a row what its tokens' logits get."""
    wanted = cast("dict[str, float]", options["logit_bias"] or {})
    biases: dict[int, float] = {}
    for key, bias in wanted.items():
        if math.isnan(bias) or bias > 1000:
            raise InvalidOption(f"“logit_bias” cannot be {bias} for “{key}”.", hint="It takes numbers up to 1000.")
        biases |= dict.fromkeys(_tokens(model, key), bias)
    if options["ignore_eos"]:
        biases |= dict.fromkeys(model.eog, -math.inf)
    if sum(bias == -math.inf for bias in biases.values()) >= model.n_vocab:
        raise InvalidOption("“logit_bias” forbids every token.", hint="Leave at least one.")
    if len(biases) <= _FEW:
        return partial(_add_each, tuple(biases.items()))
    return partial(_add, np.array(list(biases), np.intp), np.array(list(biases.values()), np.float32))


def _add_each(biases: tuple[tuple[int, float], ...], row: Row) -> None:
    for token, bias in biases:
        row[token] = bias if bias == -math.inf else row[token] + bias


def _add(tokens: Ids, biases: Row, row: Row) -> None:
    row[tokens] += biases


def _tokens(model: Model, key: str) -> list[int]:
    if not key.isdecimal():
        return model.tokenize(key, add_special=False)
    if len(key) > 9 or int(key) >= model.n_vocab:
        last = model.n_vocab - 1
        raise InvalidOption(f"“logit_bias” names token {key}.", hint=f"The model’s last token is {last}.")
    return [int(key)]


def _order(options: Options) -> list[str]:
    names = cast("list[str]", options["samplers"])
    for name in names:
        if name not in SAMPLERS:
            near = difflib.get_close_matches(name, SAMPLERS, n=1)
            hint = f"Did you mean “{near[0]}”?" if near else f"Samplers: {', '.join(SAMPLERS)}."
            raise InvalidOption(f"There is no sampler “{name}”.", hint=hint, option="samplers")
    return names
