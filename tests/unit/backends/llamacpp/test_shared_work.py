"""What requests share, with a real model: prefixes, states in memory and on disk, and drafts."""

from __future__ import annotations

import numpy as np
import pytest

from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.context_memory import ContextMemory
from paddock.backends.llamacpp.loading import effective_options, load_model, make_context
from paddock.backends.llamacpp.sharing import Rules
from paddock.sdk.events import Failed, PromptProgress
from paddock.sdk.types import EngineStats, Message

from .architectures.models import write_model


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path))
    return tmp_path


def prompt(start: int, length: int) -> tuple[int, ...]:
    """Token ids of the tiny model, which has 300."""
    return (1, *(5 + (start + 7 * at) % 200 for at in range(length - 1)))


def evaluated(run) -> int:
    usage = run.finished.usage
    return usage.prompt_tokens - usage.cached_tokens


def test_a_prompt_of_token_ids_is_continued_as_it_stands(random_llama):
    ids = prompt(3, 40)
    first = random_llama.greedy(prompt=ids, max_tokens=6, sampling={"ignore_eos": True})
    assert first.finished.usage.prompt_tokens == 40
    assert first.finished.usage.completion_tokens == 6
    again = random_llama.greedy(prompt=ids, max_tokens=6, sampling={"ignore_eos": True})
    assert again.text_when_finished == first.text
    assert evaluated(again) == 1


def test_a_text_prompt_goes_through_no_template(chat):
    text = "The capital of France is"
    run = chat.greedy(prompt=text, max_tokens=1)
    assert run.finished.usage.prompt_tokens < 10


@pytest.mark.parametrize("ids", [(1, 5, 300), (-1,), ()])
def test_token_ids_that_the_model_does_not_have_are_refused(random_llama, ids):
    ending = random_llama.start(prompt=ids).ending
    assert isinstance(ending, Failed)
    assert ending.error.code == "bad_request"
    assert ending.error.hint


def test_users_behind_one_system_prompt_have_it_read_once(driver, tiny):
    driver.load(tiny, n_ctx=4096)
    shared = prompt(11, 400)
    users = [driver.greedy(prompt=(*shared, 10 + number, 20), max_tokens=4) for number in range(8)]
    assert sum(map(evaluated, users)) <= 402 + 7 * 2


def test_choices_of_one_prompt_have_it_read_once(driver, tiny):
    driver.load(tiny, n_ctx=4096)
    runs = [driver.greedy(prompt=prompt(2, 300), max_tokens=4) for _ in range(4)]
    assert sorted(map(evaluated, runs)) == [1, 1, 1, 300]
    assert len({run.text for run in runs}) == 1


def test_the_second_turn_of_a_chat_evaluates_the_new_tokens_and_no_answer_again(random_llama):
    question = "Tell me more than I want to know about the weather of the last days"
    first = random_llama.start(question, max_tokens=60, sampling={"seed": 3, "temperature": 1.5, "top_k": 0})
    second = random_llama.greedy(
        question, Message(role="assistant", content=first.text), Message(role="user", content="And now"), max_tokens=2
    )
    usage, before = second.finished.usage, first.finished.usage
    kept = before.prompt_tokens + before.completion_tokens
    assert usage.cached_tokens >= kept - 1, "the answer was split into other tokens than it was written in"


def test_an_answer_with_hidden_tokens_is_not_kept_in_its_own(chat):
    """The text that comes back has no place for them."""
    model, written = chat.engine._decoding._model, chat.engine._decoding._telling._written
    hidden = next(token for token in range(model.n_vocab) if model.is_control(token) and not model.is_eog(token))
    before = len(written._answers)
    sampling = {"logit_bias": {str(hidden): 12.0}, "seed": 1, "temperature": 1.5, "ignore_eos": True}
    assert chat.start("Count to ten.", max_tokens=30, sampling=sampling).text_when_finished
    assert len(written._answers) == before


def test_a_request_without_the_cache_reads_everything_itself(random_llama):
    ids = prompt(9, 120)
    for _ in range(2):
        run = random_llama.greedy(prompt=ids, max_tokens=2, cache_prompt=False)
        assert run.finished.usage.cached_tokens == 0


def test_what_leaves_the_context_comes_back_from_memory(driver, tiny):
    driver.load(tiny, n_ctx=512, cache_ram_mib=64)
    stats: list[EngineStats] = []
    driver.engine.watch(stats.append)
    ids = prompt(1, 400)
    first = driver.greedy(prompt=ids, max_tokens=4)
    text = (first.finished, first.text)[1]
    driver.greedy(prompt=prompt(77, 400), max_tokens=4).finished  # noqa: B018 - waits
    again = driver.greedy(prompt=ids, max_tokens=4)
    assert evaluated(again) == 1
    assert again.text == text
    driver.engine.close()
    assert stats[-1].evictions >= 1
    assert stats[-1].restored_from_memory == 1
    assert stats[-1].cached_tokens == 399 + 1  # and the first token of the prompt between


def test_a_full_sliding_window_comes_back_from_memory(driver, gguf_file, tmp_path):
    path = write_model(library(), gguf_file, "gemma3", tmp_path / "gemma3.gguf")
    driver.load(path, n_ctx=512, cache_ram_mib=64, swa_full=True)
    ids = prompt(1, 400)
    for tokens in (ids, prompt(77, 400)):
        assert driver.greedy(prompt=tokens, max_tokens=1, sampling={"ignore_eos": True}).finished
    assert evaluated(driver.greedy(prompt=(*ids, 7, 8), max_tokens=4)) <= 3


