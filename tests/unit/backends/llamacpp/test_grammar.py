"""Answers that are held to a grammar; what is thought before them is free."""

from __future__ import annotations

import re

import numpy as np
import pytest

from paddock.backends.llamacpp import gbnf
from paddock.backends.llamacpp.bindings import Model, library
from paddock.backends.llamacpp.grammar import Grammar
from paddock.backends.llamacpp.grammar_program import Program
from paddock.backends.llamacpp.grammar_tokens import Masks, TokenBytes

VERDICT = r'root ::= ("PASS" | "FAIL") ": " [^\n]{1,40}'


@pytest.fixture(scope="module")
def model(starter):
    made = Model(library(), str(starter), lambda params: None, lambda fraction: None)
    yield made
    made.close()


def tokens_of(model: Model) -> TokenBytes:
    return TokenBytes(model.n_vocab, lambda token: model.piece(token, special=True), model.eog)


def written(model: Model, text: str, inside: str = "nothing") -> str:
    """What comes of a model that wants to write ``text`` and nothing else."""
    grammar = Grammar(Masks(tokens_of(model), Program(gbnf.read(VERDICT))), inside)
    out = b""
    for token in model.tokenize(text, add_special=False):
        row = np.zeros(model.n_vocab, np.float32)
        row[token] = 1
        out += model.piece(grammar.draw(row, lambda row: int(row.argmax())), special=True)
    return out.decode()


@pytest.mark.parametrize("sampling", [{"temperature": 0.0}, {"temperature": 2.0, "seed": 3}, {"drafting": "ngram"}])
def test_an_answer_is_held_to_its_grammar_and_ends_with_it(chat, sampling):
    run = chat.start("Hello", grammar=VERDICT, sampling=sampling)
    assert re.fullmatch(r"(PASS|FAIL): [^\n]{1,40}", run.text_when_finished)
    assert run.finished.reason == "stop"


def test_what_fits_the_grammar_is_written_as_it_came(model):
    assert written(model, "FAIL: no.") == "FAIL: no."
    assert written(model, "\nFAIL: no.") == "\nFAIL: no."


def test_a_model_may_think_first_and_is_held_to_the_grammar_behind_it(model):
    thought = "<think>PASS or </thin> FAIL?</think>\n\n"
    assert written(model, f"{thought}FAIL: no.") == f"{thought}FAIL: no."
    assert written(model, "hm</think>FAIL: no.", "opened") == "hm</think>FAIL: no."
    assert re.match(r"hm</think>(PASS|FAIL)", written(model, "hm</think>So it seems to be", "reasoning"))
    assert not written(model, "FAIL: no.", "text").startswith("<think>")


def test_a_grammar_that_cannot_be_read_is_refused(chat):
    assert chat.start("Hello", grammar="rot ::= x").failed.error.code == "bad_request"


def test_a_grammar_that_would_end_the_process_is_refused_and_the_next_answer_comes(chat):
    refused = chat.start("Hello", grammar='root ::= "a" !<[5]>').failed.error
    assert refused.code == "bad_request"
    assert "tokens" in refused.message
    assert chat.greedy("Hello", max_tokens=2).finished


def test_a_complete_text_ends_though_the_settings_forbid_its_end(chat):
    run = chat.start("Hello", grammar='root ::= "PASS"', sampling={"ignore_eos": True})
    assert run.text_when_finished == "PASS"
    assert run.finished.reason == "stop"


@pytest.mark.parametrize("sampling", [{"mirostat": 2}, {"logit_bias": {"PASS": -1000.0}}, {"drafting": "ngram"}])
def test_a_grammar_holds_beside_other_settings(chat, sampling):
    sampling = {"temperature": 3.0, "top_k": 0, "seed": 5} | sampling
    root = r'root ::= ws* ("PASS" | "漢字" [^\x00-\x7F]{2,4} "é"?) ws*' + "\nws ::= [ ]*"
    runs = [chat.start("Hello", grammar=root, sampling=sampling, max_tokens=60, stop=("\n",)) for _ in range(3)]
    for run in runs:
        text = run.text_when_finished
        assert run.finished.reason == "length" or re.fullmatch(r" *(PASS|漢字[^\x00-\x7f]{2,5}) *", text), text
