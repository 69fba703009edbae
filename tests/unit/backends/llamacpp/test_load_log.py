"""What the log of a load tells is what llama.cpp itself answers."""

from __future__ import annotations

from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.load_log import end_tokens
from paddock.backends.llamacpp.loading import effective_options, load_model


def test_the_tokens_that_end_a_turn_are_those_of_the_vocabulary(starter):
    model = load_model(library(), str(starter), effective_options({}), lambda fraction: None)
    told = end_tokens(model.lib.log())
    assert told == tuple(token for token in range(model.n_vocab) if model.is_eog(token)) == model.eog
    model.close()


def test_a_log_that_has_lost_its_beginning_tells_nothing():
    lines = ["print_info: arch                  = llama", "print_info: EOG token             = 7 '</s>'"]
    assert end_tokens(lines) == (7,)
    assert end_tokens(lines[1:]) == ()
