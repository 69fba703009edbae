"""The cheap path draws what llama.cpp's own chain over the whole vocabulary draws."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.samplers import SamplerChain, defaults
from paddock.sdk.errors import EngineError
from paddock.sdk.llamacpp_sampling import SAMPLERS

VOCAB = 5000
OFF = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0, "dry_sequence_breakers": []}


def stub(n_vocab: int = VOCAB) -> Any:
    """A vocabulary without texts: none of these settings needs them."""
    return SimpleNamespace(lib=library(), n_vocab=n_vocab, vocab=None, eog=(3, 77))


def peaked(seed: int, n_vocab: int = VOCAB, spread: float = 2.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    row = generator.normal(0, spread, n_vocab).astype(np.float32)
    row[generator.choice(n_vocab, 30, replace=False)] += generator.uniform(4, 14, 30).astype(np.float32)
    return row


@contextmanager
def chain(options: dict[str, Any], prompt: list[int] = (), n_vocab: int = VOCAB) -> Iterator[SamplerChain]:
    made = SamplerChain(stub(n_vocab), defaults() | OFF | {"seed": 11} | options, prompt)
    yield made
    made.close()


class Reference:
    """llama.cpp's samplers one after the other over all tokens, as llama-server builds them."""

    def __init__(self, options: dict[str, Any], prompt: list[int] = ()) -> None:
        self.api = api = library().api
        o = defaults() | OFF | {"seed": 11} | options
        breakers = (ctypes.c_char_p * 0)()
        make = {
            "penalties": lambda: api.llama_sampler_init_penalties(
                VOCAB, o["repeat_last_n"], o["repeat_penalty"], o["frequency_penalty"], o["presence_penalty"]),
            "dry": lambda: api.llama_sampler_init_dry(
                None, o["dry_multiplier"], o["dry_base"], o["dry_allowed_length"], o["dry_penalty_last_n"],
                breakers, 0),
            "top_n_sigma": lambda: api.llama_sampler_init_top_n_sigma(o["top_n_sigma"]),
            "top_k": lambda: api.llama_sampler_init_top_k(o["top_k"]),
            "typical_p": lambda: api.llama_sampler_init_typical(o["typical_p"], o["min_keep"]),
            "top_p": lambda: api.llama_sampler_init_top_p(o["top_p"], o["min_keep"]),
            "min_p": lambda: api.llama_sampler_init_min_p(o["min_p"], o["min_keep"]),
            "xtc": lambda: api.llama_sampler_init_xtc(o["xtc_probability"], o["xtc_threshold"], o["min_keep"], 11),
            "temperature": lambda: api.llama_sampler_init_temp_ext(
                o["temperature"], o["dynatemp_range"], o["dynatemp_exponent"]),
        }  # fmt: skip
        self.names, self.typical_p = o["samplers"], o["typical_p"]
        self.samplers = [make[name]() for name in self.names]
        self.dist = api.llama_sampler_init_dist(11)
        self.candidates = Candidates(api, VOCAB)
        for token in prompt:
            self.accept(token)

    def survivors(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.candidates.put(np.arange(VOCAB), row)
        self.defined = True
        for name, sampler in zip(self.names, self.samplers, strict=True):
            if name == "typical_p" and self.typical_p < 1:
                # llama.cpp multiplies a probability of 0 by the logarithm of 0 there, and sorts by what comes out
                self.defined &= every_probability_is_positive(self.candidates.remaining()[1])
            self.candidates.apply(sampler)
        return self.candidates.remaining()

    def draw(self, row: np.ndarray) -> int:
        self.survivors(row)
        token = self.candidates.choose(self.dist)[0]
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        for sampler in self.samplers:
            self.api.llama_sampler_accept(sampler, token)

    def close(self) -> None:
        for sampler in (*self.samplers, self.dist):
            self.api.llama_sampler_free(sampler)


@contextmanager
def reference(options: dict[str, Any], prompt: list[int] = ()) -> Iterator[Reference]:
    made = Reference(options, prompt)
    yield made
    made.close()


def probabilities(survivors: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    ids, logits = survivors
    weights = np.exp(logits.astype(np.float64) - logits.max())
    spread = np.zeros(VOCAB)
    spread[ids] = weights / weights.sum()
    return spread


def every_probability_is_positive(logits: np.ndarray) -> bool:
    return bool(logits.min() - logits.max() > np.log(np.finfo(np.float32).tiny * len(logits)))


def either(off: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(off), values)


SETTINGS = st.fixed_dictionaries(
    {
        "top_k": either(0, st.integers(1, 300)),
        "top_p": either(1.0, st.floats(0.0, 0.999)),
        "min_p": either(0.0, st.floats(1e-4, 1.0)),
        "typical_p": either(1.0, st.floats(0.05, 0.99)),
        "top_n_sigma": either(-1.0, st.floats(0.3, 6.0)),
        "temperature": st.floats(0.2, 3.0),
        "dynatemp_range": either(0.0, st.floats(0.1, 1.0)),
        "dynatemp_exponent": st.floats(0.5, 2.0),
        "xtc_probability": either(0.0, st.just(1.0)),
        "xtc_threshold": st.floats(0.01, 0.5),
        "min_keep": either(0, st.integers(1, 20)),
        "repeat_penalty": either(1.0, st.floats(0.8, 1.5)),
        "frequency_penalty": either(0.0, st.floats(-1.0, 1.0)),
        "presence_penalty": either(0.0, st.floats(-1.0, 1.0)),
        "repeat_last_n": st.integers(0, 40),
        "dry_multiplier": either(0.0, st.floats(0.1, 3.0)),
        "dry_allowed_length": st.integers(0, 3),
        "samplers": st.permutations(SAMPLERS),
    }
)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(SETTINGS, st.integers(0, 10_000), st.sampled_from([0.5, 2.0, 3.0]), st.lists(st.integers(0, 9), max_size=60))
def test_the_survivors_have_llama_cpps_probabilities(options, seed, spread, prompt):
    row = peaked(seed, spread=spread)
    row[:10] += 8  # what the prompt repeats matters
    with chain(options, prompt) as ours, reference(options, prompt) as theirs:
        mine, other = probabilities(ours.survivors(row.copy())), probabilities(theirs.survivors(row))
        assume(theirs.defined)
    np.testing.assert_allclose(mine, other, atol=2e-5)


SAME_STREAM = {
    "default": {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    "top-k off": {"top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    "top-p": {"top_p": 0.9},
    "min-p": {"min_p": 0.01, "temperature": 1.5},
    "typical": {"typical_p": 0.8},
    "top-n-sigma": {"top_n_sigma": 2.0, "temperature": 1.3},
    "temperature first": {"samplers": ["temperature", "min_p"], "temperature": 2.0, "min_p": 0.02},
    "pure temperature": {"temperature": 1.7},
    "nothing": {"samplers": []},
    "xtc": {"top_k": 50, "xtc_probability": 0.5, "xtc_threshold": 0.02},
    "penalties": {"top_k": 20, "repeat_penalty": 1.3, "frequency_penalty": 0.4, "presence_penalty": 0.3},
    "penalties last": {"samplers": ["top_k", "penalties"], "top_k": 20, "presence_penalty": 1.5},
    "dry": {"top_k": 5, "dry_multiplier": 2.0, "dry_allowed_length": 1},
}


@pytest.mark.parametrize("options", SAME_STREAM.values(), ids=SAME_STREAM.keys())
def test_a_seed_draws_llama_cpps_tokens(options):
    """Three rows in turn, so that penalties and DRY have something to repeat."""
    prompt = [5, 6, 7, 5, 6, 7, 5, 6]
    with chain(options, prompt) as ours, reference(options, prompt) as theirs:
        for step in range(60):
            row = peaked(step % 3)
            assert ours.draw(row.copy()) == theirs.draw(row), step


@pytest.mark.parametrize("n_vocab", [7, 127, 128, 1000, 4096])
def test_drawing_from_all_tokens_follows_their_probabilities(n_vocab):
    row = np.log(np.arange(1, n_vocab + 1, dtype=np.float32))
    with chain({}, n_vocab=n_vocab) as ours:
        drawn = np.array([ours.draw(row.copy()) for _ in range(4000)])
    expected = (2 * n_vocab + 1) / 3 - 1  # the mean of i with weight i, counted from zero
    assert abs(drawn.mean() - expected) < 0.02 * n_vocab + 0.1


ALL_KINDS = [
    {"temperature": 0.0},
    {"temperature": 0.8},
    {"top_k": 40},
    {"top_p": 0.9},
    {"min_p": 0.1},
    {"typical_p": 0.9},
    {"top_n_sigma": 1.0},
    {"top_n_sigma": 1.0, "dynatemp_range": 0.5},
    {"dynatemp_range": 0.5},
    {"xtc_probability": 1.0, "xtc_threshold": 0.0},
    {"mirostat": 1},
    {"mirostat": 2},
    {"adaptive_target": 0.5},
    {"presence_penalty": 1.0},
]


@pytest.mark.parametrize("options", ALL_KINDS, ids=str)
def test_a_mask_is_obeyed_and_one_that_allows_nothing_is_an_error(options):
    allowed = np.zeros(VOCAB, np.bool_)
    with chain(options, [1, 2, 3]) as ours:
        with pytest.raises(EngineError, match="allow no token") as raised:
            ours.draw(peaked(1), allowed)
        assert raised.value.hint
        with pytest.raises(EngineError, match="no token"):
            ours.draw(np.full(VOCAB, -np.inf, np.float32))
        allowed[[4000, 4999]] = True
        assert ours.draw(peaked(1), allowed) in (4000, 4999)


@pytest.mark.parametrize("options", ALL_KINDS, ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_numbers_are_an_error(options, value):
    row = peaked(1)
    row[-1] = value
    with chain(options) as ours, pytest.raises(EngineError, match="not numbers"):
        ours.draw(row)


def test_a_mask_of_bits_means_what_a_mask_of_booleans_means():
    allowed = np.random.default_rng(4).random(VOCAB) < 0.3
    words = np.packbits(np.pad(allowed, (0, -VOCAB % 32)), bitorder="little").view(np.uint32)
    with chain({"temperature": 2.0}) as ours:
        one, two = (probabilities(ours.survivors(peaked(1), mask)) for mask in (allowed, words))
        short = ours.survivors(peaked(1), words[:10])[0]
    np.testing.assert_array_equal(one, two)
    assert (one > 0).tolist() == allowed.tolist()
    assert short.max() < 320


def test_biases_are_added_and_the_ends_of_a_turn_ignored():
    row = np.zeros(VOCAB, np.float32)
    row[77] = 50
    with chain({"temperature": 0.0, "logit_bias": {"9": 2.0, "10": -5.0}, "ignore_eos": True}) as ours:
        assert ours.draw(row) == 9
    assert row[10] == -5
    assert row[3] == row[77] == -np.inf


@pytest.mark.parametrize("count", [1, 16, 17, 300])
def test_few_biases_do_what_many_do(count):
    biases = {token: -math.inf if token % 3 else token / 7 for token in range(count)}
    row = peaked(1)
    wanted = row + np.array([biases.get(token, 0.0) for token in range(VOCAB)], np.float32)
    with chain({"logit_bias": {str(token): bias for token, bias in biases.items()}}) as ours:
        tokens, left = ours.survivors(row)
    assert np.array_equal(left, wanted[tokens])
    assert set(tokens) == set(np.flatnonzero(wanted > -np.inf))


def test_changed_settings_keep_the_random_stream():
    plain = {"top_k": 40}
    with chain(plain) as one, chain(plain) as two:
        for step in range(30):
            if step == 10:
                two.change(defaults() | OFF | {"temperature": 0.0})
                two.change(defaults() | OFF | {"min_p": 0.1})
            if step == 20:
                two.change(defaults() | OFF | plain)
            drawn = one.draw(peaked(step)), two.draw(peaked(step))
            assert step in range(10, 20) or drawn[0] == drawn[1]


def test_changed_settings_keep_the_penalty_window():
    row = np.zeros(VOCAB, np.float32)
    row[[20, 21, 22]] = 3, 2, 1.5
    harsh = {"temperature": 0.0, "presence_penalty": 2.0}
    with chain({"temperature": 0.0}, [21]) as ours:
        assert ours.draw(row.copy()) == 20
        ours.change(defaults() | OFF | harsh)
        assert [ours.draw(row.copy()) for _ in range(2)] == [22, 20]
        ours.change(defaults() | OFF | harsh | {"repeat_last_n": 1})
        assert ours.draw(row.copy()) == 21


def test_a_refused_change_leaves_the_settings_as_they_were():
    with chain({"temperature": 0.0}) as ours:
        with pytest.raises(Exception, match="no sampler"):
            ours.change(defaults() | OFF | {"samplers": ["top_q"]})
        row = peaked(2)
        assert ours.draw(row.copy()) == row.argmax()


def test_a_long_answer_forgets_what_left_the_penalty_window():
    row = np.zeros(VOCAB, np.float32)
    options = {"temperature": 0.0, "presence_penalty": 1.0, "repeat_last_n": 200}
    with chain(options) as ours:
        drawn = [ours.draw(row.copy()) for _ in range(1000)]
    assert drawn == [step % 201 for step in range(1000)]
