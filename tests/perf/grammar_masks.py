"""What it costs to tell which tokens a grammar has next: llama.cpp's sampler over the whole vocabulary, and Paddock.

    python tests/perf/grammar_masks.py [--vocabulary gemma-4] [--rounds 5]

Prints JSON: milliseconds at the worst and at the middle place of a text, the best of the rounds at each place;
``known_ms`` are those of masks that were made for an answer before. The vocabularies are in llama.cpp's sources, that
of Gemma 4 has 262,144 tokens. ``bytes_ms`` is what the first answer with a grammar waits for after a load.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from bench_model import default_cache, source

from paddock.backends.llamacpp import gbnf
from paddock.backends.llamacpp.bindings import Model, library
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.grammar_program import Program
from paddock.backends.llamacpp.grammar_states import States
from paddock.backends.llamacpp.grammar_tokens import Masks, TokenBytes, TokenMasks

CHARACTER = r"""
char   ::= [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4})
ws     ::= | " " | "\n" [ \t]{0,20}
"""
JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" char* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
"""
SCHEMA = r"""
root   ::= "{" ws name "," ws colour "," ws tags "}" ws
name   ::= "\"name\"" ws ":" ws "\"" char{1,50} "\"" ws
colour ::= "\"colour\"" ws ":" ws ("\"red\"" | "\"green\"" | "\"dark green\"" | "\"darker blue\"") ws
tags   ::= "\"tags\"" ws ":" ws "[" ws ("\"" char* "\"" ws ("," ws "\"" char* "\"" ws){0,9})? "]" ws
"""
CASES = {
    "JSON": (
        JSON + CHARACTER,
        '{"name": "Grüße, 漢字\\n", "list": [1, 2.5e3, {"a": [["x y", null]]}], "end": true}',
    ),
    "a schema": (
        SCHEMA + CHARACTER,
        '{"name": "Anna Berg 漢字", "colour": "dark green", "tags": ["one", "two three"]}',
    ),
    "a verdict": (r'root ::= ("PASS" | "FAIL") ": " [^\n]{1,80}', "FAIL: the answer does not say why."),
    "a list": (r'root ::= ("- " [^\n]+ "\n")+', "- one thing, 漢字\n- another\n"),
}


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def ours(tokens: TokenBytes, program: Program, text: list[int]) -> tuple[list[float], list[float]]:
    """Of each place of ``text`` what the mask costs, and what it costs the next answer."""
    masks = Masks(tokens, program)
    found: list[list[float]] = []
    for _ in range(2):
        states = States(program)
        reader, at, times = TokenMasks(masks, states), states.start, list[float]()
        for token in text:
            at = states.next_token(at)
            times.append(timed(lambda at=at, reader=reader: reader.allowed(at)))
            assert reader.allowed(at)[token]
            at = reader.behind(at, token)
        found.append(times)
    return found[0], found[1]


def theirs(model: Model, grammar: str, text: list[int]) -> list[float]:
    api = model.lib.api
    sampler = api.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
    candidates, ids = Candidates(api, model.n_vocab), np.arange(model.n_vocab)
    times = []
    for token in text:
        candidates.put(ids, np.zeros(model.n_vocab, np.float32))
        times.append(timed(lambda: candidates.apply(sampler)))
        api.llama_sampler_accept(sampler, token)
    api.llama_sampler_free(sampler)
    return times


def told(rounds: list[list[float]]) -> dict[str, float]:
    best = [min(times) for times in zip(*rounds, strict=True)]
    return {"worst": round(max(best), 3), "median": round(statistics.median(best), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", default="gemma-4", help="as in llama.cpp's models/ggml-vocab-….gguf")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    path = source(default_cache()) / "models" / f"ggml-vocab-{given.vocabulary}.gguf"
    model = Model(library(), str(path), lambda params: setattr(params, "vocab_only", True), lambda fraction: None)
    begin = time.perf_counter()
    tokens = TokenBytes(model.n_vocab, lambda token: model.piece(token, special=True), model.eog)
    result: dict[str, Any] = {"tokens": model.n_vocab, "bytes_ms": round((time.perf_counter() - begin) * 1e3)}
    for name, (grammar, words) in CASES.items():
        program, text = Program(gbnf.read(grammar)), model.tokenize(words, add_special=False)
        pairs = [ours(tokens, program, text) for _ in range(given.rounds)]
        plain = told([theirs(model, grammar, text) for _ in range(given.rounds)])
        masks, known = told([first for first, _ in pairs]), told([second for _, second in pairs])
        ratio = round(masks["worst"] / plain["worst"], 3)
        result[name] = {"llama.cpp_ms": plain, "paddock_ms": masks, "known_ms": known, "ratio_of_worst": ratio}
    sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
