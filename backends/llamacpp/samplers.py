"""llama.cpp's own sampler chain, in the user's order."""

from __future__ import annotations

import ctypes
import difflib
import math
import secrets
from collections.abc import Sequence
from typing import Any, cast

from paddock.backends.llamacpp.bindings import Context, Model
from paddock.sdk.errors import InvalidOption
from paddock.sdk.llamacpp_options import SAMPLERS, SAMPLING
from paddock.sdk.options import check
from paddock.sdk.types import Options

_MODEL_KEYS = (
    "top_k", "top_p", "min_p", "xtc_probability", "xtc_threshold", "temp", "penalty_last_n", "penalty_repeat",
    "mirostat", "mirostat_tau", "mirostat_eta",
)  # fmt: skip


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
        self._model = model
        self._api = api = model.lib.api
        self._options = options
        self.seed = self._seed()
        biases = self._biases()
        order = _order(options)
        params = api.llama_sampler_chain_default_params()
        params.no_perf = True
        self._handle = api.llama_sampler_chain_init(params)
        if biases:
            self._add(api.llama_sampler_init_logit_bias(model.n_vocab, len(biases), _bias_array(api, biases)))
        mirostat = self._int("mirostat")
        greedy = self._float("temperature") <= 0
        if mirostat and not greedy:
            self._add_mirostat(mirostat)
        else:
            for name in order:
                self._add_named(name, greedy)
            self._add_choice(greedy)
        if not mirostat or greedy:
            for token in prompt[-self._history(order) :] if self._history(order) else ():
                api.llama_sampler_accept(self._handle, token)

    def sample(self, context: Context, row: int) -> int:
        """The next token, from the logits of row ``row`` of the batch just decoded."""
        return int(self._api.llama_sampler_sample(self._handle, context.handle, row))

    def close(self) -> None:
        if self._handle:
            self._api.llama_sampler_free(self._handle)
            self._handle = None

    def _add(self, sampler: Any) -> None:
        self._api.llama_sampler_chain_add(self._handle, sampler)

    def _add_mirostat(self, version: int) -> None:
        api, tau, eta = self._api, self._float("mirostat_tau"), self._float("mirostat_eta")
        self._add(api.llama_sampler_init_temp(self._float("temperature")))
        if version == 1:
            self._add(api.llama_sampler_init_mirostat(self._model.n_vocab, self.seed, tau, eta, 100))
        else:
            self._add(api.llama_sampler_init_mirostat_v2(self.seed, tau, eta))

    def _add_named(self, name: str, greedy: bool) -> None:
        api, keep = self._api, self._int("min_keep")
        if greedy and name not in ("penalties", "dry"):
            return  # none of the others changes which token is the most likely, except XTC, which would drop it
        match name:
            case "penalties":
                values = (self._float(key) for key in ("repeat_penalty", "frequency_penalty", "presence_penalty"))
                self._add(api.llama_sampler_init_penalties(self._model.n_vocab, self._int("repeat_last_n"), *values))
            case "dry":
                self._add(self._dry())
            case "top_n_sigma":
                self._add(api.llama_sampler_init_top_n_sigma(self._float("top_n_sigma")))
            case "top_k":
                self._add(api.llama_sampler_init_top_k(self._int("top_k")))
            case "typical_p":
                self._add(api.llama_sampler_init_typical(self._float("typical_p"), keep))
            case "top_p":
                self._add(api.llama_sampler_init_top_p(self._float("top_p"), keep))
            case "min_p":
                self._add(api.llama_sampler_init_min_p(self._float("min_p"), keep))
            case "xtc":
                probability, threshold = self._float("xtc_probability"), self._float("xtc_threshold")
                self._add(api.llama_sampler_init_xtc(probability, threshold, keep, self.seed))
            case "temperature":
                spread, exponent = self._float("dynatemp_range"), self._float("dynatemp_exponent")
                self._add(api.llama_sampler_init_temp_ext(self._float("temperature"), spread, exponent))
            case _:
                raise AssertionError(name)

    def _add_choice(self, greedy: bool) -> None:
        target = self._float("adaptive_target")
        if greedy:
            self._add(self._api.llama_sampler_init_greedy())
        elif target >= 0:
            self._add(self._api.llama_sampler_init_adaptive_p(target, self._float("adaptive_decay"), self.seed))
        else:
            self._add(self._api.llama_sampler_init_dist(self.seed))

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

    def _history(self, order: Sequence[str]) -> int:
        """How many tokens of the prompt the active penalties look at."""
        changed = self._float("repeat_penalty") != 1
        changed = changed or bool(self._float("frequency_penalty") or self._float("presence_penalty"))
        penalties = self._int("repeat_last_n") if changed and "penalties" in order else 0
        dry = self._int("dry_penalty_last_n") if self._float("dry_multiplier") and "dry" in order else 0
        return max(penalties, dry)

    def _biases(self) -> dict[int, float]:
        wanted = cast("dict[str, float]", self._options["logit_bias"] or {})
        biases: dict[int, float] = {}
        for key, bias in wanted.items():
            if math.isnan(bias) or bias > 1000:
                raise InvalidOption(f"“logit_bias” cannot be {bias} for “{key}”.", hint="It takes numbers up to 1000.")
            for token in self._tokens(key):
                biases[token] = bias
        if self._options["ignore_eos"]:
            biases |= {token: -math.inf for token in range(self._model.n_vocab) if self._model.is_eog(token)}
        if sum(bias == -math.inf for bias in biases.values()) >= self._model.n_vocab:
            raise InvalidOption("“logit_bias” forbids every token.", hint="Leave at least one.")
        return biases

    def _tokens(self, key: str) -> list[int]:
        if not key.isdecimal():
            return self._model.tokenize(key, add_special=False)
        if int(key) >= self._model.n_vocab:
            last = self._model.n_vocab - 1
            raise InvalidOption(f"“logit_bias” names token {key}.", hint=f"The model’s last token is {last}.")
        return [int(key)]

    def _seed(self) -> int:
        seed = self._int("seed")
        return seed if seed >= 0 else secrets.randbits(31)  # 0xFFFFFFFF would mean random to llama.cpp

    def _int(self, name: str) -> int:
        return int(cast(int, self._options[name]))

    def _float(self, name: str) -> float:
        return float(cast(float, self._options[name]))


def _order(options: Options) -> list[str]:
    names = cast("list[str]", options["samplers"])
    for name in names:
        if name not in SAMPLERS:
            near = difflib.get_close_matches(name, SAMPLERS, n=1)
            hint = f"Did you mean “{near[0]}”?" if near else f"Samplers: {', '.join(SAMPLERS)}."
            raise InvalidOption(f"There is no sampler “{name}”.", hint=hint, option="samplers")
    return names


def _bias_array(api: Any, biases: dict[int, float]) -> Any:
    array = (api.llama_logit_bias * len(biases))()
    for entry, (token, bias) in zip(array, biases.items(), strict=True):
        entry.token, entry.bias = token, bias
    return array
