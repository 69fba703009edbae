"""How long the engine's own estimate takes: ``python tests/perf/estimate_speed.py [--rounds N]``.

A hub on this machine serves the header of a model with the largest vocabulary that is published (262,144 tokens,
515,000 merges). Each round asks a host of its own, in a fresh data folder, what it takes: the header is fetched, and a
worker that simulates is started meanwhile. Then the host is asked about another context. Prints megabytes fetched and
medians in seconds: from the question to the last byte that the hub sent, from that byte to the answer, and the second
answer; ends with 1 where more than 16 MB were fetched or the answer came more than a second after the last byte.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from comparison import report
from gguf_header import helper

MODEL = "owner/large:F32"
LAYERS, WIDTH = 30, 64
MOST_BYTES, MOST_S = 16e6, 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="hosts (default 5)")
    rounds = parser.parse_args().rounds
    hub_module, g = helper("hub"), helper("gguf_file")
    with tempfile.TemporaryDirectory(prefix="paddock-estimate-") as folder, hub_module.LocalHub() as hub:
        tensors = g.llama_tensors(LAYERS)
        metadata = g.large_vocabulary() | {"llama.block_count": (g.U32, LAYERS)}
        kind, words = metadata["tokenizer.ggml.tokens"][1]
        rows = len(words)
        metadata["tokenizer.ggml.tokens"] = (g.ARRAY, (kind, [_unique(n, word) for n, word in enumerate(words)]))
        kind, pairs = metadata["tokenizer.ggml.merges"][1]
        merges = [f"{_unique(n, pair)[:-2]} {pair[-1]}" for n, pair in enumerate(pairs)]
        metadata["tokenizer.ggml.merges"] = (g.ARRAY, (kind, merges))
        metadata |= {"tokenizer.ggml.model": (g.STRING, "gpt2"), "tokenizer.ggml.pre": (g.STRING, "default")}
        tensors |= {name: np.zeros((rows, WIDTH), np.float32) for name in ("token_embd.weight", "output.weight")}
        hub.add("owner/large", {"large-F32.gguf": g.Writer().file(metadata, tensors)})
        os.environ.update(
            HF_ENDPOINT=hub.url,
            HF_HOME=str(Path(folder, "hf")),
            HF_TOKEN="",
            NO_PROXY="127.0.0.1,localhost",
            PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring",
        )
        taken = [_round(Path(folder, str(number)), hub) for number in range(rounds)]
    fetched, fetching, after, again = (statistics.median(figures) for figures in zip(*taken, strict=True))
    figures = {"fetched_MB": fetched / 1e6, "fetch_s": fetching, "after_s": after, "again_s": again}
    met = fetched < MOST_BYTES and after < MOST_S
    return report(met, {name: round(figure, 3) for name, figure in figures.items()})


def _unique(number: int, word: str) -> str:
    """About as long as ``word``; the engine refuses a vocabulary that has a token twice."""
    code = "".join(chr(97 + number // 26**place % 26) for place in range(4))
    return code + word[4:]


def _round(home: Path, hub: Any) -> tuple[int, float, float, float]:
    """Bytes fetched, and the seconds to the last of them, from there to the answer, and of another answer."""
    from paddock.sdk import Client, Home
    from paddock.sdk.connect import stop_host

    os.environ["PADDOCK_HOME"] = str(home)
    with Client.connect(client="bench") as client:
        client.models()
        client.memory()
        began = time.perf_counter()
        first = client.estimate(MODEL, {"n_ctx": 2048})
        answered, sent = time.perf_counter(), hub.sent_at
        second = client.estimate(MODEL, {"n_ctx": 1024})
        again = time.perf_counter() - answered
    stop_host("now", Home.find())
    assert {first.source, second.source} == {"simulated"}, (first, second)
    assert hub.sent_at == sent, "the second answer needs no header"
    return first.fetched_bytes, sent - began, answered - sent, again


if __name__ == "__main__":
    sys.exit(main())
