"""A model's own multi-token-prediction layers guess, in the real engine: the answer stays what it is without them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from paddock.backends.llamacpp.bindings import DECODED, Context, library
from paddock.backends.llamacpp.loading import effective_options, load_model, make_context
from paddock.backends.llamacpp.mtp import SEEN, MtpDrafter
from paddock.backends.llamacpp.sequence import Row, Sequence, Step
from paddock.backends.llamacpp.simulate import simulate
from paddock.browser.estimate import predict
from paddock.browser.gguf import read_model_headers
from paddock.sdk.errors import InvalidOption
from paddock.sdk.memory import Machine, MemoryDevice

from .architectures.models import PREDICTING, Weights, write_model
from .conftest import Driver

OPTIONS = {"mtp": True, "n_ctx": 1024, "n_threads": 1, "n_threads_batch": 1, "n_parallel": 3}


def prompt(seed: int, count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 270, count)]


def sure(weights: Weights) -> None:
    """Every token is near certain, so that none is too doubtful to be guessed."""
    for name in [name for name in weights if name.endswith("scale")]:
        del weights[name]  # of quantised tensors; without its layers a model does not expect theirs
    for name in weights:
        if name == "output.weight" or "shared_head_head" in name:
            weights[name] *= 8


def alike(weights: Weights) -> None:
    """The next token follows from the last one alone, for the model and for its layers in the same way."""
    sure(weights)
    for name, values in weights.items():
        if "nextn.eh_proj.weight" in name:
            weights[name] = np.hstack([np.eye(len(values)), np.zeros_like(values[:, : len(values)])])
        elif any(part in name for part in ("attn_output", "ffn_down", "ssm_out")):
            weights[name] = np.zeros_like(values)
        elif values.ndim == 1 and "norm" in name:
            weights[name] = np.ones_like(values)
        elif "nextn.embed_tokens" in name:
            weights[name] = weights["token_embd.weight"]
        elif "shared_head_head" in name:
            weights[name] = weights["output.weight"]


def half_alike(weights: Weights) -> None:
    """As :func:`alike`, but the layers mix up half of the tokens."""
    alike(weights)
    head = next(name for name in weights if "shared_head_head" in name)
    weights[head] = weights[head].copy()
    weights[head][::2] = np.roll(weights[head][::2], 1, axis=0)


def without_layers(weights: Weights) -> None:
    sure(weights)
    for name in [name for name in weights if name.startswith("blk.4.")]:
        del weights[name]


@pytest.fixture(scope="module")
def model_file(
    gguf_file: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Callable[[Weights], None]], Path]:
    folder = tmp_path_factory.mktemp("mtp")

    def get(architecture: str, edit: Callable[[Weights], None]) -> Path:
        path = folder / f"{architecture}-{edit.__name__}.gguf"
        return path if path.exists() else write_model(library(), gguf_file, architecture, path, edit=edit)

    return get


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses are made in every step, whether they pay or not."""
    monkeypatch.setattr("paddock.backends.llamacpp.drafting.Pays.length", lambda pays, limit, **costs: limit)


def answers(driver: Driver, drafting: str) -> list[tuple[str, int, int]]:
    """Of three requests at once: the text, and how many tokens were guessed and how many of them right."""
    asked = {"drafting": drafting, "ignore_eos": True}
    prompts = (tuple(prompt(1, 300)), tuple(prompt(2, 40)), tuple(prompt(1, 120)))
    runs = [driver.greedy(prompt=tokens, max_tokens=30, sampling=asked) for tokens in prompts]
    ends = [(run.text_when_finished, run.finished.stats) for run in runs]
    return [(text, stats.drafted_tokens, stats.accepted_tokens) for text, stats in ends]


@pytest.mark.parametrize("architecture", PREDICTING)
def test_layers_that_compute_what_the_model_does_guess_right(architecture, model_file, always, driver):
    driver.load(model_file(architecture, alike), **OPTIONS)
    plain, drafted = answers(driver, "off"), answers(driver, "model")
    assert [text for text, _, _ in drafted] == [text for text, _, _ in plain]
    for _, guessed, right in drafted:
        assert guessed >= right > 15
        assert guessed - right < 8  # those beyond the end of the answer


@pytest.mark.parametrize("architecture", PREDICTING)
def test_wrong_guesses_change_nothing(architecture, model_file, always, driver):
    driver.load(model_file(architecture, half_alike), **OPTIONS)
    plain, drafted = answers(driver, "off"), answers(driver, "model")
    assert [text for text, _, _ in drafted] == [text for text, _, _ in plain]
    assert sum(guessed - right for _, guessed, right in drafted) > 20
    assert sum(right for _, _, right in drafted) > 5


def crowded(driver: Driver, drafting: str) -> list[str]:
    """The texts of three answers for which there is no room at once, behind one that is cancelled."""
    asked = {"drafting": drafting, "ignore_eos": True}
    cancelled = driver.greedy(prompt=tuple(prompt(9, 30)), max_tokens=200, sampling=asked)
    runs = [driver.greedy(prompt=tuple(prompt(seed, 50)), max_tokens=50, sampling=asked) for seed in (6, 7, 8)]
    cancelled.wait(len)
    driver.engine.cancel(cancelled.request.id)
    assert cancelled.ending
    return [run.text_when_finished for run in runs]


@pytest.mark.parametrize("architecture", ["glm4moe", "qwen35"])
def test_answers_that_are_sent_back_for_room_go_on_with_guesses(architecture, model_file, always, driver):
    driver.load(model_file(architecture, half_alike), **OPTIONS | {"n_ctx": 256})
    plain, drafted = crowded(driver, "off"), crowded(driver, "model")
    assert drafted == plain
    assert driver.engine._runner.scheduler.preemptions > 0
    assert driver.engine._draft_model._answers == {}


