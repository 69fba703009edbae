"""The benchmark model: random weights in the shape of a model of half a billion parameters, with a real vocabulary.

    python tests/perf/bench_model.py [--cache DIR]        makes it once and prints where it is

24 layers, 896 wide, 14 heads on 2, feed-forward 4864, the 152k vocabulary and ChatML template of Qwen 2, tied
embeddings: 494 M parameters, 374 MiB as Q4_K_M. Random weights cost what trained ones cost and need no licence and no
download; the vocabulary is in llama.cpp's sources, and so is the ``gguf`` package that writes the file.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DISTRIBUTION = "llama_cpp_python"
LAYERS, WIDTH, HEADS, HEADS_KV, WIDTH_FF, CONTEXT = 24, 896, 14, 2, 4864, 32768
WEIGHT_SPREAD, EMBEDDING_SPREAD = 0.05, 0.08
"""The layers have to outweigh the embedding in the residual stream, or with tied embeddings each token predicts
itself; the logits then have a standard deviation of about 2.4, and temperature 0.8 does not fall into loops."""
Q4_K_M = 15


def default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("paddock-perf", appauthor=False)


def source(cache: Path) -> Path:
    """llama.cpp's sources of exactly the installed engine, fetched once with pip from its configured index."""
    version = importlib.metadata.version(DISTRIBUTION)
    name = f"{DISTRIBUTION}-{version}"
    if not (cache / name).is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        archive = cache / f"{name}.tar.gz"
        if not archive.exists():
            asked = [f"{DISTRIBUTION}=={version}", "--no-deps", "--no-binary", DISTRIBUTION, "--dest", str(cache)]
            subprocess.run([sys.executable, "-m", "pip", "download", *asked], check=True, stdout=sys.stderr)
        fresh = cache / "unpacking"
        with tarfile.open(archive) as packed:
            packed.extractall(fresh, filter="data")
        (fresh / name).rename(cache / name)
        fresh.rmdir()
    return cache / name / "vendor" / "llama.cpp"


def bench_model(cache: Path) -> Path:
    """The model's file, made at the first call (a minute or two, 1.4 GB on disk meanwhile)."""
    made = cache / "bench-494M-Q4_K_M.gguf"
    if not made.exists():
        llama_cpp = source(cache)
        full, fresh = cache / "bench-494M-F16.gguf", made.with_suffix(".new")
        _write_f16(llama_cpp, full)
        _quantize(full, fresh)
        full.unlink()
        fresh.replace(made)
    return made


def _write_f16(llama_cpp: Path, target: Path) -> None:
    """Tensor by tensor: no more than the embedding is ever in memory."""
    import numpy as np

    sys.path.insert(0, str(llama_cpp / "gguf-py"))
    import gguf

    writer = gguf.GGUFWriter(target, "qwen2")
    writer.add_name("Paddock benchmark, random weights")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH_FF)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS_KV)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    tokens: list[str] = []
    for name, field in gguf.GGUFReader(llama_cpp / "models" / "ggml-vocab-qwen2.gguf").fields.items():
        if name.startswith("tokenizer."):
            value = field.contents()
            tokens = value if name == "tokenizer.ggml.tokens" else tokens
            writer.add_key_value(name, value, field.types[0], sub_type=field.types[-1] if field.types[1:] else None)
    shapes = dict(_shapes(len(tokens)))
    for name, shape in shapes.items():
        dtype = np.dtype(np.float16 if len(shape) == 2 else np.float32)
        writer.add_tensor_info(name, shape, dtype, dtype.itemsize * int(np.prod(shape)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        if name.endswith("norm.weight"):
            values = np.ones(shape, np.float32)
        elif len(shape) == 1:
            values = np.zeros(shape, np.float32)
        else:
            values = random.standard_normal(shape, np.float32)
            values *= EMBEDDING_SPREAD if name == "token_embd.weight" else WEIGHT_SPREAD
            values = values.astype(np.float16)
        if name == "token_embd.weight":
            values[[index for index, token in enumerate(tokens) if not _is_word(token)]] = 0
        writer.write_tensor_data(values)
    writer.close()


def _shapes(n_vocab: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    width_kv = WIDTH // HEADS * HEADS_KV
    yield "token_embd.weight", (n_vocab, WIDTH)
    for layer in range(LAYERS):
        for name, shape in (
            ("attn_norm", (WIDTH,)),
            ("attn_q", (WIDTH, WIDTH)),
            ("attn_k", (width_kv, WIDTH)),
            ("attn_v", (width_kv, WIDTH)),
            ("attn_output", (WIDTH, WIDTH)),
            ("ffn_norm", (WIDTH,)),
            ("ffn_gate", (WIDTH_FF, WIDTH)),
            ("ffn_up", (WIDTH_FF, WIDTH)),
            ("ffn_down", (WIDTH, WIDTH_FF)),
        ):
            yield f"blk.{layer}.{name}.weight", shape
            if name in ("attn_q", "attn_k", "attn_v"):
                yield f"blk.{layer}.{name}.bias", shape[:1]
    yield "output_norm.weight", (WIDTH,)


def _is_word(token: str) -> bool:
    """Whether a token of this byte-level vocabulary is plain letters, with or without a space in front.

    Only these are ever drawn, because the rows of all others are zero: a server shows each at once, so that the times
    at which text arrives are the times of tokens, and no answer ends by itself.
    """
    return token.removeprefix("Ġ").isascii() and token.removeprefix("Ġ").isalpha()


def _quantize(full: Path, target: Path) -> None:
    from llama_cpp import llama_cpp as api

    quiet = api.llama_log_callback(_discard)
    api.llama_log_set(quiet, ctypes.c_void_p(0))
    params = api.llama_model_quantize_default_params()
    params.ftype, params.nthread = Q4_K_M, os.cpu_count() or 1
    status = api.llama_model_quantize(os.fsencode(full), os.fsencode(target), ctypes.byref(params))
    if status != 0:
        raise SystemExit(f"llama_model_quantize failed with status {status}")


def _discard(_level: int, _text: bytes, _data: Any) -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for sources, builds and the model")
    sys.stdout.write(f"{bench_model(parser.parse_args().cache)}\n")


if __name__ == "__main__":
    main()
