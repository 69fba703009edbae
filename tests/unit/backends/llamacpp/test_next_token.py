"""The preview of the next token against the engine's own chain; sampling that changes in the middle of an answer;
answers that go on where they ended."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from paddock.backends.llamacpp.drafting import Drafting
from paddock.backends.llamacpp.logits import Row
from paddock.backends.llamacpp.looking import candidates
from paddock.backends.llamacpp.samplers import SamplerChain, defaults
from paddock.gui.models.next_token import stages
from paddock.sdk.errors import PaddockError
from paddock.sdk.events import TextDelta
from paddock.sdk.llamacpp_sampling import SAMPLERS
from paddock.sdk.questions import Candidates, CandidatesRequest, ContextRequest, ContextUse
from paddock.sdk.types import Message

DEADLINE = 60.0


def asked(driver, question) -> Any:
    """The reply; an error is raised."""
    replies: list[Any] = []
    done = threading.Event()

    def answered(reply: object) -> None:
        replies.append(reply)
        done.set()

    driver.engine.ask(question, answered)
    assert done.wait(DEADLINE)
    if isinstance(replies[0], PaddockError):
        raise replies[0]
    return replies[0]


def random_settings(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)

    def maybe(value: Any, off: Any, chance: float = 0.5) -> Any:
        return value if random.random() < chance else off

    order = list(SAMPLERS)
    if random.random() < 0.5:
        random.shuffle(order)
    return defaults() | {
        "seed": 1,
        "samplers": order,
        "temperature": maybe(float(random.uniform(0.05, 2.5)), 1.0, 0.9),
        "dynatemp_range": maybe(float(random.uniform(0.05, 1)), 0.0, 0.2),
        "dynatemp_exponent": float(random.uniform(0.5, 2)),
        "top_k": int(maybe(random.integers(1, 200), 0)),
        "top_p": maybe(float(random.uniform(0.1, 1)), 1.0),
        "min_p": maybe(float(random.uniform(0.001, 0.3)), 0.0),
        "typical_p": maybe(float(random.uniform(0.2, 1)), 1.0, 0.3),
        "top_n_sigma": maybe(float(random.uniform(0.5, 4)), -1.0, 0.3),
        "xtc_probability": maybe(1.0, 0.0, 0.3),
        "xtc_threshold": float(random.uniform(0.02, 0.5)),
        "min_keep": int(maybe(random.integers(0, 20), 0, 0.3)),
        "repeat_penalty": maybe(float(random.uniform(0.8, 1.6)), 1.0),
        "frequency_penalty": maybe(float(random.uniform(-0.5, 1)), 0.0, 0.3),
        "presence_penalty": maybe(float(random.uniform(-0.5, 1)), 0.0, 0.3),
        "repeat_last_n": int(random.choice([0, 5, 64, 200])),
        "dry_multiplier": maybe(float(random.uniform(0.2, 2)), 0.0, 0.4),
        "dry_base": float(random.uniform(1.0, 2.5)),
        "dry_allowed_length": int(random.integers(1, 4)),
        "logit_bias": {"12": 3.0, "40": float("-inf")} if random.random() < 0.2 else {},
    }


def row_of(model, number: int) -> Row:
    random = np.random.default_rng(1000 + number)
    row = random.normal(0, 2, model.n_vocab).astype(np.float32)
    row[random.choice(model.n_vocab, 30, replace=False)] += random.uniform(2, 10, 30).astype(np.float32)
    return row


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_the_preview_tells_what_the_chain_leaves(chat, first):
    model = chat.engine._model
    words = model.tokenize("One two three: one two three. One two three, one two four.\nOne two", add_special=False)
    for number in range(first, first + 50):
        settings, row = random_settings(number), row_of(model, number)
        chain = SamplerChain(model, settings, words)
        ids, logits = chain.survivors(row.copy())
        chain.close()
        weights = np.exp(logits.astype(np.float64) - logits.max())
        expected = dict(zip(ids.tolist(), (weights / weights.sum()).tolist(), strict=True))
        expected = {token: share for token, share in expected.items() if share > 0}
        told = candidates(model, row, words, 1024)
        last = stages(told, settings)[-1]
        found = {
            token: share for token, share in zip(told.tokens, last.probabilities.tolist(), strict=True) if share > 0
        }
        assert found.keys() == {token for token in expected if token in set(told.tokens)}, (number, settings)
        assert found == pytest.approx({t: expected[t] for t in found}, abs=1e-3), (number, settings)
        assert last.rest == pytest.approx(1 - sum(found.values()), abs=1e-6)
        if last.rest == 0:
            assert last.left == len(expected), (number, settings)


def test_xtc_that_may_strike_is_told_as_what_to_expect(chat):
    model = chat.engine._model
    settings = defaults() | {"xtc_probability": 0.25, "xtc_threshold": 0.05, "temperature": 1.0}
    told = candidates(model, row_of(model, 3), [1], 64)
    never, always = (stages(told, settings | {"xtc_probability": p})[-1].probabilities for p in (0.0, 1.0))
    assert stages(told, settings)[-1].probabilities == pytest.approx(0.75 * never + 0.25 * always)


def test_candidates_are_those_of_the_prompt(chat):
    said = (Message(role="user", content="What is the capital of France?"),)
    told: Candidates = asked(chat, CandidatesRequest(id="look", model="m", messages=said, top=40))
    first = chat.greedy(said[0], max_tokens=3).text
    assert len(told.tokens) == len(told.texts) == 40
    assert told.texts[0].strip()
    assert first.startswith(told.texts[0].strip()) or told.texts[0].strip().startswith(first)
    whole = stages(told, defaults())[0]
    assert float(whole.probabilities.sum()) + whole.rest == pytest.approx(1, abs=1e-9)
    assert told.prompt_tokens == len(told.recent)


def test_candidates_of_a_raw_prompt_and_of_a_broken_request(chat):
    told = asked(chat, CandidatesRequest(id="raw", model="m", prompt="Paris is the capital of"))
    assert told.recent_texts[-1].strip() == "of" or told.recent_texts[-1].endswith("f")
    with pytest.raises(PaddockError, match="go on"):
        asked(chat, CandidatesRequest(id="bad", model="m", messages=(Message(role="user", content="x"),), go_on=True))


def test_the_context_is_told_message_by_message(chat):
    said = [Message(role="user", content="Tell me a story."), Message(role="assistant", content="Once. " * 40)]
    one = asked(chat, ContextRequest(id="c1", model="m", messages=tuple(said[:1])))
    use: ContextUse = asked(
        chat, ContextRequest(id="c2", model="m", messages=(*said, Message(role="user", content="More.")))
    )
    assert len(use.messages) == 3
    assert sum(use.messages) == use.tokens
    assert use.messages[1] > 5 * use.messages[2]
    assert one.tokens < use.tokens
    assert use.context_length == chat.report.context_length


def test_an_answer_goes_on_where_it_ended(chat):
    question = Message(role="user", content="Count from one to ten.")
    whole = chat.greedy(question).text
    begun = whole[: len(whole) // 2]
    rest = chat.greedy(question, Message(role="assistant", content=begun), go_on=True)
    assert rest.text
    assert begun + rest.text == whole


def test_going_on_needs_an_answer(chat):
    assert "go on" in chat.greedy("Hello", go_on=True).failed.error.message


def test_temperature_zero_in_the_middle_makes_the_rest_greedy(driver, starter):
    """After the change every token is the likeliest one behind what was written, as a greedy run from there shows."""
    driver.load(starter, flash_attn="off", cache_type_k="f32", cache_type_v="f32")  # rounding would decide near ties
    question = Message(role="user", content="Tell me a story about a fox.")
    options = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "ignore_eos": True, "seed": 5}
    seen: list[str] = []

    def retune_after_ten(event: object) -> None:
        if isinstance(event, TextDelta):
            seen.append(event.text)
            if len(seen) == 10:
                driver.engine.retune("changed", {**options, "temperature": 0.0})

    changed = driver.start(question, id="changed", max_tokens=60, sampling=options, on_event=retune_after_ten).text
    assert changed != driver.start(question, id="plain", max_tokens=60, sampling=options).text
    begun = "".join(seen[:12])  # the change holds from the next step on
    said = Message(role="assistant", content=begun)
    greedy = driver.greedy(question, said, go_on=True, max_tokens=20, sampling={"ignore_eos": True}).text
    assert len(greedy) > 20
    assert changed.startswith(begun + greedy)


def test_retuning_with_what_cannot_be_applied_ends_that_answer_alone(random_llama):
    options = {"ignore_eos": True, "temperature": 1.0}
    told = threading.Event()

    def spoil(event: object) -> None:
        if isinstance(event, TextDelta) and not told.is_set():
            told.set()
            random_llama.engine.retune("spoiled", {"logit_bias": {"999999999": 1.0}})

    other = random_llama.start("Another", id="other", max_tokens=40, sampling=options)
    spoiled = random_llama.start("A question", id="spoiled", max_tokens=400, sampling=options, on_event=spoil)
    assert "token" in spoiled.failed.error.message
    assert other.finished
    random_llama.engine.retune("nobody", {"temperature": 0.0})


def test_retuning_that_fails_behind_guesses_keeps_only_what_was_written(random_llama, monkeypatch):
    def propose(self, sequence, limit, rows):
        random_llama.engine.retune(sequence.id, {"logit_bias": {"999999999": 1.0}})
        return [5] * limit

    monkeypatch.setattr(Drafting, "propose", propose)
    sampling = {"ignore_eos": True, "drafting": "ngram"}
    spoiled = random_llama.start("A question", max_tokens=400, sampling=sampling)
    assert "token" in spoiled.failed.error.message
    assert all(prefix.length <= len(prefix.tokens) for prefix in random_llama.engine._runner.cache)
