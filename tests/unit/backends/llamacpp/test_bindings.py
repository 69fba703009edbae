"""The native layer: failed loads are explained, cut prefixes compute the same logits, the abort flag works."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from paddock.backends.llamacpp.bindings import ABORTED, DECODED, FULL, WHOLE, Context, Model, library
from paddock.backends.llamacpp.context_memory import ContextMemory
from paddock.backends.llamacpp.load_errors import load_error
from paddock.backends.llamacpp.loading import effective_options, load_model, make_context, with_threads
from paddock.backends.llamacpp.machine import available_bytes, check_memory, physical_cores
from paddock.backends.llamacpp.probe import probe
from paddock.backends.llamacpp.sharing import Rules
from paddock.sdk.errors import InvalidOption, LoadFailed, ModelUnusable, OutOfMemory, UnknownOption


@pytest.fixture(scope="module")
def model(tiny: Path) -> Iterator[Model]:
    made = load_model(library(), str(tiny), effective_options({}), lambda fraction: None)
    yield made
    made.close()


def context_of(model: Model, **options: object) -> Context:
    effective = with_threads(effective_options({"n_ctx": 512, "n_parallel": 4} | options), model.size_bytes, 1)
    return make_context(model, effective)


@pytest.fixture
def context(model: Model) -> Iterator[Context]:
    made = context_of(model)
    yield made
    made.close()


def logits(context: Context, row: int) -> np.ndarray:
    pointer = context.model.lib.api.llama_get_logits_ith(context.handle, row)
    return np.ctypeslib.as_array(pointer, shape=(context.model.n_vocab,)).copy()


def nmse(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(((got - wanted) ** 2).sum() / (wanted**2).sum())


def test_probe_tells_version_and_processors():
    found = probe()
    assert found.available
    assert found.version
    assert any(device.kind == "cpu" and device.total_bytes for device in found.devices)


def test_text_and_tokens(model):
    tokens = model.tokenize("the Paris €", add_special=True)
    assert tokens[0] == 1
    assert b"".join(model.piece(token) for token in tokens[1:]).decode().strip() == "the Paris €"
    assert model.piece(1) == b""
    assert model.piece(1, special=True) == b"<s>"
    assert model.is_eog(2)
    assert not model.is_eog(5)


def test_a_cut_and_continued_prefix_gives_the_logits_of_a_cold_prompt(context):
    prompt = [1, *range(10, 40)]
    assert context.decode([(t, p, 0, p == 30) for p, t in enumerate(prompt)]) == DECODED
    cold = logits(context, 30)
    other = [*prompt[:20], *range(100, 120)]
    assert context.decode([(t, p, 1, p == 39) for p, t in enumerate(other)]) == DECODED
    different = logits(context, 39)
    assert context.remove(1, 20)
    assert context.positions(1) == (0, 19)
    assert context.decode([(prompt[p], p, 1, p == 30) for p in range(20, 31)]) == DECODED
    assert nmse(logits(context, 10), cold) < 1e-6
    assert nmse(different, cold) > 1e-3


def test_sequences_in_one_batch_do_not_disturb_each_other(context):
    first, second = [1, *range(10, 30)], [1, *range(60, 80)]
    context.decode([(t, p, 0, p == 20) for p, t in enumerate(first)])
    alone = logits(context, 20)
    context.remove(0, 0)
    rows = [row for p in range(21) for row in ((first[p], p, 0, p == 20), (second[p], p, 1, p == 20))]
    assert context.decode(rows) == DECODED
    assert nmse(logits(context, 40), alone) < 1e-6


def test_a_prefix_that_is_not_there_is_never_taken_for_one(context):
    memory = ContextMemory(context, Rules())
    context.decode([(5, p, 0, False) for p in range(9)] + [(5, 9, 0, True)])
    assert memory.keep(0, 10)
    assert not memory.keep(0, 12)
    assert context.positions(0) == (-1, -1)
    assert memory.keep(0, 0)
    assert not memory.keep(2, 4)


def test_a_copy_and_a_restored_state_continue_like_the_original(context):
    memory = ContextMemory(context, Rules())
    prompt = [1, *range(10, 40)]
    context.decode([(t, p, 0, p == 30) for p, t in enumerate(prompt)])
    cold = logits(context, 30)
    state = memory.save(0)
    assert state is not None
    assert memory.saved_bytes == state.size
    assert memory.share(0, 1, 30, None)
    assert memory.restore(2, state, 31, 30, None)
    for sequence in (1, 2):
        assert context.decode([(prompt[30], 30, sequence, True)]) == DECODED
        assert nmse(logits(context, 0), cold) < 1e-6
    state.release()
    assert memory.saved_bytes == 0
    assert memory.save(0, most=1000) is None


def test_a_full_cache_is_reported_and_changes_nothing(context):
    rows = [(5, p, 0, False) for p in range(511)] + [(5, 511, 0, True)]
    assert context.decode(rows) == DECODED
    assert context.decode([(5, 0, 1, True)]) == FULL
    assert context.positions(0) == (0, 511)


def test_abort_ends_a_decode_call(model):
    context = context_of(model, n_ctx=4096)
    try:
        context.abort()
        assert context.decode([(5, p, 0, p == 2000) for p in range(2001)]) == ABORTED
        assert context.remove(0, 0)
        context.clear_abort()
        assert context.decode([(5, 0, 0, True)]) == DECODED
    finally:
        context.close()


def test_more_rows_than_a_batch_holds_never_reach_the_library(context):
    with pytest.raises(ValueError, match="rows"):
        context.decode([(5, p, 0, False) for p in range(context.n_batch + 1)])
    with pytest.raises(ValueError, match="rows"):
        context.decode([])


# ---------------------------------------------------------------- loads that fail


def load(path: Path, **options: object) -> Model:
    return load_model(library(), str(path), effective_options(options), lambda fraction: None)


def test_not_a_gguf_file(tmp_path):
    path = tmp_path / "text.gguf"
    path.write_text("hello, this is no model at all, only some text")
    with pytest.raises(ModelUnusable, match="not a GGUF file"):
        load(path)


def test_a_truncated_file(tiny, tmp_path):
    path = tmp_path / "half.gguf"
    path.write_bytes(tiny.read_bytes()[: tiny.stat().st_size // 2])
    with pytest.raises(ModelUnusable, match="ends before its tensors") as failed:
        load(path)
    assert "Download" in failed.value.hint


def test_a_file_cut_inside_its_header(tiny, tmp_path):
    path = tmp_path / "head.gguf"
    path.write_bytes(tiny.read_bytes()[:2000])
    with pytest.raises((ModelUnusable, LoadFailed)):
        load(path)


def test_an_unknown_architecture(gguf_file, tmp_path):
    path = gguf_file.write_llama(tmp_path / "new.gguf", general__architecture=(gguf_file.STRING, "llama9000"))
    with pytest.raises(ModelUnusable, match="llama9000"):
        load(path)


def test_a_missing_tensor(gguf_file, tmp_path):
    tensors = gguf_file.llama_tensors()
    del tensors["blk.1.ffn_up.weight"]
    path = tmp_path / "lost.gguf"
    path.write_bytes(gguf_file.Writer().file(gguf_file.llama_metadata(), tensors))
    with pytest.raises(LoadFailed, match="ffn_up"):
        load(path)


def test_a_file_that_has_gone_and_a_missing_part(tmp_path, tiny):
    with pytest.raises(LoadFailed, match="not there"):
        load(tmp_path / "gone.gguf")
    part = tmp_path / "big-00001-of-00002.gguf"
    part.write_bytes(tiny.read_bytes())
    with pytest.raises(LoadFailed, match="big-00002-of-00002"):
        load(part)


def test_memory_and_cores_respect_a_containers_limits(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 5\nfile 300000\n")
    assert 1 <= physical_cores(tmp_path) <= 2
    assert available_bytes(tmp_path) == 400_000
    check_memory("x", 400_000, 400_000)
    with pytest.raises(OutOfMemory):
        check_memory("x", 400_001, 400_000)


def test_load_options_are_checked():
    with pytest.raises(UnknownOption, match="n_ctxx"):
        effective_options({"n_ctxx": 1})
    with pytest.raises(InvalidOption):
        effective_options({"cache_type_k": "q3"})


@pytest.mark.parametrize(
    "options",
    [
        {"cache_type_k": "f32", "cache_type_v": "f16", "flash_attn": "on"},
        {"cache_type_k": "bf16", "cache_type_v": "f32", "flash_attn": "off"},
        {"kv_unified": False, "n_parallel": 2},
        {"use_mmap": False, "use_mlock": False, "repack": False, "check_tensors": True},
        {"rope_scaling": "yarn", "rope_freq_scale": 0.5, "yarn_orig_ctx": 2048, "rope_freq_base": 20000.0},
        {"n_gpu_layers": 0, "split_mode": "none", "tensor_split": "1,0", "op_offload": False, "offload_kqv": False},
        {"n_batch": 32, "n_ubatch": 32, "n_parallel": 256, "swa_full": True},
    ],
)
def test_load_options_work(tiny, options):
    model = load(tiny, **options)
    try:
        context = context_of(model, **options)
        assert context.decode([(5, 0, 0, True)]) == DECODED
        assert context.n_batch >= context.n_seq_max
        context.close()
    finally:
        model.close()


def test_a_wrong_tensor_split_is_explained(tiny):
    with pytest.raises(InvalidOption, match="tensor_split"):
        load(tiny, tensor_split="a,b")


def test_quantised_values_without_flash_attention_are_refused_by_the_engine(model):
    with pytest.raises(LoadFailed, match="flash_attn"):
        context_of(model, cache_type_v="q8_0", flash_attn="off")
    with pytest.raises(LoadFailed, match="block size 32"):
        context_of(model, cache_type_k="q8_0")


def test_memory_that_runs_out_while_loading_is_named():
    assert isinstance(load_error("m.gguf", ["failed to allocate buffer of size 5"]), OutOfMemory)
    assert "no reason" in load_error("m.gguf", []).message


def test_learned_positions_bound_the_context(model, monkeypatch):
    monkeypatch.setattr(model, "architecture", "gpt2")
    with pytest.raises(InvalidOption, match="n_ctx"):
        context_of(model, n_ctx=8192)


def test_the_buffer_of_a_state_waits_for_no_garbage_collector(model):
    context = context_of(model)
    assert context.decode([(5, 0, 0, True)]) == DECODED
    size = context.state_size(0, WHOLE)
    buffer = (ctypes.c_uint8 * size)()
    gone = weakref.ref(buffer)
    assert context.get_state(0, buffer, size, WHOLE) == size
    assert context.set_state(0, buffer, size, WHOLE)
    context.close()
    del buffer
    assert gone() is None
