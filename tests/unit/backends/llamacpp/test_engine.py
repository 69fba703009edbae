"""The llama.cpp engine in this process: real inference on the starter model and on a llama of random weights."""

from __future__ import annotations

import json
import random
import threading
import time

import pytest

from paddock.backends.llamacpp.bindings import ABORTED
from paddock.backends.llamacpp.samplers import SamplerChain
from paddock.sdk.errors import EngineError
from paddock.sdk.events import Cancelled, Failed, Finished, PromptProgress, Queued, ReasoningDelta, TextDelta
from paddock.sdk.types import Message, Tool

FRANCE = "What is the capital of France?"
LONG = {"ignore_eos": True}
EXACT = {"flash_attn": "off", "cache_type_k": "f32", "cache_type_v": "f32"}
"""Without rounding in the KV cache a token's logits hardly depend on what else is in its batch."""
CAPITALS = [f"What is the capital of {country}?" for country in
            ("France", "Italy", "Germany", "Japan", "Spain", "Egypt", "Canada", "Norway")]  # fmt: skip


def test_the_starter_model_knows_the_capital_of_france(chat):
    run = chat.greedy(FRANCE)
    assert "Paris" in run.text
    assert run.finished.reason == "stop"


def test_reasoning_comes_apart_from_the_answer(chat):
    run = chat.greedy("What is 7 plus 5?", reasoning=True, max_tokens=200)
    assert run.reasoning
    assert "<think>" not in run.text
    assert "</think>" not in run.text
    kinds = [type(event) for event in run.events if isinstance(event, (TextDelta, ReasoningDelta))]
    assert kinds == sorted(kinds, key=lambda kind: kind is TextDelta)


