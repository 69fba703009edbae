"""What a grammar has next is what llama.cpp's own sampler says, in bounded work however ambiguous the grammar is."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.backends.llamacpp import gbnf, grammar_tokens
from paddock.backends.llamacpp.bindings import Model, library
from paddock.backends.llamacpp.candidates import Candidates
from paddock.backends.llamacpp.grammar_program import Program
from paddock.backends.llamacpp.grammar_states import DEAD, MOST_WORK, States
from paddock.backends.llamacpp.grammar_tokens import Masks, TokenBytes, TokenMasks
from paddock.sdk.errors import BadRequest

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""
GRAMMARS = {
    "json": JSON,
    "counts": r'root ::= .{3,9} "q"* ("end" | "a"{2} "b"{0} "c"{2,})?',
    "characters": r'root ::= ([à-ÿ] | "漢" [一-龥]+ | [^\x00-\x7F]{2,4} "é"? | "\u00e9\U0001F600" | [a-c\-\]x]*)+ "."',
    "words": 'root ::= ("the " | "then" | "there " | "a" "b"? "c")+ [.!?]',
    "ranges": r"root ::= [z-a0-9-]+ | [\x41-\x43^]{2,}",
    "nothing": 'root ::= "" [] a | [^] "b"\na ::= "x" | ""',
    "within itself": 'root ::= t ([-+*/] t)*\nt ::= [0-9]+ " "* | "(" root ")"',
    "ways that end alike": "root ::= ([a-z]+ [a-z ]*)+ [.]",
}
EXPRESSION = """
root ::= sum | sum "=" sum
sum  ::= term "+" sum | term "-" sum | term
term ::= part "*" term | part "/" term | part
part ::= [0-9]+ | "-" part | "(" sum ")" | [a-z]+ "(" (sum ("," sum)*)? ")"
"""
"""Until its end nobody knows which alternative an open parenthesis stands in."""
AMBIGUOUS = "root ::= x x x x x x | x x x x x | x x x x | x x x | x x | x\n" + 'x ::= "a" root | "a"'
"""The ways to divide a row of “a” become more with each."""


@pytest.fixture(scope="module")
def model(starter) -> Iterator[Model]:
    made = Model(library(), str(starter), lambda params: None, lambda fraction: None)
    yield made
    made.close()


@pytest.fixture(scope="module")
def tokens(model) -> TokenBytes:
    return TokenBytes(model.n_vocab, lambda token: model.piece(token, special=True), model.eog)


class Walk:
    """A text that grows by tokens of ``model``, read by us and by llama.cpp."""

    def __init__(self, model: Model, tokens: TokenBytes, source: str) -> None:
        self.tokens, self._api = tokens, model.lib.api
        program = Program(gbnf.read(source))
        self.states = States(program)
        self.masks = TokenMasks(Masks(tokens, program), self.states)
        self.at = self.states.start
        self._theirs = self._api.llama_sampler_init_grammar(model.vocab, source.encode(), b"root")
        assert self._theirs
        self._all = np.arange(model.n_vocab)
        self._candidates = Candidates(self._api, model.n_vocab)

    def ours(self) -> np.ndarray:
        self.at = self.states.next_token(self.at)
        return self.masks.allowed(self.at)

    def theirs(self) -> np.ndarray:
        self._candidates.put(self._all, np.zeros(len(self._all), np.float32))
        self._candidates.apply(self._theirs)
        return np.equal(self._candidates.logits(len(self._all)), 0).copy()

    def take(self, token: int) -> None:
        self.at = self.masks.behind(self.at, token)
        self._api.llama_sampler_accept(self._theirs, token)

    def close(self) -> None:
        self._api.llama_sampler_free(self._theirs)


def is_text(piece: bytes) -> bool:
    try:
        return bool(piece.decode())
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("source", GRAMMARS.values(), ids=GRAMMARS)
def test_the_tokens_that_may_come_are_those_that_llama_cpp_takes(model, tokens, source):
    text = np.array([is_text(piece) for piece in tokens.pieces])  # of half characters it takes some that never fit
    for seed in range(3):
        chance = random.Random(seed)
        walk = Walk(model, tokens, source)
        for _ in range(8):
            ours, theirs = walk.ours(), walk.theirs()
            assert [tokens.pieces[token] for token in np.flatnonzero((ours != theirs) & text)] == []
            for token in chance.sample(range(model.n_vocab), 50):
                assert (walk.masks.behind(walk.at, token) != DEAD) == ours[token]
            left = [token for token in np.flatnonzero(ours & text).tolist() if token not in tokens.ends]
            if not left:
                break
            walk.take(max(chance.sample(left, min(3, len(left))), key=lambda token: len(tokens.pieces[token])))
        walk.close()


def masks_along(masks: Masks, texts: list[bytes], **limits: int) -> list[list[np.ndarray]]:
    """What may come before each byte of each text; the texts grow by turns."""
    states = [States(masks.program, **limits) for _ in texts]
    at = [each.start for each in states]
    found: list[list[np.ndarray]] = [[] for _ in texts]
    for place in range(max(map(len, texts))):
        for which, text in enumerate(texts):
            if place < len(text):
                at[which] = states[which].next_token(at[which])
                found[which].append(TokenMasks(masks, states[which]).allowed(at[which]))
                at[which] = states[which].step(at[which], masks.program.class_of[text[place]])
    return found


@settings(deadline=None, max_examples=60)
@given(
    words=st.lists(st.one_of(st.text("ab漢é.\n", max_size=7).map(str.encode), st.binary(max_size=3)), max_size=60),
    source=st.sampled_from(list(GRAMMARS.values())),
    text=st.text("ab漢字é.{", max_size=5),
)
def test_tokens_that_begin_alike_are_read_as_each_is_alone(words, source, text):
    tokens = TokenBytes(len(words), words.__getitem__, [0] if words else [])
    program = Program(gbnf.read(source))
    states = States(program)
    reader, at = TokenMasks(Masks(tokens, program), states), states.start
    for byte in text.encode():
        alone = [reader.behind(at, token) != DEAD for token in range(len(words))]
        assert reader.allowed(at).tolist() == alone
        at = states.step(at, program.class_of[byte])


ANSWERS = [b'{"a": [[1, {"b": "x y"}]]}', b'{"a": [[2, {"b": "x"}], "z"]}', b'{"": {"": {"": []}}, "b": true}']


def test_what_was_read_for_one_answer_is_known_for_the_next(tokens, monkeypatch: pytest.MonkeyPatch):
    program = Program(gbnf.read(JSON))
    alone = [masks_along(Masks(tokens, program), [text])[0] for text in ANSWERS]
    masks = Masks(tokens, program)
    together = masks_along(masks, ANSWERS)
    read: list[int] = []
    monkeypatch.setattr(TokenMasks, "_read", lambda reader, state: read.append(state))
    again = masks_along(masks, ANSWERS, most_kept=50)  # a state has many numbers then
    for wanted, first, second in zip(alone, together, again, strict=True):
        assert np.array_equal(wanted, first)
        assert np.array_equal(wanted, second)
    assert not read


@pytest.mark.parametrize("kept", [{"MOST_NAMES": 7}, {"MOST_BYTES": 1}, {"MOST_BYTES": 0x10000}])
def test_masks_are_kept_in_bounded_memory_and_stay_right(tokens, kept, monkeypatch: pytest.MonkeyPatch):
    program = Program(gbnf.read(JSON))
    alone = [masks_along(Masks(tokens, program), [text])[0] for text in ANSWERS]
    for name, most in kept.items():
        monkeypatch.setattr(grammar_tokens, name, most)
    masks = Masks(tokens, program)
    together = masks_along(masks, ANSWERS)
    for wanted, found in zip(alone, together, strict=True):
        assert np.array_equal(wanted, found)
    held = sum(packed.nbytes for packed in masks._known.values())
    assert held <= max(grammar_tokens.MOST_BYTES, len(tokens.pieces) // 8 + 1)
    assert len(masks.names) < grammar_tokens.MOST_NAMES + 20


def followed(source: str, text: bytes, **limits: int) -> tuple[bool, bool]:
    """Whether ``text`` is a beginning of what the grammar has, and whether it is whole."""
    program = Program(gbnf.read(source))
    states = States(program, **limits)
    at = states.start
    for byte in text:
        at = states.step(states.next_token(at), program.class_of[byte])
    return at != DEAD, states.complete(at)


@pytest.mark.parametrize("ranges", ["é-漢", "\\x00-\\u07ff", "\\u0fff-\\U00010fff", "😀-😂a-cß", "\\ud7ff-\\ue000"])
def test_a_range_of_characters_has_all_of_them_and_no_others(ranges):
    spans = gbnf.read(f"root ::= [{ranges}]")["root"].alternatives[0][0].characters[0]
    edges = {code + step for span in spans for code in span for step in (-65, -64, -1, 0, 1, 63, 64, 4096)}
    for code in sorted(edges & set(range(1, 0x110000)) - set(range(0xD800, 0xE000))):
        has = any(first <= code <= last for first, last in spans)
        encoded = chr(code).encode()
        assert followed(f"root ::= [{ranges}]", encoded) == (has, has), hex(code)
        assert followed(f"root ::= [^{ranges}]", encoded) == (not has, not has), hex(code)
    assert followed(f"root ::= [^{ranges}]", b"\xff") == (False, False)


def test_an_ambiguous_grammar_is_given_up_within_bounded_work():
    program = Program(gbnf.read(AMBIGUOUS))
    states = States(program)
    at = states.start
    with pytest.raises(BadRequest, match="too ambiguous"):
        _write(states, at, [program.class_of[ord("a")]] * 400)
    assert states.work < 2 * MOST_WORK


def _write(states: States, at: int, kinds: list[int]) -> None:
    for kind in kinds:
        at = states.step(states.next_token(at), kind)


def test_a_grammar_that_can_be_read_in_many_ways_that_go_on_alike_costs_no_more():
    """llama.cpp tries every way of dividing the letters, for every token that does not fit at its end."""
    source = 'root ::= (([a-z]+)+ " "?)+ "."'
    assert followed(source, b"word " * 400 + b".", most_work=200) == (True, True)
    assert followed(source, b"word" * 400 + b"!", most_work=200) == (False, False)


@pytest.mark.parametrize("deep", [100, 1000])
def test_alternatives_that_begin_alike_cost_no_more_however_deeply_they_are_nested(deep):
    text = b"f((1+" * deep + b"2" + b")*x(3,4),-5)" * deep
    limits = {"most_work": 300, "most_kept": 20 * len(text)}
    assert followed(EXPRESSION, text + b"=1", **limits) == (True, True)
    assert followed(EXPRESSION, text + b")", **limits) == (False, False)
    doubling = 'root ::= "a" root "b" | "a" root "c" | "a"'
    assert followed(doubling, b"a" * deep + b"bc" * (deep // 2 - 1) + b"b", most_work=300) == (True, True)
    assert followed(doubling, b"a" * deep + b"b" * deep, most_work=300) == (False, False)


def test_a_text_is_followed_in_bounded_memory_however_long_it_is():
    words = random.Random(1)
    value = '{"%s": [%d, "%s", null]}'
    text = b'{"a": [%s]}' % b", ".join(
        (value % (words.random(), words.randrange(10**9), words.randbytes(8).hex())).encode() for _ in range(600)
    )
    program = Program(gbnf.read(JSON))
    states = States(program, most_kept=2000)
    at = states.start
    kept = []
    for byte in text:
        at = states.step(states.next_token(at), program.class_of[byte])
        kept.append(sum(map(len, states._members)) + sum(map(len, states._ways)) + len(states._following))
    assert states.complete(at)
    assert max(kept) < 4000


def test_what_was_remembered_is_forgotten_in_time_and_the_text_goes_on():
    text = b"(" * 300 + b"12" + b")" * 300
    for most_kept in (50, 100_000):
        assert followed(GRAMMARS["within itself"], text, most_kept=most_kept) == (True, True)
        assert followed(GRAMMARS["within itself"], text + b")", most_kept=most_kept) == (False, False)


def test_an_ambiguous_grammar_ends_its_request_with_a_hint_and_the_others_go_on(chat):
    other = chat.greedy("Count from one to fifty.", max_tokens=40, sampling={"ignore_eos": True})
    ambiguous = chat.greedy("Hello", grammar=AMBIGUOUS, sampling={"logit_bias": {"a": 100.0}})
    error = ambiguous.failed.error
    assert error.code == "bad_request"
    assert "ambiguous" in error.message
    assert "one way" in error.hint
    assert other.finished.usage.completion_tokens == 40
