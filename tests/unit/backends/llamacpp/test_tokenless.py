"""A simulated load without the words of the vocabulary tells what one with them would."""

from __future__ import annotations

import gc
import os
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from paddock.backends.llamacpp import tokenless
from paddock.backends.llamacpp.bindings import Model, library
from paddock.backends.llamacpp.loading import effective_options, load_model
from paddock.backends.llamacpp.process_memory import give_back_freed
from paddock.backends.llamacpp.simulate import simulate
from paddock.backends.process_memory import resident_bytes
from paddock.sdk.errors import ModelUnusable

WORDS = 50_000


def with_words(
    gguf_file: ModuleType, path: Path, count: int = 300, *, tokenizer: str = "gpt2", pre: str = "llama-bpe"
) -> Path:
    """A tiny llama with a vocabulary of so many words, and as many merges of two of them."""
    words = [f"word{number}" for number in range(count)]
    text, array = gguf_file.STRING, gguf_file.ARRAY
    header = {key: value for key, value in gguf_file.llama_metadata().items() if value[0] != array}
    header |= {
        "llama.vocab_size": (gguf_file.U32, count),
        "tokenizer.ggml.model": (text, tokenizer),
        "tokenizer.ggml.pre": (text, pre),
        "tokenizer.ggml.tokens": (array, (text, words)),
        "tokenizer.ggml.scores": (array, (gguf_file.F32, [0.0] * count)),
        "tokenizer.ggml.token_type": (array, (gguf_file.I32, [1] * count)),
        "tokenizer.ggml.merges": (array, (text, [f"{word} {word}" for word in words])),
    }
    tensors = gguf_file.llama_tensors()
    for name in ("token_embd.weight", "output.weight"):
        tensors[name] = tensors[name][:1].repeat(count, axis=0)
    path.write_bytes(gguf_file.Writer().file(header, tensors))
    return path


@pytest.fixture(scope="module")
def wordy(gguf_file: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_words(gguf_file, tmp_path_factory.mktemp("wordy") / "model.gguf", WORDS)


def opened(path: Path, *, words: bool) -> Model:
    return load_model(library(), str(path), effective_options({}), lambda part: None, simulated=True, words=words)


def test_the_number_of_words_is_enough_for_a_simulation(wordy: Path) -> None:
    assert tokenless.vocabulary_of(wordy) == ("llama", "gpt2", "llama-bpe", WORDS)
    model = opened(wordy, words=False)
    assert (model.n_vocab, model.bos) == (WORDS, "")
    assert tokenless.words_left_out(model) == pytest.approx(2 * WORDS * 116, rel=0.1)
    model.close()
    whole = opened(wordy, words=True)
    assert (whole.n_vocab, tokenless.words_left_out(whole)) == (WORDS, 0)
    whole.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the figures are of glibc")
def test_what_the_words_take_is_known(wordy: Path) -> None:
    def taken(words: bool) -> int:
        give_back_freed()
        before = resident_bytes(os.getpid())
        model = opened(wordy, words=words)
        give_back_freed()
        after = resident_bytes(os.getpid())
        left_out = tokenless.words_left_out(model)
        model.close()
        return after - before + left_out

    gc.collect()
    taken(False)  # what the first load takes once
    assert taken(False) == pytest.approx(taken(True), rel=0.35, abs=2**20)


def test_a_tokenizer_that_keeps_its_words_in_a_tree_is_read(gguf_file: ModuleType, tmp_path: Path) -> None:
    assert tokenless.overrides(library(), str(with_words(gguf_file, tmp_path / "tree.gguf", tokenizer="rwkv"))) is None


@pytest.mark.parametrize("named", [{"tokenizer": "runes"}, {"pre": "runes"}])
def test_an_unknown_tokenizer_is_refused_before_the_words_are_read(
    gguf_file: ModuleType, tmp_path: Path, named: dict[str, str]
) -> None:
    path = with_words(gguf_file, tmp_path / "model.gguf", **named)
    with pytest.raises(ModelUnusable, match="tokenizer “runes”, which this version"):
        simulate(str(path), {})


def test_a_header_that_is_cut_or_lies_is_left_to_llama_cpp(gguf_file: ModuleType, tmp_path: Path) -> None:
    header = with_words(gguf_file, tmp_path / "model.gguf").read_bytes()[:1500]
    path = tmp_path / "cut.gguf"
    at = header.index(b"tokenizer.ggml.tokens")
    for size in range(0, at, 17):
        path.write_bytes(header[:size])
        assert tokenless.vocabulary_of(path) is None
    for place in range(8, at, 13):
        path.write_bytes(header[:place] + struct.pack("<Q", 2**64 - 1) + header[place + 8 :])
        tokenless.vocabulary_of(path)  # whatever it is taken for
    assert tokenless.vocabulary_of(tmp_path / "none.gguf") is None


def test_a_name_that_is_no_name_is_refused(gguf_file: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    metadata = gguf_file.llama_metadata() | {"general.architecture": (gguf_file.STRING, "é" * 99)}
    path.write_bytes(gguf_file.Writer().file(metadata, gguf_file.llama_tensors()))
    with pytest.raises(ModelUnusable, match="architecture “é"):
        simulate(str(path), {})


def test_simulating_again_leaves_nothing_behind(starter: Path) -> None:
    """What waited for the garbage collector was counted as the process's own."""
    options: dict[str, Any] = {"n_ctx": 512}
    simulate(str(starter), options)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            simulate(str(starter), options)
        assert gc.collect() < 40
    finally:
        gc.enable()