def test_a_tool_call_comes_as_a_call(chat):
    weather = Tool(
        name="get_weather",
        description="Get the current weather for a city.",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
    run = chat.greedy("What is the weather in Paris?", tools=(weather,), max_tokens=100)
    assert run.finished.reason == "tool_calls"
    assert [call.name for call in run.calls] == ["get_weather"]
    assert "city" in json.loads(run.calls[0].arguments)


def test_greedy_decoding_repeats_itself_and_later_reads_nothing_again(random_llama):
    random_llama.greedy("A question", max_tokens=1, sampling=LONG)
    first = random_llama.greedy("A question", max_tokens=50, sampling=LONG).text
    second = random_llama.greedy("A question", max_tokens=50, sampling=LONG)
    assert second.text == first != ""
    usage = second.finished.usage
    assert usage.cached_tokens == usage.prompt_tokens - 1


def test_a_second_turn_evaluates_only_new_tokens(chat):
    first = chat.greedy("Tell me a story about a dog", max_tokens=60)
    text = first.text
    second = chat.greedy("Tell me a story about a dog", Message(role="assistant", content=text), "Thanks")
    before = first.finished.usage
    assert second.finished.usage.cached_tokens >= before.prompt_tokens + before.completion_tokens - 3


def test_eight_at_once_give_what_each_gives_alone(chat):
    alone = [chat.greedy(text, max_tokens=40).text for text in CAPITALS]
    runs = [chat.greedy(text, max_tokens=40) for text in CAPITALS]
    assert [run.text for run in runs] == alone


def test_more_requests_than_places_queue_and_all_finish(chat):
    runs = [chat.greedy(FRANCE, max_tokens=30) for _ in range(24)]
    assert {run.text for run in runs} == {runs[0].text}
    assert "Paris" in runs[0].text
    positions = [event.position for event in runs[-1].events if isinstance(event, Queued)]
    assert positions == sorted(positions, reverse=True)
    assert positions


def test_requests_share_steps(random_llama):
    """Two long answers advance together: neither waits for the other's end."""
    both = threading.Barrier(3)
    runs = []
    for text in ("one", "two"):
        seen = []

        def on_event(event, seen=seen):
            if isinstance(event, TextDelta):
                seen.append(event)
                if len(seen) == 5:
                    threading.Thread(target=both.wait, args=(60,), daemon=True).start()

        runs.append(random_llama.start(text, on_event=on_event, max_tokens=400, sampling=LONG))
    both.wait(60)
    assert not any(isinstance(run.events[-1], Finished) and len(run.events) < 10 for run in runs)
    for run in runs:
        random_llama.engine.cancel(run.request.id)
        assert isinstance(run.ending, (Cancelled, Finished))


def test_events_of_one_request_come_in_order_with_progress_first(random_llama):
    run = random_llama.start("word " * 100, max_tokens=3, sampling=LONG)
    usage = run.finished.usage
    progress = [event for event in run.events if isinstance(event, PromptProgress)]
    assert run.events[0] is progress[0]
    assert progress[-1].done == progress[-1].total == usage.prompt_tokens
    assert usage.completion_tokens == 3


def test_stats_say_how_long_it_took(random_llama):
    began = time.monotonic()
    finished = random_llama.start("fresh words here", max_tokens=20, sampling=LONG).finished
    took = time.monotonic() - began
    stats = finished.stats
    assert 0 < stats.ttft_s < stats.duration_s <= took
    assert stats.tokens_per_second >= 0.99 * 19 / (stats.duration_s - stats.ttft_s), "the end may come a little later"
    assert stats.prompt_per_second > 0
    assert finished.usage.completion_tokens == 20
    assert finished.reason == "length"


@pytest.mark.parametrize("cut", ["Paris", "capital of", " is"])
def test_a_stop_string_ends_the_answer_before_itself(chat, cut):
    whole = chat.greedy(FRANCE).text
    run = chat.greedy(FRANCE, stop=("nothing", cut))
    assert run.text == whole[: whole.index(cut)]
    assert run.finished.reason == "stop_string"


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(random_llama):
    error = random_llama.start("word " * 400, max_tokens=5).failed.error
    assert error.code == "context_overflow"
    assert error.details["context_length"] == 1024
    assert error.details["prompt_tokens"] > 1024
    assert "1,024" in error.message
    assert f"{error.details['prompt_tokens']:,}" in error.message


def test_an_answer_that_fills_the_context_says_so(random_llama):
    finished = random_llama.start("word " * 150, sampling=LONG).finished
    assert finished.reason == "context"
    assert finished.usage.prompt_tokens + finished.usage.completion_tokens == 1024


def test_answers_that_together_exceed_the_context_all_finish(driver, tiny):
    """Cells run out while both write: the younger is set aside and computed again, with the same result."""
    driver.load(tiny, n_ctx=1024, **EXACT)
    prompts = ["first " * 50, "second " * 50]
    alone = [driver.greedy(text, max_tokens=400, sampling=LONG) for text in prompts]
    expected = [(run.text, run.finished.usage.completion_tokens) for run in alone]
    together = [driver.greedy(text, max_tokens=400, sampling=LONG) for text in prompts]
    assert [(run.text, run.finished.usage.completion_tokens) for run in together] == expected


def test_random_requests_and_cancels_give_each_what_it_gets_alone(driver, tiny):
    """Prefixes, preemption, queueing and cancels at once; a wrong cell of the KV cache would show as other text."""
    chance = random.Random(11)
    driver.load(tiny, n_ctx=768, n_parallel=4, **EXACT)
    words = ("alpha ", "beta ", "gamma ")
    asked = [
        (chance.choice(words) * chance.randint(1, 40) + chance.choice(words), chance.choice((1, 5, 40, 120)))
        for _ in range(40)
    ]
    alone = [driver.greedy(text, max_tokens=most, sampling=LONG).text for text, most in asked]
    runs = []
    for text, most in asked:
        runs.append(driver.greedy(text, max_tokens=most, sampling=LONG))
        if chance.random() < 0.4:
            victim, least = chance.choice(runs), chance.choice((0, 1, 3))
            victim.wait(lambda events, least=least: len(events) >= least)
            driver.engine.cancel(victim.request.id)
    for run, expected in zip(runs, alone, strict=True):
        if isinstance(run.ending, Cancelled):
            text = "".join(event.text for event in run.events if isinstance(event, TextDelta))
            assert expected.startswith(text)
        else:
            assert run.text == expected


def test_cancel_ends_a_running_answer_at_once_and_the_next_one_works(random_llama):
    run = random_llama.start("go on", sampling=LONG)
    run.wait(lambda events: sum(isinstance(event, TextDelta) for event in events) > 3)
    random_llama.engine.cancel(run.request.id)
    ending = run.ending
    assert isinstance(ending, Cancelled)
    assert ending.usage.completion_tokens > 0
    assert random_llama.start("next", max_tokens=2, sampling=LONG).finished.reason == "length"


def test_cancel_breaks_off_a_prompt_that_is_being_read(driver, gguf_file, tmp_path, monkeypatch):
    driver.load(gguf_file.write_llama(tmp_path / "x.gguf", trained=32768), n_ctx=32768, n_batch=32768, n_ubatch=16384)
    context, evaluate = driver.engine._context, driver.engine._context.evaluate
    entered, go_on, statuses = threading.Event(), threading.Event(), []

    def watched(batch):
        entered.set()
        assert go_on.wait(60)
        statuses.append(evaluate(batch))
        return statuses[-1]

    monkeypatch.setattr(context, "evaluate", watched)
    run = driver.start("word " * 6000)
    assert entered.wait(60)
    driver.engine.cancel(run.request.id)
    go_on.set()
    assert isinstance(run.ending, Cancelled)
    assert ABORTED in statuses
    assert driver.start("next", max_tokens=3, sampling=LONG).finished.reason == "length"


def test_an_answer_goes_on_while_prompts_beside_it_are_cancelled(driver, tiny):
    driver.load(tiny, n_ctx=2048)
    steady = driver.greedy("steady", max_tokens=150, sampling=LONG)
    others = []
    for number in range(10):
        others.append(driver.start(f"{number} other " * 60, sampling=LONG))
        others[-1].wait(lambda events: events)
        driver.engine.cancel(others[-1].request.id)
    assert all(isinstance(other.ending, Cancelled) for other in others)
    assert steady.finished.usage.completion_tokens == 150


def test_cancel_of_an_unknown_or_finished_request_is_ignored(random_llama):
    random_llama.engine.cancel("never")
    run = random_llama.start("x", max_tokens=1, sampling=LONG)
    assert run.finished
    random_llama.engine.cancel(run.request.id)
    assert random_llama.start("x", max_tokens=1, sampling=LONG).finished


def test_the_same_id_twice_is_refused(random_llama):
    run = random_llama.start("a", id="twice", sampling=LONG)
    assert random_llama.start("b", id="twice").failed.error.code == "bad_request"
    random_llama.engine.cancel("twice")
    assert isinstance(run.ending, Cancelled)


def test_the_id_of_a_cancelled_request_can_be_used_at_once(driver, tiny, monkeypatch):
    driver.load(tiny, n_ctx=512)
    preparer, entered, go_on = driver.engine._preparer, threading.Event(), threading.Event()
    prepare = preparer.prepare

    def slowly(request):
        entered.set()
        assert go_on.wait(60)
        return prepare(request)

    monkeypatch.setattr(preparer, "prepare", slowly)
    first = driver.start("a", id="same")
    assert entered.wait(60)
    driver.engine.cancel("same")
    second = driver.start("b", id="same", max_tokens=2)
    go_on.set()
    assert isinstance(first.ending, Cancelled)
    assert second.finished


@pytest.mark.parametrize("name", ["__init__", "sample"])
@pytest.mark.parametrize("error", [EngineError("No token is allowed.", hint="Allow one."), ValueError("a bug")])
def test_what_goes_wrong_with_the_samplers_of_a_request_ends_only_that(driver, tiny, monkeypatch, name, error):
    driver.load(tiny, n_ctx=2048)
    other = driver.start("go on", sampling=LONG, max_tokens=1000)
    other.wait(lambda events: any(isinstance(event, TextDelta) for event in events))
    works, broken = getattr(SamplerChain, name), {"top_k": 7}

    def fails(chain, *args):
        if name == "__init__" and args[1]["top_k"] == broken["top_k"]:
            raise error
        if name == "sample" and args[1] == 1:
            raise error
        return works(chain, *args)

    monkeypatch.setattr(SamplerChain, name, fails)
    run = driver.start("x", sampling=LONG | broken)
    assert run.failed.error.code == "engine_error"
    assert other.finished.usage.completion_tokens == 1000
    monkeypatch.undo()
    assert driver.start("x", max_tokens=3, sampling=LONG).finished


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sampling": {"temprature": 1.0}}, "unknown_option"),
        ({"sampling": {"top_p": 2.0}}, "invalid_option"),
        ({"sampling": {"samplers": ["top_kk"]}}, "invalid_option"),
        ({"sampling": {"logit_bias": {"99999": 1.0}}}, "invalid_option"),
        ({"sampling": {"logit_bias": {"9" * 5000: 1.0}}}, "invalid_option"),
        ({"sampling": {"logit_bias": {"5": float("nan")}}}, "invalid_option"),
        ({"max_tokens": 0}, "invalid_option"),
    ],
)
def test_a_request_that_cannot_be_met_fails_with_a_sentence(random_llama, fields, code):
    error = random_llama.start("x", **fields).failed.error
    assert error.code == code
    assert error.hint


