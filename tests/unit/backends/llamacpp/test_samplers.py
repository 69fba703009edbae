"""Samplers on real logits: every option is taken, and the important ones visibly do what they say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from paddock.backends.llamacpp.samplers import SamplerChain, defaults, model_defaults
from paddock.sdk.llamacpp_sampling import SAMPLERS, SAMPLING

LONG = {"ignore_eos": True}


def text(driver, *, max_tokens: int = 40, **sampling: object) -> str:
    return driver.start("A question", max_tokens=max_tokens, sampling=LONG | sampling).text


@pytest.fixture(scope="module")
def greedy_text(random_llama):
    random_llama.start("A question", max_tokens=1, sampling=LONG).finished  # noqa: B018  fills the prefix
    return text(random_llama, temperature=0)


def test_a_seed_reproduces_and_another_one_differs(random_llama):
    text(random_llama, max_tokens=1)
    first = text(random_llama, seed=7, temperature=1.5)
    assert text(random_llama, seed=7, temperature=1.5) == first
    assert text(random_llama, seed=8, temperature=1.5) != first


def test_without_a_seed_each_answer_differs(random_llama):
    assert text(random_llama, temperature=2, top_k=0, top_p=1, min_p=0) != text(
        random_llama, temperature=2, top_k=0, top_p=1, min_p=0
    )


def test_the_seed_in_use_is_known(random_llama):
    model = random_llama.engine._model
    chain = SamplerChain(model, defaults() | {"seed": 42}, [1])
    other = SamplerChain(model, defaults(), [1])
    assert chain.seed == 42
    assert 0 <= other.seed < 2**32 - 1
    chain.close()
    other.close()


@pytest.mark.parametrize(
    "sampling",
    [
        {"top_k": 1},
        {"top_p": 0.0},
        {"min_p": 1.0},
        {"temperature": 0.0, "mirostat": 2},
        {"temperature": 0.0, "top_k": 5, "xtc_probability": 1.0, "xtc_threshold": 0.01},
        {"top_n_sigma": 0.0001, "temperature": 1.0},
    ],
)
def test_settings_that_leave_one_token_are_greedy(random_llama, greedy_text, sampling):
    assert text(random_llama, **sampling) == greedy_text


def test_logit_bias_forces_a_token_by_id_and_by_text(random_llama):
    assert text(random_llama, max_tokens=5, logit_bias={str(3 + ord("Q")): 500.0}) == "Q" * 5
    assert set(text(random_llama, max_tokens=5, logit_bias={"€": 500.0})) <= {" ", "€"}


def test_logit_bias_forbids_a_token(random_llama, greedy_text):
    first = random_llama.engine._model.tokenize(greedy_text, add_special=False)
    banned = {str(token): -100.0 for token in first}
    assert text(random_llama, max_tokens=5, temperature=0, logit_bias=banned)[:1] != greedy_text[:1]


def test_penalties_spread_the_tokens(random_llama):
    forced = {str(3 + byte): 4.0 for byte in range(97, 123)}
    plain = Counter(text(random_llama, max_tokens=60, temperature=0, logit_bias=forced))
    spread = Counter(
        text(random_llama, max_tokens=60, temperature=0, logit_bias=forced, presence_penalty=2.0,
             frequency_penalty=2.0, repeat_penalty=3.0, repeat_last_n=60)
    )  # fmt: skip
    assert len(spread) > len(plain)


def test_dry_stops_a_repeated_passage(random_llama):
    forced = {str(3 + byte): 30.0 for byte in b"xy"}
    plain = text(random_llama, max_tokens=60, temperature=0, logit_bias=forced)
    dry = text(random_llama, max_tokens=60, temperature=0, logit_bias=forced, dry_multiplier=5.0, dry_base=3.0,
               dry_allowed_length=1, dry_sequence_breakers=[])  # fmt: skip
    assert set(plain) <= {"x", "y"}
    assert set(dry) - {"x", "y"}


def test_the_order_decides_what_is_sampled(random_llama):
    """Min-p after a very high temperature keeps far more than before it."""
    hot = {"temperature": 30.0, "min_p": 0.3, "top_k": 0, "top_p": 1.0, "seed": 3}
    first = text(random_llama, max_tokens=80, samplers=["min_p", "temperature"], **hot)
    last = text(random_llama, max_tokens=80, samplers=["temperature", "min_p"], **hot)
    assert first != last


@pytest.mark.parametrize("spec", SAMPLING, ids=lambda spec: spec.name)
def test_every_option_is_taken_at_its_ends(random_llama, spec):
    values = [spec.default, spec.off, spec.minimum, spec.maximum, spec.soft_maximum]
    if spec.name == "samplers":
        values = [[], ["temperature"], list(reversed(SAMPLERS))]
    elif spec.name == "dry_sequence_breakers":
        values = [[], ["x" * 100, ""]]
    elif spec.name == "lora_scales":
        values = [{}]  # this model has no adapters
    elif spec.kind == "bias":
        values = [{}, {"5": -1.5, "the": 2}, {"3": float("-inf")}]
    for value in values:
        if value is None:
            continue
        sampling = {spec.name: int(value) if spec.kind == "int" else value}
        run = random_llama.start("A", max_tokens=3, sampling=LONG | sampling)
        assert run.finished.reason in ("length", "stop"), (spec.name, value)


@pytest.mark.parametrize(
    "sampling",
    [
        {"mirostat": 1, "mirostat_tau": 3.0, "mirostat_eta": 0.2},
        {"mirostat": 1, "mirostat_tau": 0.0, "logit_bias": {str(3 + 65): 1000.0}},
        {"mirostat": 2, "mirostat_tau": 3.0},
        {"adaptive_target": 0.3, "adaptive_decay": 0.5},
        {"temperature": 1.0, "dynatemp_range": 0.8, "dynatemp_exponent": 2.0},
        {"typical_p": 0.3, "min_keep": 5},
        {"xtc_probability": 1.0, "xtc_threshold": 0.0},
        {"dry_multiplier": 0.8, "dry_penalty_last_n": 1_000_000, "repeat_last_n": 1_000_000, "repeat_penalty": 1.1},
        {"temperature": 100.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "samplers": []},
    ],
)
def test_combinations_work_and_their_seed_reproduces(random_llama, sampling):
    assert text(random_llama, seed=5, **sampling) is not None
    model = random_llama.engine._model
    rows = np.random.default_rng(1).normal(0, 3, (40, model.n_vocab)).astype(np.float32)
    drawn = []
    for _ in range(2):
        chain = SamplerChain(model, defaults() | {"seed": 5} | sampling, [1, 2, 3])
        drawn.append([chain.draw(row.copy()) for row in rows])
        chain.close()
    assert drawn[0] == drawn[1]


def test_what_the_models_file_recommends_is_the_default(driver, gguf_file, tmp_path):
    path = gguf_file.write_llama(
        tmp_path / "advised.gguf",
        general__sampling__temp=(gguf_file.F32, 0.0),
        general__sampling__top_k=(gguf_file.I32, 7),
        general__sampling__min_p=(gguf_file.F32, 5.0),
    )
    driver.load(path)
    assert model_defaults(driver.engine._model) == {"temperature": 0.0, "top_k": 7}
    driver.start("A question", max_tokens=1, sampling=LONG).text  # noqa: B018  fills the prefix
    assert text(driver) == text(driver)


def test_end_of_turn_is_respected_unless_it_is_ignored(chat):
    assert chat.greedy("Hello").finished.reason == "stop"
    assert chat.greedy("Hello", max_tokens=60, sampling=LONG).finished.reason == "length"
