"""LoRA adapters: loaded with the model, strengths by request."""

from __future__ import annotations

import numpy as np
import pytest

from paddock.sdk.errors import LoadFailed
from paddock.sdk.types import EngineStats

SAMPLING = {"temperature": 0.0, "ignore_eos": True}
PROMPT = (1, *(5 + 7 * at % 200 for at in range(99)))


def write_adapter(gguf_file, path, *, seed=1, width=64, architecture="llama"):
    """An adapter of rank 4 for the queries of both layers of the tiny llama, which is 64 wide."""
    metadata = {
        "general.architecture": (gguf_file.STRING, architecture),
        "general.type": (gguf_file.STRING, "adapter"),
        "adapter.type": (gguf_file.STRING, "lora"),
        "adapter.lora.alpha": (gguf_file.F32, 4.0),
    }
    random = np.random.default_rng(seed)
    tensors = {}
    for layer in range(2):
        tensors[f"blk.{layer}.attn_q.weight.lora_a"] = random.normal(0, 0.5, (4, width))
        tensors[f"blk.{layer}.attn_q.weight.lora_b"] = random.normal(0, 0.5, (64, 4))
    path.write_bytes(gguf_file.Writer().file(metadata, tensors))
    return str(path)


@pytest.fixture(scope="module")
def adapters(gguf_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return [write_adapter(gguf_file, folder / f"{seed}.gguf", seed=seed) for seed in (1, 2)]


def ask(driver, scales=None, **fields):
    sampling = SAMPLING | ({} if scales is None else {"lora_scales": scales})
    return driver.greedy(prompt=PROMPT, max_tokens=12, sampling=sampling, **fields)


def cached(run) -> int:
    return run.finished.usage.cached_tokens


@pytest.fixture
def base(make_driver, tiny):
    """What the model answers without adapters."""
    driver = make_driver()
    driver.load(tiny, n_ctx=1024)
    return ask(driver).text_when_finished


def test_an_adapter_changes_the_answer_and_scale_0_switches_it_off(driver, tiny, adapters, base):
    driver.load(tiny, n_ctx=1024, lora=adapters[:1])
    full = ask(driver).text_when_finished
    assert full != base
    assert ask(driver, {"0": 1.0}).text_when_finished == full
    assert ask(driver, {"0": 0.0}).text_when_finished == base
    assert ask(driver, {"0": 0.5}).text_when_finished not in {base, full}


def test_adapters_that_are_not_named_have_their_full_strength(make_driver, tiny, adapters):
    alone, both = make_driver(), make_driver()
    alone.load(tiny, n_ctx=1024, lora=adapters[1:])
    expected = ask(alone).text_when_finished
    both.load(tiny, n_ctx=1024, lora=adapters)
    assert ask(both, {"0": 0.0}).text_when_finished == expected
    assert ask(both).text_when_finished != expected


def test_requests_with_different_scales_get_what_each_gets_alone(make_driver, tiny, adapters, monkeypatch):
    choices = [None, {"0": 0.0}, {"0": 0.5}, {"1": 0.0}, {"0": -1.0, "1": 0.3}]
    quiet, busy = make_driver(), make_driver()
    for driver in (quiet, busy):
        driver.load(tiny, n_ctx=2048, lora=adapters)
    alone = [ask(quiet, scales, cache_prompt=False).text_when_finished for scales in choices]
    assert len(set(alone)) == len(choices)
    groups = []
    compute = busy.engine._runner.compute

    def watched(step):
        groups.append({sequence.group for sequence in step.counts})
        return compute(step)

    monkeypatch.setattr(busy.engine._runner, "compute", watched)
    together = [ask(busy, scales) for scales in choices]
    assert [run.text for run in together] == alone
    assert [cached(run) for run in together] == [0] * len(choices)
    assert all(len(step) == 1 for step in groups)
    assert len(set.union(*groups)) == len(choices)
    again = [ask(busy, scales) for scales in choices]
    assert [run.text for run in again] == alone
    assert [cached(run) for run in again] == [len(PROMPT) - 1] * len(choices)


def test_prefixes_of_other_scales_come_back_from_memory_only_to_their_own(driver, tiny, adapters):
    driver.load(tiny, n_ctx=256, n_parallel=1, lora=adapters, cache_ram_mib=16)
    stats: list[EngineStats] = []
    driver.engine.watch(stats.append)
    choices = [None, {"0": 0.0}, {"0": 0.5}, {"1": 0.0}]
    first = [ask(driver, scales).text_when_finished for scales in choices]
    again = [ask(driver, scales) for scales in choices]
    assert [run.text for run in again] == first
    assert [cached(run) for run in again] == [len(PROMPT) - 1] * len(choices)
    driver.engine.close()
    assert stats[-1].restored_from_memory > 0


def test_only_full_strength_is_kept_on_disk(make_driver, tiny, adapters, tmp_path, monkeypatch):
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path))
    ids = PROMPT * 2

    def run(lora, scales):
        driver = make_driver()
        driver.load(tiny, n_ctx=1024, kv_store=True, lora=lora)
        run = driver.greedy(prompt=ids, max_tokens=4, sampling=SAMPLING | {"lora_scales": scales})
        found = run.text_when_finished, cached(run)
        driver.engine.close()
        return found

    half, _ = run(adapters[:1], {"0": 0.5})
    full, nothing = run(adapters[:1], {})
    assert nothing == 0
    assert run(adapters[:1], {}) == (full, len(ids) - 1)
    assert run(adapters[:1], {"0": 0.5}) == (half, 0)
    assert run(adapters[1:], {})[1] == 0
    assert run([], {})[1] == 0


@pytest.mark.parametrize("scales", [{"1": 1.0}, {"-1": 1.0}, {"first": 1.0}])
def test_a_scale_for_an_adapter_that_is_not_there_is_refused(driver, tiny, adapters, scales):
    driver.load(tiny, n_ctx=512, lora=adapters[:1])
    error = ask(driver, scales).failed.error
    assert error.code == "invalid_option"
    assert error.hint == "It has 1, counted from 0."


@pytest.mark.parametrize("kind", ["missing", "no GGUF", "a model", "another width", "another architecture"])
def test_a_file_that_is_no_adapter_of_the_model_is_refused_with_a_sentence(
    driver, tiny, gguf_file, tmp_path, kind, base
):
    path = tmp_path / "adapter.gguf"
    match kind:
        case "no GGUF":
            path.write_bytes(b"this is no adapter")
        case "a model":
            path.write_bytes(tiny.read_bytes())
        case "another width":
            write_adapter(gguf_file, path, width=32)
        case "another architecture":
            write_adapter(gguf_file, path, architecture="qwen2")
    with pytest.raises(LoadFailed) as caught:
        driver.load(tiny, n_ctx=512, lora=[str(path)])
    assert "adapter.gguf" in caught.value.message
    assert caught.value.hint
    driver.load(tiny, n_ctx=512)
    assert ask(driver).text_when_finished == base