def test_a_looping_template_stops_only_its_own_request(driver, tiny):
    loop = "{% if messages[0].content == 'loop' %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    loop += "{% endfor %}{% endif %}{{ messages[0].content }}"
    driver.load(tiny, chat_template=loop)
    running = driver.start("go", sampling=LONG)
    running.wait(lambda events: any(isinstance(event, TextDelta) for event in events))
    looping = driver.start("loop")
    written = len(running.events)
    running.wait(lambda events: len(events) > written + 5)
    assert looping.failed.error.code == "template_failed"
    driver.engine.cancel(running.request.id)
    assert isinstance(running.ending, Cancelled)


def test_cancel_also_ends_a_request_whose_template_loops(driver, tiny):
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    driver.load(tiny, chat_template=loop)
    run = driver.start("loop")
    driver.engine.cancel(run.request.id)
    assert isinstance(run.ending, Cancelled)


def test_close_cancels_what_runs(driver, tiny):
    driver.load(tiny)
    runs = [driver.start(f"go on {number}", sampling=LONG) for number in range(12)]
    runs[0].wait(lambda events: any(isinstance(event, TextDelta) for event in events))
    driver.engine.close()
    assert all(isinstance(run.ending, Cancelled) for run in runs)
    assert driver.start("late").failed.error.code == "engine_error"


