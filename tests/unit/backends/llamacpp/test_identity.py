"""Two models or settings whose states differ never share an address."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from paddock.backends.llamacpp.bindings import library
from paddock.backends.llamacpp.identity import library_build, state_identity, weights_identity

FACTS: dict[str, Any] = {
    "build": "0.3.36",
    "architecture": "llama",
    "rope": {"rope_freq_base": 10000.0, "yarn_orig_ctx": 4096},
    "type_k": "f16",
    "type_v": "f16",
    "unified": True,
    "flash_attention": "on",
    "swa_full": False,
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(Random(1).randbytes(3 * 2**20))
    return path


def test_a_model_is_itself_wherever_it_lies(weights: Path) -> None:
    before = weights_identity([weights])
    assert weights_identity([weights.rename(weights.with_name("other.gguf"))]) == before


@pytest.mark.parametrize("place", [0, 2**20 - 1, -1])
def test_other_bytes_are_another_model(weights: Path, place: int) -> None:
    before = weights_identity([weights])
    data = bytearray(weights.read_bytes())
    data[place] ^= 1
    weights.write_bytes(data)
    assert weights_identity([weights]) != before


def test_size_order_and_number_of_files_count(weights: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.gguf"
    small.write_bytes(b"GGUF")
    different = {weights_identity(files) for files in ([weights], [small], [weights, small], [small, weights])}
    with weights.open("ab") as file:
        file.write(b"\0")
    assert len(different | {weights_identity([weights])}) == 5


def test_every_fact_counts_and_the_order_of_names_does_not() -> None:
    changes: list[dict[str, Any]] = [
        {"build": "0.3.37"},
        {"architecture": "qwen2"},
        {"rope": {"rope_freq_base": 10001.0, "yarn_orig_ctx": 4096}},
        {"rope": {"rope_freq_base": 10000.0}},
        {"type_k": "q8_0"},
        {"type_v": "q8_0"},
        {"unified": False},
        {"flash_attention": "off"},
        {"swa_full": True},
        {"adapters": [("a", 1.0)]},
        {"adapters": [("a", 0.5)]},
        {"adapters": [("a", 1.0), ("b", 1.0)]},
        {"adapters": [("b", 1.0), ("a", 1.0)]},
        {"control_vector": "calm 1-10"},
    ]
    plain = state_identity("w", **FACTS)
    found = {plain, state_identity("v", **FACTS), *(state_identity("w", **(FACTS | change)) for change in changes)}
    assert len(found) == len(changes) + 2
    turned = FACTS | {"rope": dict(reversed(FACTS["rope"].items()))}
    assert state_identity("w", **turned) == plain


def test_what_turns_keys_in_llama_cpp_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_identity("w", **FACTS)
    monkeypatch.setenv("LLAMA_ATTN_ROT_DISABLE", "1")
    assert state_identity("w", **FACTS) != before


def test_the_build_names_version_and_commit() -> None:
    version, ggml, commit = library_build(library()).split(" ")
    assert version.count(".") == ggml.count(".") == 2
    assert commit