@contextmanager
def opened(path: Path) -> Iterator[tuple[Context, MtpDrafter]]:
    options = effective_options(OPTIONS)
    model = load_model(library(), str(path), options, lambda fraction: None)
    context = make_context(model, options)
    drafter = MtpDrafter(context, [path], options, answers=3)
    yield context, drafter
    drafter.close()
    context.close()
    model.close()


def evaluate(context: Context, drafter: MtpDrafter, *pieces: tuple[Sequence, int, list[int]]) -> None:
    """Compute the tokens from a position on of several sequences, in one step."""
    step = Step()
    for sequence, start, tokens in pieces:
        last = len(tokens) - 1
        rows: list[Row] = [(token, start + at, sequence.rank[1], at == last) for at, token in enumerate(tokens)]
        step.rows += rows
        step.counts[sequence] = len(rows)
    assert context.decode(step.rows) == DECODED
    drafter.observe(step)


@pytest.mark.parametrize("architecture", PREDICTING)
def test_the_layers_read_the_state_behind_the_right_token(architecture, model_file):
    first, second = prompt(3, 30), prompt(4, 21)
    with opened(model_file(architecture, sure)) as (context, drafter):
        one, two, alone = (Sequence(str(number), [], (1, number), draft_limit=4) for number in range(3))
        evaluate(context, drafter, (alone, 0, first[:16]))
        evaluate(context, drafter, (alone, 16, first[16:29]))
        wanted = drafter.propose("2", first, 4, p_min=0.0)
        evaluate(context, drafter, (two, 0, second[:9]), (one, 0, first[:12]))
        for at in range(12, 18):
            drafter.propose("0", first[: at + 1], 3, p_min=0.0)  # guesses that are cut again
            evaluate(context, drafter, (two, at - 3, [second[at - 3]]), (one, at, [first[at]]))
        evaluate(context, drafter, (one, 18, first[18:29]), (two, 15, second[15:20]))
        assert drafter.propose("0", first, 4, p_min=0.0) == wanted
        assert drafter.propose("1", second[:17], 4, p_min=0.0) != wanted
        assert len(wanted) == 4


def test_answers_that_draft_otherwise_leave_nothing_behind(model_file, always, driver):
    driver.load(model_file("glm4moe", alike), **OPTIONS)
    assert [guessed for _, guessed, _ in answers(driver, "ngram")] != [0, 0, 0]
    assert driver.engine._draft_model._answers == {}


def test_the_layers_read_the_end_of_a_long_prompt_and_a_hole_begins_anew(model_file):
    tokens = prompt(5, SEEN + 60)
    with opened(model_file("glm4moe", sure)) as (context, drafter):
        asked = Sequence("a", [], (1, 0), draft_limit=4)
        assert drafter.propose("a", tokens, 4) == []
        evaluate(context, drafter, (Sequence("b", [], (1, 0)), 0, tokens[:20]))
        assert drafter.propose("b", tokens[:21], 4) == []  # does not draft
        evaluate(context, drafter, (asked, 20, tokens[20:-1]))
        assert len(drafter.propose("a", tokens, 4, p_min=0.0)) == 4
        last = len(tokens) - 1
        assert drafter.context.positions(2) == (last - SEEN + 1, last + 3)
        evaluate(context, drafter, (asked, last, [tokens[-1], 7, 8, 9]))
        drafter._answers["a"].keep(last + 10, np.zeros((3, context.model.width), np.float32))
        assert len(drafter.propose("a", [*tokens, *range(5, 18)], 2, p_min=0.0)) == 2
        assert drafter.context.positions(2)[0] == last + 11
        drafter.forget("a")
        assert drafter.context.positions(2) == (-1, -1)


def test_what_has_no_layers_is_refused_with_the_remedy(model_file, tiny, starter, driver):
    for path, more in ((tiny, {}), (model_file("glm4moe", without_layers), {}), (model_file("glm4moe", sure), starter)):
        with pytest.raises(InvalidOption) as refused:
            driver.load(path, **OPTIONS, **({"draft_model": str(more)} if more else {}))
        assert "multi-token-prediction" in refused.value.message
        assert "ngram" in refused.value.hint
    driver.load(model_file("glm4moe", without_layers), n_ctx=256)
    assert driver.greedy("Hello", max_tokens=2).finished


def test_a_build_without_the_functions_refuses(model_file, driver, monkeypatch):
    import llama_cpp

    monkeypatch.delattr(llama_cpp, "llama_cpp_ext", raising=False)
    monkeypatch.setitem(sys.modules, "llama_cpp.llama_cpp_ext", None)
    with pytest.raises(InvalidOption, match="does not tell what such layers need"):
        driver.load(model_file("glm4moe", sure), **OPTIONS)


def test_the_estimate_has_what_the_layers_take(model_file, driver):
    path = str(model_file("qwen35", sure))
    parts, plain = (simulate(path, OPTIONS | {"mtp": mtp}).devices[0].parts for mtp in (True, False))
    assert parts.draft > 0 == plain.draft
    assert parts.weights > plain.weights
    machine = Machine(name="here", devices=(MemoryDevice(name="RAM", total=2**36, free=2**36),))
    computed = predict(read_model_headers(Path(path)), OPTIONS, machine).devices[0].parts
    assert computed.weights == plain.weights
    assert computed.draft > parts.weights - plain.weights
    report = driver.load(Path(path), **OPTIONS)
    measured = report.memory.devices[0].parts
    assert (measured.draft, measured.weights, measured.kv) == (parts.draft, parts.weights, parts.kv)