def test_close_ends_what_has_only_just_arrived(driver, tiny, monkeypatch):
    driver.load(tiny)
    decoding = driver.engine._decoding
    put = decoding.put

    def put_and_close(job):
        decoding._closing = True
        put(job)

    monkeypatch.setattr(decoding, "put", put_and_close)
    assert isinstance(driver.start("go on").ending, Cancelled)


def test_random_cancels_leave_every_place_free(random_llama):
    runs = [random_llama.start(f"n {number}", max_tokens=30, sampling=LONG) for number in range(40)]
    for run in runs[::3]:
        random_llama.engine.cancel(run.request.id)
    endings = [run.ending for run in runs]
    assert not any(isinstance(ending, Failed) for ending in endings)
    eight = [random_llama.start(f"m {number}", max_tokens=5, sampling=LONG) for number in range(8)]
    assert all(run.finished.reason == "length" for run in eight)


def test_a_model_without_a_template_takes_chatml_and_says_so(driver, gguf_file, tmp_path):
    report = driver.load(gguf_file.write_llama(tmp_path / "plain.gguf", template=None))
    assert report.chat_template is False
    assert driver.start("x", max_tokens=2, sampling=LONG).finished


def test_a_batch_request_waits_for_interactive_ones(driver, tiny):
    driver.load(tiny, n_parallel=1)
    first = driver.start("first", sampling=LONG)
    first.wait(lambda events: any(isinstance(event, TextDelta) for event in events))
    order = []
    batch = driver.start("b", max_tokens=2, sampling=LONG, priority="batch", on_event=lambda e: order.append(e.id))
    batch.wait(lambda events: any(isinstance(event, Queued) for event in events))
    order.clear()
    chatting = driver.start("c", max_tokens=2, sampling=LONG, on_event=lambda e: order.append(e.id))
    chatting.wait(lambda events: any(isinstance(event, Queued) for event in events))
    driver.engine.cancel(first.request.id)
    assert chatting.finished
    assert batch.finished
    generated = [name for name in dict.fromkeys(order) if name in (chatting.request.id, batch.request.id)]
    assert order.index(chatting.request.id) >= 0
    assert order[-1] == batch.request.id
    assert generated


def test_characters_spread_over_tokens_arrive_whole(random_llama):
    """Byte tokens forced one after another: the euro sign is three of them."""
    euro = {str(3 + byte): 500.0 for byte in "€".encode()}
    run = random_llama.greedy("x", max_tokens=30, sampling={"logit_bias": euro})
    text = run.text
    assert all(event.text for event in run.events if isinstance(event, TextDelta))
    assert text
    assert all(letter == "�" or set(letter.encode()) <= set("€".encode()) for letter in text)
