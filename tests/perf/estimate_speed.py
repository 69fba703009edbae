"""How long the engine's own estimate takes: ``python tests/perf/estimate_speed.py [--rounds N]``.

A hub on this machine serves the header of a model with the largest vocabulary that is published (262,144 tokens,
515,000 merges). Each round asks a host of its own, in a fresh data folder, what it takes: the header is fetched, and a
worker that simulates is started meanwhile. In turn with it the same header is only fetched, in this process. Then the
host is asked about another context. Prints megabytes fetched and medians in seconds: fetching alone, the whole answer,
their difference, and the second answer; ends with 1 where more than 16 MB were fetched or the difference is more than a
second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from comparison import report
from gguf_header import helper

if TYPE_CHECKING:
    from paddock.sdk.memory import Estimate

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
        taken = [_round(Path(folder, str(number)), hub.url) for number in range(rounds)]
    fetched, alone, whole, again = (statistics.median(figures) for figures in zip(*taken, strict=True))
    after = statistics.median(each[2] - each[1] for each in taken)
    figures = {"fetched_MB": fetched / 1e6, "fetch_s": alone, "answer_s": whole, "after_s": after, "again_s": again}
    met = fetched < MOST_BYTES and after < MOST_S
    return report(met, {name: round(figure, 3) for name, figure in figures.items()})


def _unique(number: int, word: str) -> str:
    """About as long as ``word``; the engine refuses a vocabulary that has a token twice."""
    code = "".join(chr(97 + number // 26**place % 26) for place in range(4))
    return code + word[4:]


def _round(folder: Path, url: str) -> tuple[int, float, float, float]:
    """Bytes fetched, and the seconds of fetching alone, of an answer, and of another one."""
    from paddock.browser.hub import Hub
    from paddock.browser.remote import fetch_headers
    from paddock.sdk import Client, Home
    from paddock.sdk.connect import stop_host

    def seconds(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    os.environ["PADDOCK_HOME"] = str(folder / "home")
    found: list[Estimate] = []
    with Client.connect(client="bench") as client:
        client.models()
        client.memory()
        whole = seconds(lambda: found.append(client.estimate(MODEL, {"n_ctx": 2048})))
        again = seconds(lambda: found.append(client.estimate(MODEL, {"n_ctx": 1024})))
    stop_host("now", Home.find())
    assert all(estimate.source == "simulated" for estimate in found), found
    alone = seconds(lambda: asyncio.run(fetch_headers(MODEL, folder / "alone", hub=Hub(url))))
    return found[0].fetched_bytes, alone, whole, again


if __name__ == "__main__":
    sys.exit(main())
