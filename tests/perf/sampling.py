"""What sampling one token costs: llama.cpp's chain over the whole vocabulary, and Paddock's.

    python tests/perf/sampling.py [--vocab 151936] [--rounds 7] [--tokens 40]

Prints JSON: microseconds a token (medians; both sides alternate) and their ratio. The rows are random with thirty
peaks, no model is needed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.samplers import SamplerChain, defaults

OFF: dict[str, Any] = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0, "dry_sequence_breakers": []}
PENALTIES = {"repeat_penalty": 1.1, "frequency_penalty": 0.2, "presence_penalty": 0.2}
CHAINS: dict[str, dict[str, Any]] = {
    "default": {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    "top-k off": {"top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    "top-p alone": {"top_p": 0.95},
    "min-p alone": {"min_p": 0.05},
    "top-n-sigma": {"top_n_sigma": 1.0},
    "typical": {"typical_p": 0.9},
    "penalties": PENALTIES | {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    "DRY": {"dry_multiplier": 0.8, "top_k": 40},
    "XTC, top-k off": {"xtc_probability": 0.5, "min_p": 0.05},
    "greedy": {"temperature": 0.0},
    "bias": {"logit_bias": {str(token): 1.0 for token in range(20)}, "top_k": 40},
    "pure temperature": {"temperature": 0.8},
}


def plain_chain(options: dict[str, Any], n_vocab: int, prompt: list[int]) -> Callable[[np.ndarray], int]:
    """The samplers as llama-server chains them."""
    api, o = library().api, defaults() | OFF | options
    biases = (api.llama_logit_bias * max(len(o["logit_bias"] or {}), 1))()
    for entry, (token, bias) in zip(biases, (o["logit_bias"] or {}).items(), strict=False):
        entry.token, entry.bias = int(token), bias
    chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
    greedy = o["temperature"] <= 0
    made = [
        api.llama_sampler_init_logit_bias(n_vocab, len(o["logit_bias"] or {}), biases),
        api.llama_sampler_init_penalties(
            n_vocab, o["repeat_last_n"], o["repeat_penalty"], o["frequency_penalty"], o["presence_penalty"]
        ),
        api.llama_sampler_init_dry(None, o["dry_multiplier"], o["dry_base"], 2, o["dry_penalty_last_n"], None, 0),
        api.llama_sampler_init_top_n_sigma(o["top_n_sigma"]),
        api.llama_sampler_init_top_k(o["top_k"]),
        api.llama_sampler_init_typical(o["typical_p"], 0),
        api.llama_sampler_init_top_p(o["top_p"], 0),
        api.llama_sampler_init_min_p(o["min_p"], 0),
        api.llama_sampler_init_xtc(o["xtc_probability"], o["xtc_threshold"], 0, 1),
        api.llama_sampler_init_greedy() if greedy else api.llama_sampler_init_temp(o["temperature"]),
        *([] if greedy else [api.llama_sampler_init_dist(1)]),
    ]
    for sampler in made:
        api.llama_sampler_chain_add(chain, sampler)
    for token in prompt:
        api.llama_sampler_accept(chain, token)
    candidates, ids = Candidates(api, n_vocab), np.arange(n_vocab)

    def draw(row: np.ndarray) -> int:
        candidates.put(ids, row)  # llama_sampler_sample fills its array as well
        candidates.apply(chain)
        token = candidates.selected()[0]
        api.llama_sampler_accept(chain, token)
        return token

    return draw


def timed(draw: Callable[[np.ndarray], int], rows: list[np.ndarray]) -> float:
    """Microseconds a token."""
    copies = [row.copy() for row in rows]
    begin = time.perf_counter()
    for row in copies:
        draw(row)
    return (time.perf_counter() - begin) / len(rows) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocab", type=int, default=151_936, help="tokens in the vocabulary")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=40, help="tokens a round")
    given = parser.parse_args()
    generator = np.random.default_rng(1)
    rows = []
    for _ in range(given.tokens):
        row = generator.normal(0, 2, given.vocab).astype(np.float32)
        row[generator.choice(given.vocab, 30, replace=False)] += generator.uniform(6, 18, 30).astype(np.float32)
        rows.append(row)
    model: Any = SimpleNamespace(lib=library(), n_vocab=given.vocab, vocab=None, eog=())
    prompt = generator.integers(0, given.vocab, 64).tolist()
    result = {}
    for name, options in CHAINS.items():
        plain = plain_chain(options, given.vocab, prompt)
        ours = SamplerChain(model, defaults() | OFF | {"seed": 1} | options, prompt)
        pairs = [(timed(plain, rows), timed(ours.draw, rows)) for _ in range(given.rounds)]
        ours.close()
        c, own = (statistics.median(side) for side in zip(*pairs, strict=True))
        result[name] = {"llama.cpp_us": round(c, 1), "paddock_us": round(own, 1), "ratio": round(own / c, 3)}
    sys.stdout.write(json.dumps({"vocab": given.vocab, "chains": result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
