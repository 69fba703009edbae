"""What a stored state belongs to. llama.cpp accepts states of other weights and other RoPE settings, and is then
silently wrong: that these hashes differ is the only guard."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.backends.llamacpp.bindings import Library

HEADER_BYTES = 2**20
SAMPLES = 256
SAMPLE_BYTES = 4096


def weights_identity(files: Sequence[Path]) -> str:
    """A hash over all files of a model: sizes, headers, and samples spread evenly over the tensors. The same wherever
    the files lie and whatever they are called. Reads at most 2 MiB of each. Raises OSError."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            digest.update(size.to_bytes(8, "little"))
            digest.update(file.read(HEADER_BYTES))
            rest = max(size - HEADER_BYTES - SAMPLE_BYTES, 0)
            for step in range(SAMPLES if size > HEADER_BYTES else 0):
                file.seek(HEADER_BYTES + rest * (step + 1) // SAMPLES)
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def state_identity(
    weights: str,
    *,
    build: str,
    architecture: str,
    rope: Mapping[str, float | int | str | bool],
    type_k: str,
    type_v: str,
    unified: bool,
    flash_attention: str | bool,
    swa_full: bool,
    adapters: Sequence[tuple[str, float]] = (),
    control_vector: str = "",
) -> str:
    """A hash over everything that shapes the state of a sequence. How long the context is and how many sequences it
    holds does not.

    Args:
        weights: Of :func:`weights_identity`, or the hub's SHA-256.
        build: Of :func:`library_build`.
        rope: Every RoPE and YaRN parameter in force, by name.
        flash_attention: Whether it is in force: without it V lies transposed.
        adapters: Weights identity and scale of each adapter, in the order in which they are applied.
        control_vector: Everything that says which one is in force; empty without one.
    """
    facts = {
        "weights": weights,
        "build": build,
        "architecture": architecture,
        "rope": dict(rope),
        "type_k": type_k,
        "type_v": type_v,
        "unified": unified,
        "flash_attention": flash_attention,
        "swa_full": swa_full,
        "adapters": [(name, float(scale)) for name, scale in adapters],
        "control_vector": control_vector,
        "rotation": os.environ.get("LLAMA_ATTN_ROT_DISABLE", ""),  # llama.cpp turns quantised keys and values unless
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def library_build(lib: Library) -> str:
    """Which llama.cpp computes: the package's version, and ggml's version and commit, which tell builds of another
    source apart."""
    return " ".join((lib.version, _text(lib, "ggml_version"), _text(lib, "ggml_commit")))


def _text(lib: Library, name: str) -> str:
    function = lib.function(name)
    function.restype = ctypes.c_char_p
    return (function() or b"").decode("utf-8", "replace")