@pytest.mark.parametrize("unified", [True, False])
def test_a_state_saved_at_once_after_sharing_is_whole(tiny, unified):
    """Between caches of their own llama.cpp copies only with the next step."""
    options = effective_options({"n_ctx": 1024, "n_parallel": 3, "kv_unified": unified, "n_threads": 1})
    model = load_model(library(), str(tiny), options, lambda fraction: None)
    context = make_context(model, options | {"n_threads_batch": 1})
    memory = ContextMemory(context, Rules(unified=unified))
    context.decode([(token, at, 0, False) for at, token in enumerate(prompt(3, 60))])
    assert memory.share(0, 1, 50, None)
    state = memory.save(1)
    assert memory.restore(2, state, 50, 50, None)
    assert memory.keep(0, 50)
    context.decode([(9, 50, 0, True), (9, 50, 2, True)])
    assert np.allclose(context.logits(0), context.logits(1), atol=0.1)
    context.close()
    model.close()


def test_a_known_prefix_survives_the_worker(home, make_driver, tiny):
    ids = prompt(5, 300)
    first = make_driver()
    first.load(tiny, n_ctx=1024, kv_store=True)
    text = first.greedy(prompt=ids, max_tokens=4).text_when_finished
    first.engine.close()
    assert list((home / "kv").rglob("*.kv"))
    second = make_driver()
    second.load(tiny, n_ctx=2048, n_parallel=2, kv_store=True)
    again = second.greedy(prompt=ids, max_tokens=4)
    assert evaluated(again) == 1
    assert again.text == text


def test_a_known_prefix_that_is_used_again_stays_known(home, make_driver, tiny):
    for cold in (300, 1, 1):
        driver = make_driver()
        driver.load(tiny, n_ctx=1024, kv_store=True)
        assert evaluated(driver.greedy(prompt=prompt(5, 300), max_tokens=4)) == cold
        driver.engine.close()


def test_private_requests_leave_nothing_on_disk(home, make_driver, tiny):
    driver = make_driver()
    driver.load(tiny, n_ctx=1024, kv_store=True)
    assert driver.greedy(prompt=prompt(5, 300), max_tokens=4, private=True).finished
    driver.engine.close()
    assert not list((home / "kv").rglob("*.kv"))


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_file_costs_one_reading_and_nothing_else(home, make_driver, tiny, damage):
    ids = prompt(5, 300)
    first = make_driver()
    first.load(tiny, n_ctx=1024, kv_store=True)
    text = first.greedy(prompt=ids, max_tokens=4).text_when_finished
    first.engine.close()
    (file,) = (home / "kv").rglob("*.kv")
    data = bytearray(file.read_bytes())
    match damage:
        case "cut":
            del data[-1000:]
        case "flip":
            data[-1000] ^= 1
        case "foreign":
            data[:] = b"GGUF" + bytes(len(data))
    file.write_bytes(data)
    second = make_driver()
    second.load(tiny, n_ctx=1024, kv_store=True)
    again = second.greedy(prompt=ids, max_tokens=4)
    assert again.text_when_finished == text
    assert evaluated(again) == 300


def test_drafting_changes_nothing_but_the_number_of_steps(driver, tiny):
    driver.load(tiny, n_ctx=2048, draft_max=8)
    ids = (*prompt(1, 20) * 4,)
    plain = driver.greedy(prompt=ids, max_tokens=200)
    drafting = driver.greedy(prompt=ids, max_tokens=200, sampling={"drafting": "ngram"})
    assert drafting.text_when_finished == plain.text_when_finished
    stats = drafting.finished.stats
    assert 0 <= stats.accepted_tokens <= stats.drafted_tokens
    assert plain.finished.stats.drafted_tokens == 0


def test_a_model_drafts_for_itself(driver, starter):
    driver.load(starter, draft_model=str(starter))
    plain = driver.greedy("What is the capital of France?")
    drafting = driver.greedy("What is the capital of France?", sampling={"drafting": "model"})
    assert drafting.text_when_finished == plain.text_when_finished


@pytest.mark.parametrize(
    ("options", "sampling"),
    [({}, {"drafting": "model"}), ({"draft_max": 0}, {"drafting": "ngram"}), ({}, {"lora_scales": {"0": 0.5}})],
)
def test_what_was_not_loaded_is_refused_with_the_remedy(driver, tiny, options, sampling):
    driver.load(tiny, n_ctx=512, **options)
    ending = driver.start("Hello", sampling=sampling).ending
    assert isinstance(ending, Failed)
    assert ending.error.code == "invalid_option"
    assert ending.error.hint


def test_idle_moments_measure_steps_and_work_comes_first(driver, tiny, monkeypatch):
    monkeypatch.setattr("paddock.backends.llamacpp.decoding.IDLE_S", 0.0)
    driver.load(tiny, n_ctx=512)
    for _ in range(20):
        assert driver.greedy("Hello", max_tokens=2).finished
    progress = [event for event in driver.greedy(prompt=prompt(4, 100)).events if isinstance(event, PromptProgress)]
    assert all(event.done <= event.total for event in progress)


def test_what_rests_leaves_the_context_before_an_answer_and_comes_back_whole(driver, tiny):
    driver.load(tiny, n_ctx=2048, cache_ram_mib=64)
    told: list[EngineStats] = []
    driver.engine.watch(told.append)

    def ask(number: int):
        return driver.greedy(prompt=prompt(7 * number, 150), max_tokens=12)

    texts = {number: ask(number).text for number in range(1, 4)}
    for number in (3, 3, 1, 2):
        again = ask(number)
        assert (evaluated(again), again.text) == (1, texts[number])
    assert told[-1].memory_prefixes > 0
