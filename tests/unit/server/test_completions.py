"""``/v1/completions`` and the fields it shares with chat completions, with the official client."""

from __future__ import annotations

import math

import openai
import pytest
from server_harness import echo_model

from paddock.backends.echo import DESCRIPTOR
from paddock.sdk.errors import BadRequest, UnknownOption
from paddock.server.api import openai_fields as fields
from paddock.server.api.openai_completions import CompletionBody
from paddock.server.api.openai_request import ChatBody

ASK = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def parrot(shared) -> str:
    name = echo_model(
        shared.home.root, "parrot", reasoning="hm", tool_calls=[{"id": "c", "name": "f", "arguments": ""}]
    )
    shared.post("/control/models/refresh", {})
    return name


def test_a_text_is_continued_as_it_stands(api, parrot):
    answer = api.completions.create(model=parrot, prompt="one two three", max_tokens=10)
    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == (
        "text_completion", "one two three", "stop",
    )  # fmt: skip
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 3, 6)
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert answer.timings["prompt_n"] == 3


def test_sixteen_tokens_unless_asked_for_more(api, parrot):
    prompt = "word " * 40
    assert api.completions.create(model=parrot, prompt=prompt).usage.completion_tokens == 16
    more = api.completions.create(model=parrot, prompt=prompt, extra_body={"n_predict": 20})
    assert more.usage.completion_tokens == 20
    assert more.choices[0].finish_reason == "length"
    whole = api.completions.create(model=parrot, prompt=prompt, extra_body={"n_predict": -1})
    assert whole.usage.completion_tokens == 41


@pytest.mark.parametrize(
    ("prompt", "texts", "tokens"),
    [
        ([7, 8, 9], ["7 8 9"], 3),
        ([[7, 8], [9]], ["7 8", "9"], 3),
        (["a b", "c"], ["a b", "c"], 3),
    ],
)
def test_prompts_as_lists_and_token_ids(api, parrot, prompt, texts, tokens):
    answer = api.completions.create(model=parrot, prompt=prompt)
    assert [choice.text for choice in answer.choices] == texts
    assert [choice.index for choice in answer.choices] == list(range(len(texts)))
    assert answer.usage.prompt_tokens == tokens


def test_n_choices_of_each_prompt_count_it_once(api, parrot):
    answer = api.completions.create(model=parrot, prompt=["a b", "c"], n=2)
    assert [choice.text for choice in answer.choices] == ["a b", "a b", "c", "c"]
    assert answer.usage.prompt_tokens == 3
    assert answer.usage.completion_tokens == 6


def test_a_stream_with_usage_and_echo(api, parrot):
    stream = api.completions.create(
        model=parrot, prompt=["a b", "c"], echo=True, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    texts = ["", ""]
    for chunk in chunks:
        assert chunk.object == "text_completion"
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == ["a ba b", "cc"]
    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None, "stop"}
    assert (last.choices, last.usage.prompt_tokens, last.usage.completion_tokens) == ([], 3, 3)


def test_echo_puts_the_prompt_before_the_text_and_stop_ends_it(api, parrot):
    answer = api.completions.create(model=parrot, prompt="a b c", echo=True, stop=[" c"])
    assert answer.choices[0].text == "a b ca b"


@pytest.mark.parametrize("stream", [False, True])
def test_a_token_outside_the_vocabulary_is_refused(api, parrot, stream):
    for token in (1000, -1, 2**40):
        with pytest.raises(openai.BadRequestError, match=f"no token {token}"):
            api.completions.create(model=parrot, prompt=[1, token], stream=stream)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"suffix": "end"}, "comes later"),
        ({"logprobs": 0}, "comes later"),
        ({"best_of": 3}, "comes later"),
        ({"prompt": []}, "empty"),
        ({"prompt": ["a", ""]}, "empty"),
        ({"prompt": ["a", 1]}, "mixes"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": [1], "echo": True}, "as text"),
        ({"prompt": ["a"] * 200, "n": 2}, "too many"),
        ({"max_tokens": 0}, "from 1"),
        ({"n_predict": -2}, "n_predict"),
        ({"id_slot": 1}, "fixed slots"),
        ({"lora": [{"id": 0}]}, "scale"),
        ({"messages": ASK}, "messages"),
        ({"promt": "x"}, "prompt"),
    ],
)
def test_what_cannot_be_done_is_refused_and_named(web, parrot, extra, says):
    answer = web.post("/v1/completions", json={"model": parrot, "prompt": "hi", **extra})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]["message"]


def test_llama_servers_fields_are_taken(api, parrot):
    extra = {
        "cache_prompt": False, "id_slot": -1, "lora": [{"id": 0, "scale": 0.5}], "speculative.n_max": 0,
        "logit_bias": [[5, -100], ["x", False]], "samplers": ["top_k", "temperature"], "ignore_eos": True,
        "mirostat": 2, "dry_multiplier": 0.8, "typical_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1, "n_predict": 50,
    }  # fmt: skip
    assert api.completions.create(model=parrot, prompt="a b", extra_body=extra).choices[0].text == "a b"
    assert api.chat.completions.create(model="test/paris", messages=ASK, extra_body=extra).choices


def test_llama_servers_fields_become_sampling_options():
    raw = {
        "model": "m", "messages": ASK, "lora": [{"id": 1, "scale": 0.5}], "speculative.n_max": 0, "drafting": "ngram",
        "logit_bias": [[5, 1], ["x", False]],
    }  # fmt: skip
    body, rest = fields.read(raw, ChatBody)
    assert fields.sampling(body, rest, DESCRIPTOR) == {
        "lora_scales": {"1": 0.5}, "drafting": "off", "logit_bias": {"5": 1.0, "x": -math.inf},
    }  # fmt: skip
    body, rest = fields.read({**raw, "speculative.n_max": 8}, ChatBody)
    assert fields.sampling(body, rest, DESCRIPTOR)["drafting"] == "ngram"


def test_a_field_nearly_right_is_answered_with_the_right_one():
    body, rest = fields.read({"model": "m", "prompt": "x", "speculative.n_mx": 0}, CompletionBody)
    with pytest.raises(UnknownOption) as caught:
        fields.sampling(body, rest, DESCRIPTOR)
    assert "speculative.n_max" in caught.value.hint


def test_a_body_without_a_prompt_says_so():
    with pytest.raises(BadRequest, match="“prompt” is missing"):
        fields.read({"model": "m"}, CompletionBody)
